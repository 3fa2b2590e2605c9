"""A redis-server of its own that can be stopped and started again at the same address, with its data or without."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis
from redis.exceptions import RedisError

from deployments.store.embedded import server_binary
from izwi.server_process import free_port

START_LIMIT_S = 10.0


class RedisServer:
    """Keeps its data in an append-only file, as a server that matters does."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="izwi-chaos-redis-"))
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self, empty: bool = False) -> None:
        if empty:
            shutil.rmtree(self._folder)
            self._folder.mkdir()
        self._process = subprocess.Popen(
            [
                *(str(server_binary()), "--port", str(self._port), "--bind", "127.0.0.1", "--save", ""),
                *("--appendonly", "yes", "--appendfsync", "everysec", "--dir", str(self._folder)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            try:
                with Redis.from_url(self.url, socket_timeout=1.0) as client:
                    client.ping()
                return
            except (OSError, RedisError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_LIMIT_S)
            self._process = None
