"""OpenAI's stock client for JavaScript, and what its programs beside the tests say."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parent / "node"
INSTALL_LIMIT_S = 120
CALLS_LIMIT_S = 120


def installed(folder: Path) -> Path:
    """A folder with the client and the programs; skips the test where that cannot be."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    shutil.copytree(PROGRAMS, folder, dirs_exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_LIMIT_S)
    except subprocess.TimeoutExpired:
        pytest.skip("npm could not install the client in time")
    if done.returncode:
        pytest.skip(f"npm could not install the client: {done.stderr[-300:]}")
    return folder


def audio_calls(project: Path, url: str, recording: Path, key: str = "none") -> dict[str, dict[str, Any]]:
    """What each call of ``audio.mjs`` gave or threw, by its name."""
    done = subprocess.run(
        ["env", f"OPENAI_API_KEY={key}", "node", "audio.mjs", f"{url}/v1", str(recording)],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=CALLS_LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row.pop("name"): row for row in rows}
