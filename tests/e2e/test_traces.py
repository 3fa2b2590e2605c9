"""Traces of a real server at a real collector: one per utterance and request, through all processes."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import connect

from izwi.audio import to_pcm16
from tests.e2e.collector import Collector, Seen, collecting
from tests.e2e.conftest import Server, started
from tests.speech import LIBRIVOX, load, needs_librivox

pytestmark = needs_librivox

CLIENT = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
"""Trace and span, from W3C's specification."""
TRACEPARENT = {"traceparent": f"00-{CLIENT[0]}-{CLIENT[1]}-01"}
DRIFT_NS = 10_000_000
"""Moments are told by the wall clock, lengths by another one."""
PAUSE = np.zeros(16_000, np.float32)


@dataclass
class Told:
    """What a server and its collector said, once the server had stopped."""

    collector: Collector
    session_id: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    transcription: dict[str, Any] = field(default_factory=dict)
    translation: dict[str, Any] = field(default_factory=dict)

    @property
    def finals(self) -> list[dict[str, Any]]:
        return [event["data"] for event in self.events if event["type"] == "transcript.final"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    environment = {
        "IZWI_TRACING__HEADERS": '{"x-collector-key": "pepper"}',
        "IZWI_TRACING__INTERVAL_S": "3600",  # what arrives is what is sent when the server stops
    }
    with collecting() as collector:
        told = Told(collector)
        with started(tmp_path_factory.mktemp("traces"), IZWI_TRACING__ENDPOINT=collector.url, **environment) as server:
            asyncio.run(_speak(server, told))
            told.transcription = _transcribe(server)
            told.translation = _translate(server)
        yield told


async def _speak(server: Server, told: Told) -> None:
    audio = np.concatenate([part for clip in LIBRIVOX[3:5] for part in (load(clip.path), PAUSE)])
    start = {"source_language": "en", "target_language": "es", "debug": True}
    async with connect(server.ws, proxy=None, additional_headers=TRACEPARENT) as socket:
        await socket.send(json.dumps({"type": "session.start", "data": start}))
        told.session_id = json.loads(await socket.recv())["data"]["session_id"]
        for begin in range(0, len(audio), 8000):
            await socket.send(to_pcm16(audio[begin : begin + 8000]))
        await socket.send(json.dumps({"type": "audio.end", "data": {}}))
        async for frame in socket:
            if isinstance(frame, str):
                told.events.append(json.loads(frame))


def _transcribe(server: Server) -> dict[str, Any]:
    answer = httpx.post(
        f"{server.http}/v1/audio/transcriptions",
        files={"file": LIBRIVOX[4].path.read_bytes()},
        data={"debug": "true", "language": "en"},
        headers=TRACEPARENT,
        timeout=60,
    )
    return answer.raise_for_status().json()


def _translate(server: Server) -> dict[str, Any]:
    body = {"text": "The house is big.", "source": "en", "target": "es", "debug": True}
    return httpx.post(f"{server.http}/v1/translate", json=body, timeout=60).raise_for_status().json()


def assert_whole(spans: list[Seen], root: Seen) -> None:
    """Every span hangs from one that is there and began before it; a stage's from the call that asked for it."""
    by_id = {span.id: span for span in spans}
    for span in spans:
        assert span.began_ns <= span.ended_ns
        if span is root:
            continue
        above = by_id[span.parent]
        assert above.began_ns <= span.began_ns + DRIFT_NS
        assert above is root or (above.service == "izwi-ingress" and above.name.split()[0] == span.name.split()[0])
        assert (above is root) == (span.service == "izwi-ingress")


def test_an_utterance_is_one_trace_from_the_ingress_to_every_stage(told: Told) -> None:
    roots = [span for span in told.collector.spans if span.name == "utterance"]
    assert len(roots) == len(told.finals) >= 2
    assert [final["meta"]["trace_id"] for final in told.finals] == [root.trace for root in roots]
    assert len({root.trace for root in roots}) == len(roots)
    for number, root in enumerate(roots):
        assert (root.attributes["session.id"], root.attributes["izwi.utterance"]) == (told.session_id, number)
        assert root.parent == ""
        assert root.links == (CLIENT[0],)
        spans = told.collector.of(root.trace)
        assert_whole(spans, root)
        services = {service: {s.name for s in spans if s.service == service} for service in {s.service for s in spans}}
        assert {"utterance", "vad", "asr final", "mt", "tts"} <= services["izwi-ingress"]
        assert services["izwi-asr"] == {"asr faster-whisper"}
        assert services["izwi-mt"] == {"mt apertium"}
        assert services["izwi-tts"] == {"tts kokoro"}
        assert len({span.pid for span in spans}) == len(services) == 4


def test_a_stage_tells_its_own_time_within_the_calls_time(told: Told) -> None:
    by_id = {span.id: span for span in told.collector.spans}
    worked = [span for span in told.collector.spans if span.service == "izwi-asr"]
    assert worked
    for span in worked:
        asked = by_id[span.parent]
        assert span.attributes["izwi.batch"] == asked.attributes["izwi.batch"]
        share = asked.attributes["izwi.compute_s"] * asked.attributes["izwi.batch"]
        assert (span.ended_ns - span.began_ns) / 1e9 == pytest.approx(share, abs=1e-3)
        assert asked.attributes["izwi.audio_s"] > 0


def test_a_request_goes_on_with_the_trace_of_its_client(told: Told) -> None:
    spans = told.collector.of(CLIENT[0])
    (root,) = [span for span in spans if span.parent == CLIENT[1]]
    assert root.name == "POST /v1/audio/transcriptions"
    assert root.attributes["http.response.status_code"] == 200
    assert told.transcription["meta"]["trace_id"] == CLIENT[0]
    assert_whole(spans, root)
    assert {"asr window", "vad"} <= {span.name for span in spans}
    assert {span.service for span in spans} == {"izwi-ingress", "izwi-asr"}


def test_a_request_without_a_trace_has_one_of_its_own(told: Told) -> None:
    spans = told.collector.of(told.translation["meta"]["trace_id"])
    (root,) = [span for span in spans if not span.parent]
    assert_whole(spans, root)
    assert {(span.service, span.name) for span in spans} == {
        ("izwi-ingress", "POST /v1/translate"),
        ("izwi-ingress", "mt"),
        ("izwi-mt", "mt apertium"),
    }


def test_no_span_says_what_was_said(told: Told) -> None:
    said = " ".join(
        [final["text"] for final in told.finals]
        + [event["data"]["text"] for event in told.events if event["type"] == "translation.committed"]
        + [told.transcription["text"], told.translation["text"]]
    )
    words = {word for word in re.findall(r"\w+", said.lower()) if len(word) > 3}
    assert len(words) > 10
    values = [value for span in told.collector.spans for value in span.attributes.values() if isinstance(value, str)]
    assert {word for value in values for word in re.findall(r"\w+", value.lower())} & words == set()
