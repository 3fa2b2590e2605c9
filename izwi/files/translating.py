"""One recording translated: by the text engine where it knows the pair, else into English by the recogniser itself."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Container
from contextlib import aclosing
from dataclasses import replace

from izwi.errors import UnsupportedPair
from izwi.files.formats import Transcript
from izwi.files.hearing import Wish
from izwi.files.listening import Listening
from izwi.files.segments import Segment
from izwi.stages import MtRequest, MtResult

Hear = Callable[[Wish], Listening]
"""Begins to listen to the recording, each time from its beginning."""


class Translating:
    """
    Args:
        pairs: source and target languages that ``mt`` knows, ISO 639-1.
        target: ISO 639-1.
    """

    def __init__(
        self,
        hear: Hear,
        wish: Wish,
        mt: Callable[[MtRequest], Awaitable[MtResult]],
        pairs: Container[tuple[str, str]],
        target: str,
    ) -> None:
        self._hear = hear
        self._wish = wish
        self._mt = mt
        self._pairs = pairs
        self._target = target
        self._segments: list[Segment] = []
        self.listening = hear(wish)
        """Warning and hotwords; of the last attempt."""

    @property
    def transcript(self) -> Transcript:
        """The translation so far, with the times of what was said."""
        return replace(self.listening.transcript, segments=tuple(self._segments), language=self._target)

    async def segments(self) -> AsyncGenerator[Segment]:
        """Translated segments in order.

        Raises:
            UnsupportedPair: nothing here translates this language into the target.
        """
        by_recogniser = False
        async with aclosing(self.listening.segments()) as segments:
            async for segment in segments:
                source = self.listening.language
                if source == self._target:
                    translated = segment
                elif (source, self._target) in self._pairs:
                    result = await self._mt(MtRequest(segment.text, source, self._target))
                    self.listening.spent.note("mt", result.timing)
                    translated = replace(segment, text=result.text)
                elif self._target == "en":
                    by_recogniser = True
                    break
                else:
                    raise UnsupportedPair(f"nothing here translates {source} into {self._target}")
                self._segments.append(translated)
                yield translated
        if not by_recogniser:
            return
        self.listening = self._hear(replace(self._wish, language=self.listening.language, task="translate"))
        async with aclosing(self.listening.segments()) as segments:
            async for segment in segments:
                self._segments.append(segment)
                yield segment

    async def finish(self) -> Transcript:
        """The whole."""
        async with aclosing(self.segments()) as segments:
            async for _ in segments:
                pass
        return self.transcript
