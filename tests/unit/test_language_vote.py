from izwi.language_vote import LanguageVote


def vote(*heard: tuple[str, float, float], previous: str | None = None) -> LanguageVote:
    evidence = LanguageVote(previous)
    for language, probability, seconds in heard:
        evidence.hear(language, probability, seconds)
    return evidence


def test_nothing_heard_is_no_language() -> None:
    assert (vote().best, vote().settled) == (None, None)


def test_one_sure_detection_on_little_audio_settles_nothing() -> None:
    assert vote(("en", 0.99, 1.0)).settled is None


def test_sure_detections_settle() -> None:
    assert vote(("en", 0.95, 2.0), ("en", 0.95, 2.5)).settled == "en"


def test_guesses_that_flip_do_not_settle_but_the_majority_leads() -> None:
    evidence = vote(("en", 0.4, 0.8), ("de", 0.5, 1.3), ("nn", 0.3, 1.8), ("de", 0.6, 2.3))
    assert evidence.best == "de"
    assert evidence.settled is None


def test_the_language_before_breaks_ties() -> None:
    assert vote(("nn", 0.5, 1.0), previous="de").best == "de"


def test_a_switch_of_language_is_not_hidden_by_the_one_before() -> None:
    assert vote(("es", 0.9, 2.0), ("es", 0.95, 2.5), previous="en").settled == "es"


def test_a_careful_pass_on_more_audio_detects_again() -> None:
    guessed = vote(("en", 0.6, 1.6))
    assert guessed.ask(2.8, careful=True) is None
    assert guessed.ask(2.8, careful=False) is None


def test_a_careful_pass_on_a_short_rest_goes_by_what_was_heard_before() -> None:
    heard = vote(("en", 0.3, 0.8), ("de", 0.9, 2.5))
    assert heard.ask(1.0, careful=True) == "de"
    assert heard.ask(1.0, careful=False) is None


def test_a_settled_language_is_asked_for() -> None:
    assert vote(("en", 0.95, 2.0), ("en", 0.95, 2.5)).ask(9.0, careful=True) == "en"
