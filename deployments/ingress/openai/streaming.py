"""Responses whose end is not known when they begin."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Send


class Stream(StreamingResponse):
    """Sends what a generator makes. A client that has gone ends the generator at once, and with it the work behind.

    A generator that raises breaks the connection off before the end of the body: no client takes the rest for the
    whole.
    """

    def __init__(self, body: AsyncGenerator[bytes], media_type: str) -> None:
        # Nginx would gather what should leave at once.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(body, media_type=media_type, headers=headers)
        self._body = body

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self._body):
            await super().stream_response(send)


async def begun(body: AsyncGenerator[bytes]) -> AsyncGenerator[bytes] | None:
    """The same after its first part has been made: what fails before it can still be answered with a status. None
    where there is no first part."""
    first = await anext(body, None)
    if first is None:
        return None

    async def whole() -> AsyncGenerator[bytes]:
        async with aclosing(body):
            yield first
            async for part in body:
                yield part

    return whole()
