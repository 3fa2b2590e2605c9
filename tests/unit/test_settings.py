import re
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import ValidationError

from izwi.cli.settings import defaults, env_file
from izwi.settings import Settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No IZWI_ variable of this machine, and no ``.env`` file."""
    import os

    for name in os.environ:
        if name.upper().startswith("IZWI_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults() -> None:
    settings = Settings()
    assert settings == defaults()
    assert (settings.profile, settings.port, settings.asr.model) == ("dev", 8000, "base")


def test_a_profile_changes_defaults_only() -> None:
    settings = Settings(profile="edge")
    assert settings.asr.model == "tiny.en"
    assert settings.asr.threads == defaults().asr.threads


def test_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IZWI_PROFILE", "edge")
    Path(".env").write_text("IZWI_ASR__MODEL=from-file\nIZWI_ASR__BEAM_SIZE=3\nIZWI_PORT=7000\n")
    monkeypatch.setenv("IZWI_ASR__MODEL", "from-environment")
    settings = Settings(port=7001)
    assert settings.profile == "edge"
    assert settings.asr.model == "from-environment"
    assert settings.asr.beam_size == 3
    assert settings.port == 7001
    assert settings.tts.engines == ("piper", "espeak")


@pytest.mark.parametrize("profile", ["dev", "edge", "cloud", "realtime"])
def test_every_profile_is_valid(profile: str) -> None:
    assert Settings.model_validate({"profile": profile}).profile == profile


@pytest.mark.parametrize("origins", ['["*"]', '["https://*.example.org"]'])
def test_a_wildcard_origin_is_refused(monkeypatch: pytest.MonkeyPatch, origins: str) -> None:
    monkeypatch.setenv("IZWI_CORS_ORIGINS", origins)
    with pytest.raises(ValidationError, match="wildcard"):
        Settings()


def test_origins_are_taken_as_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IZWI_CORS_ORIGINS", '["https://a.example"]')
    assert Settings().cors_origins == ("https://a.example",)


@pytest.mark.parametrize(("name", "value"), [("PORT", "0"), ("ASR__BEAM_SIZE", "none"), ("VAD__THRESHOLD", "1.5")])
def test_a_bad_value_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"IZWI_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


def test_the_example_file_is_what_the_generator_writes() -> None:
    if not EXAMPLE.is_file():
        pytest.skip("runs from a checkout only: .env.example is not part of the wheel")
    assert EXAMPLE.read_text() == env_file(defaults()), "run: izwi settings --env-example > .env.example"


def test_every_line_of_the_example_can_be_made_active() -> None:
    lines = re.findall(r"^#(IZWI_\w+=.+)$", env_file(defaults()), re.MULTILINE)
    assert len(lines) > 60
    Path(".env").write_text("\n".join(lines))
    assert Settings() == defaults()


def test_the_example_is_a_valid_dotenv_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = [line for line in env_file(defaults()).splitlines() if line]
    assert [line for line in lines if not line.startswith(("#", "IZWI_"))] == []
    active = tmp_path / "active.env"
    active.write_text("\n".join(line.removeprefix("#") if line.startswith("#IZWI_") else line for line in lines))
    values = dotenv_values(active)  # python-dotenv warns in the log about what it cannot parse
    assert caplog.records == []
    assert len(values) == sum(line.startswith("#IZWI_") for line in lines)
    assert {key for key in values if not key.startswith("IZWI_")} == set()
    assert Settings(_env_file=active).model_dump() == Settings().model_dump()  # type: ignore[call-arg]


def test_every_setting_says_what_it_is_for() -> None:
    assert "# None" not in env_file(defaults())


def test_a_changed_setting_is_an_active_line() -> None:
    assert "\nIZWI_ASR__MODEL=tiny.en\n" in env_file(Settings(profile="edge"))


def test_secrets_are_set_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IZWI_REDIS_PASSWORD", "hush")
    monkeypatch.setenv("IZWI_TRACING__HEADERS", '{"authorization": "hush"}')
    shown = env_file(Settings())
    assert "hush" not in shown
    assert "\nIZWI_REDIS_PASSWORD=***" in shown
    assert '\nIZWI_TRACING__HEADERS={"authorization": "***' in shown
