"""Model weights that ship inside Python packages: where they lie, what they must hash to, and how to get them ready.

Package indexes limit the size of a file, so that some weights come in parts; those are joined once into a cache
folder. Nothing is loaded before its SHA-256 has been checked; a stamp of size and modification time per file
spares later starts the hashing.
"""

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from izwi.assets import ASSETS, Asset, ModelFile
from izwi.errors import ModelMissing

CACHE = Path.home() / ".cache" / "izwi" / "models"
"""Where weights are assembled unless ``IZWI_MODELS_DIR`` says otherwise."""
_BLOCK = 1 << 20


@dataclass(frozen=True)
class FileCheck:
    """What hashing one file found; ``actual`` is None where the file is absent."""

    name: str
    expected: str
    actual: str | None


@dataclass(frozen=True)
class Verification:
    """What `verify` found for one asset."""

    asset: Asset
    files: tuple[FileCheck, ...]

    @property
    def ok(self) -> bool:
        return all(file.expected == file.actual for file in self.files)


def installed(name: str) -> bool:
    """Whether all packages of an asset are there; hashes nothing."""
    return all(_source(part) is not None for file in ASSETS[name].files for part in file.parts)


def ensure(name: str, models_dir: Path | None) -> Path:
    """The folder with the ready, verified files of an asset; assembles them on first use.

    Args:
        name: a key of `ASSETS`.
        models_dir: where to assemble; None means `CACHE`.

    Raises:
        ModelMissing: a package is absent, a file does not hash to what the table says, or there is no room for it.
    """
    asset = ASSETS[name]
    cache = models_dir or CACHE
    try:
        return _ensure(asset, cache)
    except OSError as error:
        raise ModelMissing(
            f"{name} cannot be made ready in {cache}: {error.strerror}; IZWI_MODELS_DIR names another folder"
        ) from error


def _ensure(asset: Asset, cache: Path) -> Path:
    folder = _folder(asset, cache)
    stamps = _Stamps(cache / f"{asset.name}.verified.json")
    for file in asset.files:
        path = folder / file.name
        if stamps.hold(path, file.sha256):
            continue
        if asset.in_place:
            _demand(asset, file, _sha256([path]))
        elif not path.is_file() or _sha256([path]) != file.sha256:
            _assemble(asset, file, path)
        stamps.add(path, file.sha256)
    stamps.save()
    return folder


def verify(name: str, models_dir: Path | None) -> Verification:
    """Hash every file of an asset again, without changing anything; parts not yet joined are hashed in order."""
    asset = ASSETS[name]
    folder = (models_dir or CACHE) / name
    checks: list[FileCheck] = []
    for file in asset.files:
        parts = [path for part in file.parts if (path := _source(part))]
        if not asset.in_place and (folder / file.name).is_file():
            parts = [folder / file.name]
        elif len(parts) < len(file.parts):
            parts = []
        checks.append(FileCheck(file.name, file.sha256, _sha256(parts) if parts else None))
    return Verification(asset, tuple(checks))


def _folder(asset: Asset, cache: Path) -> Path:
    if not asset.in_place:
        return cache / asset.name
    paths = [_source(file.parts[0]) for file in asset.files]
    if paths[0] is None or None in paths:
        raise ModelMissing(f"{asset.name} is not installed: {asset.fix}")
    return paths[0].parent


def _source(part: str) -> Path | None:
    """A part inside its installed package, found without importing the package."""
    package, _, inside = part.partition("/")
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / inside).is_file():
            return path
    return None


def _assemble(asset: Asset, file: ModelFile, target: Path) -> None:
    """Join the parts beside the target and rename: two processes may do it at once, readers see whole files only."""
    sources = [path for part in file.parts if (path := _source(part))]
    if len(sources) < len(file.parts):
        raise ModelMissing(f"{asset.name} is not installed: {asset.fix}")
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{file.name}.")
    try:
        digest = hashlib.sha256()
        with os.fdopen(handle, "wb") as out:
            for source in sources:
                with source.open("rb") as part:
                    while block := part.read(_BLOCK):
                        digest.update(block)
                        out.write(block)
        _demand(asset, file, digest.hexdigest())
        os.chmod(temporary, 0o644)  # mkstemp makes it private, but a models folder may be shared
        os.replace(temporary, target)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _demand(asset: Asset, file: ModelFile, actual: str) -> None:
    if actual != file.sha256:
        raise ModelMissing(
            f"{asset.name}: {file.name} is corrupted (SHA-256 {actual}, expected {file.sha256}): "
            f"{asset.fix}{'' if asset.wheel else ' --force-reinstall'}"
        )


def _sha256(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


class _Stamps:
    """What was verified before: path -> [size, mtime in ns, SHA-256]."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, list[Any]] = {}
        self._changed = False
        with suppress(OSError, ValueError):  # no stamp, or a damaged one: hash again
            self._known = dict(json.loads(path.read_text()))

    def hold(self, path: Path, sha256: str) -> bool:
        return path.is_file() and self._known.get(str(path)) == self._stamp(path, sha256)

    def add(self, path: Path, sha256: str) -> None:
        self._known[str(path)] = self._stamp(path, sha256)
        self._changed = True

    def save(self) -> None:
        if not self._changed:
            return
        with suppress(OSError):  # a read-only home costs the next start a second of hashing, nothing else
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
            try:
                temporary.write_text(json.dumps(self._known))
                os.replace(temporary, self._path)
            finally:
                temporary.unlink(missing_ok=True)

    @staticmethod
    def _stamp(path: Path, sha256: str) -> list[Any]:
        found = path.stat()
        return [found.st_size, found.st_mtime_ns, sha256]
