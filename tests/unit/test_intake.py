from contextlib import suppress

import numpy as np
import pytest

from deployments.ingress.intake import PIECE, SLACK, Intake, Overrun
from izwi.audio import Cut
from izwi.errors import AudioTooLong, DamagedAudio, ProtocolViolation
from izwi.messages import AudioFormat
from izwi.opus import OpusEncoder
from izwi.session_settings import SessionSettings
from izwi.settings import Settings
from tests.clock import Clock


def intake(max_audio_seconds: float = 100, pieces: int = 4) -> Intake:
    session = SessionSettings(audio_queue=pieces)
    settings = Settings(_env_file=None, max_audio_seconds=max_audio_seconds, session=session)  # type: ignore[call-arg]
    opened = Intake(settings, pieces / 2)
    opened.open(AudioFormat())
    return opened


def pcm(samples: int) -> bytes:
    return np.ones(samples, np.int16).tobytes()


async def drained(opened: Intake) -> list[int]:
    return [len(piece) async for piece in opened.stream() if not isinstance(piece, Cut)]


async def test_large_frames_become_small_pieces_and_nothing_is_lost() -> None:
    opened = intake()
    assert opened.push(pcm(20_000)) == 20_000
    opened.end()
    assert await drained(opened) == [PIECE, PIECE, 4_000]


async def test_small_pieces_that_wait_come_together_up_to_a_step_and_a_cut_parts_them() -> None:
    opened = intake()
    for _ in range(3):
        opened.push(pcm(1_600))
    opened.cut()
    for _ in range(7):
        opened.push(pcm(1_600))
    opened.end()
    assert [0 if isinstance(piece, Cut) else len(piece) async for piece in opened.stream()] == [4_800, 0, PIECE, 3_200]
    assert opened.depth[0] == 0


async def test_what_comes_in_time_does_not_wait_for_more() -> None:
    opened = intake()
    stream = opened.stream()
    for _ in range(3):
        opened.push(pcm(1_600))
        assert len(await anext(stream)) == 1_600  # type: ignore[arg-type]


async def test_the_window_moves_on_as_audio_is_taken() -> None:
    opened = intake(pieces=4)
    stream = opened.stream()
    for _ in range(20):
        opened.push(pcm(2 * PIECE))
        await anext(stream)
        await anext(stream)
    assert opened.window == 4 * PIECE


def test_a_client_beyond_its_window_is_an_overrun() -> None:
    opened = intake(pieces=4)
    opened.push(pcm(4 * PIECE + SLACK))
    with pytest.raises(Overrun):
        opened.push(pcm(1))


async def test_a_cut_comes_after_all_that_was_pushed_and_none_comes_after_the_end() -> None:
    opened = Intake(Settings(_env_file=None), 15.0)  # type: ignore[call-arg]
    opened.open(AudioFormat(sample_rate=24_000))
    for _ in range(2):
        opened.push(pcm(24_000))
        opened.cut()
    opened.end()
    with pytest.raises(ProtocolViolation):
        opened.cut()
    order = ["cut" if isinstance(piece, Cut) else len(piece) async for piece in opened.stream()]
    before = order.index("cut")
    assert sum(n for n in order[:before] if n != "cut") == 16_000  # what the resampler held is there, too
    assert order.count("cut") == 2
    assert order[-1] == "cut"


async def test_audio_up_to_the_limit_is_kept_and_the_rest_reported() -> None:
    opened = intake(max_audio_seconds=1.0)
    assert opened.push(pcm(20_000)) == 16_000
    assert isinstance(opened.failure, AudioTooLong)
    assert opened.push(pcm(10)) == 0
    assert sum(await drained(opened)) == 16_000


async def test_cut_off_ends_the_stream_and_ignores_what_is_under_way() -> None:
    opened = intake()
    opened.push(pcm(100))
    opened.cut_off()
    assert opened.push(pcm(100)) == 0
    opened.end()
    assert await drained(opened) == [100]


def test_audio_before_the_start_and_after_the_end_is_a_violation() -> None:
    fresh = Intake(Settings(_env_file=None), 15.0)  # type: ignore[call-arg]
    for call in (lambda: fresh.push(b"\0\0"), fresh.end, fresh.cut):
        with pytest.raises(ProtocolViolation):
            call()
    opened = intake()
    opened.end()
    with pytest.raises(ProtocolViolation):
        opened.push(pcm(1))
    with pytest.raises(ProtocolViolation):
        opened.open(AudioFormat())


