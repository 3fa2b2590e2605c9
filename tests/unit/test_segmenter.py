import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from izwi.segmenter import FRAME, Closed, Continued, Opened, Segmenter, SegmentEvent
from izwi.stage_settings import VadSettings

SETTINGS = VadSettings()  # opens after 3 frames, closes after 13, keeps 10 frames of pre-roll


def run(probabilities: list[float], chunk: int = 1, settings: VadSettings = SETTINGS) -> list[SegmentEvent]:
    segmenter = Segmenter(settings)
    events: list[SegmentEvent] = []
    for begin in range(0, len(probabilities), chunk):
        part = tuple(probabilities[begin : begin + chunk])
        frames = [np.full(FRAME, begin + i, np.float32) for i in range(len(part))]
        events += segmenter.push(np.concatenate(frames), part)
    return events + segmenter.flush()


def cut_after(probabilities: list[float], rest: int = 0) -> tuple[Segmenter, list[SegmentEvent]]:
    segmenter = Segmenter(SETTINGS)
    samples = np.zeros(len(probabilities) * FRAME, np.float32)
    events = segmenter.push(samples, tuple(probabilities))
    return segmenter, events + segmenter.cut(np.zeros(rest, np.float32))


@pytest.mark.parametrize(
    ("frames", "rest", "end"),
    [
        ([0.9] * 10, 0, 10 * FRAME),
        ([0.9] * 10, 100, 10 * FRAME + 100),
        ([0.9] * 10 + [0.0] * 5, 100, 10 * FRAME),
    ],
    ids=["at a frame", "inside a frame", "in a pause"],
)
def test_a_cut_closes_the_utterance_with_the_last_sample(frames: list[float], rest: int, end: int) -> None:
    segmenter, events = cut_after(frames, rest)
    assert events[-1] == Closed(end)
    audio = sum(len(e.samples) for e in events if not isinstance(e, Closed))
    assert audio == segmenter.position == segmenter.safe_position == len(frames) * FRAME + rest
    assert not segmenter.speaking


def test_what_comes_after_a_cut_reaches_not_back_over_it() -> None:
    segmenter, events = cut_after([0.0] * 20 + [0.9] * 2, 7)  # two frames: too short to be speech yet
    assert events == []
    opened = segmenter.push(np.zeros(3 * FRAME, np.float32), (0.9,) * 3)[0]
    assert isinstance(opened, Opened)
    assert (opened.start, opened.onset) == (22 * FRAME + 7, 22 * FRAME + 7)


def boundaries(events: list[SegmentEvent]) -> list[tuple[str, int]]:
    return [
        ("opened", e.onset // FRAME) if isinstance(e, Opened) else ("closed", e.end // FRAME)
        for e in events
        if not isinstance(e, Continued)
    ]


def test_silence_yields_nothing() -> None:
    assert run([0.1] * 100) == []


def test_a_click_is_not_speech() -> None:
    assert run([0.0] * 20 + [0.9] * 2 + [0.0] * 20) == []


def test_speech_between_silences() -> None:
    events = run([0.0] * 20 + [0.9] * 10 + [0.0] * 30)
    assert boundaries(events) == [("opened", 20), ("closed", 30)]


def test_the_preroll_is_part_of_the_utterance_and_nothing_is_lost_or_doubled() -> None:
    events = run([0.0] * 20 + [0.9] * 10 + [0.0] * 30)
    opened = events[0]
    assert isinstance(opened, Opened)
    assert opened.start == 10 * FRAME
    audio = np.concatenate([e.samples for e in events if not isinstance(e, Closed)])
    assert audio[::FRAME].tolist() == list(range(10, 43))


def test_a_pause_shorter_than_the_endpoint_does_not_split() -> None:
    events = run([0.9] * 10 + [0.0] * 12 + [0.9] * 10 + [0.0] * 13)
    assert boundaries(events) == [("opened", 0), ("closed", 32)]


def test_between_the_thresholds_speech_goes_on_but_does_not_start() -> None:
    assert run([0.4] * 50) == []
    assert boundaries(run([0.9] * 5 + [0.4] * 50)) == [("opened", 0), ("closed", 55)]


def test_the_end_of_the_stream_closes_an_open_utterance() -> None:
    assert boundaries(run([0.9] * 10)) == [("opened", 0), ("closed", 10)]


def test_the_safe_position_never_passes_audio_that_an_utterance_may_still_claim() -> None:
    segmenter = Segmenter(SETTINGS)
    segmenter.push(np.zeros(40 * FRAME, np.float32), (0.0,) * 40)
    safe = segmenter.safe_position
    opened = segmenter.push(np.zeros(3 * FRAME, np.float32), (0.9,) * 3)[0]
    assert isinstance(opened, Opened)
    assert safe <= opened.start


@pytest.mark.parametrize("endpoint_ms", [200, 400, 800])
def test_the_endpoint_is_configurable(endpoint_ms: int) -> None:
    frames = -(-endpoint_ms // 32)
    settings = VadSettings(endpoint_ms=endpoint_ms)
    assert len(boundaries(run([0.9] * 5 + [0.0] * (frames - 1) + [0.9] * 5, settings=settings))) == 2
    assert len(boundaries(run([0.9] * 5 + [0.0] * frames + [0.9] * 5, settings=settings))) == 4


@given(st.lists(st.sampled_from([0.0, 0.4, 0.9]), max_size=120), st.integers(1, 9))
def test_any_chunking_gives_the_same_events(probabilities: list[float], chunk: int) -> None:
    assert boundaries(run(probabilities, chunk)) == boundaries(run(probabilities))
