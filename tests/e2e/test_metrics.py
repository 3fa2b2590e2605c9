"""What a server tells Prometheus."""

import re
from contextlib import suppress

import httpx
import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from izwi import messages as m
from izwi.client import IzwiClient
from izwi.errors import IzwiError
from tests.e2e.conftest import Server
from tests.metrics import LABELS, samples, scrape, value
from tests.operations import documented, plain
from tests.speech import LIBRIVOX, load, needs_librivox

CANARY = "canary7f3a"


async def _say_everywhere(server: Server) -> None:
    """A word of ours wherever a client may write one."""
    where = f"{server.http}/v1"
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        for path in (
            CANARY,
            f"jobs/{CANARY}",
            f"jobs/{CANARY}/events",
            f"hotwords/{CANARY}",
            "%00",
            f"models?x={CANARY}",
        ):
            await client.get(f"{where}/{path}", headers={"X-Request-Id": CANARY, "X-API-Key": CANARY})
        await client.request(CANARY.upper(), f"{where}/models")
        await client.put(f"{where}/hotwords/{CANARY}", json={"hotwords": [CANARY]})
        await client.delete(f"{where}/hotwords/{CANARY}")
        for wanted in ({"voice": CANARY, "model": "tts-1"}, {"voice": "alloy", "model": CANARY}):
            await client.post(f"{where}/audio/speech", json={"input": CANARY, **wanted})
        await client.post(f"{where}/translate", json={"text": CANARY, "source": "en", "target": "es"})
        for form in ({"model": CANARY}, {"model": "whisper-1", "prompt": CANARY, "language": CANARY}):
            await client.post(f"{where}/audio/transcriptions", data=form, files={"file": (CANARY, CANARY.encode())})
        await client.post(f"{where}/jobs", data={"url": f"http://{CANARY}.example/"})
    with suppress(WebSocketException):
        async with connect(f"{server.ws}/{CANARY}", proxy=None):
            pass
    for start in (m.SessionStart(hotwords=(CANARY,)), m.SessionStart(target_language="es", voice=CANARY)):
        with suppress(IzwiError):
            async with IzwiClient(server.ws).session(start) as session:
                await session.send(np.zeros(16_000, np.float32))
                await session.end()
                async for _ in session:
                    pass


async def test_nothing_that_a_client_chose_becomes_a_label(server: Server) -> None:
    await _say_everywhere(server)
    text = scrape(server.http)
    assert CANARY not in text.lower()
    known = {row.name: row for row in documented()}
    for sample in samples(text):
        row = known[plain(sample.name)]
        own = set() if row.name.startswith("izwi_metrics_") else {"replica"}
        assert set(sample.labels) - {"le"} == row.labels | own, sample
        for label, content in sample.labels.items():
            values = LABELS[label]
            fits = values.fullmatch(content) if isinstance(values, re.Pattern) else content in values
            assert fits, sample
    assert len({s.labels["path"] for s in samples(text) if "path" in s.labels}) < 40


async def test_one_replica_tells_of_all_which_is_one(server: Server) -> None:
    text = scrape(server.http)
    assert (value(text, "izwi_metrics_replicas"), value(text, "izwi_metrics_complete")) == (1, 1)
    alone = httpx.get(f"{server.http}/metrics", params={"replica": "self"}, trust_env=False).text
    assert "izwi_metrics_replicas" not in alone
    assert value(alone, "izwi_ready") == value(text, "izwi_ready") == 1
    assert httpx.get(f"{server.http}/metrics", params={"replica": "x"}, trust_env=False).status_code == 400


@needs_librivox
async def test_speech_at_its_own_pace_is_timed_and_a_file_is_not(server: Server) -> None:
    lags = ("chunk", "word_lag", "final_lag", "update_period")

    async def counts(speed: float) -> list[float]:
        from tests.e2e.test_stream import stream

        before = scrape(server.http)
        audio = np.concatenate([load(LIBRIVOX[0].path), np.zeros(12_000, np.float32)])
        await stream(server, audio if speed else np.tile(audio, 4), speed=speed, source_language="en")
        after = scrape(server.http)
        assert value(after, "izwi_stage_audio_seconds_total") > value(before, "izwi_stage_audio_seconds_total")
        names = [f"izwi_{name}_seconds_count" for name in lags]
        return [value(after, name) - value(before, name) for name in names]

    live, file = await counts(1.0), await counts(0.0)
    assert all(live)
    assert live[0] >= 5, "a chunk of speech every third of a second"
    # What comes within the first seconds may be a microphone's.
    assert sum(file) < sum(live)
