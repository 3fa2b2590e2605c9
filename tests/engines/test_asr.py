import pickle
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from deployments.asr import loading
from deployments.asr.deployment import Asr
from deployments.asr.faster_whisper import FasterWhisper
from deployments.vad.silero import FRAME, Silero
from izwi import models
from izwi.errors import AudioTooLong, ModelMissing, UnsupportedLanguage
from izwi.settings import Settings
from izwi.stage_settings import AsrSettings
from izwi.stages import AsrRequest, AsrResult, Samples, VadState
from tests.figures import FIGURES
from tests.speech import (
    ENGLISH,
    GERMAN,
    LIBRIVOX,
    NOISES,
    Clip,
    load,
    needs_english,
    needs_german,
    needs_librivox,
    needs_noises,
)

RATE = 16_000
normalise = EnglishTextNormalizer()


def _engine(model: str, device: str = "cpu", **changes: object) -> FasterWhisper:
    if not models.installed(f"whisper-{model}"):
        pytest.skip(models.ASSETS[f"whisper-{model}"].fix)
    return FasterWhisper(Settings(device=device, asr=AsrSettings(model=model, **changes)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def base() -> FasterWhisper:
    return _engine("base")


@pytest.fixture(scope="module")
def tiny() -> FasterWhisper:
    return _engine("tiny.en")


def hear(engine: FasterWhisper, samples: Samples, final: bool = True, language: str | None = "en") -> str:
    return "".join(word.text for word in engine.transcribe([AsrRequest(samples, language, final)])[0].words)


def wer(engine: FasterWhisper, clips: list[Clip], final: bool) -> float:
    heard = [normalise(hear(engine, load(clip.path), final)) for clip in clips]
    rate = jiwer.wer([normalise(clip.text) for clip in clips], heard)
    beam = engine._asr.beam_size if final else 1
    FIGURES.append(f"WER {rate:.1%}: {engine._asr.model}, offline, {len(clips)} clips, elastic windows, beam {beam}")
    return rate


@needs_librivox
@pytest.mark.parametrize("final", [True, False], ids=["final", "partial"])
def test_understands_librivox(base: FasterWhisper, tiny: FasterWhisper, final: bool) -> None:
    assert wer(base, LIBRIVOX, final) <= 0.06
    assert wer(tiny, LIBRIVOX, final) <= 0.10


@needs_english
@pytest.mark.parametrize("final", [True, False], ids=["final", "partial"])
def test_understands_many_readers(base: FasterWhisper, tiny: FasterWhisper, final: bool) -> None:
    assert not final or wer(base, ENGLISH, final) <= 0.08  # streams are heard with partial passes of it
    assert wer(tiny, ENGLISH, final) <= 0.08, "without the guard tiny.en repeats phrases: 13 to 18 %"


def test_a_gpu_that_fails_at_the_first_decoding_is_replaced_by_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    devices: list[str] = []
    real, transcribe = loading.WhisperModel, FasterWhisper.transcribe

    def load_model(name: str, device: str, **options: Any) -> Any:
        devices.append(device)
        return real(name, device="cpu", **options)

    def fail_on_cuda(engine: FasterWhisper, requests: list[AsrRequest]) -> Any:
        if devices[-1] == "cuda":
            raise RuntimeError("CUDA failed with error out of memory")
        return transcribe(engine, requests)

    monkeypatch.setattr(loading, "WhisperModel", load_model)
    monkeypatch.setattr(loading.ctranslate2, "get_supported_compute_types", lambda _: {"int8"})
    monkeypatch.setattr(FasterWhisper, "transcribe", fail_on_cuda)
    engine = _engine("tiny.en", device="cuda")
    assert devices == ["cuda", "cpu"]
    assert hear(engine, np.zeros(RATE, np.float32)) == ""


@needs_librivox
def test_words_are_placed_in_the_audio(base: FasterWhisper) -> None:
    audio = load(LIBRIVOX[0].path)
    words = base.transcribe([AsrRequest(audio, "en", final=True)])[0].words
    assert "".join(word.text for word in words).endswith(" for them.")
    assert all(word.text.startswith(" ") and 0 <= word.confidence <= 1 for word in words)
    times = [time for word in words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert times[-1] <= audio.size / RATE
    assert times[-1] == pytest.approx(audio.size / RATE, abs=0.6)


@needs_librivox
def test_silence_before_speech_shifts_its_words(base: FasterWhisper) -> None:
    audio = load(LIBRIVOX[4].path)
    shifted = np.concatenate([np.zeros(2 * RATE, np.float32), audio])
    near = base.transcribe([AsrRequest(audio, "en", final=True)])[0].words[-1]
    far = base.transcribe([AsrRequest(shifted, "en", final=True)])[0].words[-1]
    assert far.text == near.text
    assert far.end_s - near.end_s == pytest.approx(2, abs=0.2)


@needs_librivox
def test_elastic_and_padded_windows_agree(base: FasterWhisper) -> None:
    audio = load(LIBRIVOX[4].path)
    padded = _engine("base", padded=True).transcribe([AsrRequest(audio, "en", final=True)])[0]
    elastic = base.transcribe([AsrRequest(audio, "en", final=True)])[0]
    assert padded.retries == elastic.retries == 0
    assert [word.text for word in elastic.words] == [word.text for word in padded.words]


def test_nothing_is_heard_in_silence(base: FasterWhisper, tiny: FasterWhisper) -> None:
    hiss = np.random.default_rng(0).normal(0, 0.01, 3 * RATE).astype(np.float32)
    for engine in (base, tiny):
        for samples in (np.zeros(0, np.float32), np.zeros(RATE, np.float32), np.zeros(8 * RATE, np.float32), hiss):
            assert hear(engine, samples) == ""


@needs_noises
@pytest.mark.parametrize("path", NOISES, ids=lambda path: path.stem)
def test_nothing_is_heard_in_noise_that_passed_the_detector(base: FasterWhisper, path: Path) -> None:
    """Up to 8 s around every frame that the detector takes for speech, as a session would send them."""
    audio = load(path)
    audio = audio[: audio.size // FRAME * FRAME]
    probabilities, _ = Silero(Settings()).detect(audio, VadState())
    end = 0
    for frame in np.flatnonzero(np.array(probabilities) > 0.5):
        if frame * FRAME >= end:
            start = max(0, frame * FRAME - RATE // 2)
            end = start + 8 * RATE
            assert hear(base, audio[start:end]) == ""


@needs_german
def test_detects_the_language(base: FasterWhisper) -> None:
    heard = base.transcribe([AsrRequest(load(GERMAN[0])[: 3 * RATE], None, final=True)])[0]
    assert heard.language == "de"
    assert 0.3 < heard.language_probability <= 1


def test_languages(base: FasterWhisper, tiny: FasterWhisper) -> None:
    second = np.zeros(RATE, np.float32)
    assert {"en", "es", "de", "ja", "sn"} <= base.languages
    assert tiny.languages == {"en"}
    assert tiny.transcribe([AsrRequest(second, None, final=False)])[0].language == "en"
    with pytest.raises(UnsupportedLanguage, match=r"es; it knows en"):
        tiny.transcribe([AsrRequest(second, "es", final=False)])[0]
    with pytest.raises(UnsupportedLanguage):
        base.transcribe([AsrRequest(second, "xx", final=False)])[0]


def test_too_long(base: FasterWhisper) -> None:
    with pytest.raises(AudioTooLong, match="28 s"):
        base.transcribe([AsrRequest(np.zeros(29 * RATE, np.float32), "en", final=True)])[0]


def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="no-such-model"):
        FasterWhisper(Settings(asr=AsrSettings(model=str(tmp_path / "no-such-model"))))


def test_gpu_precision_on_a_cpu_falls_back(tiny: FasterWhisper) -> None:
    assert hear(_engine("tiny.en", compute_type="int8_float16"), np.zeros(RATE, np.float32)) == ""


async def test_deployment() -> None:
    _engine("tiny.en")
    asr = Asr.func_or_class(Settings(asr=AsrSettings(model="tiny.en")))
    silence = np.zeros(RATE, np.float32)
    good = AsrRequest(silence, "en", final=True)
    (result,) = await asr([good])
    assert isinstance(result, AsrResult)
    assert (result.words, result.language, result.timing.engine) == ((), "en", "faster-whisper")
    assert result.timing.compute_s > 0
    assert pickle.loads(pickle.dumps(result)) == result
    assert (await asr.capabilities()).languages == {"en"}


async def test_a_bad_request_in_a_batch_spoils_no_other() -> None:
    _engine("tiny.en")
    asr = Asr.func_or_class(Settings(asr=AsrSettings(model="tiny.en")))
    silence = np.zeros(RATE, np.float32)
    endless, foreign = np.zeros(29 * RATE, np.float32), AsrRequest(silence, "es", final=True)
    good = AsrRequest(silence, "en", final=True)
    results = await asr([good, AsrRequest(endless, "en", final=True), foreign, AsrRequest(silence, None, final=False)])
    assert [type(result) for result in results] == [AsrResult, AudioTooLong, UnsupportedLanguage, AsrResult]
    assert "known: en" in str(results[2])


@needs_librivox
def test_a_batch_hears_what_each_window_alone_holds(base: FasterWhisper) -> None:
    """Among them a short window, which is padded for company, and silence."""
    windows = [load(clip.path) for clip in LIBRIVOX[:3]] + [np.zeros(RATE, np.float32), load(LIBRIVOX[3].path)[:RATE]]
    for final in (False, True):
        requests = [AsrRequest(samples, "en", final) for samples in windows]
        together = [normalise("".join(w.text for w in heard.words)) for heard in base.transcribe(requests)]
        alone = [normalise(hear(base, samples, final)) for samples in windows]
        assert together[3] == ""
        assert jiwer.wer(alone[:3], together[:3]) <= 0.1
