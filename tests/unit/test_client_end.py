"""How the client learns that a session was cut short: from its end, which is stored and comes again after a resume."""

import pytest

from izwi import messages as m
from izwi.client import IzwiClient, Session
from izwi.errors import AudioTooLong
from tests.unit.test_client import Server, serving


async def test_a_session_that_the_server_cut_off_gives_everything_and_then_says_so() -> None:
    async def script(server: Server) -> None:
        await server.begin()
        final = m.TranscriptFinal(utterance=0, text="all of it", language="en", start_s=0, end_s=1, engine="base")
        await server.send(m.TranscriptFinalMessage(data=final, seq=1))
        ended = m.SessionEnded(reason="audio_too_long", audio_s=3600, utterances=1, clauses=0)
        await server.send(m.SessionEndedMessage(data=ended, seq=2))

    events: list[object] = []

    async def listen(session: Session) -> None:
        async for event in session:
            events.append(event)

    async with serving(script) as url, IzwiClient(url).session() as session:
        with pytest.raises(AudioTooLong, match="3600 s"):
            await listen(session)
    assert [type(event) for event in events] == [m.TranscriptFinalMessage, m.SessionEndedMessage]
