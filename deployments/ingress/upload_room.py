"""Room for recordings on their way: how many one replica takes at once, and the disk space they may fill. Whoever finds
none is refused before the body is read. Pure ASGI, as `RequestLimits`."""

import asyncio
import errno
import shutil
import tempfile
from collections.abc import Container, Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.ingress.answer import Answer
from deployments.ingress.envelope import response_to
from izwi.errors import IzwiError, Overloaded, SpoolFull

LOOK = 64_000_000
"""Bytes after which the disk space is looked at again: others write, too, and not every body tells its length."""
LEAST = 20
"""At most one part in so many of a disk is left free: the folder for temporary files may be small, and memory."""


class Room:
    """One replica's.

    Args:
        most: recordings at once.
        free_bytes: disk space that they leave free.
    """

    def __init__(self, most: int, free_bytes: int) -> None:
        self._most = most
        self._free_bytes = free_bytes
        self._taken = 0
        self._coming = 0
        """Bytes that were announced and are not there yet."""

    @contextmanager
    def place(self) -> Iterator["Place"]:
        """For one recording, until it has been heard; raises `Overloaded`."""
        if self._taken >= self._most:
            raise Overloaded("too many recordings are being uploaded or wait to be heard")
        self._taken += 1
        place = Place(self)
        try:
            yield place
        finally:
            self._taken -= 1
            self.expect(-place.coming)

    def expect(self, size: int) -> None:
        self._coming += size

    async def look(self) -> None:
        """Raise `SpoolFull` where what is coming leaves too little."""
        disk = await asyncio.to_thread(shutil.disk_usage, tempfile.gettempdir())
        if disk.free - self._coming < min(self._free_bytes, disk.total // LEAST):
            raise full()


class Place:
    """Of one recording."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._unseen = 0
        self.coming = 0

    async def announce(self, size: int) -> None:
        """So many bytes come; raises `SpoolFull`."""
        self.coming = size
        self._room.expect(size)
        await self._room.look()

    async def receive(self, size: int) -> None:
        """So many bytes have come; raises `SpoolFull`."""
        seen = min(size, self.coming)
        self.coming -= seen
        self._room.expect(-seen)
        self._unseen += size
        if self._unseen >= LOOK:
            self._unseen = 0
            await self._room.look()


class UploadRoom:
    """Answers in place of the application where there is no room.

    Args:
        paths: to which recordings are sent.
    """

    def __init__(self, app: ASGIApp, room: Room, paths: Container[str]) -> None:
        self._app = app
        self._room = room
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in self._paths:
            return await self._app(scope, receive, send)
        failure: IzwiError | None = None
        answer = Answer(send)
        try:
            with self._room.place() as place:
                announced = Headers(scope=scope).get("content-length", "0")
                await place.announce(int(announced) if announced.isdecimal() else 0)

                async def counted() -> Message:
                    message = await receive()
                    await place.receive(len(message.get("body", b"")))
                    return message

                await self._app(scope, counted, answer)
        except (Overloaded, SpoolFull) as error:
            if answer.begun:
                raise
            failure = error
        except OSError as error:
            if answer.begun or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            failure = full()
        if failure is not None:
            await response_to(scope, failure)(scope, receive, send)
        return None


def full() -> SpoolFull:
    return SpoolFull("there is no disk space for another recording")
