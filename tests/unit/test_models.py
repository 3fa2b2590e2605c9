import errno
import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from izwi import models
from izwi.assets import Asset, ModelFile
from izwi.errors import ModelMissing

HALVES = (b"first half, ", b"second half")


def _asset(name: str, **files: tuple[bytes, tuple[str, ...]]) -> Asset:
    return Asset(
        name,
        "asr/test",
        "MIT",
        ("izwi-test-one==1.0", "izwi-test-two==1.0"),
        tuple(
            ModelFile(f"{file}.bin", hashlib.sha256(data).hexdigest(), len(data), parts)
            for file, (data, parts) in files.items()
        ),
    )


JOINED = _asset(
    "joined",
    model=(b"".join(HALVES), ("izwi_test_one/data/model.part1", "izwi_test_two/model.part2")),
    config=(b"config", ("izwi_test_one/data/config.bin",)),
)
PLAIN = _asset("plain", config=(b"config", ("izwi_test_one/data/config.bin",)))


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two packages that fail when imported, and the assets they hold."""
    root = tmp_path / "site"
    for folder in ("izwi_test_one/data", "izwi_test_two"):
        (root / folder).mkdir(parents=True)
    for package in ("izwi_test_one", "izwi_test_two"):
        (root / package / "__init__.py").write_text("raise RuntimeError('imported')")
    (root / "izwi_test_one/data/model.part1").write_bytes(HALVES[0])
    (root / "izwi_test_one/data/config.bin").write_bytes(b"config")
    (root / "izwi_test_two/model.part2").write_bytes(HALVES[1])
    monkeypatch.setattr(sys, "path", [*sys.path, str(root)])
    monkeypatch.setattr(models, "ASSETS", {"joined": JOINED, "plain": PLAIN})
    return root


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_joins_parts_once(packages: Path, cache: Path) -> None:
    assert models.installed("joined")
    folder = models.ensure("joined", cache)
    assert folder == cache / "joined"
    assert (folder / "model.bin").read_bytes() == b"".join(HALVES)
    before = (folder / "model.bin").stat().st_ino
    assert models.ensure("joined", cache) == folder
    assert (folder / "model.bin").stat().st_ino == before
    assert sorted(path.name for path in folder.iterdir()) == ["config.bin", "model.bin"]


def test_uses_a_whole_package_in_place(packages: Path, cache: Path) -> None:
    assert models.ensure("plain", cache) == packages / "izwi_test_one/data"
    assert not (cache / "plain").exists()


def test_a_stamp_spares_the_hashing(packages: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models.ensure("joined", cache)
    models.ensure("plain", cache)

    def refuse(_: object) -> str:
        raise AssertionError("hashed again")

    monkeypatch.setattr(models, "_sha256", refuse)
    models.ensure("joined", cache)
    models.ensure("plain", cache)


def test_a_damaged_cache_is_assembled_again(packages: Path, cache: Path) -> None:
    path = models.ensure("joined", cache) / "model.bin"
    path.write_bytes(b"damaged")
    assert not models.verify("joined", cache).ok
    models.ensure("joined", cache)
    assert models.verify("joined", cache).ok


def test_verify_finds_damage_that_keeps_size_and_time(packages: Path, cache: Path) -> None:
    path = models.ensure("joined", cache) / "config.bin"
    then = path.stat().st_mtime_ns
    path.write_bytes(b"cxnfig")
    os.utime(path, ns=(then, then))
    assert [check.name for check in models.verify("joined", cache).files if check.actual != check.expected] == [
        "config.bin"
    ]


@pytest.mark.parametrize(
    ("name", "part"), [("joined", "izwi_test_two/model.part2"), ("plain", "izwi_test_one/data/config.bin")]
)
def test_a_corrupted_package_is_named_with_both_hashes(packages: Path, cache: Path, name: str, part: str) -> None:
    (packages / part).write_bytes(b"corrupted")
    assert not models.verify(name, cache).ok
    with pytest.raises(ModelMissing, match=r"SHA-256 \w{64}, expected \w{64}.*--force-reinstall"):
        models.ensure(name, cache)
    assert not list(cache.rglob("*.bin*"))


@pytest.mark.parametrize("call", ["replace", "fdopen"])
def test_a_full_disk_is_a_typed_error_that_leaves_nothing_behind(
    packages: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(models.os, call, full)
    with pytest.raises(ModelMissing, match=r"No space left on device; IZWI_MODELS_DIR"):
        models.ensure("joined", cache)
    monkeypatch.undo()
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_a_missing_package_is_told_with_its_fix(packages: Path, cache: Path) -> None:
    (packages / "izwi_test_two/model.part2").unlink()
    assert not models.installed("joined")
    assert models.verify("joined", cache).files[0].actual is None
    with pytest.raises(ModelMissing, match=r"pip install izwi-test-one==1\.0 izwi-test-two==1\.0"):
        models.ensure("joined", cache)
    (packages / "izwi_test_one/data/config.bin").unlink()
    with pytest.raises(ModelMissing, match="pip install"):
        models.ensure("plain", cache)


def test_many_may_assemble_at_once(packages: Path, cache: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: models.ensure("joined", cache), range(16)))
    assert folders == {cache / "joined"}
    assert models.verify("joined", cache).ok
    assert sorted(path.name for path in (cache / "joined").iterdir()) == ["config.bin", "model.bin"]


def test_a_damaged_stamp_is_ignored(packages: Path, cache: Path) -> None:
    models.ensure("joined", cache)
    (cache / "joined.verified.json").write_text("{")
    models.ensure("joined", cache)


def test_the_table_is_sound() -> None:
    for name, asset in models.ASSETS.items():
        assert name == asset.name
        assert all(len(file.sha256) == 64 and file.size > 0 and file.parts for file in asset.files)
        assert asset.fix.startswith("izwi models fetch " if asset.wheel else "pip install ")
        assert not asset.wheel or len(asset.wheel.members) == len(asset.files)


@pytest.mark.parametrize("name", list(models.ASSETS))
def test_installed_assets_hash_to_the_table(name: str, tmp_path: Path) -> None:
    if not models.installed(name):
        pytest.skip(f"not installed: {models.ASSETS[name].fix}")
    assert models.verify(name, tmp_path).ok
