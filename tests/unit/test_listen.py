"""Ctrl-C beside a microphone, which is a scripted one: none is to be had where tests run."""

import asyncio
import os
import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from izwi.cli.listen import BLOCK, _listen


class Microphone:
    """Gives so many blocks at once and then none, like one that was unplugged."""

    def __init__(self, blocks: int) -> None:
        self._blocks = blocks

    def InputStream(self, blocksize: int, callback: Callable[..., None]) -> "Microphone":
        self._callback = callback
        return self

    def __enter__(self) -> None:
        for number in range(self._blocks):
            self._callback(np.full((BLOCK, 1), number, np.float32), BLOCK, None, None)

    def __exit__(self, *_: object) -> None:
        pass


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


async def test_ctrl_c_ends_it_though_no_block_comes_any_more() -> None:
    sent: list[float] = []

    async def send(block: Any) -> None:
        sent.append(float(block[0]))
        if len(sent) == 3:
            asyncio.get_running_loop().call_soon(interrupt)

    async with asyncio.timeout(10):
        await _listen(SimpleNamespace(send=send), Microphone(3), {})  # type: ignore[arg-type]
    assert sent == [0, 1, 2]


def test_a_second_ctrl_c_does_not_wait_for_a_server_that_takes_nothing() -> None:
    async def send(block: Any) -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(interrupt)
        loop.call_later(0.1, interrupt)
        await asyncio.sleep(10)

    async def listen() -> None:
        await _listen(SimpleNamespace(send=send), Microphone(1), {})  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(listen())
