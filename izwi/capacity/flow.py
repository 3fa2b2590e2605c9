"""What speakers ask of the stages, and how late they are: sessions seen as a flow, for any number of them.

A session has one recognition call under way and asks again once there is enough new speech, so demand is elastic: with
too few workers nobody queues for ever, but updates come further apart and calls take more windows each. That is a
closed queueing network with batches. Its mean values follow from Little's law (Little 1961): with ``n`` speakers, whose
updates are ``p`` seconds apart, ``n / p`` windows a second go to ``W`` workers in calls of ``b`` that take ``c(b)``;

    n / p = W b / c(b)      while all workers are busy; otherwise p is the period of an idle server and b is 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from izwi.audio import SAMPLE_RATE
from izwi.capacity.price import Asr, Prices
from izwi.capacity.speech import CHUNK, Clip
from izwi.clauses import ClauseSplitter
from izwi.load import HURRIED
from izwi.segmenter import FRAME, FRAME_MS
from izwi.session_settings import SessionSettings
from izwi.settings import Settings
from izwi.spacing import spaced_s
from izwi.stages import Word

CHUNKED_S = CHUNK / SAMPLE_RATE / 2
"""That sound waits for the rest of its chunk, on average."""
TRIMMED_S = 0.9
"""Of a window that is trimmed this much is not settled yet, besides the overlap."""
ROUNDS = 12
NEAR = 1e-3
"""How exactly an equilibrium is found: far better than costs are known."""
_GRID = 24


@dataclass(frozen=True)
class Habits:
    """How somebody speaks, per second of speech with its short pauses."""

    careful_per_s: float
    """Pauses that are followed by a careful pass."""
    clauses_per_s: float
    chars_per_s: float
    window_s: float
    """Mean length of the windows that are recognised."""


@dataclass(frozen=True)
class Flow:
    """Recognition in equilibrium. Seconds."""

    period_s: float
    """Between two updates of a speaker."""
    batch: float
    """Windows per call."""
    answer_s: float
    """From taking a window to its answer."""
    wait_s: float
    """From asking until the window is taken."""
    windows_per_s: float
    calls_per_s: float
    busy: float
    """Workers at work, on average."""
    shown_p50_s: float
    """From the end of a word until it is seen."""
    shown_p95_s: float
    final_p50_s: float
    """From the end of speech until its last word is settled."""


def habits(clips: Sequence[Clip], settings: Settings) -> Habits:
    """What these speakers do, taken from when their words end and where they pause."""
    session, seconds = settings.session, sum(clip.length_s for clip in clips)
    pauses = len(clips) + sum(
        end_s - start_s >= session.pause_ms / 1000 and start_s > 0 and end_s < clip.end_s
        for clip in clips
        for start_s, end_s in clip.silences
    )
    clauses = chars = 0
    windows: list[float] = []
    for clip in clips:
        splitter = ClauseSplitter(session.clause_max_words)
        found = splitter.push([Word(f" {text}", end_s, end_s, 1.0) for text, end_s in clip.words]) + splitter.flush()
        clauses += len(found)
        chars += sum(len(clause.text) for clause in found)
        windows += _windows(clip.length_s, session)
    return Habits(pauses / seconds, clauses / seconds, chars / seconds, float(np.mean(windows)))


def _windows(length_s: float, session: SessionSettings) -> list[float]:
    """Lengths of the windows of an utterance, one a step: they grow, and lose what is settled at `trim_s`."""
    lengths: list[float] = []
    begin_s, step_s = 0.0, session.update_ms / 1000
    for number in range(1, max(2, round(length_s / step_s) + 1)):
        lengths.append(number * step_s - begin_s)
        if lengths[-1] >= session.trim_s:
            begin_s = number * step_s - session.overlap_s - TRIMMED_S
    return lengths


def idle_period_s(settings: Settings) -> float:
    """Between two updates where the recogniser is always free: the wanted period, in whole chunks and frames."""
    hop, wanted = max(1, settings.vad.hop_ms // FRAME_MS) * FRAME, settings.session.update_ms * SAMPLE_RATE // 1000
    held = fresh = updates = 0
    chunks = 640  # eight chunks are 25 frames: whole numbers of both, many times over
    for _ in range(chunks):
        held += CHUNK
        whole = held // FRAME * FRAME
        if whole >= hop:
            held, fresh = held - whole, fresh + whole
        if fresh >= wanted:
            updates, fresh = updates + 1, 0
    return chunks * CHUNK / SAMPLE_RATE / max(1, updates)


def recognition(
    speaking: float, workers: float, places: float, prices: Prices, settings: Settings, spoken: Habits
) -> Flow:
    """The equilibrium of ``speaking`` speakers.

    Args:
        workers: cores that recognise; fewer than there are threads where other work needs some.
        places: calls that the ingresses may have under way. The more there are, the longer a window that was taken
            waits for a worker, and the later windows begin to travel together.
    """
    pay = _Pay(prices, settings, spoken)
    batch, period_s, wait_s = _balance(speaking, workers, places, pay, settings)
    took_s = pay.call_s(batch, period_s)
    calls_per_s = speaking / period_s / batch
    busy = min(workers, calls_per_s * took_s)
    saturated = busy > 0.999 * workers
    queued_s = took_s * max(0.0, min(places, speaking / batch) / workers - 1.0) if saturated else 0.0
    # No queue stands where updates come about as often as they are asked for; and nobody asks before the last answer.
    answer_s = took_s + queued_s * min(1.0, period_s / pay.idle_s - 1.0)
    detected_s = CHUNKED_S + prices.table.machine.echo_s
    shown = _shown(prices.hindsight_s, period_s, detected_s + answer_s)
    return Flow(
        period_s=period_s,
        batch=batch,
        answer_s=answer_s,
        wait_s=wait_s,
        windows_per_s=speaking / period_s,
        calls_per_s=calls_per_s,
        busy=busy,
        shown_p50_s=float(np.percentile(shown, 50)),
        shown_p95_s=float(np.percentile(shown, 95)),
        final_p50_s=detected_s + _final(settings, pay, period_s, answer_s, wait_s),
    )


class _Pay:
    """What calls of one kind of speaker take, beside others on every core."""

    def __init__(self, prices: Prices, settings: Settings, spoken: Habits) -> None:
        self._asr: Asr = prices.asr
        self._crowding = prices.table.machine.crowding
        self._mean_s, self._most_s = spoken.window_s, settings.session.trim_s
        self._careful_per_s = spoken.careful_per_s
        self.idle_s = idle_period_s(settings)
        """Between two updates where the recogniser is free."""

    def call_s(self, batch: float, period_s: float) -> float:
        """The work of a call with ``batch`` windows of speakers whose updates are so far apart.

        Careful windows are decoded by themselves. Windows are as long as the longest beside them: of ``b`` that lie
        anywhere around the mean, the longest is ``(b - 1) / (b + 1)`` of the way to the end.
        """
        careful = batch * self._careful(period_s)
        return self._crowding * (self._work(batch - careful, careful=False) + self._work(careful, careful=True))

    def _careful(self, period_s: float) -> float:
        """Share of careful passes: a pause is followed by one however rare the others are. That a server which is far
        behind takes less care is left out: nobody plans for that."""
        return min(1.0, self._careful_per_s * period_s)

    def _work(self, batch: float, *, careful: bool) -> float:
        """Below one window on average there is one as often as that."""
        size = max(1.0, batch)
        window_s = self._mean_s + (self._most_s - self._mean_s) * (size - 1) / (size + 1)
        return self._asr.core_s(window_s, size, careful=careful) * min(1.0, batch)


def _balance(
    speaking: float, workers: float, places: float, pay: _Pay, settings: Settings
) -> tuple[float, float, float]:
    """Windows per call, seconds between a speaker's updates, and those that a window waits to be taken."""
    most, usual_s = float(settings.asr.batch), settings.session.update_ms / 1000
    pay.idle_s += spaced_s(usual_s, speaking, pay.call_s(1.0, pay.idle_s), workers) - usual_s
    alone_s = pay.call_s(1.0, pay.idle_s)
    used = speaking * alone_s / (max(pay.idle_s, alone_s) * workers)
    if used < 1.0:
        # Sakasegawa 1977 for many servers, halved because calls of one length queue half as long; at most what a
        # speaker waits where all workers are busy, because nobody asks twice at once.
        queued = used ** ((2 * (workers + 1)) ** 0.5 - 1) / (1 - used)
        wait_s = alone_s / workers / 2 * min(1.0, queued)
        return 1.0, max(pay.idle_s, alone_s) + wait_s, wait_s

    def served_s(batch: float) -> float:
        """In which busy workers take a window of everybody. The rarer updates are, the more of them are careful."""
        period_s = pay.idle_s
        for _ in range(ROUNDS):
            before_s, period_s = period_s, max(pay.idle_s, speaking * pay.call_s(batch, period_s) / workers / batch)
            if abs(period_s - before_s) < NEAR * period_s:
                break
        return period_s

    def least_s(batch: float, period_s: float) -> float:
        """In which somebody has new speech and his last answer, and a worker is free."""
        took_s = pay.call_s(batch, period_s)
        answer_s = took_s * max(1.0, min(places, speaking / batch) / workers)
        return max(pay.idle_s, answer_s) + took_s / workers / 2

    period_s = served_s(most)
    if period_s >= least_s(most, period_s):
        return most, period_s, max(0.0, period_s - max(pay.idle_s, pay.call_s(most, period_s)))
    low, high = 1.0, most
    while high - low > NEAR * most:
        middle = (low + high) / 2
        period_s = served_s(middle)
        low, high = (middle, high) if period_s > least_s(middle, period_s) else (low, middle)
    wait_s = pay.call_s(high, served_s(high)) / workers / 2
    return high, max(served_s(high), pay.idle_s + wait_s), wait_s


def _shown(hindsight_s: Sequence[float], period_s: float, known_s: float) -> list[float]:
    """Delays of words: enough is heard after it, then the next window is taken at any moment of a period."""
    steps = [(index + 0.5) / _GRID for index in range(_GRID)]
    needed = np.interp(steps, np.linspace(0, 1, len(hindsight_s)), hindsight_s)
    return [float(need) + phase * period_s + known_s for need in needed for phase in steps]


def _final(settings: Settings, pay: _Pay, period_s: float, answer_s: float, wait_s: float) -> float:
    """A careful pass is asked for in the pause, after the pass that is under way; it is final once the pause is long
    enough for an end. A server that is behind makes it only then."""
    hurried = period_s >= HURRIED * settings.session.update_ms / 1000
    endpoint_s, pause_s = settings.vad.endpoint_ms / 1000, settings.session.pause_ms / 1000
    under_way_s = answer_s * min(1.0, answer_s / period_s) / 2
    careful_s = under_way_s + wait_s / 2 + answer_s
    return endpoint_s + careful_s if hurried else max(endpoint_s, pause_s + careful_s)
