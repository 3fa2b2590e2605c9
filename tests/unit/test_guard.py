import pytest

from deployments.asr.guard import (
    MAX_TOKENS,
    Decoded,
    Verdict,
    compression_ratio,
    cut_loops,
    find_echo,
    find_loop,
    judge,
    says_twice,
    token_limit,
)

SENTENCE = tuple(range(100, 130))


def decoded(text: str = " The air is pure.", **changes: object) -> Decoded:
    values = {"tokens": SENTENCE, "text": text, "avg_logprob": -0.2, "no_speech_prob": 0.02} | changes
    return Decoded(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (decoded(), Verdict.GOOD),
        (decoded(" No, no, no, I said no."), Verdict.GOOD),
        (decoded(" Thank you."), Verdict.GOOD),
        (decoded(avg_logprob=-1.2), Verdict.UNSURE),
        (decoded(capped=True), Verdict.CAPPED),
        (decoded(tokens=(7,) * 40), Verdict.LOOP),
        (decoded(" A" + "h" * 60), Verdict.LOOP),
        (decoded(" at that high level the air is pure. At that high level the air is pure."), Verdict.REPEAT),
        (decoded(" 空気は澄んでいる。空気は澄んでいる。"), Verdict.REPEAT),
        (decoded(""), Verdict.SILENCE),
        (decoded(" . ."), Verdict.SILENCE),
        (decoded(" I'm going to cut it.", avg_logprob=-1.66, no_speech_prob=0.7), Verdict.SILENCE),
        (decoded(" you", avg_logprob=-0.67, no_speech_prob=0.92), Verdict.SILENCE),
        (decoded(" Thank you.", avg_logprob=-0.6, no_speech_prob=0.74), Verdict.SILENCE),
        # Improbable text alone asks for the padded window; improbable there as well, it was noise.
        (decoded(" music playing", avg_logprob=-2.02, no_speech_prob=0.5), Verdict.UNSURE),
        (decoded(" music playing", avg_logprob=-2.02, no_speech_prob=0.5, padded=True), Verdict.SILENCE),
        (decoded(" mumbled words", avg_logprob=-1.2, no_speech_prob=0.05, padded=True), Verdict.UNSURE),
        (decoded(" So we got this one.", avg_logprob=-0.9, no_speech_prob=0.48), Verdict.UNSURE),
        (decoded(" So we got this one.", avg_logprob=-0.9, no_speech_prob=0.48, padded=True), Verdict.SILENCE),
        (decoded(" Wait.", avg_logprob=-0.78, no_speech_prob=0.31), Verdict.GOOD),
        # The model may doubt that anybody speaks and still be sure of the words.
        (decoded(no_speech_prob=0.9), Verdict.GOOD),
    ],
)
def test_judge(found: Decoded, verdict: Verdict) -> None:
    assert judge(found) is verdict


@pytest.mark.parametrize(
    ("tokens", "cut"),
    [
        (SENTENCE, SENTENCE),
        ((1, 2, 3) * 2, (1, 2, 3) * 2),
        ((1, 2, 3) * 3, (1, 2, 3)),
        ((9, 8, *(1, 2, 3) * 5, 1, 2), (9, 8, 1, 2, 3)),
        ((9, 8, *(1, 2, 3) * 5, 1, 7), (9, 8, 1, 2, 3, 1, 7)),
        ((5,) * 5, (5,) * 5),
        ((4, *(5,) * 6, 6), (4, 5, 6)),
        ((1, 2) * 3, (1, 2) * 3),
        ((1, 2) * 4, (1, 2)),
        ((*(1, 2, 3) * 3, 7, *(4, 5, 6) * 3), (1, 2, 3, 7, 4, 5, 6)),
        ((), ()),
    ],
)
def test_loops_are_cut_to_their_first_copy(tokens: tuple[int, ...], cut: tuple[int, ...]) -> None:
    assert cut_loops(tokens) == cut
    assert find_loop(cut) is None


def test_says_twice_ignores_short_and_separated_repeats() -> None:
    assert not says_twice(" I want to I want to go home")
    assert not says_twice(" That is what I said, and then that is what I said again")
    assert says_twice(" of fine typography, that as an example of fine typography that as an example")


def test_token_limit_follows_the_audio_and_stops_at_what_whisper_knows() -> None:
    assert token_limit(0) == 10
    assert token_limit(3) == 52
    assert token_limit(28) == MAX_TOKENS


def test_compression_ratio() -> None:
    assert compression_ratio("") == 0
    assert compression_ratio("It is of the first importance that the letter used should be fine in form.") < 1.5
    assert compression_ratio("and so on " * 20) > 2.4


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (" The air is pure. The air is pure.", 4),
        (" Then the air is pure, the air is pure, the air", 5),
        (" the air is pure the air is pure the air is pu", 4),
        (" The air is pure. The air is pure, he said", None),
        (" I want to I want to", None),
        (" no no no no no no no no no no no no", 1),
        (" no no no", None),
        (" the air is pure", None),
        ("", None),
    ],
)
def test_an_echo_is_found_at_the_end_of_the_text_only(text: str, kept: int | None) -> None:
    assert find_echo(text.split()) == kept


def test_punctuation_of_its_own_belongs_to_the_first_copy() -> None:
    assert find_echo(["the", "air", "is", "pure", ".", "the", "air", "is", "pure", "."]) == 5
