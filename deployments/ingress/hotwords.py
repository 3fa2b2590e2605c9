"""``/v1/hotwords``: named lists of hotwords, for requests and sessions to refer to."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from deployments.ingress import document
from deployments.ingress.access import Access
from deployments.store.hotword_lists import HotwordLists
from izwi.keys import Principal, Scope
from izwi.messages import Hotword, ListName
from izwi.messages.hotwords import MOST_HOTWORDS


class Content(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"hotwords": ["Sundar Pichai", "semaglutide"]}]}
    )
    hotwords: list[Hotword] = Field(min_length=1, max_length=MOST_HOTWORDS)


class HotwordList(Content):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"hotwords": ["Sundar Pichai", "semaglutide"], "name": "names"}]}
    )
    name: str


class Listed(BaseModel):
    name: str
    count: int


class Lists(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"lists": [{"name": "names", "count": 2}]}]})
    lists: list[Listed]
    """By name."""


def build_router(access: Access, lists: HotwordLists) -> APIRouter:
    """The routes of one replica; a key sees its own lists only."""
    router = APIRouter(prefix="/v1/hotwords", tags=["hotwords"])
    owner = Depends(access.needs(Scope.HTTP))

    @router.get("")
    async def list_all(owner: Annotated[Principal, owner]) -> Lists:
        """The names of all lists, and how many hotwords each has."""
        found = await lists.all(owner)
        return Lists(lists=[Listed(name=name, count=len(hotwords)) for name, hotwords in found.items()])

    @router.get("/{name}", responses=document.failures(400, 404))
    async def read(name: ListName, owner: Annotated[Principal, owner]) -> HotwordList:
        """One list."""
        return HotwordList(name=name, hotwords=await lists.get(owner, name))

    @router.put("/{name}", responses=document.failures(400, 413))
    async def write(name: ListName, content: Content, owner: Annotated[Principal, owner]) -> HotwordList:
        """Store a list, in the place of one of that name. Sessions that have begun keep what they began with."""
        hotwords = list(dict.fromkeys(content.hotwords))
        await lists.put(owner, name, hotwords)
        return HotwordList(name=name, hotwords=hotwords)

    @router.delete("/{name}", status_code=204, responses=document.failures(400))
    async def delete(name: ListName, owner: Annotated[Principal, owner]) -> None:
        """Delete a list; also where there is none."""
        await lists.delete(owner, name)

    return router
