import json
import re
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soxr
from faster_whisper import WhisperModel
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from deployments.tts import engine, espeak, kokoro
from deployments.tts.deployment import Tts
from deployments.tts.espeak import Espeak, EspeakError
from deployments.tts.kokoro import DEFAULT_VOICE, MAX_TOKENS, SAMPLE_RATE, Kokoro
from deployments.tts.pcm import CLAUSE_PAUSE_S, SENTENCE_PAUSE_S, SPEECH_RATE, finish, pause_s, speak
from izwi import catalog, models
from izwi.errors import ModelMissing, UnsupportedLanguage
from izwi.settings import Settings
from izwi.stage_settings import TtsSettings
from izwi.stages import TtsChunk, TtsRequest, Voice

SETTINGS = Settings()
ENGLISH = "Although the children were tired, they walked to the big house on the hill."
SPANISH = "Aunque los niños estaban cansados, caminaron hasta la casa grande de la colina."
FRENCH = "Les enfants sont fatigués, mais ils marchent vers la grande maison."

usable, _ = catalog.pick("tts", ["piper", "kokoro", "espeak"])
needs = {
    name: pytest.mark.skipif(name not in usable, reason=f"{name} is not installed")
    for name in ("piper", "kokoro", "espeak")
}
needs_all = pytest.mark.skipif(len(usable) < 3, reason=f"only {usable} installed")


@pytest.fixture(scope="module")
def engines() -> dict[str, engine.TtsEngine]:
    return {e.name: e for e in engine.load(SETTINGS)}


@pytest.fixture(scope="module")
def whisper() -> WhisperModel:
    try:
        return WhisperModel(str(models.ensure("whisper-base", None)), device="cpu", compute_type="int8", cpu_threads=2)
    except ModelMissing as error:
        pytest.skip(str(error))


@pytest.fixture
def tts(engines: dict[str, engine.TtsEngine], monkeypatch: pytest.MonkeyPatch) -> Tts:
    monkeypatch.setattr(engine, "load", lambda _: list(engines.values()))  # loading takes seconds
    return Tts.func_or_class(SETTINGS)


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def recognised(whisper: WhisperModel, pcm: engine.Pcm, sample_rate: int, language: str, text: str) -> float:
    """Share of the words of a text that a recogniser hears in its speech."""
    samples = soxr.resample(pcm.astype(np.float32) / 32768, sample_rate, 16_000)
    segments, _ = whisper.transcribe(samples, language=language)
    return len(words(text) & words(" ".join(s.text for s in segments))) / len(words(text))


async def collect(chunks: AsyncIterator[TtsChunk]) -> list[TtsChunk]:
    return [chunk async for chunk in chunks]


@pytest.mark.parametrize(
    ("name", "language", "text", "share"),
    [
        pytest.param("piper", "en", ENGLISH, 0.9, marks=needs["piper"]),
        pytest.param("kokoro", "en", ENGLISH, 0.8, marks=needs["kokoro"]),
        pytest.param("kokoro", "es", SPANISH, 0.8, marks=needs["kokoro"]),
        pytest.param("kokoro", "fr", FRENCH, 0.7, marks=needs["kokoro"]),
    ],
)
def test_a_recogniser_understands(
    engines: dict[str, engine.TtsEngine], whisper: WhisperModel, name: str, language: str, text: str, share: float
) -> None:
    pcm, rate = engines[name].synthesise(text, language, None, 1.0)
    assert recognised(whisper, pcm, rate, language, text) >= share


@needs["espeak"]
@pytest.mark.parametrize("language", ["en", "es", "de", "zh", "ar", "sw"])
def test_espeak_speaks(engines: dict[str, engine.TtsEngine], language: str) -> None:
    text = {"zh": "今天天气很好。", "ar": "صباح الخير يا صديقي"}.get(language, SPANISH)
    pcm, rate = engines["espeak"].synthesise(text, language, None, 1.0)
    assert pcm.dtype == np.int16
    assert 0.5 < pcm.size / rate < 10
    assert np.abs(pcm.astype(int)).max() > 3000


@pytest.mark.parametrize("name", [pytest.param(name, marks=mark) for name, mark in needs.items()])
class TestEveryEngine:
    @pytest.mark.parametrize("text", ["", "  ", "...", "¿?", "—", "😀", "\0", "[[]]", "\ud800"])
    def test_nothing_to_say(self, engines: dict[str, engine.TtsEngine], name: str, text: str) -> None:
        pcm, rate = engines[name].synthesise(text, "en", None, 1.0)
        assert finish(pcm, rate, text).size == 0

    @pytest.mark.parametrize(
        "text", ["a\0b", "\ud800 house", "[[a", "<speak>house</speak>", "--version", "-w x.wav", "日本 house", "&amp;"]
    )
    def test_odd_text_is_spoken(self, engines: dict[str, engine.TtsEngine], name: str, text: str) -> None:
        pcm, rate = engines[name].synthesise(text, "en", None, 1.0)
        assert 0.1 < finish(pcm, rate, text).size / SPEECH_RATE < 6

    def test_speed(self, engines: dict[str, engine.TtsEngine], name: str) -> None:
        slow, normal, fast = (
            engines[name].synthesise("They walked home.", "en", None, speed)[0].size for speed in (0.7, 1, 1.6)
        )
        assert fast < 0.75 * normal < normal < 0.9 * slow

    def test_any_speed_is_kept(self, engines: dict[str, engine.TtsEngine], name: str) -> None:
        text = "They walked to the big house on the hill."

        def seconds(speed: float) -> float:
            return speak(engines[name], text, TtsRequest(text, "en", speed=speed)).size / SPEECH_RATE

        normal = seconds(1.0)
        for speed in (0.25, 0.5, 0.9, 1.2, 2.0, 4.0):
            assert normal / seconds(speed) == pytest.approx(speed, rel=0.15)

    def test_its_voices_speak_its_languages(self, engines: dict[str, engine.TtsEngine], name: str) -> None:
        voices = engines[name].voices
        assert frozenset().union(*voices.values()) == engines[name].languages
        assert "en" in next(iter(voices.values())) or name == "espeak"

    def test_an_unknown_voice_is_the_default_one(self, engines: dict[str, engine.TtsEngine], name: str) -> None:
        assert engines[name].synthesise("house", "en", "no such voice", 1.0)[0].size > 1000


