"""What the faults did, as text. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

WER_ROOM = 4.0
"""Percentage points by which a disturbed run's word error rate may lie above the calm one's: windows end elsewhere, and
a minute's clips are other ones. A second of speech lost at every strike costs far more."""


@dataclass(frozen=True)
class Outcome:
    """Of one kind of fault. Times in seconds."""

    name: str
    strikes: int
    resumes: int
    """Connections replaced."""
    resume_p50_s: float | None
    """From the moment at which a session could go on until it did."""
    resume_p95_s: float | None
    bound_s: float | None
    """Promised for the 95th percentile."""
    words: int
    """Said in clips that were sent whole."""
    wer: float
    """Percent of them."""
    told_of: list[str]
    """Stages that sessions were told did not answer, and reasons for which their server went away."""
    broken: list[str]
    """Promises not kept."""

    def failures(self, calm: "Outcome") -> list[str]:
        found = list(self.broken)
        if self.bound_s is not None and (self.resume_p95_s is None or self.resume_p95_s > self.bound_s):
            found.append(f"sessions went on after {_seconds(self.resume_p95_s)} (p95), not within {self.bound_s:g} s")
        if self.wer > calm.wer + WER_ROOM:
            found.append(f"{self.wer:.1f} % of the words are wrong, {calm.wer:.1f} % without faults")
        return found


def conclusion(one: Outcome) -> str:
    """One line."""
    kept = "; ".join(one.broken) or "nothing lost, nothing twice"
    times = f"{one.resumes} resumes, p50 {_seconds(one.resume_p50_s)}, p95 {_seconds(one.resume_p95_s)}"
    return f"{one.name}: {one.strikes} strikes, {times}, WER {one.wer:.1f} %; {kept}"


def table(outcomes: Sequence[Outcome]) -> str:
    """The figures as a Markdown table."""
    head = (
        *("fault", "strikes", "resumes", "resumed after p50 / p95, s", "bound, s"),
        *("sessions heard of", "words said", "WER, %", "promises broken"),
    )
    rows = [
        (
            *(one.name, one.strikes, one.resumes, f"{_bare(one.resume_p50_s)} / {_bare(one.resume_p95_s)}"),
            *("–" if one.bound_s is None else f"{one.bound_s:g}", ", ".join(one.told_of) or "–"),
            *(one.words, f"{one.wer:.1f}", len(one.broken)),
        )
        for one in outcomes
    ]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in (head, ("---",) * len(head), *rows))


def _bare(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"
