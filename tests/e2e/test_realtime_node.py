"""OpenAI's stock client for JavaScript. It insists on TLS, so a proxy that ends TLS stands before the server."""

import asyncio
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import jiwer
import numpy as np
import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from tests.e2e.conftest import Server
from tests.e2e.realtime import COMPLETED, deltas_are_the_transcripts, output_of, pcm, snippets
from tests.figures import FIGURES
from tests.speech import LIBRIVOX, load, needs_librivox

PAUSE = np.zeros(16_000, np.float32)
TALK_LIMIT_S = 90


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of our own for 127.0.0.1, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(file), "-out", f"{file}.crt", "-days", "1", "-subj", "/CN=izwi"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    with file.open("a") as both:
        both.write(Path(f"{file}.crt").read_text())
    return file


@asynccontextmanager
async def behind_tls(server: Server, certificate: Path) -> AsyncIterator[str]:
    """The server's address with TLS."""
    target = urlsplit(server.http)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside = await asyncio.open_connection(target.hostname, target.port)
        await asyncio.gather(pump(reader, inside[1]), pump(inside[0], writer))

    proxy = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    async with proxy:
        yield f"https://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"


@needs_librivox
async def test_the_stock_javascript_client(server: Server, project: Path, certificate: Path, tmp_path: Path) -> None:
    audio = tmp_path / "speech.pcm"
    audio.write_bytes(pcm(np.concatenate([part for clip in LIBRIVOX[:3] for part in (load(clip.path), PAUSE)])))
    async with behind_tls(server, certificate) as url, asyncio.timeout(TALK_LIMIT_S):
        process = await asyncio.create_subprocess_exec(
            *("env", f"NODE_EXTRA_CA_CERTS={certificate}.crt", "node", "transcribe.mjs", f"{url}/v1", str(audio)),
            cwd=project,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
    assert process.returncode == 0, err.decode()
    events = [json.loads(line) for line in out.decode().splitlines()]
    assert [event["type"] for event in events[:2]] == ["session.created", "session.updated"]
    deltas_are_the_transcripts(events)
    normal = EnglishTextNormalizer()
    transcript = normal(" ".join(event["transcript"] for event in events if event["type"] == COMPLETED))
    rate = jiwer.wer(normal(" ".join(clip.text for clip in LIBRIVOX[:3])), transcript)
    FIGURES.append(f"WER {rate:.1%}: OpenAI's JavaScript client, 3 clips")
    assert rate < 0.15


@needs_librivox
async def test_the_program_in_the_documentation(server: Server, project: Path, certificate: Path) -> None:
    (program,) = snippets("js")
    audio = pcm(np.concatenate([load(LIBRIVOX[4].path), PAUSE]))
    async with behind_tls(server, certificate) as url:
        (project / "snippet.mjs").write_text(program.replace("https://speech.example", url))
        command = ("env", f"NODE_EXTRA_CA_CERTS={certificate}.crt", "node", "snippet.mjs")
        printed = await output_of(*command, folder=project, audio=audio, enough="amiable")
    assert "amiable" in printed.lower()
