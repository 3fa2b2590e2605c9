"""What requests with a recording have in common, whoever's protocol they speak."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from deployments.store.hotword_lists import HotwordLists
from izwi.fields import Hotwords, Language, ListNames
from izwi.files.hearing import Wish
from izwi.files.listening import Listening
from izwi.keys import Principal
from izwi.messages.text import Prompt


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


def meta(listening: Listening) -> dict[str, Any]:
    """``meta`` of an answer to a request with ``debug``."""
    return {"meta": listening.spent.meta(listening.matches).model_dump()}
