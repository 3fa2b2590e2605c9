"""CAM++ speaker embeddings (3D-Speaker, trained on Mandarin and English) on ONNX Runtime."""

from collections.abc import Sequence

import kaldi_native_fbank
import numpy as np
import numpy.typing as npt
import onnxruntime

from deployments.speakers import campplus_graph, checkpoint
from izwi import models
from izwi.audio import SAMPLE_RATE
from izwi.errors import UnsupportedAudio
from izwi.settings import Settings
from izwi.stages import Embedding, Samples

MIN_SAMPLES = SAMPLE_RATE * 3 // 10
"""Less holds a syllable at most, and says next to nothing about a voice."""
MAX_SAMPLES = SAMPLE_RATE * 2
"""What `campplus_graph.MAX_FRAMES` allows, with two frames to spare."""
_LOUDEST = 32768.0
"""Full scale of 16-bit audio: harmless, because loudness does not count. The power of much more overflows."""
_ABREAST = 16
"""Windows per run of the model: it bounds the memory, and more are not faster."""


class CamPlusPlus:
    name = "campplus"

    def __init__(self, settings: Settings) -> None:
        weights = models.ensure("campplus", settings.models_dir) / "campplus_cn_en_common.pt"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.speakers.threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the recogniser needs the core
        self._session = onnxruntime.InferenceSession(
            campplus_graph.build(checkpoint.read(weights)), options, providers=["CPUExecutionProvider"]
        )
        self._fbank = kaldi_native_fbank.FbankOptions()
        self._fbank.frame_opts.samp_freq = SAMPLE_RATE
        self._fbank.frame_opts.dither = 0.0
        self._fbank.mel_opts.num_bins = campplus_graph.BANDS
        self.embed([np.zeros(MIN_SAMPLES, np.float32)])  # warm-up

    def embed(self, windows: Sequence[Samples]) -> list[Embedding]:
        """See `SpeakerEngine.embed`. Windows of one length share a run of the model."""
        for window in windows:
            _check(window)
        found: dict[int, Embedding] = {}
        lengths = sorted({window.size for window in windows})
        for length in lengths:
            places = [place for place, window in enumerate(windows) if window.size == length]
            for start in range(0, len(places), _ABREAST):
                some = places[start : start + _ABREAST]
                features = np.stack([self._features(windows[place]) for place in some])
                vectors = self._session.run(None, {"features": features})[0]
                found |= zip(some, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), strict=True)
        return [found[place] for place in range(len(windows))]

    def _features(self, samples: Samples) -> npt.NDArray[np.float32]:
        """Kaldi's log mel bands without their mean over the window, shape (frames, 80): the loudness and the colour
        of the room go with it."""
        fbank = kaldi_native_fbank.OnlineFbank(self._fbank)
        fbank.accept_waveform(SAMPLE_RATE, samples.tolist())
        fbank.input_finished()
        frames = np.stack([fbank.get_frame(index) for index in range(fbank.num_frames_ready)])
        return (frames - frames.mean(axis=0)).astype(np.float32)


def _check(window: Samples) -> None:
    if not MIN_SAMPLES <= window.size <= MAX_SAMPLES:
        shortest, longest = MIN_SAMPLES / SAMPLE_RATE, MAX_SAMPLES / SAMPLE_RATE
        raise UnsupportedAudio(f"a voice is told from {shortest:g} to {longest:g} s, not {window.size / SAMPLE_RATE:g}")
    if not (np.abs(window) <= _LOUDEST).all():
        raise UnsupportedAudio("a sample is no number that sound could have")
