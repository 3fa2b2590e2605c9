"""``POST /v1/tokens``: a short-lived token for a browser, made with a key that stays on the application's server."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from deployments.ingress import document
from deployments.ingress.access import Access
from deployments.store.tokens import Tokens
from izwi.errors import Forbidden
from izwi.keys import Principal, Scope

LONGEST_S = 3600


class Wanted(BaseModel):
    model_config = ConfigDict(
        extra="forbid", use_attribute_docstrings=True, json_schema_extra={"examples": [{"expires_in_s": 60}]}
    )
    expires_in_s: int = Field(default=60, ge=1, le=LONGEST_S)
    """Seconds in which connections may be opened with it; they stay open beyond."""


class Issued(BaseModel):
    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={"examples": [{"token": "izwt_Jq3v0bT6m1", "expires_at": 1767268860.0}]},
    )
    token: str
    expires_at: float
    """Unix time."""


def build_router(access: Access, tokens: Tokens) -> APIRouter:
    """The route of one replica."""
    router = APIRouter(tags=["tokens"])

    @router.post("/v1/tokens", responses=document.failures(400, 413))
    async def issue(wanted: Wanted, owner: Annotated[Principal, Depends(access.needs(Scope.TOKENS))]) -> Issued:
        """Issue a token that opens sessions in the name of this key."""
        if not owner.name:
            raise Forbidden("this server has no API keys, so that nobody needs a token")
        return Issued(
            token=await tokens.issue(owner.name, wanted.expires_in_s), expires_at=time.time() + wanted.expires_in_s
        )

    return router
