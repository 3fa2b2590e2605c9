"""A server that stops under OpenAI's clients, who cannot resume: they are told, and what was said is finished."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.e2e.conftest import started
from tests.e2e.realtime import COMPLETED, DELTA, pcm, talking
from tests.speech import LIBRIVOX, load, needs_librivox


@needs_librivox
async def test_a_server_that_stops_says_so_and_finishes_what_was_said(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(started(tmp_path))
        async with talking(server) as talking_one, talking(server) as silent:
            await talking_one.speak(pcm(load(LIBRIVOX[4].path)))  # no silence after it: the item is open
            await talking_one.next(DELTA)
            stopping = asyncio.create_task(asyncio.to_thread(stack.close))
            for talk in (talking_one, silent):
                error = (await talk.next("error"))["error"]
                assert error["retryable"]
                assert error["type"] == "server_error"
            for talk in (talking_one, silent):
                with pytest.raises(ConnectionClosed):
                    await talk.next("nothing else ends it")
                assert talk.socket.close_code == 1001
            said = " ".join(event["transcript"] for event in talking_one.of(COMPLETED))
            assert "amiable" in said.lower()
            await stopping
