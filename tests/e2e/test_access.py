"""A server with API keys, over real sockets, and its OpenAPI document."""

import asyncio
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from izwi import messages as m
from izwi.client import IzwiClient
from izwi.errors import Forbidden, RateLimited, Unauthorized
from izwi.jobs.client import JobClient
from tests.e2e.conftest import Server, make_key
from tests.e2e.javascript import audio_calls
from tests.e2e.test_jobs import over, submit
from tests.e2e.test_openai_transcriptions import encoded
from tests.e2e.test_resume import clips, speak, wer
from tests.openapi import check_answer, gaps
from tests.speech import LIBRIVOX, load, needs_librivox

EXAMPLES = 6
"""Per operation and phase."""
START = {"type": "session.start", "data": {"source_language": "en"}}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def open_as(server: Server, key: str | None) -> None:
    async with IzwiClient(server.ws, api_key=key).session(m.SessionStart(source_language="en")):
        pass


def test_health_is_for_everybody_and_the_rest_for_those_with_a_key(guarded: Server, key: str) -> None:
    for path in ("/healthz", "/readyz"):
        assert httpx.get(guarded.http + path).status_code == 200
    body = {"text": "The house is big.", "source": "en", "target": "es"}
    refused = httpx.post(f"{guarded.http}/v1/translate", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthorized")
    assert refused.headers["www-authenticate"] == "Bearer"
    for headers in (bearer(key), {"X-API-Key": key}):
        assert httpx.post(f"{guarded.http}/v1/translate", json=body, headers=headers, timeout=30).status_code == 200
    metrics = httpx.get(f"{guarded.http}/metrics", headers=bearer(key))
    assert (metrics.status_code, metrics.json()["error"]["code"]) == (403, "forbidden")


async def test_a_session_needs_a_key(guarded: Server, key: str) -> None:
    await open_as(guarded, key)
    for wrong in (None, "izwi_guess", "izwt_guess"):
        with pytest.raises(Unauthorized):
            await open_as(guarded, wrong)


async def test_a_refusal_is_told_before_anything_is_sent(guarded: Server) -> None:
    async with connect(guarded.ws, proxy=None) as socket:
        message = json.loads(await socket.recv())
        assert (message["data"]["code"], message["data"]["fatal"]) == ("unauthorized", True)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1008


async def test_a_browser_enters_with_a_token(guarded: Server, key: str) -> None:
    issued = httpx.post(f"{guarded.http}/v1/tokens", json={"expires_in_s": 60}, headers=bearer(key)).json()
    token = issued["token"]
    origin = {"Origin": guarded.http}
    async with connect(
        guarded.ws, proxy=None, subprotocols=["izwi.v1", f"izwi.token.{token}"], additional_headers=origin
    ) as socket:  # type: ignore[list-item]
        assert socket.subprotocol == "izwi.v1"
        await socket.send(json.dumps(START))
        assert json.loads(await socket.recv())["type"] == "session.started"
    more = httpx.post(f"{guarded.http}/v1/tokens", json={}, headers=bearer(token))
    assert more.status_code == 403


async def test_openais_clients_enter_with_a_key_or_as_their_browsers_do_with_a_token(guarded: Server, key: str) -> None:
    token = httpx.post(f"{guarded.http}/v1/tokens", json={"expires_in_s": 60}, headers=bearer(key)).json()["token"]
    url = guarded.ws.replace("/ws/stream", "/v1/realtime")
    in_browser = {
        "subprotocols": ["realtime", f"openai-insecure-api-key.{token}"],
        "additional_headers": {"Origin": guarded.http},
    }
    for options, chosen in (({"additional_headers": bearer(key)}, None), (in_browser, "realtime")):
        for path in ("", "/translations"):
            async with connect(url + path, proxy=None, **options) as socket:  # type: ignore[arg-type]
                assert socket.subprotocol == chosen
                assert json.loads(await socket.recv())["type"] == "session.created"
    async with connect(url, proxy=None) as socket:
        error = json.loads(await socket.recv())["error"]
        assert (error["type"], error["code"]) == ("invalid_request_error", "unauthorized")
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1008


async def test_a_strangers_page_may_not_connect(guarded: Server, key: str) -> None:
    headers = {"Origin": "https://evil.example", **bearer(key)}
    async with connect(guarded.ws, proxy=None, additional_headers=headers) as socket:
        assert json.loads(await socket.recv())["data"]["code"] == "forbidden"


async def test_a_key_has_so_many_sessions_and_gets_their_places_back(guarded: Server, key: str) -> None:
    client = IzwiClient(guarded.ws, api_key=key)
    async with client.session(), client.session():
        with pytest.raises(RateLimited, match="2 sessions"):
            await open_as(guarded, key)
    for _ in range(200):  # neither was ended: their places run out
        try:
            await open_as(guarded, key)
            return
        except RateLimited:
            await asyncio.sleep(0.1)
    pytest.fail("a session that ended kept its place")


async def test_a_session_is_resumed_by_its_key_only(guarded: Server, key_file: Path, key: str) -> None:
    other = make_key(key_file, "school")
    async with connect(guarded.ws, proxy=None, additional_headers=bearer(key)) as socket:
        await socket.send(json.dumps(START))
        started = json.loads(await socket.recv())["data"]
    wanted = {"session_id": started["session_id"], "resume_token": started["resume_token"], "last_seq": 0}
    for who, answer in ((other, "error"), (key, "session.resumed")):
        await asyncio.sleep(1.1)  # within that a server reads its keys again
        async with connect(guarded.ws, proxy=None, additional_headers=bearer(who)) as socket:
            await socket.send(json.dumps({"type": "session.resume", "data": wanted}))
            message = json.loads(await socket.recv())
            assert message["type"] == answer
            if answer == "error":
                assert message["data"]["code"] == "session_gone"


async def test_each_key_has_its_own_lists_of_hotwords(guarded: Server, key_file: Path, key: str) -> None:
    mine, others = bearer(key), bearer(make_key(key_file, "college"))
    await asyncio.sleep(1.1)  # within that a server reads its keys again
    url = f"{guarded.http}/v1/hotwords"
    assert httpx.get(url).status_code == 401
    assert httpx.put(f"{url}/mine", json={"hotwords": ["Ana"]}, headers=mine).status_code == 200
    assert httpx.get(f"{url}/mine", headers=mine).json() == {"hotwords": ["Ana"], "name": "mine"}
    assert httpx.get(f"{url}/mine", headers=others).status_code == 404
    assert httpx.get(url, headers=others).json() == {"lists": []}


async def test_a_scraper_reads_metrics_and_nothing_else(guarded: Server, key_file: Path) -> None:
    scraper = make_key(key_file, "prometheus", "--scope", "metrics")
    await asyncio.sleep(1.1)
    assert "izwi_live_sessions" in httpx.get(f"{guarded.http}/metrics", headers=bearer(scraper)).text
    with pytest.raises(Forbidden):
        await open_as(guarded, scraper)


async def test_who_says_nothing_is_disconnected_and_may_resume(guarded: Server, key: str) -> None:
    async with IzwiClient(guarded.ws, api_key=key, resume_for_s=0).session() as session:
        with pytest.raises(Exception, match=r"no audio for 3 s"):
            async for _ in session:
                pass


@needs_librivox
def test_jobs_belong_to_the_key_that_made_them(guarded: Server, key_file: Path, key: str, tmp_path: Path) -> None:
    other = make_key(key_file, "stranger")
    time.sleep(1.1)  # within that a server reads its keys again
    path = tmp_path / "a.flac"
    path.write_bytes(encoded(load(LIBRIVOX[1].path)).getvalue())
    with JobClient(guarded.http, key) as mine:
        job = submit(mine, path, language="en")
        with httpx.Client(base_url=guarded.http, headers=bearer(other), timeout=30, trust_env=False) as stranger:
            for method, rest in [("GET", ""), ("GET", "/result"), ("GET", "/events"), ("DELETE", "")]:
                response = stranger.request(method, f"/v1/jobs/{job['id']}{rest}")
                assert (response.status_code, response.json()["error"]["code"]) == (404, "job_not_found")
            assert stranger.get("/v1/jobs").json()["data"] == []
        assert over(mine, job["id"])["status"] == "done"
    assert httpx.get(f"{guarded.http}/v1/jobs").status_code == 401


@needs_librivox
async def test_a_connection_that_grows_old_is_replaced_and_nobody_notices(guarded: Server, key: str) -> None:
    audio, text = clips(3)
    heard = await speak(guarded.ws, audio, api_key=key)
    heard.check()
    assert {event.data.reason for event in heard.of(m.SessionGoingAwayMessage)} == {"connection_age"}
    assert len(heard.resumed_at) >= 2
    assert wer(text, heard) < 0.2


def test_without_keys_only_loopback_is_listened_on() -> None:
    from graphs.launch import cli

    result = CliRunner().invoke(cli, ["--host", "0.0.0.0", "--port", "9"])
    assert result.exit_code == 1
    assert "IZWI_API_KEYS_FILE" in result.output


@needs_librivox
def test_the_javascript_client_knows_a_wrong_key(guarded: Server, project: Path) -> None:
    calls = audio_calls(project, guarded.http, LIBRIVOX[0].path, key="izwi_guess")
    thrown = [call["threw"] for call in calls.values()]
    assert {(one["class"], one["status"], one["code"]) for one in thrown} == {
        ("AuthenticationError", 401, "unauthorized")
    }


def test_no_request_makes_the_server_fail(guarded: Server, key: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{guarded.http}/openapi.json"),
            *("--header", f"Authorization: Bearer {key}", "--checks", "not_a_server_error"),
            *("--max-examples", str(EXAMPLES), "--seed", "1"),
            *("--no-color", "--generation-database", "none"),
            *("--exclude-path", "/readyz"),  # 503 says that the server is not ready, not that it failed
        ],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=tmp_path,  # it keeps a cache beside itself
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_the_document_names_every_route_and_tells_its_answers_and_errors(guarded: Server) -> None:
    document = httpx.get(f"{guarded.http}/openapi.json").json()
    assert gaps(document) == []
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    paths = document["paths"]
    job = "/v1/jobs/{job_id}"
    assert set(paths) == {
        *("/v1/audio/speech", "/v1/audio/voices", "/v1/models", "/v1/models/{name}"),
        *(
            "/v1/audio/transcriptions",
            "/v1/audio/translations",
            "/asr",
            "/api/v1/transcribe",
            "/v1/hotwords",
            "/v1/hotwords/{name}",
        ),
        *("/v1/jobs", job, f"{job}/cancel", f"{job}/retry", f"{job}/events", f"{job}/result"),
        *("/v1/translate", "/v1/tokens", "/healthz", "/readyz", "/metrics"),
    }


def test_the_documentation_page_loads_the_document(guarded: Server) -> None:
    page = httpx.get(f"{guarded.http}/docs")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "'/openapi.json'" in page.text
    script = re.search(r'<script src="([^"]+)"', page.text)
    assert script is not None
    assert "SwaggerUIBundle" in httpx.get(f"{guarded.http}{script[1]}").text


@needs_librivox
def test_answers_are_as_the_document_tells(guarded: Server, key: str) -> None:
    recording = LIBRIVOX[0].path.read_bytes()
    with httpx.Client(base_url=guarded.http, headers=bearer(key), timeout=60, trust_env=False) as client:
        document = client.get("/openapi.json").json()

        def check(method: str, path: str, told: str | None = None, file: str = "", **request: Any) -> Any:
            files = {file: ("a.wav", recording)} if file else None
            response = client.request(method, path, files=files, **request)
            assert response.status_code in (200, 202), response.text
            told = told or path.partition("?")[0]
            check_answer(document, method.lower(), told, response.status_code, response.json())
            return response.json()

        for path in ("/healthz", "/readyz", "/v1/models", "/v1/audio/voices"):
            check("GET", path)
        verbose = {"response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"], "debug": "true"}
        for form in ({}, verbose):
            check("POST", "/v1/audio/transcriptions", file="file", data=form)
        check("POST", "/v1/audio/translations", file="file", data={"target_language": "es"})
        check("POST", "/api/v1/transcribe", file="file", data={"apply_llm": "true", "debug": "true"})
        check("POST", "/asr?output=json&word_timestamps=true", file="audio_file")
        job = check("POST", "/v1/jobs", file="file", data={"language": "en", "target_languages[]": ["es"]})
        check("GET", "/v1/jobs")
        one = "/v1/jobs/{job_id}"
        with JobClient(guarded.http, key) as jobs:
            over(jobs, job["id"])
        check("GET", f"/v1/jobs/{job['id']}", one)
        check("GET", f"/v1/jobs/{job['id']}/result?format=verbose_json", f"{one}/result")
        missing = client.get("/v1/jobs/job_none")
        check_answer(document, "get", one, missing.status_code, missing.json())
