"""One client that speaks through everything, and what it can swear to afterwards."""

import asyncio
import time
from dataclasses import dataclass, field
from itertools import pairwise

import jiwer

from izwi import messages as m
from izwi.audio import SAMPLE_RATE
from izwi.client import IzwiClient, Session
from izwi.client_events import Event, Speech
from izwi.errors import IzwiError
from izwi.evaluation.text import words
from loadtests.corpus import Placed, render

CHUNK = SAMPLE_RATE // 10


@dataclass
class Witness:
    """What it was told, over all of its connections."""

    placed: list[Placed]
    events: list[Event] = field(default_factory=list)
    resumed_at: list[float] = field(default_factory=list)
    """Monotonic times."""
    sent: int = 0
    """Samples."""
    failure: str = ""
    session: Session | None = None
    spoken: bool = False
    """Translations were asked for as speech."""

    async def speak(self, url: str, start: m.SessionStart, stop: asyncio.Event) -> None:
        """Talk at the pace of speech until ``stop``, then end the session in order."""
        try:
            self.spoken = start.speech
            async with IzwiClient(url).session(start) as session:
                self.session = session
                talking = asyncio.create_task(self._talk(session, stop))
                try:
                    async for event in session:
                        self.events.append(event)
                        if isinstance(event, m.SessionResumedMessage):
                            self.resumed_at.append(time.monotonic())
                finally:
                    talking.cancel()
                    await asyncio.wait([talking])
        except IzwiError as error:
            self.failure = f"{error.code}: {error}"

    async def _talk(self, session: Session, stop: asyncio.Event) -> None:
        audio, begin = render(self.placed), time.monotonic()
        while not stop.is_set() and self.sent < len(audio):
            await session.send(audio[self.sent : self.sent + CHUNK])
            self.sent += CHUNK
            await asyncio.sleep(max(0.0, begin + self.sent / SAMPLE_RATE - time.monotonic()))
        await session.end()

    def broken(self) -> list[str]:
        """Promises that were not kept; empty if nothing was lost and nothing told twice."""
        found = [self.failure] if self.failure else []
        seqs = [event.seq for event in self.events if not isinstance(event, Speech) and event.durable]
        if seqs != list(range(1, len(seqs) + 1)):
            found.append("durable events are missing, repeated or out of order")
        committed: dict[int, str] = {}
        finals: dict[int, str] = {}
        clauses: list[int] = []
        for event in self.events:
            match event:
                case m.TranscriptCommittedMessage(data=data):
                    committed[data.utterance] = committed.get(data.utterance, "") + data.text
                case m.TranscriptFinalMessage(data=data):
                    if data.utterance in finals:
                        found.append(f"utterance {data.utterance} was finished twice")
                    finals[data.utterance] = data.text
                case m.TranslationCommittedMessage(data=data):
                    clauses.append(data.clause)
                case _:
                    pass
        if {n: text.strip() for n, text in committed.items()} != {n: text for n, text in finals.items() if text}:
            found.append("committed words and finished utterances differ")
        if list(finals) != list(range(len(finals))):
            found.append("utterances are missing or out of order")
        if len(set(clauses)) != len(clauses):
            found.append("a clause was translated twice")
        if self.spoken:
            found += self._unsaid(clauses)
        if not any(isinstance(event, m.SessionEndedMessage) for event in self.events) and not self.failure:
            found.append("the session was not ended")
        return found

    def _unsaid(self, clauses: list[int]) -> list[str]:
        """Clauses that were neither said once and whole, nor told to be said with another or not at all."""
        closed: list[int] = []
        excused: set[int] = set()
        found: list[str] = []
        for event in self.events:
            match event:
                case Speech(clause=clause) if clause in closed:
                    found.append(f"clause {clause} was said on after its end")
                case Speech(clause=clause, last=True):
                    closed.append(clause)
                case m.SpeechMergedMessage(data=data):
                    excused.add(data.clause)
                case m.SpeechSkippedMessage(data=data):
                    excused.add(data.clause)
                case _:
                    pass
        unsaid = set(clauses) - set(closed) - excused
        return [*found, *([f"clauses {sorted(unsaid)} were not said"] if unsaid else [])]

    def errors(self) -> tuple[int, int]:
        """Wrong words and words said, over the clips that were sent whole; other clips' words do not count as wrong."""
        whole = [one for one in self.placed if one.start + len(one.clip.samples) <= self.sent]
        if not whole:
            return 0, 0
        until_s = (whole[-1].start + len(whole[-1].clip.samples)) / SAMPLE_RATE
        finals = [event.data for event in self.events if isinstance(event, m.TranscriptFinalMessage)]
        said = words(" ".join(one.clip.text for one in whole))
        heard = words(" ".join(final.text for final in finals if final.start_s < until_s))
        found = jiwer.process_words(" ".join(said), " ".join(heard) or " ")
        return found.substitutions + found.deletions + found.insertions, len(said)

    def told_of(self) -> set[str]:
        """Stages that it was told did not answer, and why its server went away."""
        stages = {
            one.data.stage for one in self.events if isinstance(one, m.StageStatusMessage) and not one.data.working
        }
        return stages | {one.data.reason for one in self.events if isinstance(one, m.SessionGoingAwayMessage)}

    def resumes_after(self, times: list[float]) -> list[float]:
        """Seconds from each of those times until the connection was replaced; times that did not break it are left
        out."""
        delays = []
        for at, before in pairwise([*times, float("inf")]):
            within = [resumed - at for resumed in self.resumed_at if at <= resumed < before]
            delays += within[:1]
        return delays
