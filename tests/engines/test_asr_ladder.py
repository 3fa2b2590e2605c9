"""Windows that loop: what is tried again, for how long, and what is left of them in the end."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deployments.asr import guard
from deployments.asr.faster_whisper import FasterWhisper
from deployments.asr.guard import Verdict
from izwi import models
from izwi.settings import Settings
from izwi.stage_settings import AsrSettings
from izwi.stages import AsrRequest
from tests.speech import ENGLISH, load, needs_english

RATE = 16_000
SENTENCE = " The air is pure."
TWICE = " At that high level the air is pure at that high level the air is pure."
HALFWAY = f"{TWICE} and then"
LOOP = " the week of" * 8
SURE, DOUBTFUL = -0.2, -1.6


def _settings(**changes: object) -> Settings:
    if not models.installed("whisper-tiny.en"):
        pytest.skip(models.ASSETS["whisper-tiny.en"].fix)
    asr = AsrSettings(**{"model": "tiny.en", "margin_s": 2.5, "retry_margin_s": 8.0, **changes})  # type: ignore[arg-type]
    return Settings(device="cpu", asr=asr)


@pytest.fixture(scope="module")
def tiny() -> FasterWhisper:
    return FasterWhisper(_settings())


class Scripted:
    """Stands for CTranslate2's model. What it decodes is written down: one row of texts per call of `generate`."""

    is_multilingual = False

    def __init__(self, engine: FasterWhisper, rows: Sequence[Sequence[tuple[str, float]]]) -> None:
        self._tokens = engine._whisper.hf_tokenizer.encode
        self._rows = iter(rows)
        self.calls: list[tuple[int, float]] = []
        """Windows decoded together, and the length to which they were padded, in seconds."""
        self.options: list[dict[str, Any]] = []

    def encode(self, features: Any) -> SimpleNamespace:
        windows, _, frames = features.shape
        return SimpleNamespace(shape=[windows, frames // 2, 384])

    def generate(self, encoded: Any, prompts: list[list[int]], **options: Any) -> list[SimpleNamespace]:
        self.calls.append((len(prompts), encoded.shape[1] / 50))  # the encoder gives 50 frames a second
        self.options.append(options)
        row = next(self._rows)
        assert len(row) == len(prompts) == encoded.shape[0]
        return [
            SimpleNamespace(
                sequences_ids=[self._tokens(text, add_special_tokens=False).ids], scores=[score], no_speech_prob=0.01
            )
            for text, score in row
        ]


def _align(tokenizer: Any, texts: list[list[int]], encoded: Any, frames: list[int]) -> list[list[dict[str, Any]]]:
    """Every word at the beginning of its window: where words lie is not the subject here."""
    words = [tokenizer.split_to_word_tokens(tokens) for tokens in texts]
    return [
        [{"word": w, "tokens": t, "start": 0.0, "end": 0.1, "probability": 0.9} for w, t in zip(*pair, strict=True)]
        for pair in words
    ]


@pytest.fixture
def script(tiny: FasterWhisper, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def play(*rows: Sequence[str | tuple[str, float]], **changes: object) -> Scripted:
        pairs = [[(said, SURE) if isinstance(said, str) else said for said in row] for row in rows]
        scripted = Scripted(tiny, pairs)
        monkeypatch.setattr(tiny, "_model", scripted)
        monkeypatch.setattr(tiny._whisper, "find_alignment", _align)
        monkeypatch.setattr(tiny, "_asr", _settings(**changes).asr)
        return scripted

    return play


def ask(engine: FasterWhisper, *seconds: float, final: bool = False) -> list[tuple[str, int]]:
    """Text and retries of windows of these lengths."""
    requests = [AsrRequest(np.zeros(round(s * RATE), np.float32), "en", final) for s in seconds]
    return [("".join(word.text for word in heard.words), heard.retries) for heard in engine.transcribe(requests)]


def test_a_good_window_is_decoded_once(tiny: FasterWhisper, script: Any) -> None:
    scripted = script([SENTENCE])
    assert ask(tiny, 2.0) == [(SENTENCE, 0)]
    assert scripted.calls == [(1, 4.5)]


def test_a_window_that_loops_is_tried_longer_then_filled_up_then_cut(tiny: FasterWhisper, script: Any) -> None:
    scripted = script([LOOP], [LOOP], [" On Sunday" + LOOP])
    assert ask(tiny, 2.5, final=True) == [(" On Sunday the week of", 2)]
    assert scripted.calls == [(1, 5.0), (1, 10.5), (1, 30.0)]


def test_a_partial_window_that_loops_is_cut_at_once(tiny: FasterWhisper, script: Any) -> None:
    scripted = script([LOOP, TWICE])
    assert ask(tiny, 1.0, 4.0) == [(" the week of", 0), (" At that high level the air is pure", 0)]
    assert len(scripted.calls) == 1


def test_the_climb_ends_at_the_first_window_that_can_be_believed(tiny: FasterWhisper, script: Any) -> None:
    scripted = script([LOOP], [SENTENCE])
    assert ask(tiny, 2.5, final=True) == [(SENTENCE, 1)]
    assert scripted.calls == [(1, 5.0), (1, 10.5)]


def test_a_phrase_said_twice_is_tried_again_but_not_cut(tiny: FasterWhisper, script: Any) -> None:
    script([TWICE], [TWICE], [TWICE])
    assert ask(tiny, 4.0, final=True) == [(TWICE, 2)]


def test_more_tokens_than_the_audio_can_hold_are_not_believed(tiny: FasterWhisper, script: Any) -> None:
    endless = " a b c d e f g h i j k l m n o p q r s t u v w x y z"
    scripted = script([endless], [SENTENCE])
    assert ask(tiny, 1.0) == [(SENTENCE, 1)]
    assert scripted.options[0]["max_length"] == 2 * guard.token_limit(1.0)


def test_an_improbable_partial_is_dropped_and_an_improbable_final_is_tried_again(
    tiny: FasterWhisper, script: Any
) -> None:
    scripted = script([(SENTENCE, DOUBTFUL)])
    assert ask(tiny, 2.0) == [("", 0)]
    assert len(scripted.calls) == 1
    script([(SENTENCE, DOUBTFUL)], [(SENTENCE, DOUBTFUL)], [(SENTENCE, DOUBTFUL)])
    assert ask(tiny, 2.0, final=True) == [(SENTENCE, 2)]


def test_in_a_batch_only_the_window_that_loops_climbs(tiny: FasterWhisper, script: Any) -> None:
    scripted = script([SENTENCE, HALFWAY, SENTENCE], [HALFWAY], [SENTENCE])
    assert ask(tiny, 1.0, 1.5, 2.0) == [(SENTENCE, 0), (SENTENCE, 2), (SENTENCE, 0)]
    assert scripted.calls == [(3, 4.5), (1, 9.5), (1, 30.0)]


def test_two_windows_that_loop_climb_together_and_answers_keep_their_order(tiny: FasterWhisper, script: Any) -> None:
    # The shortest window is decoded first, whatever its place in the batch.
    scripted = script([HALFWAY, SENTENCE, HALFWAY], [" One.", HALFWAY], [" Three."])
    assert ask(tiny, 2.0, 1.5, 1.0) == [(" Three.", 2), (SENTENCE, 0), (" One.", 1)]
    assert scripted.calls == [(3, 4.5), (2, 10.0), (1, 30.0)]


def test_a_final_window_that_loops_to_the_end_is_sampled_where_that_is_asked_for(
    tiny: FasterWhisper, script: Any
) -> None:
    scripted = script([LOOP], [LOOP], [LOOP], [SENTENCE], temperatures=(0.4, 0.8))
    assert ask(tiny, 3.0, final=True) == [(SENTENCE, 3)]
    assert [options.get("sampling_temperature") for options in scripted.options] == [None, None, None, 0.4]


def test_a_short_final_window_begins_with_more_silence(tiny: FasterWhisper, script: Any) -> None:
    """A lone word is what the shorter silence doubles."""
    scripted = script([SENTENCE])
    ask(tiny, 1.0, final=True)
    assert scripted.calls == [(1, 9.0)]


@needs_english
def test_real_windows_of_one_second_loop_without_the_guard_and_not_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 1 s of silence after them instead of 3.5 s, which makes it worse; the token limit as at the start."""
    audio = np.concatenate([load(clip.path) for clip in ENGLISH[-6:]])
    windows = [audio[begin : begin + RATE] for begin in range(0, len(audio), RATE)]
    engine = FasterWhisper(_settings(margin_s=1.0))

    def hear() -> list[str]:
        heard = engine.transcribe([AsrRequest(window, "en", final=False) for window in windows])
        return ["".join(word.text for word in one.words) for one in heard]

    guarded = hear()
    monkeypatch.setattr(guard, "judge", lambda _: Verdict.GOOD)
    monkeypatch.setattr(guard, "cut_loops", lambda tokens: tokens)
    monkeypatch.setattr(engine._rate, "limit", lambda _, seconds: guard.token_limit(seconds))
    loose = hear()
    most = max(len(text.split()) for text in guarded)
    assert most <= 6, "nobody says more in a second"
    assert max(len(text.split()) for text in loose) > 1.5 * most
    assert not any(map(guard.says_twice, guarded))
    assert any(map(guard.says_twice, loose))
