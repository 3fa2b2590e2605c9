import socket
import time
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.conftest import Server


def test_alive_and_ready(server: Server) -> None:
    assert httpx.get(f"{server.http}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{server.http}/readyz").json() == {"ready": True, "reasons": []}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/nowhere"])
def test_every_response_has_one_request_id_and_its_time(server: Server, path: str) -> None:
    response = httpx.get(f"{server.http}{path}")
    assert len(response.headers.get_list("x-request-id")) == 1
    assert float(response.headers["x-response-time-ms"]) >= 0


def test_a_clients_request_id_is_kept(server: Server) -> None:
    response = httpx.get(f"{server.http}/nowhere", headers={"X-Request-Id": "mine-1"})
    assert response.headers.get_list("x-request-id") == ["mine-1"]
    assert response.json()["error"]["request_id"] == "mine-1"


def test_errors_come_in_the_envelope(server: Server) -> None:
    missing = httpx.get(f"{server.http}/nowhere")
    assert missing.status_code == 404
    assert set(missing.json()) == {"error"}
    assert set(missing.json()["error"]) == {"message", "type", "param", "code", "request_id"}
    assert httpx.post(f"{server.http}/healthz").json()["error"]["code"] == "method_not_allowed"


def test_a_foreign_origin_gets_no_cors_headers(server: Server) -> None:
    response = httpx.get(f"{server.http}/healthz", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in response.headers


def test_documentation_is_off_by_default(server: Server) -> None:
    for path in ("/openapi.json", "/docs"):
        assert httpx.get(f"{server.http}{path}").status_code == 404


def test_metrics_are_prometheus_text(server: Server) -> None:
    text = httpx.get(f"{server.http}/metrics").text
    assert "# TYPE izwi_live_sessions gauge" in text
    assert "# TYPE izwi_stage_compute_seconds histogram" in text


def translate(server: Server, **body: object) -> httpx.Response:
    return httpx.post(f"{server.http}/v1/translate", json={"source": "en", "target": "es", **body}, timeout=30)


def test_a_text_is_translated(server: Server) -> None:
    response = translate(server, text="The house is big.")
    assert response.status_code == 200
    assert response.json() == {"text": "La casa es grande.", "source": "en", "target": "es", "engine": "apertium"}


def test_where_the_time_of_a_translation_went(server: Server) -> None:
    meta = translate(server, text="The house is big.", debug=True).json()["meta"]
    assert set(meta["timings_ms"]) == {"mt"}
    assert meta["timings_ms"]["mt"]["compute"] > 0


@pytest.mark.parametrize("text", ["", " \n"])
def test_nothing_to_translate_is_returned_as_it_is(server: Server, text: str) -> None:
    assert translate(server, text=text).json() == {"text": text, "source": "en", "target": "es", "engine": ""}


@pytest.mark.parametrize(
    "aside", ["[brackets]", "^a/b<n>$", "{braces}", "@at", "back\\slash", "<b>tag</b>", "两 🙂", "\u0000\u0007"]
)
def test_special_characters_do_not_break_the_translation(server: Server, aside: str) -> None:
    response = translate(server, text=f"The house is big. {aside} The dog is small.")
    assert response.status_code == 200
    text = response.json()["text"]
    assert "La casa es grande." in text
    assert "El perro es pequeño." in text


@pytest.mark.parametrize(
    ("body", "status", "code", "mentions"),
    [
        ({"text": "a" * 4097}, 413, "text_too_long", "4096"),
        ({"text": "hello", "target": "xx"}, 400, "unsupported_pair", "en→es"),
        ({"text": "", "source": "xx"}, 400, "unsupported_pair", "en→es"),
        ({}, 400, "invalid_request", "text"),
        ({"text": 5}, 400, "invalid_request", "text"),
        ({"text": "hello", "tone": "warm"}, 400, "invalid_request", "tone"),
    ],
)
def test_a_text_that_cannot_be_translated_is_refused(
    server: Server, body: dict[str, object], status: int, code: str, mentions: str
) -> None:
    response = translate(server, **body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert mentions in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\xff\xfe", b'{"text": "\\ud800", "source": "en", "target": "es"}']
)
def test_a_body_that_is_not_the_json_asked_for_is_refused(server: Server, content: bytes) -> None:
    response = httpx.post(
        f"{server.http}/v1/translate", content=content, headers={"Content-Type": "application/json"}, timeout=30
    )
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/api/v1/transcribe", "/asr", "/v1/jobs"])
def test_an_upload_that_is_broken_off_is_no_failure_of_the_server(server: Server, path: str) -> None:
    address = urlsplit(server.http)
    request_id = f"broken-off-{path.rpartition('/')[2]}"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nX-Request-Id: {request_id}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF'
    )
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(head.encode() + bytes(100_000))
        time.sleep(0.5)  # it reads
    deadline = time.monotonic() + 10
    while not (said := [line for line in _said(server) if request_id in line and '"request"' in line]):
        assert time.monotonic() < deadline, "the request did not end"
        time.sleep(0.1)
    assert '"status":499' in said[0]
    failed = f'"request_failed","request_id":"{request_id}"'
    assert not [line for line in _said(server) if failed in line or "ClientDisconnect" in line]
    assert translate(server, text="The house is big.").status_code == 200


def _said(server: Server) -> list[str]:
    """By the ingress, so far."""
    return [line for file in server.logs.glob("serve/replica_*ingress*.log") for line in file.read_text().splitlines()]
