"""Uploads do not hold up the event loop that all sessions of a replica share."""

import asyncio

import httpx
import numpy as np

from tests.e2e.conftest import Server
from tests.e2e.test_openai_transcriptions import encoded
from tests.looks import Looks
from tests.metrics import scrape
from tests.speech import LIBRIVOX, load, needs_librivox

FIELDS = {
    "/v1/audio/transcriptions": "file",
    "/v1/audio/translations": "file",
    "/api/v1/transcribe": "file",
    "/asr": "audio_file",
    "/v1/jobs": "file",
}
"""Of the form of each route that takes a recording."""
AT_ONCE = 2
"""Recordings for each of them, and as many files that are none."""
ROUNDS = 3
HOSTILE = b"no audio" * 2_000_000


def recording() -> bytes:
    """Speech, and noise that the detector has to listen to."""
    speech = [load(clip.path) for clip in LIBRIVOX[:2]]
    noise = np.random.default_rng(1).normal(0, 0.001, 40 * 16_000).astype(np.float32)
    return encoded(np.concatenate([*speech, noise]), "wav").getvalue()


async def uploads(server: Server, content: bytes, each: int) -> None:
    """To every route."""
    async with httpx.AsyncClient(base_url=server.http, timeout=200, trust_env=False) as client:

        async def upload(path: str, content: bytes) -> httpx.Response:
            return await client.post(path, files={FIELDS[path]: ("a.wav", content)})

        async def honest(path: str) -> None:
            response = await upload(path, content)
            assert response.is_success, response.text
            if path == "/v1/jobs":
                job = response.headers["Location"]
                while (await client.get(job)).json()["status"] in ("queued", "running"):
                    await asyncio.sleep(0.5)
                await client.delete(job)

        async def hostile(path: str) -> None:
            assert (await upload(path, HOSTILE)).status_code == 415

        await asyncio.gather(*(kind(path) for path in FIELDS for kind in (honest, hostile) for _ in range(each)))


@needs_librivox
async def test_uploads_at_once_do_not_block_the_loop(server: Server) -> None:
    content = await asyncio.to_thread(recording)
    await uploads(server, content, 1)  # what is imported or made once is no request's fault
    rounds: list[Looks] = []
    # A virtual machine stands still now and then, which its kernel does not tell. That happens in one round and not in
    # another; what a handler does to the loop it does in all of them.
    for _ in range(ROUNDS):
        before = Looks.read(scrape(server.http))
        await uploads(server, content, AT_ONCE)
        rounds.append(Looks.read(scrape(server.http)).since(before))
        assert rounds[-1].total >= 20
        if not rounds[-1].held:
            return
    raise AssertionError(f"the loop was held up for more than 50 ms in every round: {rounds}")
