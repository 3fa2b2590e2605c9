"""Who spoke in a recording: kept beside its segments, because it is known only when all has been heard. Pure."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, repeat

import orjson

from izwi.diarization import turns
from izwi.files.segments import Segment
from izwi.stages import Word


def dump(labels: Sequence[str]) -> str:
    """Labels of successive words, as speakers and the number of words each says."""
    return orjson.dumps([[turn.speaker, turn.end - turn.first] for turn in turns(labels)]).decode()


def load(text: str) -> list[str]:
    return list(chain.from_iterable(repeat(speaker, count) for speaker, count in orjson.loads(text)))


def attributed(segments: Sequence[Segment], words: Sequence[Word], labels: Sequence[str]) -> Iterator[Segment]:
    """Translated segments with the speaker who says most of what is said meanwhile.

    Args:
        words: as they were said, in the order of time.
        labels: of those words.
    """
    starts = [word.start_s for word in words]
    for segment in segments:
        first, end = bisect_left(starts, segment.start_s), bisect_right(starts, segment.end_s)
        shares = Counter[str]()
        for word, label in zip(words[first:end], labels[first:end], strict=True):
            shares[label] += round(1000 * (word.end_s - word.start_s)) + 1
        yield replace(segment, speaker=shares.most_common(1)[0][0] if shares else None)
