"""What each stage costs, as measured: the rows of ``costs.toml``, and how such a file is read.

Costs are seconds of one core of the machine that the table names (of its card where ``device`` is ``cuda``). Nothing is
guessed from other rows: what is not in the table was not measured, and is refused.
"""

import tomllib
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from izwi.errors import BadCostTable, NotMeasured

CPU, CUDA = "cpu", "cuda"
COSTS, SPEECH, BENCH = "costs.toml", "speech.json", "bench.json"
"""The files beside this one, written by one run of ``python -m loadtests.costs --check --write``."""


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Machine(Row):
    """Where the table was measured."""

    name: str
    """Its processor."""
    cores: int = Field(ge=1)
    memory_gb: float = Field(gt=0)
    run: str
    """When, in UTC: files that one run wrote bear the same."""
    crowding: float = Field(ge=1)
    """How many times as long a pass takes while every core makes one, beside a pass alone: they share the memory."""
    idle_cores: float = Field(ge=0)
    """What the server uses while nobody is there: Ray, Serve, HAProxy."""
    echo_s: float = Field(ge=0)
    """From sending audio until a lone client hears that the detector has had it: sockets, proxy, a call and back."""


class AsrRow(Row):
    """One recognition call."""

    model: str
    compute_type: str
    device: str = CPU
    language: str
    careful: bool
    """A final pass, with a beam; otherwise greedy."""
    window_s: float = Field(gt=0)
    """Audio of each window, without the silence that the recogniser adds."""
    batch: int = Field(ge=1)
    """Windows in the call."""
    core_s: float = Field(gt=0)
    """For all of them, the mean of several calls; what the guard rejects and tries again is in it."""
    spread: float = Field(default=0.0, ge=0)
    """Standard deviation of such calls over their mean: windows hold more or fewer words, and some are tried again."""


class HindsightRow(Row):
    """How much audio after the end of a word a recogniser needs before it shows it."""

    model: str
    language: str
    quantiles_s: tuple[float, ...] = Field(min_length=2)
    """From the least to the most, at equal steps of probability."""


class VadRow(Row):
    """One detector call: ``call_s + frames * frame_s``, frames of 32 ms."""

    engine: str
    device: str = CPU
    call_s: float = Field(ge=0)
    frame_s: float = Field(gt=0)


class MtRow(Row):
    engine: str
    device: str = CPU
    source: str
    target: str
    clause_s: float = Field(gt=0)
    """Per clause of ordinary length, some twelve words."""


class TtsRow(Row):
    engine: str
    device: str = CPU
    language: str
    threads: int = Field(ge=1)
    core_s: float = Field(gt=0)
    """Per second of speech, over all threads."""
    wall_s: float = Field(gt=0)
    """Per second of speech, from asking to having it, on idle cores."""
    char_s: float = Field(gt=0)
    """Seconds of speech that a character of text makes."""


class StreamRow(Row):
    """What one open session costs a deployment besides engine time, sockets and calls between replicas included."""

    deployment: str
    """``ingress``, ``vad``, or ``proxy`` for HAProxy."""
    speaking: bool
    sessions: int = Field(ge=1)
    """So many were open: the more there are, the more of their calls travel together."""
    cores: float = Field(ge=0)
    """Of one session."""


class ReplicaRow(Row):
    """What a replica takes besides cores."""

    deployment: str
    """``node`` for what a node takes besides its replicas: Ray, Serve, HAProxy."""
    model: str = ""
    """Of ``asr``; the others load all engines of the default settings."""
    memory_mb: float = Field(gt=0)
    """Resident, under load."""
    start_s: float = Field(ge=0)
    """A fresh process until its models are loaded."""


class CostTable(Row):
    """A file of costs. ``--costs`` may name one with a part of the sections: see `overlay`."""

    machine: Machine
    asr: tuple[AsrRow, ...] = ()
    hindsight: tuple[HindsightRow, ...] = ()
    vad: tuple[VadRow, ...] = ()
    mt: tuple[MtRow, ...] = ()
    tts: tuple[TtsRow, ...] = ()
    stream: tuple[StreamRow, ...] = ()
    replica: tuple[ReplicaRow, ...] = ()


KEYS: dict[str, tuple[str, ...]] = {
    "asr": ("model", "compute_type", "device", "language"),
    "hindsight": ("model", "language"),
    "vad": ("engine", "device"),
    "mt": ("engine", "device", "source", "target"),
    "tts": ("engine", "device", "language"),
    "stream": ("deployment", "speaking"),
    "replica": ("deployment", "model"),
}
"""The fields by which rows are looked up."""

R = TypeVar("R", bound=Row)


def shipped() -> CostTable:
    """The table that comes with the package."""
    return parse(files("izwi.capacity").joinpath(COSTS).read_text("utf-8"), COSTS)


def read(own: Path | None) -> CostTable:
    """The shipped table, with the rows of a file of one's own in the place of those they replace.

    Raises:
        BadCostTable: the file cannot be read.
    """
    if own is None:
        return shipped()
    try:
        return overlay(shipped(), own.read_text("utf-8"), own.name)
    except (OSError, UnicodeDecodeError) as error:
        raise BadCostTable(f"{own}: {error}") from None


def parse(text: str, name: str) -> CostTable:
    """Raises `BadCostTable`, naming the file and what is wrong."""
    try:
        return CostTable.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadCostTable(f"{name}: {_first(error)}") from None


def overlay(base: CostTable, text: str, name: str) -> CostTable:
    """``base`` with the sections of another file: its rows replace those of the same key (`KEYS`), all of them."""
    try:
        given = tomllib.loads(text)
        own = CostTable.model_validate({"machine": base.machine.model_dump(), **given})
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadCostTable(f"{name}: {_first(error)}") from None
    kept: dict[str, tuple[Row, ...]] = {}
    for section, fields in KEYS.items():
        mine: tuple[Row, ...] = getattr(own, section)
        replaced = {_key(row, fields) for row in mine}
        kept[section] = (*mine, *(row for row in getattr(base, section) if _key(row, fields) not in replaced))
    return own.model_copy(update=kept)


def one(rows: Iterable[R], fits: Callable[[R], bool], what: str) -> R:
    """The first row that fits.

    Raises:
        NotMeasured: none does; says what was asked for and how to measure it.
    """
    found = next(filter(fits, rows), None)
    if found is None:
        raise not_measured(what)
    return found


def not_measured(what: str) -> NotMeasured:
    return NotMeasured(f"{what} was not measured; measure it with python -m loadtests.costs, or give your own --costs")


def _key(row: Row, fields: Iterable[str]) -> tuple[object, ...]:
    return tuple(getattr(row, field) for field in fields)


def _first(error: tomllib.TOMLDecodeError | ValidationError) -> str:
    if isinstance(error, tomllib.TOMLDecodeError):
        return f"not TOML: {error}"
    worst = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, worst['loc']))}: {worst['msg']}"
