"""Joins texts of one stream so that a client only has to append them. Pure."""

import unicodedata

UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "FULLWIDTH", "THAI", "LAO", "KHMER", "MYANMAR")
"""Beginnings of the Unicode names of letters between which no space is written."""


def between(before: str, after: str) -> str:
    """What belongs between two texts: a space, unless there is one or their script has none."""
    if not before or not after or before[-1].isspace() or after[0].isspace():
        return ""
    if any(unicodedata.name(one, "").startswith(UNSPACED) for one in (before[-1], after[0])):
        return ""
    return " "
