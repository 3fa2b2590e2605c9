"""Somebody who never pauses: the window is trimmed again and again, and no word is lost or said twice at a seam."""

from collections import Counter

import jiwer
import numpy as np
import pytest
from faster_whisper import WhisperModel
from whisper_normalizer.english import EnglishTextNormalizer

from izwi.models import ensure
from izwi.session_settings import SessionSettings
from izwi.stages import Samples
from tests.engines.live import RATE, Engines, listen, without_pauses
from tests.figures import FIGURES
from tests.speech import ENGLISH, load, needs_english

normalise = EnglishTextNormalizer()


def offline(model: str, audio: Samples) -> str:
    whisper = WhisperModel(str(ensure(f"whisper-{model}", None)), device="cpu", compute_type="int8", cpu_threads=2)
    return normalise(" ".join(segment.text for segment in whisper.transcribe(audio, language="en", beam_size=5)[0]))


def triples(text: str) -> Counter[tuple[str, ...]]:
    words = text.split()
    return Counter(zip(words, words[1:], words[2:], strict=False))


@needs_english
@pytest.mark.parametrize(
    ("model", "clips", "update_ms"),
    [
        pytest.param("tiny.en", (14, 15, 16, 1, 12), 500, id="tiny-often"),
        pytest.param("base", (3, 5, 6, 7, 9, 10), 1500, id="base-stretched"),
    ],
)
async def test_speech_without_a_pause_is_heard_as_well_as_offline(
    model: str, clips: tuple[int, ...], update_ms: int
) -> None:
    engines = Engines(model)
    named = {clip.path.stem: clip for clip in ENGLISH}
    chosen = [named[f"LJ001-{number:04}"] for number in clips]
    speech = np.concatenate([without_pauses(load(clip.path)) for clip in chosen])
    assert len(speech) > 40 * RATE
    audio = np.concatenate([speech, np.zeros(RATE, np.float32)])
    heard = await listen(engines, audio, update_ms=update_ms)

    assert len(heard.finals) == 1, "a pause would make it easy"
    longest_s = SessionSettings().max_window_s + update_ms / 1000
    assert max(len(request.samples) for request in engines.asked) < longest_s * RATE
    reference, streamed = normalise(" ".join(clip.text for clip in chosen)), normalise(heard.finals[0])
    rate, best = jiwer.wer(reference, streamed), jiwer.wer(reference, offline(model, audio))
    FIGURES.append(f"WER {rate:.1%}: {model}, streamed without a pause, {len(speech) / RATE:.0f} s; offline {best:.1%}")
    assert rate <= best + 0.04
    assert [t for t, times in triples(streamed).items() if times > max(1, triples(reference)[t])] == []
    assert heard.committed == {0: heard.finals[0]}
