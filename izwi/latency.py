"""How long the listener waits: three latencies of a session, from send times and arrivals. Pure.

Each is measured from the moment the audio in question was sent, so that network and queues count, and the pace of
the speaker does not.
"""

from izwi.client_events import Event, Speech
from izwi.messages import (
    SpeechStartedMessage,
    TranscriptCommittedMessage,
    TranscriptFinalMessage,
    TranscriptPartialMessage,
    TranslationCommittedMessage,
)
from izwi.pacing import SendClock
from izwi.percentiles import Percentiles, percentiles

WHICH = (50, 95)
"""Percentiles of a summary."""


class LatencyMeter:
    """Fed with every event and its arrival time; values are in seconds, one per utterance or clause."""

    def __init__(self, sent: SendClock) -> None:
        self._sent = sent
        self._onsets: dict[int, float] = {}
        self._clause_ends: dict[int, float] = {}
        self.first_partial: dict[int, float] = {}
        """Per utterance: first text after the speech onset."""
        self.final_after_speech: dict[int, float] = {}
        """Per utterance: final transcript after the end of its speech."""
        self.first_audio_after_clause: dict[int, float] = {}
        """Per clause: first translated speech after the end of the clause's source speech."""

    def add(self, event: Event, at: float) -> None:
        """Take in an event that arrived at ``at``, on the clock of the `SendClock`."""
        match event:
            case SpeechStartedMessage(data=data):
                self._onsets[data.utterance] = data.time_s
            case TranscriptPartialMessage(data=data) if data.committed.strip() or data.tentative.strip():
                self._put(self.first_partial, data.utterance, at, self._onsets.get(data.utterance))
            case TranscriptCommittedMessage(data=data) if data.text.strip():
                self._put(self.first_partial, data.utterance, at, self._onsets.get(data.utterance))
            case TranscriptFinalMessage(data=data) if data.text.strip():
                self._put(self.final_after_speech, data.utterance, at, data.end_s)
            case TranslationCommittedMessage(data=data):
                self._clause_ends[data.clause] = data.end_s
            case Speech() if len(event.pcm):
                self._put(self.first_audio_after_clause, event.clause, at, self._clause_ends.get(event.clause))
            case _:
                pass

    def summary(self) -> dict[str, Percentiles]:
        """Seconds, by the name of the latency."""
        return {
            "first_partial": percentiles(list(self.first_partial.values()), WHICH),
            "final_after_speech": percentiles(list(self.final_after_speech.values()), WHICH),
            "first_audio_after_clause": percentiles(list(self.first_audio_after_clause.values()), WHICH),
        }

    def _put(self, values: dict[int, float], key: int, at: float, time_s: float | None) -> None:
        if key in values or time_s is None or (sent := self._sent.at(time_s)) is None:
            return
        values[key] = at - sent
