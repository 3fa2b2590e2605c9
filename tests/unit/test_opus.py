"""Opus packets: their headers, both directions of the codec, damage, and where a stream is taken up again."""

from contextlib import suppress

import av
import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from izwi.audio import SAMPLE_RATE, from_pcm16
from izwi.errors import DamagedAudio
from izwi.messages import OPUS_RATE
from izwi.opus import OpusEncoder
from izwi.opus_converter import OpusConverter
from izwi.opus_packets import GRID, MAX_BYTES, MAX_SAMPLES, PRE_SKIP, WARM_UP, duration, join, resend_from, split
from izwi.stages import Samples
from tests.signals import decoded, encoded, snr_db, voice


@pytest.mark.parametrize(
    ("packet", "ms"),
    [
        # RFC 6716, table 2 and section 3.2: one frame, two, and any number of each kind and length.
        (bytes([0 << 3]), 10),
        (bytes([3 << 3]), 60),
        (bytes([9 << 3 | 1]), 40),
        (bytes([12 << 3]), 10),
        (bytes([15 << 3 | 2]), 40),
        (bytes([16 << 3]), 2.5),
        (bytes([31 << 3]), 20),
        (bytes([31 << 3 | 3, 6]), 120),
        (bytes([28 << 3 | 3, 48]), 120),
        (bytes([28 << 3 | 3, 0xC0 | 4]), 10),
    ],
)
def test_the_header_tells_how_long_a_packet_is(packet: bytes, ms: float) -> None:
    assert duration(packet) == ms * 48


