"""What grows during a long session: memory, lag, and whether its transcript keeps up. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from loadtests.fit import Bin, Line, bins, fit, trend

STRAY = 0.1
"""Share by which the words heard in five minutes may differ from the usual."""
STRAY_MINUTES = 5
LAG_GROWTH_S = 1.0
"""Growth of the lag over the whole session that counts as growth."""
SIGMAS = 2.0
"""Standard errors by which a slope must differ from 0 to count."""


@dataclass(frozen=True)
class Sample:
    """Memory at one moment."""

    wall_s: float
    audio_s: float
    """Audio that the server had received."""
    rss_mb: dict[str, float]
    """By name of process."""


@dataclass(frozen=True)
class Growth:
    """Of one process, or of several added up."""

    name: str
    start_mb: float
    end_mb: float
    per_audio_minute: Line | None
    """Megabytes; None where there was too little to fit."""
    per_wall_minute: Line | None
    later: Line | None
    """Megabytes per audio minute in the second half alone: a leak goes on, what an allocator keeps fills up."""


def growth(name: str, samples: Sequence[Sample], names: Sequence[str]) -> Growth:
    """How much memory the processes ``names`` took. Fitted through one median per audio minute: samples close together
    say little that is new, and would make the slope look surer than it is."""
    minutes: dict[int, list[Sample]] = {}
    for sample in samples:
        minutes.setdefault(int(sample.audio_s // 60), []).append(sample)
    groups = [minutes[minute] for minute in sorted(minutes)]
    memory = [median(_total(sample, names) for sample in group) for group in groups]
    audio = [median(sample.audio_s for sample in group) / 60 for group in groups]
    wall = [median(sample.wall_s for sample in group) / 60 for group in groups]
    start, end = (memory[0], memory[-1]) if memory else (0.0, 0.0)
    half = len(groups) // 2
    return Growth(name, start, end, fit(audio, memory), fit(wall, memory), fit(audio[half:], memory[half:]))


def growths(samples: Sequence[Sample], client: str) -> list[Growth]:
    """The server as a whole, then process by process, the fastest growing first; the ``client`` at last."""
    names = sorted({name for sample in samples for name in sample.rss_mb} - {client})
    each = [growth(name, samples, [name]) for name in names]
    each.sort(key=lambda one: -(one.per_audio_minute.slope if one.per_audio_minute else one.end_mb - one.start_mb))
    return [growth("all of the server", samples, names), *each, growth(client, samples, [client])]


def _total(sample: Sample, names: Sequence[str]) -> float:
    return sum(sample.rss_mb.get(name, 0.0) for name in names)


def per_minute(times_s: Sequence[float], length_s: float) -> list[int]:
    """How many of the times fall into each whole minute of ``length_s`` seconds."""
    counts = [0] * int(length_s // 60)
    for time_s in times_s:
        if 0 <= time_s < 60 * len(counts):
            counts[int(time_s // 60)] += 1
    return counts


@dataclass(frozen=True)
class Hearing:
    """Words heard per word said."""

    share: float
    """Of the whole session; near 1, and above where the recogniser invents words."""
    by_minutes: list[Bin]
    strays: list[float]
    """First minutes of the stretches of `STRAY_MINUTES` in which the share was far from usual."""


def hearing(said: Sequence[int], heard: Sequence[int]) -> Hearing:
    """Whether as much was heard at the end as at the beginning.

    Args:
        said: words per minute of the recordings.
        heard: words per minute of the transcript, as many minutes.
    """
    share = sum(heard) / sum(said) if sum(said) else 0.0
    ratios = [(float(minute), h / s) for minute, (s, h) in enumerate(zip(said, heard, strict=True)) if s]
    stretches: dict[float, float] = {}
    for first in range(0, len(said), STRAY_MINUTES):
        words_said = sum(said[first : first + STRAY_MINUTES])
        if words_said and (first == 0 or first + STRAY_MINUTES <= len(said)):  # a short rest says little
            stretches[float(first)] = sum(heard[first : first + STRAY_MINUTES]) / words_said
    usual = median(stretches.values()) if stretches else 0.0
    strays = [first for first, here in stretches.items() if abs(here - usual) > STRAY * usual]
    return Hearing(share, bins(ratios, STRAY_MINUTES), strays)


@dataclass(frozen=True)
class Lag:
    """Seconds from sending audio to having its words settled; includes the audio a fast sender is ahead by."""

    first_s: float
    """Median of the first minute after the warm-up."""
    last_s: float
    line: Line | None
    """Seconds per audio minute."""
    grows: bool


def lag(points: Sequence[tuple[float, float]]) -> Lag | None:
    """Whether ``(audio second, lag in seconds)`` rises; None without points."""
    binned = bins([(at / 60, seconds) for at, seconds in points], 1.0)
    if not binned:
        return None
    line = trend(binned)
    minutes = binned[-1].start - binned[0].start
    grows = line is not None and line.slope > SIGMAS * line.error and line.slope * minutes > LAG_GROWTH_S
    return Lag(binned[0].median, binned[-1].median, line, grows)
