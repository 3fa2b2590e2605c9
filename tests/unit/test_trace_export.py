"""A collector that is away, or hangs, costs spans and nothing else."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import structlog

from deployments.tracing.export import exporter
from deployments.tracing.spans import BATCH, Spans
from izwi.server_process import free_port
from izwi.tracing_settings import TracingSettings
from tests.unit.traced import PATIENCE_S


def connected(port: int, **settings: object) -> Spans:
    endpoint = f"http://user:hush@127.0.0.1:{port}/"
    tracing = TracingSettings(endpoint=endpoint, interval_s=0.01, queue=BATCH, **settings)  # type: ignore[arg-type]
    return Spans(tracing, "test", exporter(tracing, endpoint))


def make(spans: Spans, count: int) -> None:
    for number in range(count):
        spans.begin("x", "server", {"izwi.number": number}).end()


async def test_a_collector_that_refuses_is_told_once() -> None:
    spans = connected(free_port(), timeout_s=0.1)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            make(spans, 2)
            assert await spans.flush(PATIENCE_S)
    assert [entry["event"] for entry in logs] == ["traces_lost"]
    assert "hush" not in str(logs)


class Collector(HTTPServer):
    """Takes requests, and answers when it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked, self.answers = threading.Event(), threading.Event()
        self.paths: list[str] = []


class Answer(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.paths.append(self.path)
        self.server.asked.set()
        self.server.answers.wait()
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.answers.set()
            server.shutdown()
            thread.join()


async def test_while_a_collector_hangs_nobody_waits_for_it(collector: Collector) -> None:
    spans = connected(collector.server_port, timeout_s=PATIENCE_S)
    make(spans, 1)
    assert await asyncio.to_thread(collector.asked.wait, PATIENCE_S)
    make(spans, 10 * BATCH)  # it has not answered, and does not before all of these are made
    assert not await spans.flush(0.05)
    spans.close(0.05)
    assert collector.paths == ["/v1/traces"]
    collector.answers.set()
    assert await spans.flush(PATIENCE_S)
    assert len(collector.paths) == 2, "as many as may wait were sent, in one batch"


async def test_keys_do_not_follow_a_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as elsewhere, socket.create_server(("127.0.0.1", 0)) as listening:

        def redirect() -> None:
            listening.settimeout(PATIENCE_S)
            connection, _ = listening.accept()
            with connection:
                asked.append(connection.recv(65_536).decode("latin-1"))
                to = elsewhere.getsockname()[1]
                answer = f"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:{to}/\r\nContent-Length: 0\r\n\r\n"
                connection.sendall(answer.encode())

        thread = threading.Thread(target=redirect)
        thread.start()
        spans = connected(listening.getsockname()[1], timeout_s=PATIENCE_S, headers={"x-key": "hush"})
        make(spans, 1)
        assert await spans.flush(PATIENCE_S)
        thread.join()
        assert "x-key: hush" in asked[0]
        elsewhere.setblocking(False)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
