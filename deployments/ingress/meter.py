"""What one session adds to the metrics: how late its words are, how stretched its updates, and what waits in it.

Lateness counts from the moment this server received the audio in question, and only audio that came at the pace of
speech: who sends a file ahead of time waits for nothing. The network on both sides is the client's to measure. A chunk
waits for nothing either until a pass is due, as loadtests/swarm/chunks.py has it: that is policy.
"""

import time
from collections.abc import Callable, Mapping

from prometheus_client import Histogram

from deployments.ingress.intake import Intake
from deployments.ingress.metrics import Metrics
from deployments.ingress.outbox import Outbox
from izwi import messages as m
from izwi.arrivals import Chunks
from izwi.audio import SAMPLE_RATE
from izwi.events import Emit
from izwi.load import Level
from izwi.session import Session
from izwi.settings import Settings
from izwi.utterance import Due, Window

UNSPOKEN = 1000
"""Clauses whose speech is waited for at most, which a session cannot reach that reads its events."""


class Meter:
    """
    Args:
        clock: the intake's, in seconds.
    """

    def __init__(
        self,
        metrics: Metrics,
        intake: Intake,
        outbox: Outbox,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._intake = intake
        self._outbox = outbox
        self._clock = clock
        self._hop = settings.vad.hop_ms * SAMPLE_RATE // 1000
        self._chunks = Chunks(settings.session.update_ms * SAMPLE_RATE // 1000)
        self._unspoken: dict[int, float] = {}
        """Where each translated clause ended that has not been heard."""
        self._level = Level.NORMAL.value
        self._session: Session | None = None

    def watch(self, session: Session) -> None:
        """Until `close`."""
        self._session = session
        self._metrics.queues.sessions.add(self._depths)

    def close(self) -> None:
        """The connection is over."""
        self._metrics.queues.sessions.discard(self._depths)
        self._set_level(Level.NORMAL.value)

    def passed(self, window: Window, due: Due) -> None:
        """See `izwi.recognition.NotePass`."""
        step = 0 if window.final else self._hop  # the end is only known in the detector's steps
        for offset in self._chunks.heard(window, due.at + step):
            self._late(self._metrics.chunk, offset)
        if not due.careful and self._intake.live:
            self._metrics.update_period.observe(window.fresh / SAMPLE_RATE)

    def told(self, emit: Emit) -> Emit:
        """The same, with a look at each event once it is on its way to the client."""

        async def emit_and_look(message: m.ServerMessage, payload: bytes | None) -> None:
            await emit(message, payload)
            self._look(message)

        return emit_and_look

    def _look(self, message: m.ServerMessage) -> None:
        match message:
            case m.TranscriptCommittedMessage(data=data):
                for word in data.words:
                    self._late(self._metrics.word_lag, round(word.end_s * SAMPLE_RATE))
            case m.TranscriptFinalMessage(data=data):
                self._late(self._metrics.final_lag, round(data.end_s * SAMPLE_RATE))
            case m.TranslationCommittedMessage(data=data) if len(self._unspoken) < UNSPOKEN:
                self._unspoken[data.clause] = data.end_s
            case m.SpeechAudioMessage(data=data):
                end_s = self._unspoken.pop(data.clause, None)
                if data.samples and end_s is not None:
                    self._late(self._metrics.speech_lag, round(end_s * SAMPLE_RATE))
            case m.SpeechSkippedMessage() | m.SpeechMergedMessage():
                self._unspoken.pop(message.data.clause, None)
            case m.SessionLoadMessage(data=data):
                self._set_level(data.level)
            case _:
                pass

    def _late(self, lag: Histogram, offset: int) -> None:
        if (came := self._intake.arrivals.at(offset)) is not None:
            lag.observe(max(0.0, self._clock() - came))

    def _set_level(self, level: str) -> None:
        for name, change in ((self._level, -1), (level, 1)):
            if name != Level.NORMAL.value:
                self._metrics.degraded.labels(name).inc(change)
        self._level = level

    def _depths(self) -> Mapping[str, tuple[int, int]]:
        own = {"audio": self._intake.depth, "events": self._outbox.depth}
        return own | (self._session.depths if self._session is not None else {})
