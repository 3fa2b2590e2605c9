"""Word and character error rates of a recording, and where its words differ. Pure."""

from dataclasses import dataclass

import jiwer

from izwi.evaluation.text import Normaliser

CONTEXT = 3
"""Words shown before and after a difference: enough to find it in the recording."""


@dataclass(frozen=True)
class Counts:
    """Edits that lead from what was said to what was heard, of words or of characters."""

    right: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def said(self) -> int:
        """Length of the reference."""
        return self.right + self.substitutions + self.deletions

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float | None:
        """Errors per word or character said; None where nothing was said."""
        return self.errors / self.said if self.said else None

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.right + other.right,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


@dataclass(frozen=True)
class Difference:
    """Words said that were heard as others."""

    before: str
    """Words that both have before it."""
    said: str
    """Empty where words were invented."""
    heard: str
    """Empty where words are missing."""
    after: str


@dataclass(frozen=True)
class Score:
    words: Counts
    characters: Counts
    """Spaces between words count."""
    differences: list[Difference]


def score(reference: str, hypothesis: str, normal: Normaliser) -> Score:
    """Compare what was said with what was heard."""
    said, heard = normal(reference), normal(hypothesis)
    words, characters = jiwer.process_words(said, heard), jiwer.process_characters(said, heard)
    return Score(_counts(words), _counts(characters), _differences(words))


def _counts(output: jiwer.WordOutput | jiwer.CharacterOutput) -> Counts:
    return Counts(output.hits, output.substitutions, output.deletions, output.insertions)


def _differences(output: jiwer.WordOutput) -> list[Difference]:
    """Edits that follow one another without a right word between them are one difference."""
    said, heard = output.references[0], output.hypotheses[0]
    chunks = output.alignments[0]
    found: list[Difference] = []
    index = 0
    while index < len(chunks):
        if chunks[index].type == "equal":
            index += 1
            continue
        end = index
        while end < len(chunks) and chunks[end].type != "equal":
            end += 1
        first, last = chunks[index], chunks[end - 1]
        right_from = chunks[index - 1].ref_start_idx if index else 0
        right_until = chunks[end].ref_end_idx if end < len(chunks) else len(said)
        found.append(
            Difference(
                " ".join(said[max(right_from, first.ref_start_idx - CONTEXT) : first.ref_start_idx]),
                " ".join(said[first.ref_start_idx : last.ref_end_idx]),
                " ".join(heard[first.hyp_start_idx : last.hyp_end_idx]),
                " ".join(said[last.ref_end_idx : min(right_until, last.ref_end_idx + CONTEXT)]),
            )
        )
        index = end
    return found
