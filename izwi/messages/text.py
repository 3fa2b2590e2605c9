"""Text as clients give it."""

from typing import Annotated

from pydantic import AfterValidator, Field


def _unicode(text: str) -> str:
    if any("\ud800" <= char <= "\udfff" for char in text):  # JSON can say it, UTF-8 cannot
        raise ValueError("a lone surrogate is not a character")
    return text


Text = Annotated[str, AfterValidator(_unicode)]
Prompt = Annotated[Text, Field(max_length=4096)]
"""Text before a recording or a conversation, or words to expect."""
