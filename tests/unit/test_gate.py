import numpy as np
import pytest

from izwi.gate import Gate
from izwi.segmenter import FRAME
from izwi.stage_settings import VadSettings
from izwi.stages import Samples

HOP, IDLE_HOP = 3 * FRAME, 30 * FRAME
NOISE = np.random.default_rng(0).normal(0, 0.003, 16_000).astype(np.float32)


def quiet_room(noise: Samples = NOISE) -> Gate:
    """A gate that has heard a second of noise, judged to be no speech."""
    gate = Gate(VadSettings())
    for piece in np.array_split(noise, 4):
        for _ in range(3):
            gate.heard(piece)
            gate.judged(piece, (0.01,) * 7)
    return gate


def test_an_unknown_room_is_looked_at_closely() -> None:
    gate = Gate(VadSettings())
    gate.heard(NOISE[:1600])
    assert gate.hop(speaking=False) == HOP


@pytest.mark.parametrize("level", [0.1, 1.0, 10.0], ids=["quieter", "same", "loud fan"])
def test_a_quiet_room_is_looked_at_rarely(level: float) -> None:
    gate = quiet_room(NOISE * level)
    gate.heard(NOISE[:1600] * level)
    assert gate.hop(speaking=False) == IDLE_HOP


def test_a_quiet_room_goes_with_others_rather_than_soon_after() -> None:
    gate = quiet_room()
    gate.heard(NOISE[:1600])
    assert not gate.loud
    assert gate.hop(speaking=False, company=True) == IDLE_HOP // 2
    gate.heard(NOISE[:1600] * 3)
    assert gate.loud
    assert gate.hop(speaking=False, company=True) == HOP


def test_a_muted_line_is_looked_at_rarely_from_the_start() -> None:
    gate = Gate(VadSettings())
    gate.heard(np.zeros(1600, np.float32))
    assert gate.hop(speaking=False) == IDLE_HOP


def test_sound_above_the_noise_is_looked_at_at_once_and_until_it_is_judged() -> None:
    gate = quiet_room()
    gate.heard(NOISE[:1600] * 3)
    gate.heard(NOISE[:1600])
    assert gate.hop(speaking=False) == HOP
    gate.judged(NOISE[:1600], (0.01,) * 3)
    gate.heard(NOISE[:1600])
    assert gate.hop(speaking=False) == IDLE_HOP


def test_noise_that_becomes_louder_is_learned() -> None:
    gate = quiet_room()
    for _ in range(12):
        gate.heard(NOISE * 4)
        gate.judged(NOISE * 4, (0.01,) * 3)
    gate.heard(NOISE * 4)
    assert gate.hop(speaking=False) == IDLE_HOP


def test_speech_teaches_nothing_about_the_room() -> None:
    gate = quiet_room()
    gate.judged(NOISE * 30, (0.1, 0.9, 0.9))
    gate.heard(NOISE * 3)
    assert gate.hop(speaking=False) == HOP


def test_while_somebody_speaks_even_a_pause_is_looked_at_closely() -> None:
    gate = quiet_room()
    gate.heard(NOISE[:1600])
    assert gate.hop(speaking=True) == HOP
    assert gate.hop(speaking=True, factor=2) == 2 * HOP
