"""What a client keeps so that it can resume: audio that is not acknowledged, and how far it has read. Pure."""

from collections import deque

import numpy as np

from izwi import messages as m
from izwi.stages import Samples


class ReplayBuffer:
    """Audio in offsets of the stream, from the last acknowledged sample to the last one spoken."""

    def __init__(self) -> None:
        self._parts: deque[Samples] = deque()
        self.begin = 0
        """Offset of the first sample held."""
        self.end = 0

    def append(self, samples: Samples) -> None:
        if len(samples):
            self._parts.append(samples)
            self.end += len(samples)

    def acknowledge(self, offset: int) -> None:
        """Forget what lies before ``offset``, in whole parts."""
        while self._parts and self.begin + len(self._parts[0]) <= offset:
            self.begin += len(self._parts.popleft())

    def read(self, offset: int, most: int) -> Samples:
        """At most ``most`` samples from ``offset`` on; empty at the end. Not before `begin`."""
        if offset < self.begin:
            raise IndexError(f"sample {offset} is gone; the first one held is {self.begin}")
        found: list[Samples] = []
        at = self.begin
        for part in self._parts:
            if at + len(part) > offset and most > 0:
                piece = part[max(0, offset - at) :][:most]
                found.append(piece)
                most -= len(piece)
            at += len(part)
        return np.concatenate(found) if found else np.zeros(0, np.float32)


class Reading:
    """How far a client has read a session's events."""

    def __init__(self) -> None:
        self.last_seq = 0
        self._acknowledged = 0
        self._clause = 0
        self._samples = 0
        self._speed = 1.0

    def note(self, message: m.ServerMessage) -> bool:
        """Take in the next message; False if it was read before."""
        if message.durable and 0 < message.seq <= self.last_seq:
            return False
        self.last_seq = max(self.last_seq, message.seq)
        match message:
            case m.AudioProgressMessage(data=data):
                self._acknowledged = max(self._acknowledged, data.acknowledged_samples)
            case m.SpeechAudioMessage(data=data):
                if data.clause != self._clause:
                    self._clause, self._samples = data.clause, 0
                self._samples += data.samples
                self._speed = data.speed
                if data.last:
                    self._clause, self._samples = data.clause + 1, 0
            case _:
                pass
        return True

    def resume(self, started: m.SessionStarted) -> m.SessionResume:
        return m.SessionResume(
            session_id=started.session_id,
            resume_token=started.resume_token,
            last_seq=self.last_seq,
            acknowledged_samples=self._acknowledged,
            clause=self._clause,
            clause_samples=self._samples,
            clause_speed=self._speed if self._samples else 1.0,
        )
