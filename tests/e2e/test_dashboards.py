"""A real Prometheus scrapes a real server: what the dashboards ask has answers, and alerts can be judged."""

import asyncio
import json
import math
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import ray.serve
import yaml

from cluster.dashboards.__main__ import BOARDS
from izwi.server_process import free_port
from tests.e2e.conftest import Server
from tests.e2e.test_stream import stream
from tests.operations import ROOT, named
from tests.speech import LIBRIVOX, load, needs_librivox

LIMIT_S = 60
"""For every query to have data. Ray's processes tell theirs every ten seconds."""
VARIABLES = {"$__rate_interval": "1m", "$replica": ".*"}
FOLDER = ROOT / "cluster" / "prometheus"

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="Debian package prometheus is missing")


def _queries(*, quiet: bool) -> list[str]:
    found = [
        query.expr for board in BOARDS for panel in board.panels for query in panel.queries if query.quiet == quiet
    ]
    for name, value in VARIABLES.items():
        found = [expr.replace(name, value) for expr in found]
    return found


def _haproxy() -> str:
    """Where the HAProxy of a server that descends from this process tells its metrics."""
    for process in psutil.Process().children(recursive=True):
        if process.name() == "haproxy":
            arguments = process.cmdline()
            settings = Path(arguments[arguments.index("-f") + 1]).read_text()
            found = re.search(r"frontend prometheus\s+bind \S*:(\d+)", settings)
            assert found, settings
            return f"127.0.0.1:{found[1]}"
    raise AssertionError("no HAProxy runs")


def _discovery(server: Server, folder: Path) -> Path:
    """As Ray's dashboard writes it, which this server does without."""
    (port,) = server.logs.parent.glob("metrics_export_port_*")
    file = folder / "prom_metrics_service_discovery.json"
    file.write_text(json.dumps([{"labels": {"job": "ray"}, "targets": [f"127.0.0.1:{port.read_text().strip()}"]}]))
    return file


def _settings(server: Server, folder: Path) -> Path:
    """Those of the repository, with the addresses of this server, in a hurry."""
    settings = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    settings["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "2s"}
    izwi, of_ray, haproxy = settings["scrape_configs"]
    del izwi["authorization"]
    izwi["static_configs"] = [{"targets": [server.http.removeprefix("http://")]}]
    of_ray["file_sd_configs"] = [{"files": [str(_discovery(server, folder))]}]
    of_ray |= {"scrape_interval": "3s", "scrape_timeout": "3s"}  # some megabytes
    haproxy["static_configs"] = [{"targets": [_haproxy()]}]
    settings["rule_files"] = [str(FOLDER / "alerts.yml")]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(settings))
    return file


@contextmanager
def _prometheus(settings: Path) -> Iterator[httpx.Client]:
    port = free_port()
    command = ["prometheus", "--config.file", str(settings), "--storage.tsdb.path", str(settings.parent / "data")]
    with (settings.parent / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"], stdout=log, stderr=log
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/", trust_env=False, timeout=10) as client:
                deadline = time.monotonic() + 20
                while time.monotonic() < deadline:
                    try:
                        if client.get("/-/ready").is_success:
                            break
                    except httpx.TransportError:
                        pass
                    time.sleep(0.1)
                yield client
        finally:
            process.terminate()
            process.wait(10)


def _ask(client: httpx.Client, expr: str) -> list[dict[str, Any]]:
    answer = client.post("/api/v1/query", data={"query": expr}).json()
    assert answer["status"] == "success", (expr, answer)
    return answer["data"]["result"]


def _tells(client: httpx.Client, expr: str) -> bool:
    return any(math.isfinite(float(row["value"][1])) for row in _ask(client, expr))


@needs_librivox
async def test_what_dashboards_ask_has_answers_and_alerts_can_be_judged(server: Server, tmp_path: Path) -> None:
    speech = np.concatenate([load(LIBRIVOX[0].path), np.zeros(16_000, np.float32)])
    await stream(server, speech, source_language="en", target_language="es")  # series begin
    with _prometheus(_settings(server, tmp_path)) as client:
        async with asyncio.timeout(LIMIT_S):
            while not _tells(client, "izwi_connections_total"):  # what grows before the first look has no rate
                await asyncio.sleep(0.2)
        await stream(server, speech, speed=1.0, source_language="en", target_language="es")
        missing = _queries(quiet=False)
        deadline = time.monotonic() + LIMIT_S
        while missing and time.monotonic() < deadline:
            await asyncio.sleep(1)
            missing = [expr for expr in missing if not _tells(client, expr)]
        targets = client.get("/api/v1/targets").json()["data"]["activeTargets"]
        assert not missing, (missing, [(target["scrapeUrl"], target["lastError"]) for target in targets])
        assert {target["labels"]["job"] for target in targets if target["health"] == "up"} == {"izwi", "ray", "haproxy"}
        for expr in _queries(quiet=True):
            _ask(client, expr)
        (group,) = client.get("/api/v1/rules").json()["data"]["groups"]
        assert {rule["health"] for rule in group["rules"]} == {"ok"}
        assert "IzwiDown" not in {rule["name"] for rule in group["rules"] if rule["state"] != "inactive"}


def test_what_ray_tells_only_after_something_happened_has_a_name_that_ray_uses() -> None:
    sources = "".join(file.read_text() for file in Path(ray.serve.__file__).parent.rglob("*.py"))
    names = {name for expr in _queries(quiet=True) for name in named(expr) if name.startswith("ray_")}
    assert names
    for name in names:
        assert f'"{name.removeprefix("ray_").removesuffix("_total")}"' in sources, name
