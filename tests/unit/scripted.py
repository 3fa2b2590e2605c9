"""Stages without models: the audio spells its words by amplitude, so what a perfect recogniser hears is known."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from izwi import messages as m
from izwi.session import Session
from izwi.settings import Settings
from izwi.stages import (
    AsrRequest,
    AsrResult,
    MtRequest,
    MtResult,
    Samples,
    Stages,
    Timing,
    TtsChunk,
    TtsRequest,
    VadRequest,
    VadResult,
    Word,
)

WORD = 6400
"""Samples per word: 0.4 s."""
VOCABULARY = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def speech(*words: str) -> Samples:
    """Each word as 0.4 s of the amplitude of its index, the end of it softer so that repeated words stay apart."""
    parts = []
    for word in words:
        part = np.full(WORD, 0.05 * (VOCABULARY.index(word.strip(".,")) + 1), np.float32)
        part[-800:] = 0.9 if word.endswith(".") else 0.8 if word.endswith(",") else 0.7
        parts.append(part)
    return np.concatenate(parts)


def silence(seconds: float) -> Samples:
    return np.full(int(seconds * 16_000), 0.001, np.float32)


def hear(samples: Samples) -> list[Word]:
    """The words a perfect recogniser finds, a cut one included if most of it is there."""
    codes = np.round(samples * 20).astype(int)
    edges = np.flatnonzero(np.diff(codes, prepend=-1, append=-1))
    words: list[Word] = []
    for begin, end in itertools.pairwise(edges):
        code = codes[begin]
        if 1 <= code <= len(VOCABULARY) and end - begin > WORD // 4:
            words.append(Word(" " + VOCABULARY[code - 1], begin / 16_000, end / 16_000 + 0.05, 0.95))
        elif code in (16, 18) and words:
            last = words[-1]
            words[-1] = Word(last.text + (".," if code == 16 else "..")[-1], last.start_s, last.end_s, 0.95)
    return words


@dataclass
class Script:
    """What the stages do and what they were asked."""

    asr_delay: float = 0.0
    tts_delay: float = 0.0
    seconds_per_word: float = 100 / 24_000
    """Length of a spoken word at speed 1; a word of the source takes 0.4 s."""
    fail: Callable[[str, object], Exception | None] = lambda stage, request: None
    language: str = "en"
    engine: Callable[[str], Timing] = lambda stage: Timing(f"scripted-{stage}")
    asked: list[object] = field(default_factory=list)

    def stages(self) -> Stages:
        return Stages(self._vad, self._asr, self._mt, self._tts)

    def _note(self, stage: str, request: object) -> None:
        self.asked.append(request)
        error = self.fail(stage, request)
        if error is not None:
            raise error

    async def _vad(self, request: VadRequest) -> VadResult:
        self._note("vad", request)
        frames = np.abs(request.samples.reshape(-1, 512)).mean(axis=1)
        return VadResult(tuple(0.9 if f > 0.02 else 0.05 for f in frames), request.state, self.engine("vad"))

    async def _asr(self, take: Callable[[], AsrRequest], urgent: bool) -> AsrResult:
        request = take()
        self._note("asr", request)
        await asyncio.sleep(self.asr_delay)
        words = tuple(hear(request.samples))
        return AsrResult(words, request.language or self.language, 0.95, self.engine("asr"))

    async def _mt(self, request: MtRequest) -> MtResult:
        self._note("mt", request)
        return MtResult(request.text.upper(), self.engine("mt"))

    async def _tts(self, request: TtsRequest) -> AsyncGenerator[TtsChunk]:
        self._note("tts", request)
        samples = round(24_000 * self.seconds_per_word / request.speed)
        for word in request.text.split():
            await asyncio.sleep(self.tts_delay)
            yield TtsChunk(np.full(samples, len(word), np.int16), 24_000, self.engine("tts"))


@dataclass
class Run:
    """Everything a session said."""

    events: list[tuple[m.ServerMessage, bytes | None]]

    def of(self, kind: type) -> list:
        return [message for message, _ in self.events if isinstance(message, kind)]

    @property
    def committed(self) -> dict[int, str]:
        """Per utterance, the committed pieces joined."""
        joined: dict[int, str] = {}
        for message in self.of(m.TranscriptCommittedMessage):
            joined[message.data.utterance] = joined.get(message.data.utterance, "") + message.data.text
        return joined

    @property
    def finals(self) -> list[str]:
        return [message.data.text for message in self.of(m.TranscriptFinalMessage)]

    @property
    def translations(self) -> list[str]:
        return [message.data.text for message in self.of(m.TranslationCommittedMessage)]


async def run(
    audio: Samples,
    script: Script | None = None,
    chunks: Iterable[int] = (),
    settings: Settings | None = None,
    pace: Callable[[], Awaitable[None]] | None = None,
    **start: object,
) -> Run:
    """Run a session over ``audio`` cut into ``chunks`` (the last size repeats) and collect its events."""
    events: list[tuple[m.ServerMessage, bytes | None]] = []

    async def emit(message: m.ServerMessage, payload: bytes | None) -> None:
        events.append((message, payload))

    async def stream() -> AsyncIterator[Samples]:
        sizes, size, begin = iter(chunks), 1600, 0
        while begin < len(audio):
            size = next(sizes, size)
            yield audio[begin : begin + size]
            begin += size
            for _ in range(20):  # let the other steps run as they would between two frames
                await asyncio.sleep(0)
            if pace is not None:
                await pace()

    options = {"source_language": "en", "target_language": "es", **start}
    script = script or Script()
    session = Session(m.SessionStart(**options), settings or Settings(_env_file=None), script.stages(), emit)  # type: ignore[arg-type]
    await session.run(stream())
    return Run(events)
