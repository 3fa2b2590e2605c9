"""Items of a transcription session: what was said between two commits, and the text of it. Pure.

With server VAD an item is an utterance. Where the client commits, an item is all that was said since the last commit;
its text is held back until then, because what is not committed can be cleared.
"""

from dataclasses import dataclass, field

from izwi import messages as m
from izwi.pieces import between


@dataclass
class Item:
    id: str
    start_ms: int = 0
    end_ms: int | None = None
    """Set by the commit."""
    text: str = ""
    told: int = 0
    """Characters of it that the client has."""
    waiting: set[int] = field(default_factory=set[int])
    """Utterances whose transcript is not complete."""
    failure: m.ErrorData | None = None
    """The last one."""
    dropped: bool = False
    """Cleared: nothing is told of it any more."""
    metas: list[m.Meta] = field(default_factory=list[m.Meta])
    """Of its utterances, for a client that debugs."""

    @property
    def complete(self) -> bool:
        return self.end_ms is not None and not self.waiting

    @property
    def seconds(self) -> float:
        return max(0, (self.end_ms or 0) - self.start_ms) / 1000

    def fresh(self) -> str:
        """Text that the client does not have."""
        text, self.told = self.text[self.told :], len(self.text)
        return text


class Items:
    """All items of a session.

    Args:
        session_id: makes their ids.
        manual: whether the client commits.
    """

    def __init__(self, session_id: str, manual: bool) -> None:
        self._session_id = session_id
        self._manual = manual
        self._count = 0
        self._of: dict[int, Item] = {}  # by utterance, until its transcript is complete
        self._begun: set[int] = set()  # utterances with text
        self.last: str | None = None
        """Id of the item committed last."""
        self._ended_ms = 0
        """Where the last one was committed or cleared: no item reaches back over that."""
        self.open = self._next(0)
        """What the next commit or clear is about."""

    def started(self, utterance: int, start_ms: int) -> Item:
        """An utterance begins."""
        if not self._manual:
            self.open = self._next(max(start_ms, self._ended_ms))
        self.open.waiting.add(utterance)
        self._of[utterance] = self.open
        return self.open

    def item(self, utterance: int) -> Item:
        return self._of[utterance]

    def add(self, utterance: int, text: str) -> Item:
        """Settled text."""
        item = self._of[utterance]
        glue = "" if utterance in self._begun else between(item.text, text)
        self._begun.add(utterance)
        item.text += glue + text
        return item

    def finished(self, utterance: int) -> Item:
        """Its transcript is complete."""
        item = self._of.pop(utterance)
        self._begun.discard(utterance)
        item.waiting.discard(utterance)
        return item

    def commit(self, item: Item, end_ms: int) -> str | None:
        """Nothing more is added to it; returns the id of the item before it."""
        item.end_ms = self._ended_ms = end_ms
        before, self.last = self.last, item.id
        if item is self.open:
            self.open = self._next(end_ms)
        return before

    def clear(self, end_ms: int) -> None:
        """Drop what is open."""
        self.open.dropped = True
        self._ended_ms = end_ms
        self.open = self._next(end_ms)

    def _next(self, start_ms: int) -> Item:
        self._count += 1
        return Item(f"item_{self._session_id}_{self._count}", start_ms)
