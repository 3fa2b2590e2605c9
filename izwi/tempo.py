"""Speech made faster or slower at the same pitch, for what a synthesiser cannot do itself. Pure.

FFmpeg's ``atempo``, a WSOLA (Verhelst and Roelands, 1993): it moves whole periods of the voice closer together.
"""

import math

import av
import av.error
import numpy as np
from av.filter import Graph

from izwi.encoders import Pcm

_STEP = (0.5, 2.0)
"""What one filter does well: beyond it leaves samples out, or does not go."""


def stretch(pcm: Pcm, rate: int, tempo: float) -> Pcm:
    """The same speech at ``tempo`` times its speed.

    Args:
        pcm: mono, int16, shape (n,), at ``rate`` Hz.
        tempo: 2 is twice as fast; any positive number.

    Returns:
        About ``n / tempo`` samples.
    """
    if tempo == 1.0 or not pcm.size:
        return pcm
    graph = Graph()
    source = graph.add_abuffer(sample_rate=rate, format="s16", layout="mono")
    steps = [graph.add("atempo", f"{step:.6f}") for step in _steps(tempo)]
    graph.link_nodes(source, *steps, graph.add("abuffersink")).configure()
    frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
    frame.sample_rate = rate
    graph.push(frame)
    graph.push(None)
    return np.concatenate([np.zeros(0, np.int16), *_pulled(graph)])


def _pulled(graph: Graph) -> list[Pcm]:
    pieces: list[Pcm] = []
    while True:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return pieces
        if isinstance(frame, av.AudioFrame):
            pieces.append(frame.to_ndarray().reshape(-1).astype(np.int16, copy=False))


def _steps(tempo: float) -> list[float]:
    """Equal factors within `_STEP` whose product is ``tempo``."""
    slowest, fastest = _STEP
    count = max(1, math.ceil(math.log(tempo) / math.log(fastest if tempo > 1 else slowest) - 1e-9))
    return [tempo ** (1 / count)] * count
