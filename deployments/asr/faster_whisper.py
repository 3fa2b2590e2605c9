"""Whisper on CTranslate2 with elastic windows: a short window is not padded to 30 s, and is guarded instead.

faster-whisper loads the model and brings features, tokenizer and word alignment; decoding goes to CTranslate2
directly, because faster-whisper always pads. One pass over 3 s costs a fifth of a padded one.
"""

import ctranslate2
import numpy as np
import structlog
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_ctranslate2_storage, merge_punctuations

from deployments.asr import guard
from deployments.asr.engine import Transcript
from deployments.asr.guard import Decoded, Verdict
from izwi import catalog, models
from izwi.errors import AudioTooLong, ModelMissing, UnsupportedLanguage
from izwi.settings import Settings
from izwi.stages import AsrRequest, Samples, Word

RATE = 16_000
MAX_S = 28.0
"""Longest window: 30 s less a margin of silence, without which the last words are lost."""
_FULL_S = 30.0
_HOP = 160
_PREPENDED = "\"'“¿([{-"
_APPENDED = "\"'.。,，!！?？:：”)]}、"

log = structlog.get_logger()


class FasterWhisper:
    name = "faster-whisper"

    def __init__(self, settings: Settings) -> None:
        self._asr = settings.asr
        device = _device(settings)
        try:
            self._start(settings, device)
        except (ModelMissing, RuntimeError, ValueError) as error:
            if device == "cpu":
                raise
            # A card without room, driver or libraries would otherwise restart the replica for ever.
            log.warning("cuda_unusable", error=str(error), instead="cpu")
            self._start(settings, "cpu")

    def _start(self, settings: Settings, device: str) -> None:
        """Load and decode once: CUDA's libraries are first needed by the first decoding."""
        self._whisper = _load(settings, device)
        self._model: ctranslate2.models.Whisper = self._whisper.model
        known = self._whisper.hf_tokenizer.token_to_id
        self.languages = frozenset(
            code for code in self._whisper.supported_languages if len(code) < 3 and known(f"<|{code}|>") is not None
        )
        self.transcribe(AsrRequest(np.zeros(RATE, np.float32), None, final=True))  # warm-up

    def transcribe(self, request: AsrRequest) -> Transcript:
        """See `AsrEngine.transcribe`."""
        if request.language and request.language not in self.languages:
            raise UnsupportedLanguage(
                f"{self._asr.model} does not recognise {request.language}; it knows {', '.join(sorted(self.languages))}"
            )
        seconds = request.samples.size / RATE
        if seconds > MAX_S:
            raise AudioTooLong(f"one window takes at most {MAX_S:g} s of audio, not {seconds:.1f} s")
        silences = self._silences(seconds)
        encoded = self._encode(request.samples, silences[0])
        language, probability = (request.language, 1.0) if request.language else self._detect(encoded)
        tokenizer = Tokenizer(self._whisper.hf_tokenizer, self._model.is_multilingual, "transcribe", language)
        beam = self._asr.beam_size if request.final else 1
        retries = 0
        while True:
            decoded = self._decode(encoded, tokenizer, beam, seconds, padded=retries == len(silences) - 1)
            verdict = guard.judge(decoded)
            if verdict is Verdict.UNSURE and not request.final:
                # A third of the 0.5 s openings of an utterance end here, and none beyond 2 s. A longer window
                # would guess no better, while the next partial has more audio.
                return Transcript((), language, probability, retries)
            if verdict in (Verdict.GOOD, Verdict.SILENCE) or retries == len(silences) - 1:
                break
            log.debug("window_rejected", verdict=verdict.value, seconds=round(seconds, 2), retries=retries)
            retries += 1
            encoded = self._encode(request.samples, silences[retries])
        if verdict is Verdict.SILENCE:
            return Transcript((), language, probability, retries)
        tokens = guard.cut_loops(decoded.tokens)
        return Transcript(self._words(encoded, tokenizer, tokens, seconds), language, probability, retries)

    def _silences(self, seconds: float) -> tuple[float, ...]:
        """Seconds of silence appended at each try, shortest first; the last one fills the window."""
        full = _FULL_S - seconds
        if self._asr.padded:
            return (full,)
        return (*(s for s in (self._asr.margin_s, self._asr.retry_margin_s) if s < full), full)

    def _encode(self, samples: Samples, silence_s: float) -> ctranslate2.StorageView:
        """Encoder output, shape (1, frames / 2, width), of the audio and the silence after it."""
        total = samples.size + round(silence_s * RATE)
        features = self._whisper.feature_extractor(np.pad(samples, (0, total - samples.size)))
        frames = min(features.shape[-1], round(_FULL_S * RATE / _HOP)) // 2 * 2  # the encoder's stride is 2
        storage = get_ctranslate2_storage(np.ascontiguousarray(features[None, :, :frames]))
        return self._model.encode(storage)

    def _detect(self, encoded: ctranslate2.StorageView) -> tuple[str, float]:
        if not self._model.is_multilingual:
            return "en", 1.0
        token, probability = self._model.detect_language(encoded)[0][0]
        return token.strip("<|>"), probability

    def _decode(
        self, encoded: ctranslate2.StorageView, tokenizer: Tokenizer, beam: int, seconds: float, padded: bool
    ) -> Decoded:
        limit = guard.MAX_TOKENS if padded else guard.token_limit(seconds)
        result = self._model.generate(
            encoded,
            [[*tokenizer.sot_sequence, tokenizer.no_timestamps]],
            beam_size=beam,
            max_length=2 * limit,  # CTranslate2 gives half of it to the text, as Whisper does
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        generated = result.sequences_ids[0]
        tokens = tuple(token for token in generated if token < tokenizer.eot)
        # CTranslate2 divides the sum by the length without the end token, Whisper's threshold is for one more.
        logprob = result.scores[0] * len(generated) / (len(generated) + 1)
        text = tokenizer.decode(list(tokens))
        return Decoded(tokens, text, logprob, result.no_speech_prob, len(generated) >= limit, padded)

    def _words(
        self, encoded: ctranslate2.StorageView, tokenizer: Tokenizer, tokens: tuple[int, ...], seconds: float
    ) -> tuple[Word, ...]:
        """Words with times from the cross-attention; what was heard in the silence after the audio is dropped."""
        frames = min(encoded.shape[1] * 2, round((seconds + self._asr.margin_s) * RATE / _HOP))
        found = self._whisper.find_alignment(tokenizer, [list(tokens)], encoded, frames)[0]
        merge_punctuations(found, _PREPENDED, _APPENDED)
        return tuple(
            Word(w["word"], float(w["start"]), min(float(w["end"]), seconds), float(w["probability"]))
            for w in found
            if w["word"].strip() and w["start"] < seconds
        )


def _device(settings: Settings) -> str:
    if settings.device != "auto":
        return settings.device
    return "cuda" if ctranslate2.get_cuda_device_count() else "cpu"


def _load(settings: Settings, device: str) -> WhisperModel:
    name = settings.asr.model
    for asset in catalog.weights(name):
        name = str(models.ensure(asset, settings.models_dir))
    compute_type = settings.asr.compute_type
    if compute_type not in ctranslate2.get_supported_compute_types(device):
        log.warning("compute_type_unsupported", device=device, compute_type=compute_type, instead="int8")
        compute_type = "int8"
    try:
        return WhisperModel(
            name,
            device=device,
            compute_type=compute_type,
            cpu_threads=settings.asr.threads,
            num_workers=settings.asr.workers,
        )
    except (ValueError, OSError, RuntimeError) as error:
        raise ModelMissing(f"Whisper model {settings.asr.model} cannot be loaded: {error}") from error
