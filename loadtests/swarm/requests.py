"""Users without a live session: they upload recordings, or have sentences spoken. Paced, not in a closed loop: a slow
answer does not make the next request later than it was due, and times count from when each was due."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import httpx
from rapidfuzz.distance import Levenshtein

from izwi.evaluation.text import words
from izwi.loopback import on_loopback
from loadtests.corpus import Clip
from loadtests.first_audio import ENGLISH
from loadtests.recordings import wav
from loadtests.swarm.profiles import SPEECH_EVERY_S, UPLOAD_EVERY_S
from loadtests.swarm.scene import Scene

TIMEOUT_S = 60.0
FIRST_S = 1.0
"""Before the first request; users come one after the other anyway."""
ALIKE = 0.5
"""Share of a recording's words that its transcript has to have; how good it is belongs into other tests."""


class WrongAnswer(Exception):
    """The status is 200, and the answer is not what was asked for."""


async def upload(scene: Scene, source: random.Random, leaving: asyncio.Event) -> None:
    """Recordings of one turn each."""
    bodies: dict[str, bytes] = {}

    async def work(client: httpx.AsyncClient, due: float) -> None:
        clip: Clip = source.choice(scene.clips)
        body = bodies.setdefault(clip.name, wav(clip.samples))
        response = await client.post(
            "/v1/audio/transcriptions",
            files={"file": ("speech.wav", body, "audio/wav")},
            data={"model": "whisper-1", "language": "en"},
        )
        response.raise_for_status()
        heard = words(response.json()["text"])
        if Levenshtein.normalized_similarity(words(clip.text), heard) < ALIKE:
            raise WrongAnswer("another text")
        scene.notes.times("transcription", [time.monotonic() - due])

    await _paced(scene, source, leaving, UPLOAD_EVERY_S, work)


async def speak(scene: Scene, source: random.Random, leaving: asyncio.Event) -> None:
    """English sentences, as PCM."""

    async def work(client: httpx.AsyncClient, due: float) -> None:
        body = {"model": "tts-1", "input": source.choice(ENGLISH), "language": "en", "response_format": "pcm"}
        first = 0.0
        async with client.stream("POST", "/v1/audio/speech", json=body) as response:
            response.raise_for_status()
            async for part in response.aiter_raw():
                first = first or (time.monotonic() - due if part else 0.0)
        if not first:
            raise WrongAnswer("no audio")
        scene.notes.times("speech_first", [first])

    await _paced(scene, source, leaving, SPEECH_EVERY_S, work)


async def _paced(
    scene: Scene,
    source: random.Random,
    leaving: asyncio.Event,
    every_s: float,
    work: Callable[[httpx.AsyncClient, float], Awaitable[None]],
) -> None:
    headers = {"Authorization": f"Bearer {scene.api_key}"} if scene.api_key else {}
    due = time.monotonic() + source.uniform(0, FIRST_S)
    async with httpx.AsyncClient(
        base_url=scene.url, headers=headers, timeout=TIMEOUT_S, trust_env=not on_loopback(scene.url)
    ) as client:
        while not leaving.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(leaving.wait(), max(0.0, due - time.monotonic()))
                return
            scene.notes.count("requests")
            try:
                await work(client, due)
            except httpx.HTTPStatusError as error:
                scene.notes.error(f"HTTP {error.response.status_code}")
            except (httpx.TransportError, WrongAnswer) as error:
                scene.notes.error(f"request: {error or type(error).__name__}")
            due += every_s
