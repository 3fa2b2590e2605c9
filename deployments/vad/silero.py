"""Silero VAD v6 (https://github.com/snakers4/silero-vad) on ONNX Runtime: 32 ms frames, state by value."""

import numpy as np
import onnxruntime

from izwi import models
from izwi.errors import UnsupportedAudio
from izwi.settings import Settings
from izwi.stages import Samples, VadState

FRAME = 512
"""Samples per probability."""
CONTEXT = 64
"""Samples of the preceding frame that the model sees before each frame."""
_STATE_SHAPE = (1, 1, 128)


class Silero:
    name = "silero"

    def __init__(self, settings: Settings) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a frame takes 80 us; handing it to a second thread costs more
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        path = models.ensure("silero-v6", settings.models_dir) / "silero_vad_v6.onnx"
        self._session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self.detect(np.zeros(FRAME, np.float32), VadState())  # warm-up

    def detect(self, samples: Samples, state: VadState) -> tuple[tuple[float, ...], VadState]:
        """See `VadEngine.detect`.

        Raises:
            UnsupportedAudio: ``samples`` is not a whole number of frames.
        """
        if samples.size % FRAME:
            raise UnsupportedAudio(f"the detector takes whole frames of {FRAME} samples, not {samples.size}")
        if not samples.size:
            return (), state
        before = np.zeros(CONTEXT, np.float32) if state.context is None else state.context
        frames = samples.reshape(-1, FRAME)
        contexts = np.vstack([before, frames[:-1, -CONTEXT:]])
        probabilities, hidden, cell = self._session.run(
            None,
            {
                "input": np.hstack([contexts, frames]),
                "h": np.zeros(_STATE_SHAPE, np.float32) if state.hidden is None else state.hidden,
                "c": np.zeros(_STATE_SHAPE, np.float32) if state.cell is None else state.cell,
            },
        )
        after = VadState(hidden=hidden, cell=cell, context=frames[-1, -CONTEXT:].copy())
        return tuple(float(p) for p in np.ravel(probabilities)), after
