"""The deployment of speech synthesis: piece by piece, by the right engine, and by the next one where that fails."""

from collections.abc import AsyncIterator

import numpy as np
import pytest
from faster_whisper import WhisperModel

from deployments.tts import engine
from deployments.tts.deployment import Tts
from deployments.tts.espeak import Espeak
from deployments.tts.kokoro import DEFAULT_VOICE, Kokoro
from izwi.errors import UnsupportedLanguage
from izwi.settings import Settings
from izwi.stage_settings import TtsSettings
from izwi.stages import TtsChunk, TtsRequest, Voice
from tests.engines.tts import ENGLISH, SPANISH, needs, needs_all, recognised


@pytest.fixture
def tts(tts_engines: dict[str, engine.TtsEngine], monkeypatch: pytest.MonkeyPatch) -> Tts:
    monkeypatch.setattr(engine, "load", lambda _: list(tts_engines.values()))  # loading takes seconds
    return Tts.func_or_class(Settings())


async def collect(chunks: AsyncIterator[TtsChunk]) -> list[TtsChunk]:
    return [chunk async for chunk in chunks]


@needs_all
async def test_the_deployment_speaks_piece_by_piece(tts: Tts, whisper: WhisperModel) -> None:
    chunks = await collect(tts(TtsRequest(SPANISH, "es")))
    assert len(chunks) > 1
    assert {(c.sample_rate, c.pcm.dtype, c.timing.engine) for c in chunks} == {(24_000, np.dtype("int16"), "kokoro")}
    assert chunks[0].pcm.size < chunks[1].pcm.size
    speech = np.concatenate([c.pcm for c in chunks])
    assert recognised(whisper, speech, 24_000, "es", SPANISH) >= 0.8


@needs_all
@pytest.mark.parametrize(("language", "name"), [("en", "piper"), ("es", "kokoro"), ("de", "espeak")])
async def test_the_first_engine_with_the_language_speaks(tts: Tts, language: str, name: str) -> None:
    (chunk, *_) = await collect(tts(TtsRequest("Hotel.", language)))
    assert chunk.timing.engine == name


@needs_all
async def test_the_engine_that_has_the_voice_speaks(tts: Tts, monkeypatch: pytest.MonkeyPatch) -> None:
    (chunk, *_) = await collect(tts(TtsRequest("Hotel.", "en", voice="jf_alpha")))
    assert (chunk.timing.engine, chunk.timing.preferred) == ("kokoro", "kokoro")
    monkeypatch.setattr(tts._runner.engines[1], "_styles", None)
    (chunk, *_) = await collect(tts(TtsRequest("Hotel.", "en", voice="jf_alpha")))
    assert (chunk.timing.engine, chunk.timing.preferred, chunk.timing.failed) == ("piper", "kokoro", ("kokoro",))


@needs_all
async def test_voices_are_told_with_the_default_one_first(tts: Tts) -> None:
    voices = (await tts.capabilities()).voices
    assert len({voice.name for voice in voices}) == len(voices)
    assert next(voice.name for voice in voices if "es" in voice.languages) == DEFAULT_VOICE
    assert voices[0] == Voice("joe", "piper", frozenset({"en"}))


@needs_all
async def test_a_failure_in_mid_clause_repeats_nothing(
    tts: Tts, whisper: WhisperModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kokoro_engine = tts._runner.engines[1]
    spoken: list[str] = []

    def dies_on_the_second(text: str, *rest: object) -> tuple[engine.Pcm, int]:
        spoken.append(text)
        if len(spoken) > 1:
            raise RuntimeError("broken on purpose")
        return Kokoro.synthesise(kokoro_engine, text, *rest)

    monkeypatch.setattr(kokoro_engine, "synthesise", dies_on_the_second)
    chunks = await collect(tts(TtsRequest(SPANISH, "es")))
    assert [c.timing.engine for c in chunks] == ["kokoro", *["espeak"] * (len(chunks) - 1)]
    assert len(chunks) > 1


@needs_all
async def test_when_piper_is_broken_kokoro_speaks(
    tts: Tts, whisper: WhisperModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tts._runner.engines[0], "_voice", None)
    chunks = await collect(tts(TtsRequest(ENGLISH, "en")))
    assert {c.timing.engine for c in chunks} == {"kokoro"}
    assert recognised(whisper, np.concatenate([c.pcm for c in chunks]), 24_000, "en", ENGLISH) >= 0.7


@needs["espeak"]
async def test_languages_and_silence() -> None:
    tts = Tts.func_or_class(Settings(tts=TtsSettings(engines=("no-such-engine", "espeak"))))
    capabilities = await tts.capabilities()
    assert capabilities.engines == ("espeak",)
    assert capabilities.languages >= {"en", "es", "fr", "de", "zh", "hi", "ar", "sw", "pt"}
    assert await collect(tts(TtsRequest("...", "en"))) == []
    with pytest.raises(UnsupportedLanguage, match=r"no voice for xx; supported: .*en, .*es"):
        await collect(tts(TtsRequest("Hello.", "xx")))
    assert Espeak().languages == capabilities.languages
