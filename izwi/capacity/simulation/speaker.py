"""One simulated speaker: talks at the pace of speech, and notes when each word is seen."""

import asyncio
import random
import re
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from izwi import messages as m
from izwi.audio import SAMPLE_RATE
from izwi.capacity import speech
from izwi.capacity.price import Prices
from izwi.capacity.simulation.stages import Ingress
from izwi.capacity.speech import CHUNK, POSITIONS, Placed
from izwi.session import Session
from izwi.settings import Settings
from izwi.stages import AsrRequest, Samples, Word

CLEAR, UNCLEAR = 0.95, 0.5
"""Confidence in a word that the recogniser has heard enough of, and in one that it has not."""
CUT_S = 0.05
"""Of a word that begins this long before a window, something is missing."""
LONGEST_WORD_S = 1.0
"""Where a word begins is not known, only where the one before it or the pause ends."""
_NUMBER = re.compile(r"\d+")
_LETTERS = "abcdefgh"


@dataclass(frozen=True)
class Said:
    """A word. Seconds from the beginning of the session."""

    text: str
    """As long as the word, with its punctuation, and with its number in it: what is seen can be told apart."""
    start_s: float
    end_s: float
    hindsight_s: float
    """Audio after its end that the recogniser needs."""


@dataclass
class Seen:
    """Seconds, of one speaker."""

    shown_s: list[float] = field(default_factory=list[float])
    """Per word, after its end."""
    shown_at_s: list[float] = field(default_factory=list[float])
    """The same words: when that was, in simulated time."""
    final_s: list[float] = field(default_factory=list[float])
    """Per clip: from the end of its speech until its last word was committed."""
    first_audio_s: list[float] = field(default_factory=list[float])
    """Per clause that was spoken, after its end."""
    skipped: int = 0
    """Clauses that were not spoken."""
    spoken_s: float = 0.0
    """Of the stream."""


class Speaker:
    """
    Args:
        seed: of what the recogniser finds hard.
    """

    def __init__(self, placed: Sequence[Placed], prices: Prices, settings: Settings, seed: int) -> None:
        self._settings = settings
        self._length_s = placed[-1].start_s + placed[-1].clip.length_s + speech.PAUSE_S
        self._audio = speech.audible(placed, self._length_s)
        self._words = list(_words(placed, prices.hindsight_s, random.Random(seed)))
        self._ends = [word.end_s for word in self._words]
        self._last = {
            bisect_left(self._ends, one.start_s + one.clip.words[-1][1] - 1e-6): one.start_s + one.clip.end_s
            for one in placed
        }
        """Number of a clip's last word, and when its speech ends."""
        self._began = 0.0
        self._shown: set[int] = set()
        self._committed: set[int] = set()
        self._clauses: dict[int, float] = {}
        self._session: Session | None = None
        self.seen = Seen(spoken_s=self._length_s)

    @property
    def stretch(self) -> float | None:
        """See `Session.stretch`."""
        return self._session.stretch if self._session is not None else None

    async def talk(self, ingress: Ingress, start: m.SessionStart) -> Seen:
        """From the beginning to the end of the session."""
        self._began = asyncio.get_running_loop().time()
        self._session = Session(start, self._settings, ingress.stages(self.hear), self._see)
        await self._session.run(self._stream())
        self._session = None
        return self.seen

    def hear(self, request: AsrRequest) -> tuple[Word, ...]:
        """The words of a window, as a recogniser tells them that needs to hear on before it is sure of one."""
        if not len(request.samples):
            return ()
        begin_s = self._begin_s(request.samples)
        end_s = begin_s + len(request.samples) / SAMPLE_RATE
        first, behind = (bisect_left(self._ends, at) for at in (begin_s, end_s))
        inside = [word for word in self._words[first:behind] if word.start_s >= begin_s - CUT_S]
        guess = _LETTERS[round(end_s / 0.1) % len(_LETTERS)]  # another one each time: nothing to agree on
        told: list[Word] = []
        for word in inside:
            clear = request.final or word.end_s + word.hindsight_s <= end_s
            text = word.text if clear else _NUMBER.sub(guess, word.text)
            times = max(0.0, word.start_s - begin_s), word.end_s - begin_s
            told.append(Word(f" {text}", *times, CLEAR if clear else UNCLEAR))
        return tuple(told)

    def _begin_s(self, samples: Samples) -> float:
        """When a window begins: positions begin again after a while, and a window is of the last one."""
        now = int((asyncio.get_running_loop().time() - self._began) * SAMPLE_RATE)
        at = speech.position(float(samples[0]))
        return (at + (now - at) // POSITIONS * POSITIONS) / SAMPLE_RATE

    async def _stream(self) -> AsyncIterator[Samples]:
        loop = asyncio.get_running_loop()
        for begin in range(0, len(self._audio), CHUNK):
            await asyncio.sleep(self._began + (begin + CHUNK) / SAMPLE_RATE - loop.time())
            yield self._audio[begin : begin + CHUNK]

    async def _see(self, message: m.ServerMessage, _: bytes | None) -> None:
        now = asyncio.get_running_loop().time() - self._began
        match message:
            case m.TranscriptPartialMessage(data=data):
                self._show(f"{data.committed[-200:]} {data.tentative}", now)
            case m.TranscriptCommittedMessage(data=data):
                self._show(data.text, now)
                self._commit(data.text, now)
            case m.TranslationCommittedMessage(data=data):
                self._clauses[data.clause] = data.end_s
            case m.SpeechAudioMessage(data=data) if data.clause in self._clauses and data.samples:
                self.seen.first_audio_s.append(now - self._clauses.pop(data.clause))
            case m.SpeechSkippedMessage():
                self.seen.skipped += 1
            case _:
                pass

    def _show(self, text: str, now: float) -> None:
        for number in _fresh(text, self._shown):
            self.seen.shown_s.append(now - self._words[number].end_s)
            self.seen.shown_at_s.append(self._began + now)

    def _commit(self, text: str, now: float) -> None:
        for number in _fresh(text, self._committed):
            if number in self._last:
                self.seen.final_s.append(now - self._last[number])


def _fresh(text: str, known: set[int]) -> Iterator[int]:
    """Numbers of the words of a text that are not ``known``, to which they are added."""
    for found in _NUMBER.finditer(text):
        if (number := int(found[0])) not in known:
            known.add(number)
            yield number


def _words(placed: Sequence[Placed], hindsight_s: Sequence[float], source: random.Random) -> list[Said]:
    words: list[Said] = []
    for one in placed:
        before_s = one.start_s
        for text, end_s in one.clip.words:
            at_s = one.start_s + end_s
            mark = text[-1] if not text[-1].isalnum() else ""
            name = f"{len(words)}{mark}".rjust(len(text), "x")
            voiced_s = max((stop_s for _, stop_s in one.clip.silences if stop_s < end_s), default=0.0)
            begin_s = max(before_s, one.start_s + voiced_s, at_s - LONGEST_WORD_S)
            words.append(Said(name, begin_s, at_s, _draw(hindsight_s, source)))
            before_s = at_s
    return words


def _draw(quantiles: Sequence[float], source: random.Random) -> float:
    """A value whose distribution has these quantiles, straight between them."""
    place = source.random() * (len(quantiles) - 1)
    low = min(int(place), len(quantiles) - 2)
    return quantiles[low] + (place - low) * (quantiles[low + 1] - quantiles[low])
