"""The first piece of a clause is on its way before the second one is synthesised, with quick engines too."""

import threading
from typing import ClassVar

import numpy as np
import pytest

from deployments.tts import engine
from deployments.tts.deployment import Tts
from izwi.settings import Settings
from izwi.stages import TtsRequest

LONG = "The committee, which had met every week since the beginning of the year, agreed on nothing at all, and its "
LONG += "members went home in the rain without a word to each other or to those who had waited for them outside."


class Held:
    """Says the first piece at once, and each other one when it may."""

    name = "held"
    languages = frozenset({"en"})
    voices: ClassVar = {"one": frozenset({"en"})}
    speeds = (0.5, 2.0)

    def __init__(self, quick: bool) -> None:
        self.quick = quick
        self.asked: list[str] = []
        self.may_go_on = threading.Event()

    def synthesise(self, text: str, language: str, voice: str | None, speed: float) -> tuple[engine.Pcm, int]:
        self.asked.append(text)
        if len(self.asked) > 1:
            assert self.may_go_on.wait(10)
        return np.full(2400, 9000, np.int16), 24_000


@pytest.mark.parametrize("quick", [True, False])
async def test_the_first_piece_comes_before_the_second_is_made(quick: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(quick)
    monkeypatch.setattr(engine, "load", lambda _: [held])
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    pieces = Tts.func_or_class(settings)(TtsRequest(LONG, "en"))
    first = await anext(pieces)
    assert len(first.pcm)
    assert len(held.asked) == 1
    assert len(held.asked[0]) <= (settings.tts.piece_chars if quick else settings.tts.first_piece_chars)
    held.may_go_on.set()
    rest = [piece async for piece in pieces]
    assert len(rest) == len(held.asked) - 1 >= 2
    assert " ".join(held.asked) == LONG
