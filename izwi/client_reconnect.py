"""Replacing a connection that broke: when to try, how often, and for how long."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from izwi.client_link import answer
from izwi.errors import ClientError, InternalError, Unavailable
from izwi.messages import SessionResume, SessionResumedMessage, SessionResumeMessage

STEADY_S = 10.0
"""A connection that lasted so long was a good one: servers end even those, when they are replaced."""
FIRST_BACK_OFF_S = 0.2
LONGEST_BACK_OFF_S = 1.0
"""Before attempts to resume: short, because somebody is speaking, and random, because others were cut off as well."""


class Reconnector:
    """
    Args:
        connect: opens a connection; raises `Unavailable` or `ClientError`.
        resume_for_s: how long to try; 0 to give up at once.
    """

    def __init__(self, connect: Callable[[], Awaitable[ClientConnection]], resume_for_s: float) -> None:
        self._connect = connect
        self._resume_for_s = resume_for_s
        self._broke_at: float | None = None
        """When the connection broke, until a later one has brought something new or has lasted."""
        self._connected_at = 0.0
        self.enabled = resume_for_s > 0
        self.count = 0
        """How often the connection was replaced."""

    def progressed(self) -> None:
        """The connection has brought something new."""
        self._broke_at = None

    async def resume(self, wanted: SessionResume) -> tuple[ClientConnection, SessionResumedMessage]:
        """Another connection, on which the server has taken up the session.

        Raises:
            IzwiError: of the last attempt.
        """
        now = time.monotonic()
        if now - self._connected_at > STEADY_S:
            self._broke_at = None
        again, self._broke_at = self._broke_at is not None, self._broke_at or now
        left_s = self._broke_at + self._resume_for_s - now
        if left_s <= 0:
            raise Unavailable(f"the connection broke again and again for {self._resume_for_s:g} s")
        await asyncio.sleep(random.uniform(0, LONGEST_BACK_OFF_S if again else FIRST_BACK_OFF_S))
        async for attempt in AsyncRetrying(
            stop=stop_after_delay(left_s),
            wait=wait_random_exponential(multiplier=0.1, max=LONGEST_BACK_OFF_S),
            retry=retry_if_exception_type(Unavailable),
            reraise=True,
        ):
            with attempt:
                socket, resumed = await self._try(wanted)
                self.count += 1
                self._connected_at = time.monotonic()
                return socket, resumed
        raise InternalError("unreachable: the last attempt returns or raises")

    async def _try(self, wanted: SessionResume) -> tuple[ClientConnection, SessionResumedMessage]:
        try:
            socket = await self._connect()
        except ClientError as error:  # a proxy that has just started knows no server yet, and answers 404
            raise Unavailable(str(error)) from None
        try:
            with suppress(ConnectionClosed):  # a server that refuses says why before it closes
                await socket.send(SessionResumeMessage(data=wanted).model_dump_json())
            return socket, await answer(socket, SessionResumedMessage)
        except ConnectionClosed as closed:
            raise Unavailable(f"the connection was lost: {closed}") from None
        except BaseException:
            await socket.close()
            raise
