"""The OpenAPI document, and what becomes of requests that only partly keep to it."""

import subprocess
import sys

import httpx

from tests.e2e.conftest import Server

EXAMPLES = 100
"""Per operation and phase."""


def test_no_request_makes_the_server_fail(guarded: Server, key: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{guarded.http}/openapi.json"),
            *("--header", f"Authorization: Bearer {key}", "--checks", "not_a_server_error"),
            *("--max-examples", str(EXAMPLES), "--seed", "1", "--no-color", "--generation-database", "none"),
            *("--exclude-path", "/readyz"),  # 503 says that the server is not ready, not that it failed
        ],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_the_document_names_every_route(guarded: Server) -> None:
    paths = httpx.get(f"{guarded.http}/openapi.json").json()["paths"]
    assert set(paths) == {"/v1/translate", "/v1/tokens", "/healthz", "/readyz", "/metrics"}
