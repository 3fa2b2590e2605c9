"""What an operator does to a running server: `serve deploy`, by the interface of Ray's dashboard that it uses."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

LIMIT_S = 180.0
"""For a deployment: every model is loaded anew, on cores that are busy recognising."""


@dataclass
class Control:
    """Deploys the live graph over and over with changes.

    Args:
        dashboard: its base address.
        token: Ray's.
        port: where the server listens.
        ingresses: replicas of the ingress.
    """

    dashboard: str
    token: str
    port: int
    ingresses: int
    args: dict[str, Any] = field(default_factory=dict)
    user_config: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def deploy(self) -> None:
        """Ask for the graph as it is described here, and wait until it runs.

        Raises:
            TimeoutError: it does not.
        """
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(base_url=self.dashboard, headers=headers, timeout=30, trust_env=False) as client:
            before = _deployed_at(await self._status(client))
            (await client.put("/api/serve/applications/", json=self._config())).raise_for_status()
            deadline = time.monotonic() + LIMIT_S
            while not _runs(status := await self._status(client)) or _deployed_at(status) == before:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the deployment did not settle within {LIMIT_S:.0f} s: {_brief(status)}")
                await asyncio.sleep(0.5)

    async def _status(self, client: httpx.AsyncClient) -> dict[str, Any]:
        found = (await client.get("/api/serve/applications/")).raise_for_status().json()
        return found["applications"].get("izwi", {})

    def _config(self) -> dict[str, Any]:
        deployments: list[dict[str, Any]] = [{"name": "ingress", "num_replicas": self.ingresses}]
        deployments += [{"name": name, "user_config": config} for name, config in self.user_config.items()]
        application = {
            "name": "izwi",
            "import_path": "graphs.live:app",
            "route_prefix": "/",
            "args": self.args,
            "deployments": deployments,
        }
        return {
            "proxy_location": "EveryNode",
            "http_options": {"host": "127.0.0.1", "port": self.port},
            "applications": [application],
        }


def _deployed_at(status: dict[str, Any]) -> float:
    return status.get("last_deployed_time_s", 0.0)


def _runs(status: dict[str, Any]) -> bool:
    return status.get("status") == "RUNNING" and all(
        one["status"] == "HEALTHY" and {replica["state"] for replica in one["replicas"]} <= {"RUNNING"}
        for one in status.get("deployments", {}).values()
    )


def _brief(status: dict[str, Any]) -> str:
    parts = [f"{name} {one['status']}" for name, one in status.get("deployments", {}).items()]
    return f"{status.get('status')} ({', '.join(parts)}) {status.get('message', '')[-300:]}"