def packets(seconds: float) -> list[bytes]:
    encoder = OpusEncoder(16_000)
    noise = np.random.default_rng(0).integers(-8000, 8000, int(seconds * 16_000), np.int16)
    return encoder.push(noise) + encoder.finish()


async def test_a_damaged_packet_is_told_and_offsets_stay_right() -> None:
    opened = Intake(Settings(_env_file=None), 15.0)  # type: ignore[call-arg]
    opened.open(AudioFormat(encoding="opus"))
    sent = packets(1.0)
    for packet in sent[:10]:
        opened.push(packet)
    with pytest.raises(DamagedAudio):
        opened.push(b"\xff\xff")
    for packet in sent[10:]:
        opened.push(packet)
    opened.end()
    assert sum(await drained(opened)) == 320 * (len(sent) + 1)


async def test_damage_alone_moves_the_stream_on_and_counts_for_the_window() -> None:
    """Three bytes that announce 120 ms: what stands for them must neither pile up unseen nor hold a client up."""
    opened = Intake(Settings(_env_file=None), 1.2)  # type: ignore[call-arg]
    opened.open(AudioFormat(encoding="opus"))
    for _ in range(10):
        with pytest.raises(DamagedAudio):
            opened.push(b"\xfb\x06\xff")
    stream = opened.stream()
    assert sum([len(await anext(stream)) for _ in range(2)]) == pytest.approx(1.2 * 16_000, abs=200)

    def until_it_is_too_much() -> None:
        for _ in range(100):
            with suppress(DamagedAudio):
                opened.push(b"\xfb\x06\xff")

    with pytest.raises(Overrun):
        until_it_is_too_much()


async def test_what_is_sent_again_for_the_decoder_goes_no_further() -> None:
    sent = packets(2.0)
    whole, again = (Intake(Settings(_env_file=None), 15.0) for _ in range(2))  # type: ignore[call-arg]
    whole.open(AudioFormat(encoding="opus"))
    again.open(AudioFormat(encoding="opus"), 5_000, 5_000 - 1_920)
    for packet in sent:
        whole.push(packet)
    for packet in sent[1_920 // 320 :]:
        again.push(packet)
    heard = []
    for one in (whole, again):
        one.end()
        heard.append(np.concatenate([piece async for piece in one.stream()]))
    assert len(heard[1]) == len(heard[0]) - 5_000
    difference = heard[1] - heard[0][5_000:]
    assert np.sqrt(np.mean(difference**2)) < 0.05 * np.sqrt(np.mean(heard[0] ** 2))


def pushed(seconds: float, pace: float, clock: Clock, opened: Intake, frame_s: float = 0.1) -> bool:
    """Send, and take at once; whether it passed for live all the time."""
    live = True
    for _ in range(round(seconds / frame_s)):
        clock.now += frame_s / pace
        opened.push(pcm(round(frame_s * 16_000)))
        opened._waiting = 0
        live = live and opened.live
    return live


@pytest.mark.parametrize("frame_s", [0.02, 0.5, 2.0])
def test_a_microphone_is_live_for_hours(frame_s: float) -> None:
    clock = Clock(0.0)
    opened = Intake(Settings(_env_file=None), 15.0, clock)  # type: ignore[call-arg]
    opened.open(AudioFormat())
    assert pushed(3600, 1.0, clock, opened, frame_s)
    opened.end()
    assert not opened.live


@pytest.mark.parametrize("pace", [1.5, 4.0, 1e6])
def test_a_file_is_told_from_a_microphone_within_seconds(pace: float) -> None:
    clock = Clock(0.0)
    opened = Intake(Settings(_env_file=None), 15.0, clock)  # type: ignore[call-arg]
    opened.open(AudioFormat())
    pushed(15.5, pace, clock, opened)
    assert not opened.live
    pushed(600, pace, clock, opened)
    assert not opened.live
    pushed(16, 1.0, clock, opened)  # it goes on as fast as it is played
    assert opened.live


def test_audio_that_waits_is_not_live_whatever_its_pace() -> None:
    clock = Clock(0.0)
    opened = intake(pieces=30)
    opened._clock = clock
    for _ in range(7):
        clock.now += 0.5
        opened.push(pcm(PIECE))
    assert not opened.live


def test_what_comes_at_once_after_a_gap_in_the_network_is_forgotten() -> None:
    clock = Clock(0.0)
    opened = Intake(Settings(_env_file=None), 15.0, clock)  # type: ignore[call-arg]
    opened.open(AudioFormat())
    pushed(60, 1.0, clock, opened)
    clock.now += 8
    pushed(8, 1e6, clock, opened)
    assert not opened.live
    pushed(16, 1.0, clock, opened)
    assert opened.live
