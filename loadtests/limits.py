"""What a short bench may find. Pure.

Only ratios and differences inside one run are judged: how fast a machine is says nothing about the code.
"""

from collections.abc import Sequence
from typing import Any

from loadtests.windows import Passes

MAX_PASS_RATIO = 0.6
"""Elastic over padded pass: 0.24 on 2 AVX-512 cores, idle or not; more where encoding is cheap beside decoding."""
MAX_COMMIT_RATIO = 6.0
"""p95 until words are settled, many speakers over one: 1.1 to 1.4 for four on 2 cores, also where others work there."""
MIN_COMMIT_S = 1.0
"""A single speaker's p95 counts as at least this, so that an unusually quick run does not make the other look slow."""
MAX_WER_POINTS = 10.0
"""Streamed over offline, percentage points: 0 to 5 for four speakers. They say the same five clips again and again, so
that one mistake counts thrice. The tests judge accuracy more strictly; this is for what goes wrong under load."""
MIN_WORDS = 100
"""Fewer words than this are not judged by error rate: of 50, one word is two points."""
MAX_ERASURE = 0.9
"""Words taken back per final word: 0.2 to 0.55; a server that rewrites what it has shown is above 1."""


def failures(rows: Sequence[dict[str, Any]], passes: Passes) -> list[str]:
    """A sentence for each thing that is wrong; runs that are void are not judged.

    Args:
        rows: a run of one speaker and one of several, as `loadtests.figures.figures` gives them.
        passes: what both kinds of window cost.
    """
    found: list[str] = []
    if passes.ratio > MAX_PASS_RATIO:
        found.append(
            f"an elastic pass takes {passes.elastic_s:.3f} s, a padded one {passes.padded_s:.3f} s: "
            f"{passes.ratio:.2f} of it, more than {MAX_PASS_RATIO}"
        )
    sound = [row for row in rows if not row["void"]]
    for row in sound:
        found += _of_one_run(row)
    if len(sound) == len(rows) == 2:
        found += _of_both(*rows)
    return found


def _of_one_run(row: dict[str, Any]) -> list[str]:
    who = f"with {row['speakers']} speaker{'s' * (row['speakers'] > 1)}"
    found: list[str] = []
    if row["errors"]:
        found.append(f"{who}: errors, {row['errors']}: {'; '.join(row['error_messages'])}")
    if row["dropped_chunks"] and not row["errors"]:
        found.append(f"{who}: {row['dropped_chunks']} chunks could not be sent")
    if row["refused"] == row["speakers"]:
        return [*found, f"{who}: nobody was let in"]
    if row["wer"] is not None and row["words_said"] >= MIN_WORDS and row["wer"] > row["offline_wer"] + MAX_WER_POINTS:
        found.append(
            f"{who}: streamed WER {row['wer']} % is more than {MAX_WER_POINTS:g} points above the "
            f"{row['offline_wer']} % of the same clips offline"
        )
    if row["erasure"] is None or not row["words_timed"]:
        found.append(f"{who}: nothing was recognised")
    elif row["erasure"] > MAX_ERASURE:
        found.append(f"{who}: {row['erasure']} words were taken back per final word, more than {MAX_ERASURE}")
    return found


def _of_both(one: dict[str, Any], many: dict[str, Any]) -> list[str]:
    alone, together = one["word_committed_s"]["p95"], many["word_committed_s"]["p95"]
    if alone is None or together is None or together <= MAX_COMMIT_RATIO * max(alone, MIN_COMMIT_S):
        return []
    return [
        f"with {many['speakers']} speakers 95 % of the words are settled within {together} s, with one within "
        f"{alone} s: more than {MAX_COMMIT_RATIO:g} times as long"
    ]
