"""Real redis-servers on loopback."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from deployments.store.embedded import server_binary


@contextmanager
def redis_server(folder: Path, port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs one until the end of the ``with`` block, or until somebody kills it."""
    folder.mkdir(exist_ok=True)
    listen = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder))
    process = subprocess.Popen([server_binary(), *options, *listen], stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: Redis(port=port).ping(), RedisError)
        yield process
    finally:
        process.kill()
        process.wait()


def eventually(done: Callable[[], object], *expected: type[Exception], limit_s: float = 15.0) -> None:
    """Wait until ``done`` returns something true; what is ``expected`` means not yet."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        try:
            if done():
                return
        except expected:
            pass
        time.sleep(0.05)
    pytest.fail(f"not after {limit_s:.0f} s")
