"""What a run is worth: whether this machine kept its pace, and which limits the server kept. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from loadtests.growth import SIGMAS, Growth, Sample, growth
from loadtests.swarm.notes import KILLED, METRICS
from loadtests.swarm.profiles import Limits
from loadtests.swarm.tally import Tally

MOST_LATE = 0.005
"""Share of chunks that may leave late (`loadtests.speaker.LATE_S`). Times count from the schedule: a late sender makes
the server look slow, never quick, and what is judged by its 95th percentile can bear a tenth of the rest."""
MOST_CORES = 0.8
"""Cores that a process of the load generator may use, 95th percentile of its readings."""


@dataclass(frozen=True)
class Check:
    name: str
    limit: str
    measured: str
    kept: bool


def checks(
    metrics: dict[str, dict[str, Any] | None],
    tally: Tally,
    limits: Limits,
    memory: Growth | None,
    slack: float = 1.0,
    kills: bool = False,
) -> list[Check]:
    """Every limit with what was measured; what was not measured is not kept.

    Args:
        metrics: by name, as `Tally.metric` gives them.
        memory: of the whole server; None where its processes are not known.
        slack: times the limits of latencies.
        kills: replicas were to die.
    """
    counts = tally.counts
    lost, tried = counts["sessions lost"], counts["sessions"] + counts["sessions refused"] + counts["requests"]
    wrong = sum(tally.errors.values())
    heard = counts["words right"] / counts["words said"] if counts["words said"] else None
    found = [
        Check("sessions and requests", "some", f"{tried:.0f}", tried > 0),
        Check("sessions lost", "0", f"{lost:.0f}", not lost),
        Check("errors", f"{limits.errors:.1%}", _share(wrong, tried), wrong <= limits.errors * tried),
    ]
    if kills:
        killed = sum(number for name, number in counts.items() if name.startswith(KILLED))
        found.append(Check("replicas killed", "some", f"{killed:.0f}", killed > 0))
    if "word_shown" in limits.p95_s:
        shown = "nothing said" if heard is None else f"{heard:.1%}"
        found.append(
            Check(
                "words heard right", f"at least {limits.heard:.0%}", shown, heard is not None and heard >= limits.heard
            )
        )
    for name, limit in limits.p95_s.items():
        one, most = metrics.get(name), limit * slack
        measured = "not measured" if one is None else f"{one['p95']:.3f} s"
        found.append(Check(f"{METRICS[name]}, p95", f"{most:g} s", measured, one is not None and one["p95"] <= most))
    if limits.memory_mb_per_minute is not None:
        found.append(_memory(memory, limits.memory_mb_per_minute))
    return found


def _memory(memory: Growth | None, limit: float) -> Check:
    line = memory.later if memory else None
    kept = line is not None and line.slope - SIGMAS * line.error <= limit
    measured = "too short, or a server whose processes are not known" if line is None else f"{line} MB"
    return Check("memory per minute, second half", f"{limit:g} MB", measured, kept)


def server_memory(samples: Sequence[tuple[float, dict[str, float]]]) -> Growth | None:
    """How the server's memory grew, from samples of seconds since the beginning and megabytes by process; minutes are
    of the wall clock, for there are many streams. None without samples."""
    names = sorted({name for _, rss in samples for name in rss})
    return growth("all of the server", [Sample(at, at, rss) for at, rss in samples], names) if names else None


def void(tally: Tally, lasted_s: float, planned_s: float) -> list[str]:
    """Why the run says nothing about the server; empty if it does."""
    found: list[str] = []
    chunks, late = tally.counts["chunks"], tally.counts["chunks late"]
    if late > MOST_LATE * chunks:
        found.append(
            f"{late:.0f} of {chunks:.0f} chunks left late: this machine is too busy, or too small for the load"
        )
    cpu = sorted(tally.values("cpu"))
    if cpu and (cores := cpu[int(0.95 * (len(cpu) - 1))]) > MOST_CORES:
        found.append(f"a process of the load generator used {cores:.2f} cores: spread it over more workers")
    if lasted_s < planned_s:
        found.append(f"ended after {lasted_s:.0f} of {planned_s:.0f} s")
    return found


def as_rows(found: Sequence[Check]) -> list[dict[str, Any]]:
    return [asdict(check) for check in found]


def _share(part: float, whole: float) -> str:
    return f"{part:.0f} ({part / whole:.1%})" if whole else f"{part:.0f}"