@needs["piper"]
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=30))
def test_no_text_breaks_piper(engines: dict[str, engine.TtsEngine], text: str) -> None:
    assert engines["piper"].synthesise(text, "en", None, 1.0)[0].dtype == np.int16


@needs["piper"]
@pytest.mark.parametrize("text", ["x." * 400, ("x." * 25 + " ") * 40, "क्." * 100, "x.y. " * 100, "..a " * 400])
def test_texts_that_crash_espeak_do_not_kill_piper(engines: dict[str, engine.TtsEngine], text: str) -> None:
    """Phonemes only, in this process as in production: synthesising minutes of letters takes as long."""
    from deployments.tts.piper import MAX_CHARS

    voice = engines["piper"]._voice
    for part in textwrap.wrap(engine.speakable(text), MAX_CHARS):
        assert voice.phonemize(part)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [("U.S.A. at 3.5", "U.S.A. at 3.5"), ("x." * 9, "x " * 8 + "x"), ("a [b]\0c", "a  b  c"), (" ... ", "")],
)
def test_speakable(text: str, spoken: str) -> None:
    assert engine.speakable(text) == spoken


def test_a_crash_of_espeak_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "espeak-ng"
    program.write_text("#!/bin/sh\nkill -SEGV $$\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(EspeakError, match="exit status -11"):
        espeak.run("-q", text="house")


@needs["kokoro"]
def test_kokoro_voices_differ(engines: dict[str, engine.TtsEngine]) -> None:
    one, other = (engines["kokoro"].synthesise("Hola.", "es", voice, 1.0)[0] for voice in ("jf_alpha", "jm_kumo"))
    assert one.size != other.size


@needs["kokoro"]
def test_kokoro_does_not_speak_language_marks(engines: dict[str, engine.TtsEngine]) -> None:
    tokenise = Kokoro._tokenise
    assert "(en)" in " ".join(espeak.phonemes("Le smartphone et le weekend.", "fr")).replace("^", "")
    assert "(" not in tokenise(engines["kokoro"], "Le smartphone et le weekend.", "fr")


@needs["kokoro"]
def test_kokoro_takes_texts_beyond_its_context(engines: dict[str, engine.TtsEngine]) -> None:
    pcm, _ = engines["kokoro"].synthesise(SPANISH * 8, "es", None, 4.0)
    assert pcm.size / SAMPLE_RATE > 8


@pytest.mark.parametrize("phonemes", ["", "abc", "a" * 1200, "ab " * 400, " " * 501])
def test_split_loses_nothing(phonemes: str) -> None:
    parts = kokoro.split(phonemes)
    assert "".join(parts) == phonemes
    assert all(0 < len(part) <= MAX_TOKENS for part in parts)


@needs["espeak"]
def test_espeak_failures_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EspeakError, match="unrecognized option"):
        espeak.run("--no-such-option")
    monkeypatch.setattr(espeak, "TIMEOUT_S", 0.001)
    with pytest.raises(EspeakError, match="no answer"):
        espeak.run("--stdout", text=ENGLISH)


def test_finish_trims_resamples_and_pauses() -> None:
    tone = (8000 * np.sin(np.arange(22_050))).astype(np.int16)
    silence = np.zeros(11_025, np.int16)
    speech = finish(np.concatenate([silence, tone, silence]), 22_050, "one, two.")
    assert speech.dtype == np.int16
    assert speech.size == pytest.approx((1 + 0.06 + SENTENCE_PAUSE_S) * SPEECH_RATE, abs=50)
    assert finish(silence, 22_050, "one.").size == 0


@pytest.mark.parametrize(
    ("text", "pause"), [("one", 0), ("one,", CLAUSE_PAUSE_S), ("“one.”", SENTENCE_PAUSE_S), ("好。", SENTENCE_PAUSE_S)]
)
def test_pauses(text: str, pause: float) -> None:
    assert pause_s(text) == pause


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


def test_no_engine_at_all() -> None:
    with pytest.raises(ModelMissing, match="no-such-engine"):
        engine.load(Settings(tts=TtsSettings(engines=("no-such-engine",))))


@needs["kokoro"]
def test_the_vocabulary_has_the_letters_for_tied_phonemes() -> None:
    folder = models.ensure("kokoro-int8", None)
    vocabulary = json.loads((folder / "vocab.json").read_text())["vocab"]
    assert set(kokoro._TIED.values()) - {"s^s", "S"} <= set(vocabulary)
