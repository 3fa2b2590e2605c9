"""Where a room is still the detector is not asked: it finds the same speech as one that hears everything."""

from unittest.mock import PropertyMock, patch

import numpy as np
import pytest

from deployments.vad.silero import Silero
from izwi.detection import Detection
from izwi.gate import Gate
from izwi.load import Load
from izwi.segmenter import FRAME, Closed, Opened
from izwi.settings import Settings
from izwi.stage_settings import VadSettings
from izwi.stages import Samples, Stages, Timing, VadRequest, VadResult
from tests.speech import ENGLISH, load, needs_english
from tests.unit.scripted import Script

CHUNK = 1600
NEAR = 2 * FRAME
"""Samples by which speech may begin later or end earlier. Soft speech is noticed up to half a second earlier, because
the detector comes to it fresh."""


class Ear:
    def __init__(self) -> None:
        self._silero = Silero(Settings())
        self.frames = 0
        self.edges: list[int] = []

    async def _judge(self, request: VadRequest) -> VadResult:
        self.frames += request.samples.size // FRAME
        return VadResult(*self._silero.detect(request.samples, request.state), Timing("silero"))

    async def _note(self, stage: str, timing: Timing) -> None:
        pass

    async def hear(self, audio: Samples) -> None:
        others = Script().stages()
        stages = Stages(self._judge, others.asr, others.mt, others.tts)
        detection = Detection(VadSettings(), stages, Load(0.3, 3.0), self._note, 0)
        for begin in range(0, len(audio), CHUNK):
            for event in await detection.push(audio[begin : begin + CHUNK]) or []:
                if isinstance(event, Opened):
                    self.edges.append(event.onset)
                elif isinstance(event, Closed):
                    self.edges.append(event.end)
            detection.announced()


@needs_english
@pytest.mark.parametrize("gain", [1.0, 0.1], ids=["near", "far from the microphone"])
async def test_speech_is_found_where_it_was_found_before(gain: float) -> None:
    random = np.random.default_rng(7)
    parts: list[Samples] = []
    for clip in ENGLISH:
        parts += [np.zeros(random.integers(40_000, 60_000), np.float32), gain * load(clip.path)]
    audio = np.concatenate(parts)
    audio += random.normal(0, 10 ** (-62 / 20), len(audio)).astype(np.float32)

    gated, always = Ear(), Ear()
    await gated.hear(audio)
    with patch.object(Gate, "still", new_callable=PropertyMock, return_value=False):
        await always.hear(audio)
    assert len(always.edges) >= 2 * len(ENGLISH)
    assert len(gated.edges) == len(always.edges)
    began, ended = (np.array(gated.edges[part::2]) - np.array(always.edges[part::2]) for part in (0, 1))
    assert began.max() <= NEAR
    assert ended.min() >= -NEAR
    assert gated.frames < 0.8 * always.frames
