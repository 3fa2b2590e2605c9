"""Fields that several requests have."""

from typing import Annotated, Any, cast

from pydantic import AfterValidator, BeforeValidator, Field

from izwi.languages import language_code
from izwi.messages import Hotword, ListName
from izwi.messages.hotwords import MOST_HOTWORDS, MOST_LISTS
from izwi.messages.text import Text


def _separated(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    items = cast("list[Any]", value)
    return [part for item in items for part in (item.split(",") if isinstance(item, str) else [item]) if part]


Language = Annotated[Text, AfterValidator(language_code), Field(min_length=1, max_length=32)]
"""ISO 639-1 or an English name."""
HotwordList = Annotated[list[Hotword], Field(max_length=MOST_HOTWORDS)]
"""Those of stored lists among them, which may have commas."""
Hotwords = Annotated[list[Hotword], BeforeValidator(_separated), Field(max_length=MOST_HOTWORDS)]
"""Forms have no lists: several may come in one item, with commas between them."""
ListNames = Annotated[list[ListName], BeforeValidator(_separated), Field(max_length=MOST_LISTS)]

Threshold = Annotated[float, Field(gt=0, lt=1)]
"""Probability from which on OpenAI's clients want speech to be heard, ..."""
PaddingMs = Annotated[int, Field(ge=0, le=5000)]
"""... the audio before it that belongs to it, ..."""
SilenceMs = Annotated[int, Field(ge=100, le=10_000)]
"""... and the silence that ends it: three frames of the detector at least."""
