"""A Ray cluster of several nodes on this machine, with the live graph deployed on it as an operator would."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from ray.autoscaler.v2.sdk import get_cluster_status
from ray.cluster_utils import Cluster

LIMIT_S = 120.0
"""For anything that is waited for: models load on cores that are busy recognising."""
HASTE = {"look_back_period_s": 3, "metrics_interval_s": 1, "upscale_delay_s": 1, "downscale_delay_s": 8}
"""Minutes in production. A lost ingress replica takes its speakers out of the count until they are back elsewhere:
scaling down waits for that."""
NODE = {"num_cpus": 4, "node_ip_address": "127.0.0.1", "object_store_memory": 80 * 2**20}
LOSS = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 1000, "health_check_failure_threshold": 3}
"""So that the cluster notices the loss of a node within seconds."""


@dataclass(frozen=True)
class Replica:
    deployment: str
    state: str
    node: str | None
    """None while it starts."""


@dataclass
class Simulated:
    """
    Args:
        cluster: with its head.
        dashboard: its base address.
        port: where the live graph is to listen.
        redis_url: a server that every node reaches.
    """

    cluster: Cluster
    dashboard: str
    port: int
    redis_url: str
    nodes: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    # --- nodes ------------------------------------------------------------------------------------------------------
    def add(self, name: str, cards: int) -> None:
        """A node with so many cards, none of them real, and room for one ingress replica. For the main thread: Ray sets
        signal handlers."""
        self.nodes[name] = self.cluster.add_node(**NODE, num_gpus=cards, resources={"sockets": 1})

    def lose(self, name: str) -> None:
        """All of its processes die at once."""
        self.cluster.remove_node(self.nodes.pop(name), allow_graceful=False)

    def demand(self) -> list[dict[str, float]]:
        """What the cluster's autoscaler is asked for, as in `ray status`: a bundle for each replica that waits."""
        wanted = get_cluster_status(self.cluster.gcs_address).resource_demands.ray_task_actor_demand
        return [row.bundle for demand in wanted for row in demand.bundles_by_count for _ in range(row.count)]

    def free_cards(self) -> float:
        """Share of them that nobody has reserved."""
        usage = get_cluster_status(self.cluster.gcs_address).cluster_resource_usage
        return sum(one.total - one.used for one in usage if one.resource_name == "GPU")

    # --- the application --------------------------------------------------------------------------------------------
    def config(self, **args: Any) -> dict[str, Any]:
        """What is deployed. The cards are not real: models run on the CPU, and fractions are reserved all the same."""
        asr = {"model": "tiny.en", "beam_size": 1, "resources": {"cpus": 0.5, "max_replicas": 3}}
        return {
            "proxy_location": "HeadOnly",  # nodes of one machine would all listen on the same port
            "http_options": {"host": "127.0.0.1", "port": self.port},
            "applications": [
                {
                    "name": "izwi",
                    "import_path": "graphs.live:app",
                    "route_prefix": "/",
                    "args": {
                        "device": "cpu",
                        "redis_url": self.redis_url,
                        "asr": asr,
                        "tts": {"engines": ["piper"]},
                        "session": {"update_ms": 1000},  # so that slow machines keep up, and scale by speakers
                        "ingress": {"cpus": 0.2, "max_replicas": 2},
                        **args,
                    },
                    "autoscaling_policy": {
                        "policy_function": "deployments.scaling:Scaling",
                        "policy_kwargs": {
                            "rules": {"asr": "speech"},
                            "speech": {"speakers_per_replica": 4.5, "busy": 1.0},
                        },
                    },
                    "deployments": [
                        {
                            "name": "ingress",
                            "ray_actor_options": {"num_cpus": 0.2, "resources": {"sockets": 0.6}},
                            "autoscaling_config": {"max_replicas": 2, "target_ongoing_requests": 5, **HASTE},
                        },
                        {
                            "name": "asr",
                            "ray_actor_options": {"num_cpus": 0.5, "num_gpus": 0.4},
                            "autoscaling_config": {"max_replicas": 3, **HASTE},
                        },
                        {"name": "mt", "ray_actor_options": {"num_cpus": 0.1, "num_gpus": 0.3}},
                        {"name": "tts", "ray_actor_options": {"num_cpus": 0.2, "num_gpus": 0.2}},
                    ],
                }
            ],
        }

    async def deploy(self, **args: Any) -> None:
        """As `serve deploy` does, and wait until it runs."""
        before = (await self.application()).get("last_deployed_time_s", 0.0)
        async with self._client() as client:
            answer = await client.put("/api/serve/applications/", json=self.config(**args))
            assert answer.is_success, answer.text

        async def runs() -> bool:
            found = await self.application()
            return found.get("last_deployed_time_s", 0.0) > before and healthy(found)

        await until(runs, "the application runs", self.brief)

    async def application(self) -> dict[str, Any]:
        """What Serve's API tells of it."""
        async with self._client() as client:
            found = (await client.get("/api/serve/applications/")).raise_for_status().json()
        return found["applications"].get("izwi", {})

    async def replicas(self) -> list[Replica]:
        deployments = (await self.application()).get("deployments", {})
        return [
            Replica(name, one["state"], one.get("node_id"))
            for name, found in deployments.items()
            for one in found["replicas"]
        ]

    async def running(self) -> Counter[str]:
        """Replicas by deployment, on nodes that are there: of others Serve hears later."""
        there = {node.node_id for node in (self.cluster.head_node, *self.nodes.values())}
        return Counter(one.deployment for one in await self.replicas() if one.state == "RUNNING" and one.node in there)

    async def brief(self) -> str:
        found = await self.application()
        states = Counter(f"{one.deployment} {one.state}" for one in await self.replicas())
        return f"{found.get('status')} {dict(states)} {found.get('message', '')[-500:]}; wanted: {self.demand()}"

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.dashboard, timeout=30, trust_env=False)


def healthy(application: dict[str, Any]) -> bool:
    """Serve says so of every deployment, and no replica is coming or going."""
    return application.get("status") == "RUNNING" and all(
        one["status"] == "HEALTHY" and {replica["state"] for replica in one["replicas"]} <= {"RUNNING"}
        for one in application["deployments"].values()
    )


async def until(true: Callable[[], Awaitable[bool]], what: str, state: Callable[[], Awaitable[str]]) -> None:
    """Raise `TimeoutError`, with what there is instead, where it does not come true."""
    deadline = time.monotonic() + LIMIT_S
    while not await true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {LIMIT_S:.0f} s: {what}; there is {await state()}")
        await asyncio.sleep(0.5)
