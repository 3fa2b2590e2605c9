"""What users saw, on its way from the thread they live in to the report, over the network where they are elsewhere.
Pure."""

import time
from collections import deque
from collections.abc import Callable, Sequence

METRICS = {
    "session": "session started",
    "chunk": "chunk processed",
    "update": "speech gathered for a pass",
    "first_partial": "first partial after onset",
    "word_shown": "word shown",
    "word_committed": "word committed",
    "final_lag": "final after speech",
    "translated": "translation after clause",
    "first_audio": "first audio after clause",
    "resume": "resumed after a loss",
    "transcription": "recording transcribed",
    "speech_first": "first byte of speech",
}
"""Times in seconds, and their names for people."""
KILLED = "killed: "
"""Before the name of a deployment: how many of its replicas died on purpose."""
OWN = {"sent_late": "chunk sent late", "loop_lag": "event loop late", "cpu": "cores used"}
"""Of the load generator itself: the worst of some seconds, and CPU in cores."""

Note = tuple[str, str, float, float]
"""Kind (`TIME`, `COUNT` or `ERROR`), name, wall clock in seconds, value."""
TIME, COUNT, ERROR = "time", "count", "error"


class Notes:
    """Written in one thread, read in another: appending to a deque and taking from it are atomic."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._notes: deque[Note] = deque()

    def times(self, metric: str, values: Sequence[float]) -> None:
        """Seconds that something took."""
        now = self._clock()
        self._notes.extend((TIME, metric, now, float(value)) for value in values)

    def count(self, name: str, number: float = 1) -> None:
        if number:
            self._notes.append((COUNT, name, self._clock(), number))

    def error(self, code: str) -> None:
        self._notes.append((ERROR, code, self._clock(), 1))

    def drain(self) -> list[Note]:
        """All since the last time."""
        taken: list[Note] = []
        while self._notes:
            taken.append(self._notes.popleft())
        return taken
