"""What a language model made of a recording's segments: kept beside them, because it goes over those of the result,
which are cut anew where the speaker changes. Pure."""

from collections.abc import Sequence
from dataclasses import replace

import orjson

from izwi.files.segments import Segment
from izwi.stages import Corrected


def dump(looked: Sequence[Corrected]) -> str:
    return orjson.dumps([[one.text, one.llm] for one in looked]).decode()


def load(text: str) -> list[Corrected]:
    return [Corrected(text, llm) for text, llm in orjson.loads(text)] if text else []


def attached(segments: Sequence[Segment], looked: Sequence[Corrected]) -> list[Segment]:
    """Segments with what became of them, as far as the model has come."""
    known = zip(segments, looked, strict=False)
    return [*(replace(segment, llm=one) for segment, one in known), *segments[len(looked) :]]
