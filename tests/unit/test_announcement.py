"""What `izwi serve` says when it listens."""

from pathlib import Path

import pytest

from graphs import launch
from izwi.settings import Settings


def test_the_dashboards_token_is_where_only_its_user_can_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "s3cret")
    launch._announce(Settings(), "127.0.0.1:8265", str(tmp_path))
    said = capsys.readouterr().out
    assert f"dashboard  http://127.0.0.1:8265 asks for the token in {tmp_path / 'auth_token'}" in said
    assert "s3cret" not in said
    assert (tmp_path / "auth_token").read_text() == "s3cret"
    assert (tmp_path / "auth_token").stat().st_mode & 0o777 == 0o600


def test_without_a_token_of_ours_there_is_none_to_tell_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    launch._announce(Settings(), "127.0.0.1:8265", str(tmp_path))
    assert "dashboard  http://127.0.0.1:8265\n" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
