"""What the session asks of each stage and what it gets back: plain values, picklable, no engine in sight.

A session gets its stages as the callables of `Stages`. In production they are Ray Serve handles, in unit
tests they are scripted functions; the session cannot tell.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from izwi.audio import Samples
from izwi.errors import ModelMissing
from izwi.spacing import Spacing
from izwi.tracing import Begin, untraced


@dataclass(frozen=True)
class Timing:
    """Where a call's time went, in seconds, and which engine did the work."""

    engine: str
    queue_s: float = 0.0
    compute_s: float = 0.0
    """Of a batch, the call's share."""
    preferred: str = ""
    """The first engine that supports the request, even while it is set aside."""
    failed: tuple[str, ...] = ()
    """Engines that were asked before this one and failed."""
    batch: int = 1
    """Requests that were served together."""
    attempts: int = 1
    """Calls it took, those to replicas that were lost included."""


@dataclass(frozen=True)
class VadState:
    """The recurrent state of the detector: an opaque value that travels with the session."""

    hidden: npt.NDArray[np.float32] | None = None
    cell: npt.NDArray[np.float32] | None = None
    context: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class VadRequest:
    samples: Samples
    """A whole number of 512-sample frames (32 ms each)."""
    state: VadState
    patient: bool = False
    """Nothing above the room's noise is in it: it may wait for company."""


@dataclass(frozen=True)
class VadResult:
    probabilities: tuple[float, ...]
    """Speech probability per 512-sample frame."""
    state: VadState
    timing: Timing


@dataclass(frozen=True)
class Word:
    """One recognised word. Times are seconds from the start of the audio it was asked with, or of the session."""

    text: str
    """With its punctuation; a leading space where the script writes one."""
    start_s: float
    end_s: float
    confidence: float
    """Mean token probability, 0 to 1."""


@dataclass(frozen=True)
class AsrRequest:
    samples: Samples
    language: str | None
    """ISO 639-1, or None to detect."""
    final: bool
    """A final pass is decoded with care: what cannot be believed is tried again."""
    beam: bool = True
    """Whether a final pass may search; if not it is greedy, for a server that is behind."""
    task: Literal["transcribe", "translate"] = "transcribe"
    """``translate`` writes English, whatever is spoken."""
    prompt: str = ""
    """Text that leads the recogniser: what was said before, or words to expect. It may take its style as well."""
    trace: str = ""
    """The W3C ``traceparent`` of the call; empty where it is not traced."""


@dataclass(frozen=True)
class AsrResult:
    words: tuple[Word, ...]
    """Times relative to the start of the request's samples."""
    language: str
    language_probability: float
    timing: Timing
    retries: int = 0
    """Longer windows that were decoded because the guard rejected the ones before."""


@dataclass(frozen=True)
class MtRequest:
    text: str
    source: str
    target: str
    context: tuple[str, ...] = ()
    """Preceding source clauses, oldest first, for engines that can use them; Apertium cannot."""
    trace: str = ""
    """See `AsrRequest.trace`."""


@dataclass(frozen=True)
class MtResult:
    text: str
    timing: Timing


@dataclass(frozen=True)
class TtsRequest:
    text: str
    language: str
    voice: str | None = None
    """Spoken by the engine that has it, where that works and knows the language; None for the language's default."""
    speed: float = 1.0
    early: bool = False
    """The first sound matters more than an even melody: the first piece is short with quick engines, too."""
    trace: str = ""
    """See `AsrRequest.trace`."""


@dataclass(frozen=True)
class TtsChunk:
    """A piece of synthesised speech, in order."""

    pcm: npt.NDArray[np.int16]
    """Mono, shape (n,)."""
    sample_rate: int
    timing: Timing


Embedding = npt.NDArray[np.float32]
"""What a voice sounds like: shape (d,), length 1, with the same d from one engine always."""


@dataclass(frozen=True)
class SpeakerRequest:
    windows: tuple[Samples, ...]
    """Stretches of speech, 0.3 to 2 s each."""
    trace: str = ""
    """See `AsrRequest.trace`."""


@dataclass(frozen=True)
class SpeakerResult:
    vectors: tuple[Embedding, ...]
    """One per window, in order."""
    timing: Timing


@dataclass(frozen=True)
class Voice:
    name: str
    """Unique over all engines."""
    engine: str
    languages: frozenset[str]
    """ISO 639-1."""


@dataclass(frozen=True)
class Capabilities:
    """What a stage can do now, as told by its deployment."""

    engines: tuple[str, ...] = ()
    """In order of preference."""
    models: tuple[str, ...] = ()
    """In order of preference, where engines run models of other names than their own."""
    voices: tuple[Voice, ...] = ()
    """In order of the engines, each engine's default voice of a language before its others."""
    languages: frozenset[str] = frozenset()
    pairs: frozenset[tuple[str, str]] = field(default_factory=lambda: frozenset[tuple[str, str]]())


LlmRole = Literal["corrector", "translator"]


@dataclass(frozen=True)
class LlmRequest:
    """A text for a language model."""

    text: str
    role: LlmRole
    language: str = ""
    """ISO 639-1 of ``text``; empty where it is not known."""
    target: str = ""
    """ISO 639-1 to translate into."""
    hotwords: tuple[str, ...] = ()
    """Names and terms as they are to be written."""


@dataclass(frozen=True)
class Corrected:
    """What became of a text."""

    text: str
    """The text that was asked with, unless ``llm`` is ``applied``."""
    llm: Literal["applied", "timeout", "failed", "off"]
    """``timeout``: no answer in time. ``failed``: none at all, or one that is no correction. ``off``: not asked."""
    timing: Timing = field(default=Timing("none"), compare=False)
    """Waiting for a place among the requests under way, and for the answer."""


async def _off(request: LlmRequest) -> Corrected:
    return Corrected(request.text, "off")


async def _nobody(request: SpeakerRequest) -> SpeakerResult:
    raise ModelMissing("there is no speakers stage here")


def _alone() -> bool:
    return False


@dataclass(frozen=True)
class Stages:
    """The stages as the session sees them. Each raises only `izwi.errors.IzwiError`."""

    vad: Callable[[VadRequest], Awaitable[VadResult]]
    asr: Callable[[Callable[[], AsrRequest], bool], Awaitable[AsrResult]]
    """Takes what makes the request once its turn has come, with the newest audio, and whether it is urgent."""
    mt: Callable[[MtRequest], Awaitable[MtResult]]
    tts: Callable[[TtsRequest], AsyncGenerator[TtsChunk]]
    """Closing it stops the synthesis."""
    vad_company: Callable[[], bool] = _alone
    """Whether a detector call is about to leave: what is sent now travels with it."""
    spacing: Spacing = field(default_factory=Spacing)
    """Of recognition passes, for all sessions that share the recogniser."""
    llm: Callable[[LlmRequest], Awaitable[Corrected]] = _off
    """Optional; answers in bounded time and raises nothing."""
    speakers: Callable[[SpeakerRequest], Awaitable[SpeakerResult]] = _nobody
    """Optional: without it nobody is told who spoke."""
    trace: Begin = untraced
    """Optional; calls are then made with `izwi.tracing.current` set to what they are for."""
