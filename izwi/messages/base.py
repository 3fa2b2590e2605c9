"""What all messages have in common, and those that go both ways."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict


class Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Empty(Data):
    pass


class Message(BaseModel):
    """The frame around every message."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    durable: ClassVar[bool] = False
    timestamp: float = 0.0
    """Sender's wall clock, seconds since the epoch."""
    seq: int = 0


class PingMessage(Message):
    type: Literal["ping"] = "ping"
    data: Empty = Empty()


class PongMessage(Message):
    type: Literal["pong"] = "pong"
    data: Empty = Empty()
