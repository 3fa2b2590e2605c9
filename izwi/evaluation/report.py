"""Scores of a whole manifest: totals, the worst recordings, those that failed. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from izwi.errors import IzwiError
from izwi.evaluation.manifest import Item
from izwi.evaluation.run import Outcome
from izwi.evaluation.scoring import Counts, Score, score
from izwi.evaluation.text import Normaliser
from izwi.transcription_client import Heard


@dataclass(frozen=True)
class Scored:
    item: Item
    heard: Heard
    score: Score


@dataclass(frozen=True)
class Report:
    scored: list[Scored]
    failed: list[tuple[Item, IzwiError]]
    wall_s: float
    """Seconds until all of them had been heard."""

    @property
    def words(self) -> Counts:
        """Sums over all recordings, so that long ones weigh more than short ones."""
        return sum((one.score.words for one in self.scored), Counts())

    @property
    def characters(self) -> Counts:
        return sum((one.score.characters for one in self.scored), Counts())

    @property
    def audio_s(self) -> float:
        """Seconds of audio in what was heard."""
        return sum(one.heard.audio_s for one in self.scored)

    @property
    def rtf(self) -> float | None:
        """Real-time factor: seconds of work per second of audio, with as many requests at once as there were."""
        return self.wall_s / self.audio_s if self.audio_s else None

    def worst(self, count: int) -> list[Scored]:
        """Those with errors, highest word error rate first; invented words where nothing was said are the worst."""

        def badness(one: Scored) -> tuple[float, int]:
            rate = one.score.words.rate
            return (math.inf if rate is None else rate, one.score.characters.errors)

        wrong = [one for one in self.scored if one.score.words.errors]
        return sorted(wrong, key=badness, reverse=True)[:count]

    def exceeds(self, max_wer: float) -> bool:
        """Whether the word error rate is above ``max_wer`` percent."""
        return 100 * self.words.errors > max_wer * self.words.said


def report(outcomes: Sequence[Outcome], normal: Callable[[str | None], Normaliser], language: str | None,
           wall_s: float) -> Report:  # fmt: skip
    """Score what was heard.

    Args:
        normal: the normaliser of a language.
        language: of the recordings whose manifest entry does not tell.
    """
    scored: list[Scored] = []
    failed: list[tuple[Item, IzwiError]] = []
    for outcome in outcomes:
        item = outcome.item
        if outcome.heard is not None:
            compared = score(item.text, outcome.heard.text, normal(item.language or language))
            scored.append(Scored(item, outcome.heard, compared))
        elif outcome.error is not None:
            failed.append((item, outcome.error))
    return Report(scored, failed, wall_s)


def as_json(found: Report) -> dict[str, Any]:
    """Rates in percent, times in seconds; ``null`` where a rate has no meaning."""
    return {
        **_rates(found.words, found.characters),
        "audio_s": round(found.audio_s, 3),
        "wall_s": round(found.wall_s, 3),
        "rtf": None if found.rtf is None else round(found.rtf, 4),
        "files": [
            {
                "file": one.item.file,
                **_rates(one.score.words, one.score.characters),
                "audio_s": one.heard.audio_s,
                "took_s": round(one.heard.took_s, 3),
                "text": one.heard.text,
                "differences": [asdict(difference) for difference in one.score.differences],
            }
            for one in found.scored
        ],
        "failed": [{"file": item.file, "code": error.code, "message": str(error)} for item, error in found.failed],
    }


def _rates(words: Counts, characters: Counts) -> dict[str, Any]:
    return {
        "wer": percent(words.rate),
        "cer": percent(characters.rate),
        "words": words.said,
        "substitutions": words.substitutions,
        "deletions": words.deletions,
        "insertions": words.insertions,
    }


def percent(rate: float | None) -> float | None:
    return None if rate is None else round(100 * rate, 2)
