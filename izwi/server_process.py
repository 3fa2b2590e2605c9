"""A private server for one command: started as a subprocess on a free port, stopped with the command."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import httpx

from izwi.errors import NotReady

START_SECONDS = 120.0
"""A first start assembles and hashes a gigabyte of models and starts Ray; later ones take a fifth of this."""
STOP_SECONDS = 10.0
"""A clean stop takes up to five."""
POLL_SECONDS = 0.25
SURE = 8
"""Connections that must find the server ready, one after the other: while HAProxy is being replaced by one that knows
the server, half of them are still taken by the one before, which does not."""
PORTS = range(30_000, 32_768)
"""Below those that Linux gives away, one of which would be taken in the seconds until a server binds it; above Ray's
and those of our replicas."""


@contextmanager
def running_server(
    log: Path, progress: Callable[[str], None] = lambda _: None, arguments: Sequence[str] = ()
) -> Generator[str]:
    """Run a server for the time of the ``with`` block.

    Args:
        log: where its output goes.
        progress: told in words what is waited for, whenever that changes.
        arguments: further arguments of the launcher.

    Yields:
        The base address, ``http://127.0.0.1:PORT``.

    Raises:
        NotReady: it ended, or was not ready in time; the message holds the end of the log.
    """
    port = free_port()
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "graphs.launch", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--dashboard-port", "0", *arguments]  # the usual port may belong to a server that runs already
    with log.open("wb") as output:
        # A group of its own: Ctrl-C reaches the command first, which then stops the server in order.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    with _terminated_in_order():
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(process, url, log, progress)
            yield url
        finally:
            _stop(process)


@contextmanager
def _terminated_in_order() -> Generator[None]:
    """SIGTERM (of ``timeout`` or a supervisor) ends this command as Ctrl-C does, with its server; unless somebody
    handles it already. Only a main thread may ask for signals."""
    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_DFL or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def free_port() -> int:
    """A TCP port on loopback that is free, and that only who asks for it by its number can take meanwhile.

    Raises:
        NotReady: none is left.
    """
    for port in random.sample(PORTS, len(PORTS)):
        if is_free(port):
            return port
    raise NotReady(f"no port from {PORTS[0]} to {PORTS[-1]} is free")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path, progress: Callable[[str], None]) -> None:
    deadline = time.monotonic() + START_SECONDS
    said, in_a_row = list[str](), 0
    fresh = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=url, timeout=5.0, trust_env=False, limits=fresh) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise NotReady(f"the server ended with code {process.returncode} while starting; {_tail(log)}")
            state = _state(client)
            in_a_row = 0 if state else in_a_row + 1
            if in_a_row >= SURE:
                return
            if not state:
                continue
            if state not in said:  # while it starts, one connection may know less than the one before
                progress(state)
                said.append(state)
            time.sleep(POLL_SECONDS)
    raise NotReady(f"the server was not ready after {START_SECONDS:.0f} s ({said}); {_tail(log)}")


def _state(client: httpx.Client) -> str:
    """What the server waits for; empty when it is ready."""
    try:
        response = client.get("/readyz")
    except httpx.TransportError:
        return "starting Ray and the server"
    if response.is_success:
        return ""
    try:
        return "; ".join(response.json()["reasons"])
    except (ValueError, KeyError):  # Serve's own answer while no replica is up
        return "loading models"


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-8:]
    return f"the end of {log}:\n" + "\n".join(lines)
