"""Prompts that make a recogniser expect hotwords."""

from collections.abc import Sequence


def led_by(hotwords: Sequence[str]) -> str:
    """A prompt of hotwords. Its end counts most, and is what is kept of one that is too long."""
    return ", ".join(hotwords) + "." if hotwords else ""
