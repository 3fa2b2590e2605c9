"""Where the time of a job went: summed up over its stages, and stored with each window that has been heard.

What a runner spends on windows that it has not stored when it dies is missing from the sum; what one spends twice,
because a stage failed in between, counts twice. Pure.
"""

from collections.abc import Iterable

from pydantic import TypeAdapter

from izwi.messages import HotwordMatch, Meta, StageTime
from izwi.stage_times import StageTimes

_TIMINGS: TypeAdapter[dict[str, StageTime]] = TypeAdapter(dict[str, StageTime])


def dump(spent: StageTimes) -> str:
    return _TIMINGS.dump_json(spent.timings).decode()


def load(text: str) -> StageTimes:
    return StageTimes(_TIMINGS.validate_json(text)) if text else StageTimes()


def meta(spent: str, matches: Iterable[HotwordMatch]) -> Meta:
    """As of any other recording. Jobs are not traced."""
    return Meta(timings_ms=load(spent).timings, hotword_matches=list(matches))
