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
    assert set(missing.json()["error"]) == {"code", "message", "request_id"}
    assert httpx.post(f"{server.http}/healthz").json()["error"]["code"] == "method_not_allowed"


def test_a_foreign_origin_gets_no_cors_headers(server: Server) -> None:
    response = httpx.get(f"{server.http}/healthz", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in response.headers


def test_documentation_is_off_by_default(server: Server) -> None:
    assert httpx.get(f"{server.http}/openapi.json").status_code == 404


def test_metrics_are_prometheus_text(server: Server) -> None:
    text = httpx.get(f"{server.http}/metrics").text
    assert "# TYPE izwi_live_sessions gauge" in text
    assert "# TYPE izwi_stage_compute_seconds histogram" in text
