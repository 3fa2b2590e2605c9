"""What a middleware has to know of the answer to a request."""

from starlette.types import Message, Send


class Answer:
    """Stands for ``send``, and knows whether the answer has begun: from then on it cannot be another one."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        self.begun = True
        await self._send(message)
