"""``POST /v1/translate``: one text from one language into another, without a session."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from deployments.ingress import document
from deployments.ingress.calls import StageCalls
from izwi.errors import TextTooLong, UnsupportedPair
from izwi.messages import Meta
from izwi.messages.text import Text
from izwi.stage_times import StageTimes
from izwi.stages import MtRequest


class Pair(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    text: Text
    source: Text
    """ISO 639-1."""
    target: Text
    """ISO 639-1."""


class Translate(Pair):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "The house is big.", "source": "en", "target": "es"}]}
    )
    debug: bool = False
    """Tell in ``meta`` where the time went."""


class Translated(Pair):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": "La casa es grande.", "source": "en", "target": "es", "engine": "apertium"}]
        }
    )
    engine: str
    """Empty where there was nothing to translate."""
    meta: Meta | None = None


def build_router(calls: StageCalls, max_text_chars: int) -> APIRouter:
    """The route of one replica."""
    router = APIRouter(tags=["text"])

    @router.post("/v1/translate", response_model_exclude_none=True, responses=document.failures(400, 413))
    async def translate(asked: Translate) -> Translated:
        """Translate a text of up to ``IZWI_MAX_TEXT_CHARS`` characters."""
        if len(asked.text) > max_text_chars:
            raise TextTooLong(f"the text has {len(asked.text)} characters; {max_text_chars} are accepted").about("text")
        pairs = (await calls.capabilities())["mt"].pairs
        if (asked.source, asked.target) not in pairs:
            known = ", ".join(f"{source}→{target}" for source, target in sorted(pairs))
            raise UnsupportedPair(f"no engine translates {asked.source}→{asked.target}; known: {known}").about("target")
        if not asked.text.strip():
            return Translated(text=asked.text, source=asked.source, target=asked.target, engine="")
        result = await calls.mt(MtRequest(asked.text, asked.source, asked.target))
        spent = StageTimes()
        spent.note("mt", result.timing)
        return Translated(
            text=result.text,
            source=asked.source,
            target=asked.target,
            engine=result.timing.engine,
            meta=spent.meta(()) if asked.debug else None,
        )

    return router
