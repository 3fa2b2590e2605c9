"""Recordings on disk until they have been heard.

    FOLDER/STORE/JOB        complete
    FOLDER/STORE/JOB.part   on its way

``STORE`` names the Redis that knows the jobs: servers that share a folder do not take each other's files for orphans.
"""

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deployments.store.jobs import is_store
from izwi.errors import SpoolFull
from izwi.jobs.record import is_id

DEFAULT = Path.home() / ".cache" / "izwi" / "jobs"
YOUNG_S = 600.0
"""A file without a job is left alone for so long: its job may be about to be stored."""
DEAD_S = 172_800.0
"""A folder that no server has looked into for two days belongs to none."""
CHUNK = 1 << 20
LOOK = 64 * CHUNK
"""Bytes after which the disk space is looked at again: others write, too."""


class Spool:
    """One Redis' recordings. Files block; call it in a thread.

    Args:
        free_bytes: disk space that is left free.
        part_s: how long a file may be on its way.
    """

    def __init__(self, folder: Path | None, store: str, free_bytes: int, part_s: float) -> None:
        self._root = folder or DEFAULT
        self._folder = self._root / store
        self._free_bytes = free_bytes
        self._part_s = part_s

    def path(self, job_id: str) -> Path:
        return self._folder / job_id

    def has(self, job_id: str) -> bool:
        return self.path(job_id).is_file()

    def require(self, size: int) -> None:
        """Raise `SpoolFull` where ``size`` bytes more would leave too little space."""
        with _typed():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if shutil.disk_usage(self._folder).free - size < self._free_bytes:
                raise SpoolFull("there is no disk space for another recording")

    def begin(self, job_id: str) -> "Part":
        """A file on its way; raises `SpoolFull`."""
        self.require(0)
        return Part(self.path(job_id), self.require)

    def remove(self, job_id: str) -> None:
        self.path(job_id).unlink(missing_ok=True)

    def orphans(self, now: float | None = None) -> list[str]:
        """Jobs whose files are old enough to be removed if nobody knows them. Removes what is left of transfers that
        broke off, and folders of servers that are gone."""
        now = now or time.time()
        found: list[str] = []
        with suppress(FileNotFoundError):
            os.utime(self._folder)
            for file in list(self._folder.iterdir()):
                age_s = now - file.stat().st_mtime
                if file.suffix == ".part" and age_s > self._part_s + YOUNG_S:
                    file.unlink(missing_ok=True)
                elif is_id(file.name) and age_s > YOUNG_S:
                    found.append(file.name)
            for folder in list(self._root.iterdir()):
                if folder.is_dir() and now - folder.stat().st_mtime > DEAD_S and _ours(folder):
                    shutil.rmtree(folder, ignore_errors=True)
        return found


class Part:
    """A file that is there as a whole once it is committed, or not at all.

    Args:
        require: raises `SpoolFull` where so many more bytes would not fit.
    """

    def __init__(self, path: Path, require: Callable[[int], None]) -> None:
        self._path = path
        self._part = path.with_suffix(".part")
        self._require = require
        self._looked = 0
        with _typed():
            self._file = self._part.open("wb")
        self.size = 0
        """Bytes written."""

    def write(self, chunk: bytes) -> None:
        """Raises `SpoolFull`."""
        with _typed():
            self._file.write(chunk)
        self.size += len(chunk)
        if self.size - self._looked >= LOOK:
            self._looked = self.size
            self._require(0)

    def seek(self, _: int) -> None:
        """Starlette rewinds what it has received; nobody reads this here."""

    def commit(self) -> None:
        """Raises `SpoolFull`."""
        with _typed():
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)

    def discard(self) -> None:
        """Remove what was not committed."""
        with suppress(OSError):  # a full disk again
            self._file.close()
        self._part.unlink(missing_ok=True)


def _ours(folder: Path) -> bool:
    """Named by a Redis, and nothing but recordings in it: what somebody else keeps there is not touched."""
    return is_store(folder.name) and all(is_id(file.stem) for file in folder.iterdir())


@contextmanager
def _typed() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SpoolFull("there is no disk space for another recording") from None
        raise
