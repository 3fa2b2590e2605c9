"""The commands on docs/deploy.md that are marked ``run``, in their order, in a copy of what they read."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "deploy.md"
TOOLS = Path(sys.executable).parent
_BLOCK = re.compile(r"^```bash run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[\w-]+)?\)")
UNIT = ROOT / "cluster" / "systemd" / "izwi@.service"


def run(folder: Path, *, kubectl: bool) -> None:
    """The commands of the page that need kubectl, or those that do not."""
    environment = os.environ | {"PATH": f"{TOOLS}:{os.environ['PATH']}"}
    blocks = [code for code in _BLOCK.findall(PAGE.read_text()) if ("kubectl" in code) == kubectl]
    assert blocks
    for code in blocks:
        # The plugin of Docker's command is the program by itself.
        command = ["bash", "-euo", "pipefail", "-c", code.replace("docker compose", "docker-compose")]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, code + done.stdout + done.stderr


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what needs no kubectl has been run; it stands first on the page."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "cluster", folder / "cluster", ignore=shutil.ignore_patterns("secrets", ".env"))
    run(folder, kubectl=False)
    return folder


def test_commands_run_one_after_the_other(checkout: Path) -> None:
    made = {path.name for path in (checkout / "cluster" / "secrets").iterdir()}
    assert made == {"keys.toml", "clinic.key", "metrics.key"}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubernetes_commands_run_after_them(checkout: Path) -> None:
    run(checkout, kubectl=True)
    kinds = [document["kind"] for document in yaml.safe_load_all((checkout / "izwi.yaml").read_text())]
    assert "RayService" in kinds
    (secret,) = yaml.safe_load_all((checkout / "keys.yaml").read_text())
    assert list(secret["data"]) == ["keys.toml"]


def test_links_lead_somewhere() -> None:
    linked = _LINK.findall(PAGE.read_text())
    assert linked
    assert all((PAGE.parent / link).exists() for link in linked)


def test_the_user_of_the_unit_is_made() -> None:
    (user,) = re.findall(r"^User=(\S+)$", UNIT.read_text(), re.MULTILINE)
    assert re.search(rf"`useradd --system [^`]* {user}`", PAGE.read_text())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = f'"{sys.executable}"'  # which it looks for
    text = UNIT.read_text().replace("/opt/izwi/.venv/bin/python", program)
    unit = tmp_path / "izwi@8001.service"
    unit.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if "izwi@" in line]
    unit.write_text(text.replace("KillSignal=SIGINT", "KillSignals=SIGINT"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert "KillSignals" in done.stderr
