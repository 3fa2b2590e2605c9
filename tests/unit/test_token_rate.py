from deployments.asr import guard
from deployments.asr.token_rate import KNOWN, REMEMBERED, TokenRate


def rate(tokens: int, windows: int) -> TokenRate:
    """As many windows of 3 s, each with that many tokens."""
    found = TokenRate()
    for _ in range(windows):
        found.note("en", tokens, 3.0)
    return found


def test_little_experience_sets_no_limit_of_its_own() -> None:
    assert rate(12, KNOWN - 1).limit("en", 5.0) == guard.token_limit(5.0)
    assert rate(12, KNOWN).limit("de", 5.0) == guard.token_limit(5.0)


def test_the_limit_leaves_room_for_faster_speech_than_was_heard() -> None:
    assert 1.5 * 12 <= rate(12, KNOWN).limit("en", 3.0) < guard.token_limit(3.0)


def test_it_never_exceeds_what_speech_can_hold() -> None:
    assert rate(60, KNOWN).limit("th", 5.0) == guard.token_limit(5.0)


def test_fast_speech_raises_the_limit_at_once_and_is_forgotten_in_time() -> None:
    found = rate(12, KNOWN)
    slow = found.limit("en", 3.0)
    found.note("en", 24, 3.0)
    assert found.limit("en", 3.0) > slow
    for _ in range(REMEMBERED):
        found.note("en", 12, 3.0)
    assert found.limit("en", 3.0) == slow
