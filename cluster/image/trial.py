"""Whether a server runs on what an image holds: it speaks a sentence and hears it again."""

import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from deployments.store.embedded import EmbeddedRedis
from izwi.assets import ASSETS

SENTENCE = "Good morning, the library opens at nine."
LIMIT_S = 240
OWN = {"faster_whisper"}
"""Packages with weights that the image has itself."""
_SPEECH = {"model": "tts-1", "voice": "alloy", "input": SENTENCE, "response_format": "wav"}
_PROGRAM = f"""
import pathlib, httpx
from izwi.server_process import running_server

with running_server(pathlib.Path("server.log")) as url, httpx.Client(base_url=url, timeout=60) as client:
    spoken = client.post("/v1/audio/speech", json={_SPEECH!r}).raise_for_status().content
    heard = client.post("/v1/audio/transcriptions", files={{"file": ("a.wav", spoken)}}, data={{"language": "en"}})
    print(heard.raise_for_status().json()["text"])
"""


def hear(venv: Path) -> str:
    """What a server on the environment ``venv``, with this machine's weights, hears of `SENTENCE`.

    Raises:
        CalledProcessError: it did not start, or did not answer.
    """
    redis = EmbeddedRedis()  # images have none
    try:
        with tempfile.TemporaryDirectory(prefix="izwi-trial-") as name:
            models = Path(name) / "models"
            models.mkdir()
            for package, source in _weights().items():
                (models / package).symlink_to(source)
            places = {
                "HOME": name,
                "PYTHONPATH": str(models),
                "IZWI_REDIS_URL": redis.url,
            }
            done = subprocess.run(
                [venv / "bin" / "python", "-c", _PROGRAM],
                check=True,
                cwd=name,
                env={"PATH": "/usr/bin:/bin", **places},
                stdout=subprocess.PIPE,
                text=True,
                timeout=LIMIT_S,
            )
            return done.stdout.strip()
    finally:
        redis.stop()


def _weights() -> dict[str, str]:
    """Folders of the installed packages that hold weights."""
    parts = {part for asset in ASSETS.values() for file in asset.files for part in file.parts}
    specs = {package: find_spec(package) for package in {part.partition("/")[0] for part in parts} - OWN}
    folders = {name: spec.submodule_search_locations for name, spec in specs.items() if spec}
    return {name: found[0] for name, found in folders.items() if found}
