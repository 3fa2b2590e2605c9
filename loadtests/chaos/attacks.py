"""What hostile and broken clients do. Each attack goes on until a time and counts how the server answered."""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from izwi.audio import to_pcm16
from loadtests import corpus
from loadtests.chaos.answers import Answers, first, opened, read, send, take_resets

Attack = Callable[[str, float], Awaitable[Answers]]
"""Given the address of the WebSocket and the monotonic time at which it ends."""

MESSAGES = 10_000
CROWD = 500
SLOW_READERS = 2
"""They are speakers like others besides: more would show what speakers cost."""
LORISES = 500
LORIS_S = 2.0
"""Between two bytes of a request that never ends."""

START = {"type": "session.start", "data": {"source_language": "en", "target_language": "es"}}


async def malformed(url: str, until: float) -> Answers:
    """Messages that are broken, unknown, out of order or out of bounds, over one socket after the other."""
    answers, source, sent = Answers(), random.Random(1), 0
    while sent < MESSAGES and time.monotonic() < until:
        async with opened(url, answers) as socket:
            if socket is None:
                continue
            if source.random() < 0.5:
                await send(socket, json.dumps(START))
            batch = source.randrange(20, 150)
            for message in (nonsense(source) for _ in range(batch)):
                await send(socket, message)
            sent += batch
            await read(socket, answers, 0.5)
    answers["messages sent"] = sent
    return answers


def nonsense(source: random.Random) -> str | bytes:
    """A message that a server must not choke on; a few are valid, at the wrong time."""
    odd: list[Any] = [None, -1, 1e400, 2**70, "", "\ud800", "x" * 5000, [], {}, [[]], {"a": {}}, True, "en\0", "\u202e"]
    kinds = ["session.start", "session.resume", "audio.append", "audio.end", "ping", "pong", "dance", "", None, 7]
    fields = ["source_language", "audio", "session_id", "resume_token", "last_seq", "speed", "sample_rate", "x"]
    match source.randrange(6):
        case 0:
            return source.randbytes(source.randrange(200))
        case 1:
            return "".join(chr(source.randrange(32, 0xD800)) for _ in range(source.randrange(80)))
        case 2:
            return "[" * source.randrange(1, 5000)
        case 3:
            return json.dumps({"type": source.choice(kinds), "data": source.choice(odd)})
        case 4:
            return json.dumps(
                dict.fromkeys(source.sample(["type", "data", "seq", "timestamp", "y"], 3), source.choice(odd))
            )
        case _:
            data = {name: source.choice(odd) for name in source.sample(fields, source.randrange(4))}
            return json.dumps({"type": source.choice(kinds), "data": data})


async def oversize(url: str, until: float) -> Answers:
    """Frames of 2 and of 20 MB. The close of the latter often gets lost with what was still being sent."""
    answers = Answers()
    while time.monotonic() < until:
        for frame in (bytes(2_000_000), "x" * 2_000_000, bytes(20_000_000)):
            async with opened(url, answers) as socket:
                if socket is not None:
                    await send(socket, json.dumps(START))
                    await send(socket, frame)
                    await read(socket, answers, 2.0, ("session.started", "ping"))
                    answers["closed 1009"] += take_resets(answers)  # it comes before the frame has been sent
        await asyncio.sleep(1)
    return answers


async def crowd(url: str, until: float) -> Answers:
    """Five hundred who start a session at the same moment."""
    answers = Answers()

    async def one() -> None:
        async with opened(url, answers) as socket:
            if socket is not None:
                await send(socket, json.dumps(START))
                await first(socket, answers)

    await asyncio.gather(*(one() for _ in range(CROWD)))
    return answers


async def idle_sockets(url: str, until: float) -> Answers:
    """Five hundred sockets that never start a session."""
    answers = Answers()

    async def one() -> None:
        async with opened(url, answers) as socket:
            if socket is not None:
                await first(socket, answers, until - time.monotonic())

    await asyncio.gather(*(one() for _ in range(CROWD)))
    return answers


async def slow_readers(url: str, until: float) -> Answers:
    """Speakers who never read a word of their captions."""
    answers = Answers()
    speech = to_pcm16(corpus.render(corpus.script(corpus.load(None), 60, 7)))

    async def one() -> None:
        async with opened(url, answers) as socket:
            if socket is None:
                return
            await send(socket, json.dumps({"type": "session.start", "data": {"source_language": "en"}}))
            for begin in range(0, len(speech), 3200):
                if time.monotonic() > until:
                    break
                await send(socket, speech[begin : begin + 3200])
                await asyncio.sleep(0.1)
            answers["left alone" if socket.close_code is None else f"closed {socket.close_code}"] += 1

    await asyncio.gather(*(one() for _ in range(SLOW_READERS)))
    return answers


async def slow_loris(url: str, until: float) -> Answers:
    """Handshakes that never end, a byte at a time."""
    answers, parts = Answers(), urlsplit(url)

    async def one() -> None:
        try:
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        except OSError:
            answers["refused"] += 1
            return
        try:
            for byte in b"GET /ws/stream HTTP/1.1\r\nX-Slow: " + b"x" * 10_000:
                if time.monotonic() > until or reader.at_eof():
                    break
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(LORIS_S)
            answers["closed by the server" if reader.at_eof() else "left alone"] += 1
        except OSError:
            answers["closed by the server"] += 1
        finally:
            writer.close()

    await asyncio.gather(*(one() for _ in range(LORISES)))
    return answers


ATTACKS: dict[str, Attack] = {
    "malformed": malformed,
    "oversize": oversize,
    "crowd": crowd,
    "idle-sockets": idle_sockets,
    "slow-readers": slow_readers,
    "slow-loris": slow_loris,
}
