"""The file of API keys as it is now: read again when it changes, so that keys are replaced without a restart."""

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from izwi.errors import BadKeyFile
from izwi.keys import Keys, read

LOOK_S = 1.0
"""Between two looks at the file: a key that was withdrawn is good no longer than that."""

log = structlog.get_logger()


class Keyring:
    """Raises `BadKeyFile` at first; a file that becomes unreadable later leaves the keys as they were.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._stamp = self._look()
        self._keys = read(path)
        self._looked_at = clock()

    @property
    def keys(self) -> Keys:
        """The keys, at most `LOOK_S` old."""
        if self._clock() >= self._looked_at + LOOK_S:
            self._looked_at = self._clock()
            try:
                if (stamp := self._look()) != self._stamp:
                    self._stamp = stamp  # also of a bad file: it is read, and told of, once
                    self._keys = read(self._path)
                    log.info("api_keys_read", names=sorted(self._keys.all))
            except BadKeyFile as error:
                log.error("api_keys_unreadable", reason=str(error))
        return self._keys

    def _look(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError as error:
            raise BadKeyFile(f"{self._path}: {error.strerror}") from None
        return found.st_mtime_ns, found.st_size, found.st_ino
