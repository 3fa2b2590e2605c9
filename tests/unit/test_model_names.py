import pytest

from izwi.errors import UnknownModel
from izwi.model_names import Kind, known, resolve_model
from izwi.stages import Capabilities

LOADED = {
    "vad": Capabilities(engines=("silero",)),
    "asr": Capabilities(engines=("faster-whisper",), models=("whisper-base",)),
    "mt": Capabilities(engines=("apertium",)),
    "tts": Capabilities(engines=("piper", "kokoro")),
}


def test_loaded_models_come_first_and_aliases_after_them() -> None:
    found = known(LOADED)
    assert [model.name for model in found if model.loaded] == ["whisper-base", "apertium", "piper", "kokoro"]
    assert {"whisper-1", "tts-1", "gpt-4o-mini-tts"} <= {model.name for model in found if not model.loaded}
    assert len({model.name for model in found}) == len(found)


def test_a_stage_without_a_model_has_no_alias() -> None:
    assert known({"asr": LOADED["asr"]})[1:] == [model for model in known(LOADED)[4:] if model.kind == "asr"]
    with pytest.raises(UnknownModel, match="known: none"):
        resolve_model("tts-1", "tts", {"asr": LOADED["asr"]})


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("whisper-base", "asr", "whisper-base"),
        ("whisper-1", "asr", None),
        ("gpt-4o-transcribe", "asr", None),
        ("tts-1-hd", "tts", None),
        ("gpt-4o-mini-tts-2025-12-15", "tts", None),
        ("kokoro", "tts", "kokoro"),
        ("apertium", "mt", "apertium"),
    ],
)
def test_names_that_mean_something(name: str, kind: Kind, found: str | None) -> None:
    assert resolve_model(name, kind, LOADED) == found


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "asr"),
        ("whisper-9", "asr"),
        ("tts-1", "asr"),
        ("whisper-1", "tts"),
        ("faster-whisper", "asr"),
        ("TTS-1", "tts"),
    ],
)
def test_names_that_mean_nothing_are_told_what_there_is(name: str, kind: Kind) -> None:
    with pytest.raises(UnknownModel, match="whisper-base" if kind == "asr" else "piper") as failure:
        resolve_model(name, kind, LOADED)
    assert (failure.value.status, failure.value.code, failure.value.param) == (404, "model_not_found", "model")
