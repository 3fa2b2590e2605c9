"""Fields that several requests have."""

from typing import Annotated

from pydantic import AfterValidator


def _unicode(text: str) -> str:
    if any("\ud800" <= char <= "\udfff" for char in text):  # JSON can say it, UTF-8 cannot
        raise ValueError("a lone surrogate is not a character")
    return text


Text = Annotated[str, AfterValidator(_unicode)]
