"""Asks a language model within a time limit, and checks its answer; what cannot be used leaves the text as it was."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import httpx
import structlog
from pydantic import BaseModel, Field

from deployments.llm import prompts
from izwi.correction.plausible import plausible
from izwi.stage_settings import LlmSettings
from izwi.stages import Corrected, LlmRequest, Timing

MOST_BYTES = 262_144
"""Of an answer: a hundred times what a text of the longest kind takes."""
MOST_AT_ONCE = 8
"""Requests of live sessions under way per replica; others wait within their own time limit."""
FOR_FILES = 4
"""Requests for recordings under way besides those: recordings wait for each other, and live speech for none of them."""

log = structlog.get_logger()


class _Message(BaseModel):
    content: str


class _Choice(BaseModel):
    message: _Message


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)


@dataclass
class _Course:
    """Of one request, in seconds of the client's clock."""

    began: float
    turn: float | None = None
    """Set once it has a place."""


def _unnoted(role: str, llm: str, seconds: float) -> None:
    pass


class LlmClient:
    """Raises nothing: a text comes back in any case, with what became of it.

    Args:
        note: told the role, what became of each text, and after how many seconds.
        clock: that requests are timed by, in seconds.
    """

    def __init__(
        self,
        settings: LlmSettings,
        note: Callable[[str, str, float], None] = _unnoted,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._settings = settings
        self._note = note
        self._clock = clock
        self._live = asyncio.Semaphore(MOST_AT_ONCE)
        self._files = asyncio.Semaphore(FOR_FILES)
        key = settings.api_key.get_secret_value() if settings.api_key else None
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=None,  # one limit for all of it is set below
            trust_env=False,
            follow_redirects=False,  # the text and the key go where the settings say
        )

    async def ask(self, asked: LlmRequest) -> Corrected:
        """The text, corrected or translated, or as it was. Somebody waits for it: the limit begins now."""
        course = _Course(self._clock())
        result = await self._ask(asked, course, live=True)
        return self._noted(asked, result, course, course.began)

    async def ask_for_file(self, asked: LlmRequest) -> Corrected:
        """The same for a recording: the limit begins once it has a place, however long that takes."""
        course = _Course(self._clock())
        result = await self._ask(asked, course, live=False)
        return self._noted(asked, result, course, course.turn)

    def _noted(self, asked: LlmRequest, result: Corrected, course: _Course, since: float | None) -> Corrected:
        """
        Args:
            since: when what is noted began; None where it never did.
        """
        ended = self._clock()
        turn = ended if course.turn is None else course.turn
        self._note(asked.role, result.llm, 0.0 if since is None else ended - since)
        return replace(result, timing=Timing(self._settings.model, turn - course.began, ended - turn))

    async def _ask(self, asked: LlmRequest, course: _Course, *, live: bool) -> Corrected:
        text, limit_s = asked.text, self._settings.timeout_s
        if self._settings.base_url is None or not text.strip():
            return Corrected(text, "off")
        if len(text) > self._settings.max_chars:
            log.warning("llm_failed", role=asked.role, reason="the text is too long", chars=len(text))
            return Corrected(text, "failed")
        try:
            async with asyncio.timeout(limit_s if live else None) as limit, self._live if live else self._files:
                course.turn = self._clock()
                if not live:
                    limit.reschedule(asyncio.get_running_loop().time() + limit_s)
                answer = (await self._complete(self._settings.base_url, asked)).strip()
        except TimeoutError:
            log.warning("llm_timeout", role=asked.role, limit_s=limit_s)
            return Corrected(text, "timeout")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, _Unusable) as error:
            log.warning("llm_failed", role=asked.role, reason=type(error).__name__)
            return Corrected(text, "failed")
        if not plausible(asked, answer):
            log.warning("llm_failed", role=asked.role, reason="the answer is not what was asked for")
            return Corrected(text, "failed")
        return Corrected(answer, "applied")

    async def close(self) -> None:
        await self._http.aclose()

    async def _complete(self, base_url: str, asked: LlmRequest) -> str:
        body = {
            "model": self._settings.model,
            "messages": prompts.messages(asked),
            "temperature": 0,
            "max_tokens": 64 + len(asked.text.encode("utf-8", "replace")),
        }
        received = bytearray()
        async with self._http.stream("POST", f"{base_url.rstrip('/')}/chat/completions", json=body) as response:
            if response.status_code != httpx.codes.OK:
                raise _Unusable(f"HTTP {response.status_code}")
            async for part in response.aiter_bytes():
                received += part
                if len(received) > MOST_BYTES:
                    raise _Unusable("the answer does not end")
        return _Completion.model_validate_json(bytes(received)).choices[0].message.content


class _Unusable(Exception):
    """No completion came back."""
