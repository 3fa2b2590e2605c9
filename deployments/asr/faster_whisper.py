"""Whisper on CTranslate2 with elastic windows: a short window is not padded to 30 s, and is guarded instead.

faster-whisper loads the model and brings features, tokenizer and word alignment; decoding goes to CTranslate2
directly, because faster-whisper always pads. One pass over 3 s costs a fifth of a padded one.
"""

from collections.abc import Sequence
from typing import Any

import ctranslate2
import numpy as np
import structlog
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_ctranslate2_storage, merge_punctuations

from deployments.asr import guard, loading
from deployments.asr.engine import Transcript
from deployments.asr.guard import Decoded
from deployments.asr.ladder import FULL_S, Job, Rung, believed, buckets
from deployments.asr.token_rate import TokenRate
from deployments.heap import Heap
from izwi.audio import SAMPLE_RATE
from izwi.errors import AudioTooLong, ModelMissing, UnsupportedLanguage, UnsupportedPair
from izwi.settings import Settings
from izwi.stages import AsrRequest, Samples, Word

MAX_S = 28.0
"""Longest window: 30 s less a margin of silence, without which the last words are lost."""
MAX_PROMPT = 223
"""Tokens before the text: half of Whisper's context less one, as in its reference code."""
_CONTEXT = 448
_HOP = 160
_ONE_WORD_S = 2.0
"""Shorter utterances are likely a word or two, which the shorter margin may double: "No. No."."""
_PREPENDED = "\"'“¿([{-"
_APPENDED = "\"'.。,，!！?？:：”)]}、"

log = structlog.get_logger()


