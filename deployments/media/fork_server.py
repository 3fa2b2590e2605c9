"""Starts a worker for each media file by forking: nothing to load first, and no copy of the server's own process.

    python -m deployments.media.fork_server DESCRIPTOR

The descriptor is a socket of the parent's. Each message on it asks for one worker: its arguments as JSON, and with them
four descriptors: the file, where its audio goes, where its messages go, and a socket of its own. That one gets the
worker's process number when it runs, or 0 where the system lets none run, and its exit code at its end, as 32-bit
numbers; who closes the other end of it kills the worker. Without a parent no worker is left, and this process ends.

The parent cannot fork as cheaply: its event loop would stand still until the new program runs.
"""

import gc
import json
import os
import selectors
import signal
import socket
import struct
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from deployments.media import worker

NUMBER = struct.Struct("i")
MESSAGE = 1024
"""Bytes of the longest one."""


@dataclass
class _Child:
    pid: int
    pidfd: int
    status: socket.socket


class ForkServer:
    """
    Args:
        parent: SOCK_SEQPACKET; what is asked comes from there.
    """

    def __init__(self, parent: socket.socket) -> None:
        self._parent = parent
        self._events = selectors.DefaultSelector()
        self._events.register(parent, selectors.EVENT_READ)
        self._children: dict[int, _Child] = {}

    def serve(self) -> None:
        """Until the parent is gone."""
        while True:
            for key, _ in self._events.select():
                if key.fileobj is self._parent:
                    if not self._start():
                        return
                elif key.fd in self._children:
                    self._ended(self._children.pop(key.fd))
                elif key.data in self._children:
                    self._forgotten(self._children[key.data])

    def kill(self) -> None:
        for child in self._children.values():
            os.kill(child.pid, signal.SIGKILL)

    def _start(self) -> bool:
        """Whether there was anything to start."""
        message, descriptors, _, _ = socket.recv_fds(self._parent, MESSAGE, 4)
        if not message:
            return False
        arguments = json.loads(message)
        status = socket.socket(fileno=descriptors[3])
        try:
            pid = os.fork()
        except OSError:  # no memory, or too many processes: those that run go on
            pid = None
        if pid == 0:
            _become_worker(descriptors[:3], arguments)
        for descriptor in descriptors[:3]:
            os.close(descriptor)
        if pid is None:
            _tell(status, 0)
            status.close()
            return True
        child = _Child(pid, os.pidfd_open(pid), status)
        self._children[child.pidfd] = child
        self._events.register(child.pidfd, selectors.EVENT_READ)
        self._events.register(child.status, selectors.EVENT_READ, child.pidfd)
        _tell(child.status, pid)
        return True

    def _ended(self, child: _Child) -> None:
        _, status = os.waitpid(child.pid, 0)
        _tell(child.status, os.waitstatus_to_exitcode(status))
        self._events.unregister(child.pidfd)
        os.close(child.pidfd)
        if child.status.fileno() in self._events.get_map():
            self._events.unregister(child.status)
        child.status.close()

    def _forgotten(self, child: _Child) -> None:
        """Nobody reads any more what becomes of it."""
        self._events.unregister(child.status)
        os.kill(child.pid, signal.SIGKILL)


def _tell(status: socket.socket, number: int) -> None:
    with suppress(OSError):  # nobody listens
        status.send(NUMBER.pack(number), socket.MSG_NOSIGNAL)


def _become_worker(descriptors: list[int], arguments: list[str]) -> NoReturn:
    """In a forked process, which ends with its file and never returns to the server's code."""
    code = 1
    try:
        for target, descriptor in enumerate(descriptors):
            os.dup2(descriptor, target)
        os.closerange(len(descriptors), os.sysconf("SC_OPEN_MAX"))
        code = worker.run(*arguments)
    except BaseException:
        with suppress(Exception):  # its reader may have gone
            traceback.print_exc()
    finally:
        try:
            sys.stderr.flush()
        finally:
            os._exit(code)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends its files itself
    worker.warm_up()
    gc.freeze()  # so that collections in workers leave shared pages alone
    with socket.socket(fileno=int(sys.argv[1])) as parent:
        server = ForkServer(parent)
        try:
            server.serve()
        finally:
            server.kill()


if __name__ == "__main__":
    main()
