from collections.abc import Callable

import pytest

from deployments.ingress import admission
from deployments.ingress.admission import CROWD, PACE_S, Newcomers
from izwi.errors import Overloaded, UnsupportedLanguage, UnsupportedPair
from izwi.messages import SessionStart
from izwi.stages import Capabilities

CAN = {
    "asr": Capabilities(languages=frozenset({"en", "es"})),
    "mt": Capabilities(pairs=frozenset({("en", "es"), ("es", "fr")})),
    "tts": Capabilities(languages=frozenset({"es"})),
}


@pytest.mark.parametrize(
    "start",
    [
        SessionStart(source_language="en"),
        SessionStart(source_language="auto", target_language="es"),
        SessionStart(source_language="en", target_language="en", speech=False),
        SessionStart(source_language="es", target_language="fr", speech=False),
    ],
)
def test_what_the_stages_can_do_is_admitted(start: SessionStart) -> None:
    admission.check(start, CAN)


@pytest.mark.parametrize(
    ("start", "error", "says"),
    [
        (SessionStart(source_language="xx"), UnsupportedLanguage, "supported: auto, en, es"),
        (SessionStart(source_language="en", target_language="fr"), UnsupportedPair, "en→es, es→fr"),
        (SessionStart(source_language="auto", target_language="xx"), UnsupportedPair, "en→es"),
        (SessionStart(source_language="es", target_language="fr"), UnsupportedLanguage, "no voice speaks 'fr'"),
    ],
)
def test_anything_else_is_refused_with_what_is_supported(
    start: SessionStart, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        admission.check(start, CAN)


def newcomers_at(clock: Callable[[], float], shortage: str | None = None) -> Newcomers:
    return Newcomers(2.5, clock, lambda: shortage)


def test_where_speakers_wait_too_long_no_further_one_is_admitted() -> None:
    newcomers = newcomers_at(lambda: 0.0)
    newcomers.admit(0.4)
    with pytest.raises(Overloaded, match=r"2\.6 s behind") as caught:
        newcomers.admit(2.6)
    assert caught.value.retry_after_s


def test_a_crowd_is_let_in_at_once_where_nobody_waits_and_one_by_one_where_somebody_does() -> None:
    now = 0.0
    newcomers = newcomers_at(lambda: now)
    for _ in range(20):
        newcomers.admit(0.0)
    with pytest.raises(Overloaded, match="one at a time"):
        newcomers.admit(1.0)
    now = 2.0
    newcomers.admit(1.0)
    with pytest.raises(Overloaded):
        newcomers.admit(1.0)


def test_not_even_an_idle_server_lets_everybody_in_at_once() -> None:
    now = 0.0
    newcomers = newcomers_at(lambda: now)
    for _ in range(CROWD):
        newcomers.admit(0.0)
    with pytest.raises(Overloaded, match="at once"):
        newcomers.admit(0.0)
    now = PACE_S
    newcomers.admit(0.0)


def test_without_memory_nobody_new_is_let_in() -> None:
    with pytest.raises(Overloaded, match="short of memory") as caught:
        newcomers_at(lambda: 0.0, "95 % in use").look(0.0)
    assert (caught.value.retryable, "95" in str(caught.value)) == (True, False)
