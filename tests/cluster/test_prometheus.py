"""Scrape settings, alerts and their own unit tests, by Prometheus' own tool."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import ray.serve
import yaml

from deployments.ingress.fleet import PUBLISH_S
from tests.operations import PAGE, anchors, documented, named
from tests.operations import ROOT as CHECKOUT

FOLDER = CHECKOUT / "cluster" / "prometheus"
ALERTS = FOLDER / "alerts.yml"
TESTS = FOLDER / "tests" / "alerts.yml"
SETTINGS = ("prometheus.yml", "kubernetes.yml")

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is missing")


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def rules() -> list[dict[str, Any]]:
    return [rule for group in load(ALERTS)["groups"] for rule in group["rules"]]


@cache
def _ray_serve() -> str:
    """Its sources, which name its metrics."""
    return "".join(file.read_text() for file in Path(ray.serve.__file__).parent.rglob("*.py"))


@needs_promtool
@pytest.mark.parametrize("name", SETTINGS)
def test_prometheus_takes_the_settings(name: str, tmp_path: Path) -> None:
    # Debian's Prometheus is built without Kubernetes: another way to find hosts stands for that one.
    text = (
        (FOLDER / name)
        .read_text()
        .replace("kubernetes_sd_configs: [{role: pod}]", "file_sd_configs: [{files: [x.json]}]")
    )
    key = tmp_path / "izwi.key"
    key.write_text("secret")
    (tmp_path / name).write_text(text.replace("/etc/prometheus/izwi.key", str(key)))
    shutil.copy(ALERTS, tmp_path)
    found = promtool("check", "config", tmp_path / name)
    assert f"{len(rules())} rules found" in found


@pytest.mark.parametrize("name", SETTINGS)
def test_scrapes_are_further_apart_than_replicas_tell_of_each_other(name: str) -> None:
    settings = load(FOLDER / name)
    seconds = re.fullmatch(r"(\d+)s", settings["global"]["scrape_interval"])
    assert seconds
    assert int(seconds[1]) >= 2 * PUBLISH_S
    assert [job["job_name"] for job in settings["scrape_configs"]] == ["izwi", "ray", "haproxy"]


@pytest.mark.parametrize("name", SETTINGS)
def test_nothing_is_counted_twice(name: str) -> None:
    """Servers that share a Redis each tell of all, unless they are asked about themselves."""
    (job,) = [job for job in load(FOLDER / name)["scrape_configs"] if job["job_name"] == "izwi"]
    targets = [target for static in job["static_configs"] for target in static["targets"]]
    assert len(targets) == 1 or job["params"] == {"replica": ["self"]}


@needs_promtool
def test_alerts_fire_when_they_should_and_not_before() -> None:
    promtool("test", "rules", TESTS)


def test_every_alert_is_tested_to_fire_and_to_stay_silent() -> None:
    fires, silent = set[str](), set[str]()
    for case in load(TESTS)["tests"]:
        for test in case["alert_rule_test"]:
            (fires if test.get("exp_alerts") else silent).add(test["alertname"])
    assert fires == silent == {rule["alert"] for rule in rules()}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_names_metrics_that_exist_and_leads_to_what_to_do(rule: dict[str, Any]) -> None:
    known = {row.name for row in documented()}
    names = named(rule["expr"])
    assert {name for name in names if name.startswith("izwi_")} <= known
    for name in names:
        assert not name.startswith("ray_") or f'"{name.removeprefix("ray_")}"' in _ray_serve(), name
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert CHECKOUT / page == PAGE
    assert anchor == rule["alert"].lower()
    assert anchor in anchors()
    assert rule["labels"]["severity"] in ("critical", "warning")
