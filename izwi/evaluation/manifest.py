"""Recordings and what is said in them, as a file lists them: a JSON list, or one JSON object a line."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from izwi.errors import BadManifest

NAMED = 5
"""Missing files that an error names; it counts the others."""


@dataclass(frozen=True)
class Item:
    """One recording."""

    file: str
    """As the manifest has it."""
    path: Path
    text: str
    """What is said; may be empty, where nobody speaks."""
    language: str | None = None
    """ISO 639-1."""


class _Row(BaseModel):
    file: str = Field(min_length=1)
    text: str
    language: str | None = None


def read(path: Path) -> list[Item]:
    """The recordings of a manifest; names of files are relative to it, and fields that are not known do not matter.

    Raises:
        BadManifest: it cannot be read, a row is not ``{"file", "text"[, "language"]}``, there is none, or a file that
            it names is not there.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadManifest(f"{path.name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadManifest(f"{path.name} is not UTF-8 text") from None
    items = [_item(path, where, value) for where, value in _values(path.name, content)]
    if not items:
        raise BadManifest(f"{path.name} lists no recordings")
    if missing := [item.file for item in items if not item.path.is_file()]:
        named = ", ".join(missing[:NAMED])
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        raise BadManifest(f"{path.name} names {len(missing)} of {len(items)} files that are not there: {named}{more}")
    return items


def _values(name: str, content: str) -> Iterator[tuple[str, Any]]:
    """Rows as they stand there, and where."""
    if not content.lstrip().startswith("["):
        for number, line in enumerate(content.splitlines(), 1):
            if line.strip():
                yield f"line {number}", _json(name, line, number)
        return
    for number, value in enumerate(_json(name, content), 1):
        yield f"entry {number}", value


def _json(name: str, content: str, line: int | None = None) -> Any:
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        raise BadManifest(f"{name} is not JSON: line {line or error.lineno}: {error.msg}") from None


def _item(path: Path, where: str, value: Any) -> Item:
    try:
        row = _Row.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise BadManifest(f"{path.name}, {where}: {f'{field}: ' if field else ''}{first['msg']}") from None
    return Item(row.file, path.parent / row.file, row.text, row.language)
