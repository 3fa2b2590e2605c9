"""One recording being transcribed: its segments as they are heard, and in the end the whole. Pure."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from izwi.audio import SAMPLE_RATE
from izwi.errors import DamagedAudio
from izwi.files.formats import Transcript
from izwi.files.segments import Segment, Segmentation
from izwi.files.transcribe import Ears, Wish, transcribe
from izwi.stage_settings import VadSettings
from izwi.stages import Samples, Timing, Word

Correct = Callable[[Sequence[Word]], Sequence[Word]]


@dataclass
class Spent:
    """Seconds that a stage's calls took, summed."""

    queue_s: float = 0.0
    compute_s: float = 0.0

    def add(self, timing: Timing) -> None:
        self.queue_s += timing.queue_s
        self.compute_s += timing.compute_s


class Listening:
    """
    Args:
        audio: mono float32 at 16 kHz, in pieces.
        correct: is given the words of one window.
    """

    def __init__(
        self,
        audio: AsyncGenerator[Samples],
        ears: Ears,
        wish: Wish,
        settings: VadSettings,
        correct: Correct = lambda words: words,
    ) -> None:
        self._audio = audio
        self._ears = ears
        self._wish = wish
        self._settings = settings
        self._correct = correct
        self._segments: list[Segment] = []
        self._samples = 0
        self.language = ""
        """ISO 639-1, once something has been said."""
        self.spent: defaultdict[str, Spent] = defaultdict(Spent)
        """By stage."""
        self.done_s = 0.0
        """How far the recording has been recognised."""
        self.warning: DamagedAudio | None = None
        """Set in the end where the recording is not whole."""

    @property
    def transcript(self) -> Transcript:
        """What has been heard so far."""
        return Transcript(tuple(self._segments), self.language, self._samples / SAMPLE_RATE)

    async def segments(self) -> AsyncGenerator[Segment]:
        """Segments in order. A recording that is damaged gives what can be heard of it, and `warning` says so; where
        nothing can be heard for another reason this raises."""
        segmentation = Segmentation()
        try:
            async with aclosing(transcribe(self._counted(), self._ears, self._wish, self._settings)) as parts:
                async for heard in parts:
                    if heard.words:
                        self.language = self.language or heard.language
                    for stage, timing in heard.timings:
                        self.spent[stage].add(timing)
                    self.done_s = heard.end_s
                    for segment in segmentation.push(self._correct(heard.words)):
                        self._segments.append(segment)
                        yield segment
        except DamagedAudio as error:
            self.warning = error
        for segment in segmentation.flush():
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
