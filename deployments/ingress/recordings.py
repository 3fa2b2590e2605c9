"""What requests with a recording have in common, whoever's protocol they speak."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from deployments.store.hotword_lists import HotwordLists
from izwi.fields import Hotwords, Language, ListNames
from izwi.files.hearing import Wish
from izwi.files.listening import Listening
from izwi.keys import Principal
from izwi.messages import Meta
from izwi.messages.text import Prompt

META_HEADER = "X-Izwi-Meta"
LONGEST_HEADER = 8000
"""Bytes of `META_HEADER`: aiohttp reads no header that is longer than 8190, and Node 16 KB of all together."""


class RecordingFields(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    language: Language | None = None
    """Spoken language, ISO 639-1 or an English name; detected if not given."""
    prompt: Prompt = ""
    """Text before the recording, or words to expect."""
    hotwords: Hotwords = Field(default=[])
    """Names and terms that may be said: once per item, or with commas between them."""
    hotword_lists: ListNames = Field(default=[])
    """Names of lists that ``PUT /v1/hotwords/{name}`` has stored."""
    debug: bool = False
    """Tell in ``meta`` where the time went, and which hotwords were heard."""

    async def wish(self, owner: Principal, lists: HotwordLists, also: list[str] | None = None) -> Wish:
        """
        Raises:
            HotwordListMissing: there is no such list.
            TooManyHotwords: together there are.
        """
        hotwords = await lists.gather(owner, [*self.hotwords, *(also or [])], self.hotword_lists)
        return Wish(self.language, prompt=self.prompt, hotwords=hotwords)


def meta(listening: Listening) -> Meta:
    """``meta`` of an answer to a request with ``debug``."""
    return listening.spent.meta(listening.matches)


def in_json(meta: Meta | None) -> dict[str, Any]:
    """The same as a field of an answer in JSON; nothing where nobody asked."""
    return {} if meta is None else {"meta": meta.model_dump()}


def in_header(meta: Meta | None) -> dict[str, str]:
    """The same as a header of an answer in another form. Where it would be too long it has no ``hotword_matches``, and
    names them in ``left_out``."""
    if meta is None:
        return {}
    whole = _compact(meta.model_dump())
    if len(whole) > LONGEST_HEADER:
        whole = _compact(meta.model_dump(exclude={"hotword_matches"}) | {"left_out": ["hotword_matches"]})
    return {META_HEADER: whole}


def _compact(content: dict[str, Any]) -> str:
    """In ASCII, which is all that a header can say."""
    return json.dumps(content, separators=(",", ":"))
