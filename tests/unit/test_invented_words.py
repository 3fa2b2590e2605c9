"""Words that Whisper invents at the beginning of a trimmed window must not be committed at first sight."""

from izwi.agreement import Agreement
from izwi.stages import Word

HEARD = "century[18.36-18.72] may[18.72-19.28] justly[19.28-19.78] be[19.78-20.10]"
INVENTED = (
    "may[18.38-18.38] be[18.38-18.38] considered[18.38-18.38] as[18.38-18.38] the[18.38-18.38] invasion.[18.38-18.38] "
    "The[18.38-18.38] victory[18.38-18.58] "
)
AFTER = "may[18.58-19.26] justly[19.26-19.78] be[19.78-20.10] considered[20.10-20.36] as[20.36-20.90] the[20.90-21.16]"
"""As tiny.en heard LJ001-0005 from 18.38 s on: the end of the window once more, before its beginning, in no time."""


def words(text: str, confidence: float) -> list[Word]:
    """``word[start-end]``"""
    parts = [part.removesuffix("]").split("[") for part in text.split()]
    return [Word(f" {word}", *map(float, span.split("-")), confidence) for word, span in parts]  # type: ignore[misc,call-arg]


def test_words_without_duration_and_confidence_are_not_settled_by_a_single_hypothesis() -> None:
    agreement = Agreement(2, 0.7, 0.7)
    agreement.update(words(HEARD, 0.9), 15.58, final=True)
    heard = [*words(INVENTED, 0.3), *words(AFTER, 0.9)]
    fresh = agreement.update(heard, 18.38, complete_before_s=20.68, trust_before_s=20.58, settle_before_s=19.18)
    assert "victory" not in "".join(word.text for word in fresh)
