"""Whatever a client sends, it is followed or refused as the client's error."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from izwi.errors import ClientError
from izwi.realtime.transcription import TranscriptionWire
from izwi.realtime.translation import TranslationWire
from izwi.settings import Settings
from izwi.wire import Command

SETTINGS = Settings(_env_file=None)  # type: ignore[call-arg]
TYPES = [
    "session.update",
    "session.close",
    *(f"{prefix}input_audio_buffer.{verb}" for prefix in ("", "session.") for verb in ("append", "commit", "clear")),
]
NAMES = [
    *(
        "type",
        "event_id",
        "audio",
        "session",
        "input",
        "output",
        "format",
        "rate",
        "transcription",
        "model",
        "language",
    ),
    *("prompt", "turn_detection", "threshold", "silence_duration_ms", "noise_reduction", "include"),
]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["AAAA", "es"])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
EVENTS = st.builds(
    lambda type, fields: json.dumps({**fields, "type": type}),
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(NAMES), TREES, max_size=4),
)


@pytest.mark.parametrize("kind", [TranscriptionWire, TranslationWire])
@given(frames=st.lists(EVENTS | TREES.map(json.dumps) | st.text(max_size=20) | st.binary(max_size=20), max_size=6))
def test_any_frames(kind: Any, frames: list[str | bytes]) -> None:
    wire = kind("s1", SETTINGS, 0)
    wire.greet({}, lambda start: None)
    for frame in frames:
        with suppress(ClientError):
            assert all(isinstance(command, Command) for command in wire.read(frame))
