"""``GET /v1/models``: what is loaded, and the names of OpenAI's that stand for it."""

import time
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from deployments.ingress import document
from deployments.ingress.calls import StageCalls
from izwi.errors import UnknownModel
from izwi.model_names import Kind, Model, known

EXAMPLE = {"id": "whisper-base", "object": "model", "created": 1767268800, "owned_by": "izwi", "kind": "asr"}


class ModelEntry(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})
    id: str
    object: Literal["model"] = "model"
    created: int
    """Unix time at which this server began to offer it."""
    owned_by: Literal["izwi", "openai"]
    """``openai`` for a name of theirs, which stands for a model of ours."""
    kind: Kind
    """The stage, ours: recognition, translation or synthesis."""


class ModelList(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"object": "list", "data": [EXAMPLE]}]})
    object: Literal["list"] = "list"
    data: list[ModelEntry]


def build_router(calls: StageCalls) -> APIRouter:
    """The routes of one replica."""
    router = APIRouter(tags=["models"])
    created = int(time.time())

    def entry(model: Model) -> ModelEntry:
        return ModelEntry(
            id=model.name, created=created, owned_by="izwi" if model.loaded else "openai", kind=model.kind
        )

    @router.get("/v1/models")
    async def models() -> ModelList:
        """All of them, loaded ones first."""
        return ModelList(data=[entry(model) for model in known(await calls.capabilities())])

    @router.get("/v1/models/{name:path}", responses=document.failures(404))
    async def one(name: str) -> ModelEntry:
        """One of them; names of hub models have slashes."""
        found = known(await calls.capabilities())
        for model in found:
            if model.name == name:
                return entry(model)
        told = ", ".join(model.name for model in found)
        raise UnknownModel(f"there is no model {name!r}; known: {told}").about("model")

    return router
