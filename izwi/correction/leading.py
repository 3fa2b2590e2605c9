"""Prompts that make a recogniser expect hotwords."""

from collections.abc import Sequence


def led_by(hotwords: Sequence[str], likely: Sequence[str] = ()) -> str:
    """A prompt of hotwords, those that are likely last: its end counts most, and is what is left of one too long."""
    named = [*(one for one in hotwords if one not in likely), *likely]
    return ", ".join(named) + "." if named else ""
