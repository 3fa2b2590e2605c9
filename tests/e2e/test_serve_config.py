"""`serve run serve_config.yaml`: the production file starts on a machine without a GPU."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from graphs.environment import ALWAYS
from izwi.server_process import free_port

CONFIG = Path(__file__).resolve().parents[2] / "serve_config.yaml"
START_LIMIT_S = 120
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
"""As SECURITY.md advises."""


def test_the_file_fits_rays_schema_and_scales_every_stage() -> None:
    config = ServeDeploySchema.model_validate(yaml.safe_load(CONFIG.read_text()))
    (application,) = config.applications
    scaled = {d.name: d.autoscaling_config for d in application.deployments}
    assert set(scaled) == {"ingress", "vad", "asr", "mt", "tts", "speakers"}
    assert scaled.pop("speakers")["min_replicas"] == 0  # type: ignore[index]
    assert all((c["min_replicas"], c["max_replicas"]) == (1, 10) for c in scaled.values())  # type: ignore[index]
    assert [application.args[stage]["resources"]["gpus"] for stage in ("asr", "mt", "tts")] == [0.4, 0.3, 0.2]


@pytest.fixture
def ray_folder() -> Iterator[Path]:
    """Ray's own folder, short because Unix sockets below it may have 107 characters."""
    with tempfile.TemporaryDirectory(prefix="izwi-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def test_it_starts_without_a_gpu_and_says_so(tmp_path: Path, ray_folder: Path) -> None:
    port = free_port()
    config = yaml.safe_load(CONFIG.read_text())
    config["http_options"]["port"] = port
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [Path(sys.executable).parent / "serve", "run", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=os.environ | ALWAYS | TOKEN | {"RAY_TMPDIR": str(ray_folder)},
        )
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while not _ready(port):
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.5)
        # Ray forwards the line to the terminal only sometimes; it is always in the log of the builder's process.
        logs = [path.read_text(errors="replace") for path in ray_folder.glob("ray/session_2*/logs/worker-*")]
        assert sum(text.count("GPU fractions resolved to CPU") for text in logs) == 1
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).is_success
    except httpx.TransportError:
        return False
