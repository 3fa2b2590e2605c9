"""What requests with a recording have in common, whoever's protocol they speak."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from deployments.ingress.fields import Text
from deployments.store.hotword_lists import HotwordLists
from izwi.files.listening import Listening
from izwi.files.transcribe import Wish
from izwi.keys import Principal
from izwi.languages import language_code
from izwi.messages import Hotword, ListName
from izwi.messages.hotwords import MOST_HOTWORDS
from izwi.messages.hotwords import MOST_LISTS as MOST_NAMED


def _separated(value: Any) -> Any:
    """Forms have no lists: several items may come in one field, with commas between them."""
    if not isinstance(value, list):
        return value
    return [part for item in value for part in (item.split(",") if isinstance(item, str) else [item]) if part]


Language = Annotated[Text, AfterValidator(language_code), Field(min_length=1, max_length=32)]
"""ISO 639-1 or an English name."""
Hotwords = Annotated[list[Hotword], BeforeValidator(_separated), Field(max_length=MOST_HOTWORDS)]


class RecordingFields(BaseModel):
    model_config = ConfigDict(extra="forbid")
    language: Language | None = None
    """Spoken language, ISO 639-1 or an English name; detected if not given."""
    prompt: Text = Field(default="", max_length=4096)
    """Text before the recording, or words to expect."""
    hotwords: Hotwords = []
    """Names and terms that may be said: once per item, or with commas between them."""
    hotword_lists: Annotated[list[ListName], BeforeValidator(_separated), Field(max_length=MOST_NAMED)] = []
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
