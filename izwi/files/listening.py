"""One recording being transcribed: its segments as they are heard, and in the end the whole. Pure."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from izwi.audio import SAMPLE_RATE
from izwi.correction import Corrector
from izwi.errors import DamagedAudio
from izwi.files.formats import Transcript
from izwi.files.hearing import Ears, Wish
from izwi.files.segments import Segment, Segmentation
from izwi.files.transcribe import Held, transcribe
from izwi.messages import HotwordMatch
from izwi.stage_settings import VadSettings
from izwi.stage_times import StageTimes
from izwi.stages import Samples, Word


@dataclass(frozen=True)
class Mark:
    """A place in a recording from which it can be heard on, as if nothing had happened."""

    held: Held = field(default_factory=Held)
    words: tuple[Word, ...] = ()
    """Of the segment that has begun."""
    segments: int = 0
    """Before it."""
    language: str = ""
    """ISO 639-1, once something has been said."""

    def rest(self) -> list[Segment]:
        """What has been heard and is in no segment yet, for a recording that is not heard on."""
        segmentation = Segmentation(self.words, self.segments)
        return [*segmentation.push(self.held.words), *segmentation.flush()]


@dataclass(frozen=True)
class Step:
    """What came with one window."""

    segments: tuple[Segment, ...]
    mark: Mark
    """The place after it; at the end of the recording that before its last segment."""
    done_s: float
    """How far the recording has been recognised."""
    matches: tuple[HotwordMatch, ...] = ()
    """Hotwords in the words that this window has settled."""


class Listening:
    """
    Args:
        audio: mono float32 at 16 kHz, in pieces, from the beginning.
        wish: its hotwords are listened for, and written where they were misheard.
        after: where to go on.
        spent: adds up where the time goes; None begins anew.
    """

    def __init__(
        self,
        audio: AsyncGenerator[Samples],
        ears: Ears,
        wish: Wish,
        settings: VadSettings,
        after: Mark = Mark(),
        spent: StageTimes | None = None,
    ) -> None:
        self._audio = audio
        self._ears = ears
        self._wish = replace(wish, language=wish.language or after.language or None)
        self._after = after
        self._settings = settings
        self._corrector = Corrector(wish.hotwords)
        self._segments: list[Segment] = []
        self._samples = 0
        self.language = after.language
        """ISO 639-1, once something has been said."""
        self.spent = spent or StageTimes()
        self.matches: list[HotwordMatch] = []
        """Hotwords that were heard."""
        self.done_s = 0.0
        """How far the recording has been recognised."""
        self.warning: DamagedAudio | None = None
        """Set in the end where the recording is not whole."""

    @property
    def duration_s(self) -> float:
        """Of the audio so far."""
        return self._samples / SAMPLE_RATE

    @property
    def transcript(self) -> Transcript:
        """What `segments` has given so far."""
        return Transcript(tuple(self._segments), self.language, self.duration_s)

    async def steps(self) -> AsyncGenerator[Step]:
        """Segments in order, window by window. Nothing of them is kept here. A recording that is damaged gives what can
        be heard of it, and `warning` says so; where nothing can be heard for another reason this raises."""
        mark = self._after
        segmentation = Segmentation(mark.words, mark.segments)
        try:
            parts = transcribe(self._counted(), self._ears, self._wish, self._settings, mark.held, self._corrector)
            async with aclosing(parts):
                async for heard in parts:
                    self.language = self.language or heard.language
                    for stage, timing in heard.timings:
                        self.spent.note(stage, timing)
                    self.done_s = heard.end_s
                    words, matches = self._corrector.correct(heard.words, self._wish.written(heard.language))
                    self.matches += matches
                    segments = tuple(segmentation.push(words))
                    mark = Mark(heard.held, segmentation.words, segmentation.count, self.language)
                    yield Step(segments, mark, heard.end_s, tuple(matches))
        except DamagedAudio as error:
            self.warning = error
        if rest := tuple(segmentation.flush()):
            yield Step(rest, mark, self.done_s)

    async def segments(self) -> AsyncGenerator[Segment]:
        """Segments in order, as `steps` gives them."""
        async with aclosing(self.steps()) as steps:
            async for step in steps:
                for segment in step.segments:
                    self._segments.append(segment)
                    yield segment

    async def finish(self) -> Transcript:
        """The whole."""
        async with aclosing(self.segments()) as segments:
            async for _ in segments:
                pass
        return self.transcript

    async def _counted(self) -> AsyncGenerator[Samples]:
        async with aclosing(self._audio) as pieces:
            async for piece in pieces:
                self._samples += len(piece)
                yield piece
