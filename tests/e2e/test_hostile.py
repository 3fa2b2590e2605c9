"""Some of what `make hostile` does, against a server with live sessions: every answer is typed, and comes."""

import time

import pytest

from loadtests.chaos import attacks
from loadtests.chaos.answers import untyped
from tests.e2e.conftest import Server


@pytest.mark.parametrize("name", ["malformed", "oversize", "crowd"])
async def test_every_answer_is_typed_and_comes(server: Server, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(attacks, "MESSAGES", 500)
    monkeypatch.setattr(attacks, "CROWD", 200)
    answers = await attacks.ATTACKS[name](server.ws, time.monotonic() + 5)
    assert answers.total() > 0
    assert list(untyped(answers)) == []
    assert "client_timeout" not in answers
