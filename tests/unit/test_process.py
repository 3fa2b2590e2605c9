"""Who comes first on the machine."""

import os

import pytest

from loadtests.process import GO_FIRST, going_first


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may go first")
def test_clients_go_first_and_then_no_longer() -> None:
    before = niceness()
    with going_first():
        assert niceness() == min(before, GO_FIRST)
    assert niceness() == before


def test_who_may_not_go_first_goes_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(which: int, who: int, priority: int) -> None:
        raise PermissionError

    before = niceness()
    monkeypatch.setattr(os, "setpriority", refuse)
    with going_first():
        assert niceness() == before
