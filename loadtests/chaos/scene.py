"""A server that may be broken: what stands before it, what is behind it, and a way to deploy it anew."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

from izwi.server_process import free_port
from loadtests.chaos.control import Control
from loadtests.chaos.redis_server import RedisServer
from loadtests.server import Server, serving


@dataclass(frozen=True)
class Scene:
    server: Server
    redis: RedisServer
    control: Control

    @property
    def port(self) -> int:
        return urlsplit(self.server.url).port or 0


@contextmanager
def private_scene(ingresses: int, log: Path, tell: Callable[[str], None]) -> Iterator[Scene]:
    """A private server with a Redis of its own and a dashboard to deploy by."""
    token, dashboard = secrets.token_hex(32), free_port()
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        environment = {
            "IZWI_REDIS_URL": redis.url,
            "IZWI_INGRESS__MIN_REPLICAS": str(ingresses),
            "IZWI_INGRESS__MAX_REPLICAS": str(ingresses),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": token,
        }
        stack.enter_context(patch.dict(os.environ, environment))
        server = stack.enter_context(serving(None, None, log, tell, ["--dashboard-port", str(dashboard)]))
        port = urlsplit(server.url).port or 0
        yield Scene(server, redis, Control(f"http://127.0.0.1:{dashboard}", token, port, ingresses))