class FasterWhisper:
    name = "faster-whisper"

    def __init__(self, settings: Settings) -> None:
        self._asr = settings.asr
        self._rate = TokenRate()
        self._heap = Heap()
        device = loading.device(settings)
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
        self._whisper = loading.load(settings, device)
        self._model: ctranslate2.models.Whisper = self._whisper.model
        known = self._whisper.hf_tokenizer.token_to_id
        self.languages = frozenset(
            code for code in self._whisper.supported_languages if len(code) < 3 and known(f"<|{code}|>") is not None
        )
        self.transcribe([AsrRequest(np.zeros(SAMPLE_RATE, np.float32), None, final=True)])  # warm-up

    def transcribe(self, requests: Sequence[AsrRequest]) -> list[Transcript]:
        """See `AsrEngine.transcribe`. Windows whose language is not known come alone."""
        language = requests[0].language
        if language and language not in self.languages:
            raise UnsupportedLanguage(
                f"{self._asr.model} does not recognise {language}; it knows {', '.join(sorted(self.languages))}"
            )
        if requests[0].task == "translate" and not self._model.is_multilingual:
            raise UnsupportedPair(f"{self._asr.model} writes what it hears; it does not translate")
        jobs = [Job(request, self._rungs(request)) for request in requests]
        waiting = jobs
        while waiting:
            for group in buckets(waiting):
                self._attempt(group)
            waiting = [job for job in waiting if job.heard is None]
        self._heap.tidy()
        return [job.heard for job in jobs if job.heard]

    def _rungs(self, request: AsrRequest) -> tuple[Rung, ...]:
        """The tries a window gets: with little silence after it, with more, filled up, and filled up at random."""
        seconds = request.samples.size / SAMPLE_RATE
        if seconds > MAX_S:
            raise AudioTooLong(f"one window takes at most {MAX_S:g} s of audio, not {seconds:.1f} s")
        margins = (self._asr.margin_s, self._asr.retry_margin_s)
        if self._asr.padded:
            margins = ()
        elif request.final and seconds < _ONE_WORD_S:
            margins = margins[1:]
        short = (Rung(seconds + margin) for margin in margins if seconds + margin < FULL_S)
        sampled = (Rung(FULL_S, temperature) for temperature in self._asr.temperatures if request.final)
        return (*short, Rung(FULL_S), *sampled)

    def _attempt(self, jobs: Sequence[Job]) -> None:
        """One decoding of several windows, padded to the longest; those that can be believed are heard."""
        request = jobs[0].request
        encoded = self._encode([job.request.samples for job in jobs], max(job.rung.total_s for job in jobs))
        language, probability = (request.language, 1.0) if request.language else self._detect(encoded)
        tokenizer = Tokenizer(self._whisper.hf_tokenizer, self._model.is_multilingual, request.task, language)
        written = language if request.task == "transcribe" else "en"
        limits = [self._token_limit(job, written) for job in jobs]
        decoded = self._decode(encoded, tokenizer, jobs, limits)
        kept = [
            believed(job, result, tokenizer.split_to_word_tokens) for job, result in zip(jobs, decoded, strict=True)
        ]
        words = self._words(encoded, tokenizer, [tokens or () for tokens in kept], jobs)
        for job, tokens, found in zip(jobs, kept, words, strict=True):
            if tokens is None:
                log.debug("window_rejected", seconds=round(job.seconds, 2), tries=job.tries)
                job.tries += 1
            else:
                if tokens:
                    self._rate.note(written, len(tokens), job.seconds)
                job.heard = Transcript(found, language, probability, job.tries)

    def _token_limit(self, job: Job, language: str) -> int:
        if job.padded:
            return guard.MAX_TOKENS
        return guard.token_limit(job.seconds) if job.tries else self._rate.limit(language, job.seconds)

    def _encode(self, windows: Sequence[Samples], total_s: float) -> ctranslate2.StorageView:
        """Encoder output, shape (n, frames / 2, width), of the windows, each followed by silence."""
        total = round(total_s * SAMPLE_RATE)
        features = [self._whisper.feature_extractor(np.pad(w, (0, total - w.size))) for w in windows]
        frames = min(features[0].shape[-1], round(FULL_S * SAMPLE_RATE / _HOP)) // 2 * 2  # the encoder's stride is 2
        return self._model.encode(get_ctranslate2_storage(np.stack([f[:, :frames] for f in features])))

    def _detect(self, encoded: ctranslate2.StorageView) -> tuple[str, float]:
        if not self._model.is_multilingual:
            return "en", 1.0
        token, probability = self._model.detect_language(encoded)[0][0]
        return token.strip("<|>"), probability

    def _decode(
        self, encoded: ctranslate2.StorageView, tokenizer: Tokenizer, jobs: Sequence[Job], limits: Sequence[int]
    ) -> list[Decoded]:
        temperature = jobs[0].rung.temperature
        sampling: dict[str, Any] = {
            "beam_size": self._asr.beam_size if jobs[0].request.final and jobs[0].request.beam else 1
        }
        if temperature:
            sampling = {"sampling_topk": 0, "sampling_temperature": temperature}
        start = [*_led_by(jobs[0].request.prompt, tokenizer), *tokenizer.sot_sequence, tokenizer.no_timestamps]
        # CTranslate2 gives the text half of the length, as Whisper does, or what the prompt leaves.
        length = max(2 * max(limits), max(limits) + len(start))
        results = self._model.generate(
            encoded,
            [start] * len(jobs),
            max_length=min(length, _CONTEXT),
            return_scores=True,
            return_no_speech_prob=True,
            **sampling,
        )
        decoded: list[Decoded] = []
        for job, limit, result in zip(jobs, limits, results, strict=True):
            generated = result.sequences_ids[0]
            tokens = tuple(token for token in generated if token < tokenizer.eot)
            # CTranslate2 divides the sum by the length without the end token, Whisper's threshold is for one more.
            logprob = result.scores[0] * len(generated) / (len(generated) + 1)
            capped = len(generated) >= limit
            text = tokenizer.decode(list(tokens))
            decoded.append(Decoded(tokens, text, logprob, result.no_speech_prob, capped, job.padded))
        return decoded

    def _words(
        self,
        encoded: ctranslate2.StorageView,
        tokenizer: Tokenizer,
        tokens: Sequence[tuple[int, ...]],
        jobs: Sequence[Job],
    ) -> list[tuple[Word, ...]]:
        """Words with times from the cross-attention; what was heard in the silence after the audio is dropped."""
        if not any(tokens):
            return [()] * len(jobs)
        frames = [
            min(encoded.shape[1] * 2, round((job.seconds + self._asr.margin_s) * SAMPLE_RATE / _HOP)) for job in jobs
        ]
        aligned = self._whisper.find_alignment(tokenizer, list(map(list, tokens)), encoded, frames)  # pyright: ignore[reportArgumentType]
        for words in aligned:
            merge_punctuations(words, _PREPENDED, _APPENDED)
        return [
            tuple(
                Word(w["word"], float(w["start"]), min(float(w["end"]), job.seconds), float(w["probability"]))
                for w in words
                if w["word"].strip() and w["start"] < job.seconds
            )
            for job, words in zip(jobs, aligned, strict=True)
        ]


def _led_by(prompt: str, tokenizer: Tokenizer) -> list[int]:
    """Tokens that make the prompt the text before; its end counts most, and is what is kept."""
    if not prompt.strip():
        return []
    return [tokenizer.sot_prev, *tokenizer.encode(" " + prompt.strip())[-MAX_PROMPT:]]
