import pytest

from deployments.ingress import admission
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


def test_where_speakers_wait_too_long_no_further_one_is_admitted() -> None:
    admission.check_load(3.9, 4.0)
    with pytest.raises(Overloaded, match=r"4\.1 s behind") as caught:
        admission.check_load(4.1, 4.0)
    assert caught.value.retry_after_s
