"""How much memory is left, in containers and out of them."""

from pathlib import Path

import psutil
import pytest

from deployments.ingress import memory

GIB = 2**30


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = type("Memory", (), {"percent": 95.0, "total": 64 * GIB})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)


def write(folder: Path, **texts: object) -> None:
    for name, text in texts.items():
        folder.joinpath(name.replace("__", ".")).write_text(f"{text}\n")


def test_a_pod_goes_by_its_own_limit(tmp_path: Path) -> None:
    stat = f"anon {GIB}\ninactive_file {GIB}\nactive_file {GIB}"
    write(tmp_path, memory__max=4 * GIB, memory__current=3 * GIB, memory__stat=stat)
    assert memory.percent(tmp_path) == pytest.approx(25.0)


def test_so_does_one_of_an_older_kernel(tmp_path: Path) -> None:
    folder = tmp_path / "memory"
    folder.mkdir()
    stat = f"inactive_file 1\ntotal_inactive_file {GIB}\ntotal_active_file 0"
    write(folder, memory__limit_in_bytes=4 * GIB, memory__usage_in_bytes=3 * GIB, memory__stat=stat)
    assert memory.percent(tmp_path) == pytest.approx(50.0)


@pytest.mark.parametrize("limit", ["max", 2**63 - 4096, ""])
def test_without_a_limit_the_machine_counts(tmp_path: Path, limit: object) -> None:
    write(tmp_path, memory__max=limit, memory__current=GIB, memory__stat="inactive_file 0")
    assert memory.percent(tmp_path) == 95.0


def test_where_there_are_no_control_groups_the_machine_counts(tmp_path: Path) -> None:
    assert memory.percent(tmp_path) == 95.0


def test_nine_tenths_are_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory.shortage() == "95 % in use, the limit is 90 %"
    monkeypatch.setattr(memory, "percent", lambda: 89.9)
    assert memory.shortage() is None
