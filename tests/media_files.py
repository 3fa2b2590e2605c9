"""Media files made for a test."""

from pathlib import Path

import av
import numpy as np

from izwi.audio import Samples


def tone(seconds: float, rate: int, hertz: float = 440.0) -> Samples:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


CODECS = {
    "wav": "pcm_s16le",
    "flac": "flac",
    "mp3": "libmp3lame",
    "ogg": "libopus",
    "opus": "libopus",
    "m4a": "aac",
    "webm": "libopus",
}


def encode(path: Path, seconds: float = 2.0, rate: int = 48_000, video: bool = False) -> Path:
    """A stereo tone, behind a video stream if asked for."""
    pcm = (np.repeat(tone(seconds, rate), 2) * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p") if video else None
        stream = container.add_stream(CODECS.get(path.suffix[1:], "aac"), rate=rate, layout="stereo")
        if picture:
            for packet in picture.encode(av.VideoFrame(64, 64, "yuv420p")):
                container.mux(packet)
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="stereo")
        frame.sample_rate = rate
        container.mux([*stream.encode(frame), *stream.encode(None), *(picture.encode(None) if picture else ())])
    return path
