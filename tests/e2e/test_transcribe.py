"""``/api/v1/transcribe``: hotwords, speakers, a language model's second look and what ``debug`` tells."""

import json

import httpx
import numpy as np
import pytest

from izwi import models
from tests.e2e.conftest import Server
from tests.e2e.test_openai_transcriptions import encoded, wer
from tests.speech import ENGLISH, LIBRIVOX, load, needs_english, needs_librivox


def transcribe(server: Server, content: bytes, path: str = "/api/v1/transcribe", **data: object) -> httpx.Response:
    return httpx.post(
        f"{server.http}{path}", files={"file": ("a.flac", content)}, data={"language": "en", **data}, timeout=90
    )


def recording(*numbers: int) -> bytes:
    return encoded(np.concatenate([load(LIBRIVOX[number].path) for number in numbers])).getvalue()


@needs_librivox
def test_words_and_times_and_nothing_that_was_not_asked_for(server: Server) -> None:
    body = transcribe(server, recording(0)).json()
    assert wer(LIBRIVOX[0].text, body["text"]) < 0.25
    assert set(body) == {"text", "language", "duration", "segments"}
    assert body["language"] == "en"
    for segment in body["segments"]:
        assert "speaker" not in segment
        assert all(segment["start"] <= word["start"] <= word["end"] <= segment["end"] for word in segment["words"])


@needs_librivox
def test_hotwords_are_written_and_debug_says_how(server: Server) -> None:
    plain = transcribe(server, recording(0)).json()["text"]
    odd = "Jonn Dashwould"  # as no recogniser writes it: whatever was heard sounds like it
    found = transcribe(server, recording(0), hotwords=odd, debug="true").json()
    assert odd in found["text"]
    assert odd not in plain
    (match,) = found["meta"]["hotword_matches"]
    assert match["hotword"] == odd
    assert 0 < match["start_s"] < match["end_s"] < 5
    assert {"vad", "asr"} <= set(found["meta"]["timings_ms"])
    assert found["meta"]["timings_ms"]["asr"]["compute"] > 0
    assert odd not in transcribe(server, recording(0), hotwords=odd, apply_hotword="false").json()["text"]


@needs_librivox
def test_named_lists(server: Server) -> None:
    url = f"{server.http}/v1/hotwords/novel"
    assert httpx.put(url, json={"hotwords": ["Jonn Dashwould"]}).status_code == 200
    try:
        for path in ("/api/v1/transcribe", "/v1/audio/transcriptions"):
            assert "Jonn Dashwould" in transcribe(server, recording(0), path, hotword_lists="novel").json()["text"]
    finally:
        httpx.delete(url)
    missing = transcribe(server, recording(0), hotword_lists="novel")
    assert missing.json()["error"]["code"] == "hotword_list_missing"


@needs_librivox
@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/audio/translations"])
def test_debug_over_openais_routes(server: Server, path: str) -> None:
    assert "meta" not in transcribe(server, recording(1), path).json()
    meta = transcribe(server, recording(1), path, debug="true").json()["meta"]
    assert meta["timings_ms"]["asr"]["compute"] > 0
    assert meta["hotword_matches"] == []
    plain = transcribe(server, recording(1), path, debug="true", response_format="text")
    assert json.loads(plain.headers["x-izwi-meta"])["timings_ms"]["asr"]["compute"] > 0


@pytest.mark.skipif(not models.installed("campplus"), reason=models.ASSETS["campplus"].fix)
@needs_english
@needs_librivox
def test_two_speakers_are_told_apart(server: Server) -> None:
    other = next(clip for clip in ENGLISH if len(load(clip.path)) > 6 * 16_000)
    audio = np.concatenate([load(LIBRIVOX[0].path), load(other.path)])
    body = transcribe(server, encoded(audio).getvalue(), with_speaker="true", debug="true").json()
    assert body["meta"]["timings_ms"]["speakers"]["compute"] > 0
    change = len(load(LIBRIVOX[0].path)) / 16_000
    assert {one["speaker"] for one in body["segments"]} == {"SPEAKER_00", "SPEAKER_01"}
    for segment in body["segments"]:
        middle = (segment["start"] + segment["end"]) / 2
        assert segment["speaker"] == ("SPEAKER_00" if middle < change else "SPEAKER_01")


@needs_librivox
def test_a_language_model_goes_over_each_segment_as_corrector_and_as_translator(server: Server) -> None:
    for role, marks, target in (("corrector", "{}!", {}), ("translator", "¡{}!", {"target_language": "es"})):
        options = {"apply_llm": "true", "llm_role": role, "debug": "true"}
        body = transcribe(server, recording(0, 1), **options, **target).json()
        assert body["segments"]
        for row in body["segments"]:
            assert row["llm"] == {"text": marks.format(row["text"]), "status": "applied"}
        assert body["llm"]["role"] == role
        assert body["llm"]["status"] == "applied"
        assert body["llm"]["text"].count("!") == len(body["segments"])
        assert "!" not in body["text"]
        assert body["meta"]["timings_ms"]["llm"]["compute"] > 0
    refused = transcribe(server, recording(1), apply_llm="true", llm_role="translator")
    assert refused.status_code == 400
    assert "target_language" in refused.json()["error"]["message"]
    refused = transcribe(server, recording(1), apply_llm="true", target_language="es")
    assert refused.status_code == 400
    assert "llm_role=translator" in refused.json()["error"]["message"]


def test_silence(server: Server) -> None:
    for data in ({}, {"with_speaker": "true"}, {"apply_llm": "true"}, {"debug": "true"}):
        body = transcribe(server, encoded(np.zeros(32_000, np.float32)).getvalue(), **data).json()
        assert body["text"] == ""
        assert body["segments"] == []
