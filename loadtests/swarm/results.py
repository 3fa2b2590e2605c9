"""A run as one value: what was asked, what was measured, what it is worth. Pure."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from izwi.audio import SAMPLE_RATE
from loadtests.corpus import Clip
from loadtests.swarm import verdict
from loadtests.swarm.meters import Use
from loadtests.swarm.notes import METRICS, OWN
from loadtests.swarm.profiles import NOISE_DBFS, SPEECH_EVERY_S, UPLOAD_EVERY_S, Profile
from loadtests.swarm.tally import Tally


def results(
    name: str,
    profile: Profile,
    tally: Tally,
    uses: Sequence[Use],
    began: float,
    lasted_s: float,
    slack: float,
    about: dict[str, Any],
) -> dict[str, Any]:
    """Everything that the report shows, and a program may want.

    Args:
        began: wall clock, in seconds.
        slack: times the limits of latencies.
        about: the run's circumstances, taken over as they are.
    """
    metrics = {key: tally.metric(key, began, lasted_s) for key in METRICS}
    own = {key: tally.metric(key, began, lasted_s) for key in OWN}
    memory = verdict.server_memory([(use.at_s, use.rss) for use in uses])
    found = verdict.checks(metrics, tally, profile.limits, memory, slack, bool(profile.kills))
    void = verdict.void(tally, lasted_s, profile.seconds)
    kept = all(check.kept for check in found)
    return {
        "profile": name,
        **about,
        "planned_s": profile.seconds,
        "lasted_s": round(lasted_s, 1),
        "verdict": "void" if void else "passed" if kept else "missed",
        "void": void,
        "checks": verdict.as_rows(found),
        "metrics": {key: one for key, one in metrics.items() if one},
        "load_generator": {key: one for key, one in own.items() if one},
        "counts": {key: round(number, 3) for key, number in sorted(tally.counts.items())},
        "errors": dict(tally.errors.most_common()),
        "memory": asdict(memory) if memory else None,
        "uses": [asdict(use) for use in uses],
    }


def load(profile: Profile, clips: Sequence[Clip]) -> str:
    """Exactly what the server gets, in words."""
    lengths = [len(clip.samples) / SAMPLE_RATE for clip in clips]
    stages = ", then ".join(f"{stage.captions} for {stage.seconds:g} s" for stage in profile.stages)
    parts = [f"live users with captions, English to Spanish: {stages}"]
    if profile.interpreted:
        parts.append(f"live users who hear their translation: {profile.interpreted}")
    parts.append(
        f"each speaks {profile.duty:.0%} of the time, in turns of {min(lengths):.1f} to {max(lengths):.1f} s (mean "
        f"{np.mean(lengths):.1f} s, {len(clips)} recordings of readers), and sends room noise at {NOISE_DBFS:g} dBFS "
        "in between, in chunks of 100 ms"
    )
    parts.append(
        "one session until the end"
        if profile.visit_s is None
        else f"a new session after {profile.visit_s:g} s on average"
    )
    if profile.drop_every_s:
        parts.append(f"each connection is reset every {profile.drop_every_s:g} s on average")
    if profile.transcriptions:
        parts.append(f"{profile.transcriptions} who upload a recording of one turn every {UPLOAD_EVERY_S:g} s")
    if profile.speeches:
        parts.append(f"{profile.speeches} who have an English sentence spoken every {SPEECH_EVERY_S:g} s")
    if profile.kills:
        parts.append(f"replicas killed in turn: {', '.join(profile.kills)}")
    return "; ".join(parts)
