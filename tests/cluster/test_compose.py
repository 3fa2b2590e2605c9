"""cluster/compose.yaml, as Docker Compose itself reads it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from izwi.job_settings import JobSettings
from izwi.settings import Settings

FILE = Path(__file__).resolve().parents[2] / "cluster" / "compose.yaml"
COMPOSE = Path(sys.executable).with_name("docker-compose")
VARIABLES = {"IZWI_REDIS_PASSWORD": "one", "GRAFANA_PASSWORD": "another"}


def config(file: Path = FILE, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [COMPOSE, "--file", file, "config", "--format", "json"]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    done = config(**VARIABLES)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return json.loads(done.stdout)["services"]


def test_it_asks_for_what_it_lacks(tmp_path: Path) -> None:
    done = config()
    assert done.returncode != 0
    assert all(name in done.stderr for name in VARIABLES)
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(FILE.read_text().replace("stop_grace_period: 15s", "stop_grace: 15s"))
    assert config(wrong, **VARIABLES).returncode != 0


def test_nothing_is_published_beyond_this_machine(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 3
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}
    assert services["redis"]["networks"].keys() == {"state"}


def test_everybody_is_confined(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_the_server_is_the_target_that_runs_by_itself(services: dict[str, Any]) -> None:
    server = services["izwi"]
    dockerfile = (FILE.parent / "Dockerfile").read_text()
    assert server["build"]["target"] in re.findall(r"^FROM \S+ AS (\S+)", dockerfile, re.MULTILINE)
    fields = {*Settings.model_fields, *(f"jobs__{name}" for name in JobSettings.model_fields)}
    own = [name.removeprefix("IZWI_").lower() for name in server["environment"] if name.startswith("IZWI_")]
    assert own
    assert set(own) <= fields
    assert server["environment"]["IZWI_REDIS_PASSWORD"] == VARIABLES["IZWI_REDIS_PASSWORD"]
