"""One cluster of a head and two nodes, shared by all tests in this folder; they add and lose nodes."""

import asyncio
import tempfile
from collections.abc import Iterator

import pytest
from ray.cluster_utils import Cluster

from graphs import environment
from izwi.server_process import free_port
from loadtests.chaos.redis_server import RedisServer
from tests.cluster.simulated import LOSS, NODE, Simulated


@pytest.fixture(scope="package")
def simulated() -> Iterator[Simulated]:
    dashboard = free_port()
    # Ray's own folder has a short name, because Unix sockets below it may have 107 characters.
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="izwi-", ignore_cleanup_errors=True) as folder,
        RedisServer() as redis,
    ):
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("RAY_AUTH_MODE", "disabled")  # Ray has been imported here: a token would come too late
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # who is asked to connect to loopback does
        environment.prepare("python")  # one HAProxy per node would be several on this machine, on the same port
        head = {"dashboard_host": "127.0.0.1", "dashboard_port": dashboard, "include_dashboard": True}
        cluster = Cluster(initialize_head=True, head_node_args=NODE | head | {"_system_config": LOSS})
        try:
            found = Simulated(cluster, f"http://127.0.0.1:{dashboard}", free_port(), redis.url)
            found.add("card", cards=1)
            found.add("plain", cards=0)
            asyncio.run(found.deploy())
            yield found
        finally:
            cluster.shutdown()
