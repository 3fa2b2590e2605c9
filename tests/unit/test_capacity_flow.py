"""Sessions as a flow: how far apart updates are, and how late words."""

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from izwi.capacity.flow import habits, idle_period_s, recognition
from izwi.settings import Settings
from izwi.spacing import MOST
from tests.capacity import SETTINGS, SPEECH, priced

SPOKEN = habits(SPEECH.clips, SETTINGS)


def settings(**changes: object) -> Settings:
    return SETTINGS.model_copy(update={"session": SETTINGS.session.model_copy(update=changes)})


def test_what_somebody_does_who_speaks() -> None:
    assert SPOKEN.careful_per_s == pytest.approx(2 / 5)  # the pause of 0.3 s, and the end
    assert SPOKEN.clauses_per_s == pytest.approx(1 / 5)
    assert SPOKEN.chars_per_s == pytest.approx(50 / 5)
    assert 2.0 < SPOKEN.window_s < 3.0  # 5 s, from the first 0.3 s on


@pytest.mark.parametrize(("update_ms", "period_s"), [(50, 0.1), (250, 0.3), (300, 0.4), (1000, 1.07)])
def test_an_idle_server_updates_in_whole_chunks_of_whole_frames(update_ms: int, period_s: float) -> None:
    # Three chunks of 100 ms hold nine frames, 288 ms: not enough for 300.
    assert idle_period_s(settings(update_ms=update_ms)) == pytest.approx(period_s, abs=0.02)


def test_with_room_everybody_is_served_at_once() -> None:
    found = recognition(1, 8, 8, priced(), SETTINGS, SPOKEN)
    assert found.period_s == pytest.approx(0.4, abs=0.01)
    assert (found.batch, found.wait_s) == (1.0, pytest.approx(0.0, abs=0.01))
    assert found.busy == pytest.approx(found.windows_per_s * found.answer_s)


def test_beyond_the_workers_windows_travel_together_and_then_updates_stretch() -> None:
    some, many, crowd = (recognition(count, 2, 2, priced(), SETTINGS, SPOKEN) for count in (3, 10, 64))
    assert some.batch == 1.0
    assert 1.0 < many.batch < 4.0
    assert MOST * 0.3 <= many.period_s < 1.5  # spaced as far as passes are, and some wait
    assert crowd.batch == 4.0
    assert crowd.windows_per_s == pytest.approx(2 * 4 / crowd.answer_s)  # two workers, four windows a call
    assert crowd.period_s == pytest.approx(64 / crowd.windows_per_s)
    assert crowd.shown_p50_s > crowd.period_s / 2
    assert crowd.final_p50_s > some.final_p50_s


def test_too_many_places_spoil_the_batches() -> None:
    """Calls that may all be under way at once leave with one window each, and wait in the replicas."""
    tight, loose = (recognition(64, 2, places, priced(), SETTINGS, SPOKEN) for places in (2, 64))
    assert loose.batch < tight.batch
    assert loose.windows_per_s < tight.windows_per_s
    assert loose.answer_s > 2 * tight.answer_s


SEAM = 1.1
"""Where all workers become busy one approximation takes over from another, which is up to a tenth quicker there."""


@hypothesis_settings(deadline=None)
@given(st.floats(0.5, 5000), st.floats(0.5, 5000), st.floats(1, 500), st.integers(1, 40))
def test_more_speakers_never_see_more_often(one: float, other: float, workers: float, ingresses: int) -> None:
    few, many = sorted((one, other))
    places = ingresses * workers
    less, more = (recognition(count, workers, places, priced(), SETTINGS, SPOKEN) for count in (few, many))
    assert less.period_s <= more.period_s * SEAM
    assert less.busy <= more.busy * 1.001


@hypothesis_settings(deadline=None)
@given(st.floats(0.5, 5000), st.floats(1, 500), st.floats(1, 3), st.integers(1, 40))
def test_more_workers_never_make_it_later(speaking: float, workers: float, times: float, ingresses: int) -> None:
    fewer, more = (
        recognition(speaking, count, ingresses * count, priced(), SETTINGS, SPOKEN)
        for count in (workers, workers * times)
    )
    assert more.period_s <= fewer.period_s * SEAM
    assert more.busy <= workers * times + 1e-9