@pytest.mark.parametrize(
    "packet", [b"", bytes([31 << 3 | 3]), bytes([31 << 3 | 3, 0]), bytes([31 << 3 | 3, 7]), bytes([3 << 3 | 3, 63])]
)
def test_a_header_of_no_valid_packet(packet: bytes) -> None:
    with pytest.raises(DamagedAudio):
        duration(packet)


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_packets_come_out_of_a_frame_as_they_went_in(packets: list[bytes]) -> None:
    frame = join(packets)
    assert split(frame) == packets
    if packets:
        with pytest.raises(DamagedAudio):
            split(frame + b"\0")
        with pytest.raises(DamagedAudio):
            split(frame + b"\0\5abcd")


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("cuts", [[], [1, 480, 481, 5000], [7] * 3])
def test_what_is_encoded_comes_back_sample_by_sample(rate: int, cuts: list[int]) -> None:
    pcm = voice(1.01, rate)
    encoder = OpusEncoder(rate)
    packets: list[bytes] = []
    for piece in np.split(pcm, cuts):
        packets += encoder.push(piece)
        assert encoder.complete == max(0, min(len(pcm), len(packets) * rate // 50 - rate * PRE_SKIP // 48_000))
    packets += encoder.finish()
    assert encoder.complete == len(pcm)
    assert {duration(packet) for packet in packets} == {960}
    heard = decoded(packets)[PRE_SKIP:]
    whole = len(pcm) * 48_000 // rate
    assert whole <= len(heard) < whole + 960
    again = soxr.resample(heard[:whole].astype(np.float32), 48_000, rate)
    edge = rate // 50
    assert snr_db(pcm[edge:-edge], again[edge:-edge]) > 10


def test_the_delay_is_the_one_that_the_encoder_tells() -> None:
    codec = av.CodecContext.create("libopus", "w")
    codec.sample_rate, codec.layout, codec.format = 24_000, "mono", "s16"  # type: ignore[attr-defined]
    codec.options = {"application": "audio"}
    codec.open()
    assert int.from_bytes((codec.extradata or b"")[10:12], "little") == PRE_SKIP


def test_nothing_encoded_is_no_packet() -> None:
    assert encoded(np.zeros(0, np.int16), 16_000) == []


def convert(packets: list[bytes]) -> tuple[Samples, int]:
    """What a stream gives, and how many of its packets were damaged."""
    converter = OpusConverter()
    parts: list[Samples] = []
    damaged = 0
    for packet in packets:
        try:
            parts.append(converter.push(packet))
        except DamagedAudio:
            parts.append(converter.silence())
            damaged += 1
    return np.concatenate([*parts, converter.flush()]), damaged


def test_packets_become_16_khz() -> None:
    pcm = voice(1.0, SAMPLE_RATE)
    samples, damaged = convert(encoded(pcm, SAMPLE_RATE))
    assert not damaged
    assert samples.dtype == np.float32
    delay = SAMPLE_RATE * PRE_SKIP // OPUS_RATE
    assert snr_db(from_pcm16(pcm.tobytes())[320:-320], samples[delay:][320 : len(pcm) - 320]) > 10


def test_stereo_packets_are_mixed() -> None:
    codec = av.CodecContext.create("libopus", "w")
    codec.sample_rate, codec.layout, codec.format = 48_000, "stereo", "s16"  # type: ignore[attr-defined]
    left = voice(0.5, 48_000)[:23_040]
    packets: list[bytes] = []
    for begin in range(0, len(left), 960):
        both = np.stack([left[begin : begin + 960], np.zeros(960, np.int16)], axis=1).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        frame.sample_rate = 48_000
        packets += [bytes(packet) for packet in codec.encode(frame)]  # type: ignore[attr-defined]
    assert packets[5][0] & 4  # the header says stereo
    heard = decoded(packets)[PRE_SKIP:]
    level = np.sqrt(np.mean(heard[4800:].astype(float) ** 2) / np.mean(left[4800:].astype(float) ** 2))
    assert level == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("bad", [b"\xff", b"\xff\xff\xff", b"\x03", b"\x79abc", bytes(MAX_BYTES + 1), b""])
def test_a_damaged_packet_is_silence_and_the_stream_goes_on(bad: bytes) -> None:
    packets = encoded(voice(1.0, SAMPLE_RATE), SAMPLE_RATE)
    whole, _ = convert(packets)
    length = SAMPLE_RATE // 50  # as long as the one before
    with suppress(DamagedAudio):
        length = duration(bad) // 3
    samples, damaged = convert([*packets[:20], bad, *packets[20:]])
    assert damaged == 1
    assert len(samples) == len(whole) + length
    np.testing.assert_allclose(samples[: 20 * 320 - 40], whole[: 20 * 320 - 40], atol=1e-3)
    gap = samples[20 * 320 + 40 : 20 * 320 + length - 40]
    assert np.abs(gap).max(initial=0) < 0.05
    tail = samples[-20 * 320 :]
    assert snr_db(whole[-20 * 320 :], tail) > 20


def test_a_lost_packet_is_told_by_its_first_byte_alone_and_concealed() -> None:
    packets = encoded(voice(1.0, SAMPLE_RATE), SAMPLE_RATE)
    whole, _ = convert(packets)
    samples, damaged = convert([*packets[:20], packets[20][:1], *packets[21:]])
    assert not damaged
    assert len(samples) == len(whole)
    concealed = samples[20 * 320 + 110 : 21 * 320 + 90]
    assert np.sqrt(np.mean(concealed**2)) > 0.02


@settings(deadline=None, max_examples=200)
@given(st.lists(st.one_of(st.binary(max_size=120), st.integers(0, 49)), max_size=12))
def test_whatever_comes_ends_in_audio_or_a_typed_error(frames: list[bytes | int]) -> None:
    converter = OpusConverter()
    announced = 0
    samples = 0
    for frame in frames:
        packet = frame if isinstance(frame, bytes) else PACKETS[frame]
        try:
            announced += duration(packet)
        except DamagedAudio:
            announced += MAX_SAMPLES
        try:
            piece = converter.push(packet)
        except DamagedAudio:
            piece = converter.silence()
        assert np.isfinite(piece).all()
        assert np.abs(piece).max(initial=0) <= 1
        samples += len(piece)
    assert samples + len(converter.flush()) <= announced // 3 + 1


PACKETS = encoded(voice(1.0, SAMPLE_RATE), SAMPLE_RATE)


@given(st.integers(0, 2**40))
def test_a_stream_is_taken_up_at_a_packet_with_time_to_warm_up(position: int) -> None:
    begin = resend_from(position)
    assert begin % GRID == 0
    assert begin == 0 or WARM_UP <= position - begin < WARM_UP + GRID
    for ms in (2.5, 5, 10, 20, 40, 60, 120):
        assert begin % (16 * ms) == 0


@pytest.mark.parametrize("packet_ms", [20])
@pytest.mark.parametrize("position", [1, 5000, 9_999, 14_000])
def test_after_the_warm_up_a_fresh_decoder_gives_what_the_old_one_would_have(packet_ms: int, position: int) -> None:
    packets = encoded(voice(2.0, SAMPLE_RATE), SAMPLE_RATE)
    whole, _ = convert(packets)
    begin = resend_from(position)
    again, _ = convert(packets[begin // (16 * packet_ms) :])
    rest = again[position - begin :]
    assert len(rest) == len(whole) - position
    assert snr_db(whole[position:], rest) > 15
