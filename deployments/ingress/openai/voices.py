"""``GET /v1/audio/voices``: the voices that are loaded, and which of OpenAI's names mean them."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from deployments.ingress.calls import StageCalls
from izwi.voices import aliases

EXAMPLE = {"id": "joe", "name": "joe", "engine": "piper", "languages": ["en"], "aliases": ["alloy", "ash"]}


class VoiceEntry(BaseModel):
    id: str
    name: str
    """The same: clients show it."""
    engine: str
    languages: list[str]
    """ISO 639-1, sorted."""
    aliases: list[str]
    """OpenAI's names for it where the request names no language."""


class VoiceList(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"voices": [EXAMPLE]}]})
    voices: list[VoiceEntry]
    """In order of preference."""


def build_router(calls: StageCalls) -> APIRouter:
    """The route of one replica."""
    router = APIRouter(tags=["audio"])

    @router.get("/v1/audio/voices")
    async def voices() -> VoiceList:
        """The voices that are loaded, in order of preference."""
        loaded = (await calls.capabilities())["tts"].voices
        named = aliases(loaded)
        return VoiceList(
            voices=[
                VoiceEntry(
                    id=voice.name,
                    name=voice.name,
                    engine=voice.engine,
                    languages=sorted(voice.languages),
                    aliases=[alias for alias, name in named.items() if name == voice.name],
                )
                for voice in loaded
            ]
        )

    return router
