"""Dashboards as values, and as the JSON that Grafana 10 and later load. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

COLUMNS = 24
"""Of Grafana's grid."""
HEIGHT = 8
SCHEMA = 39
"""Version of the JSON model; Grafana migrates it to its own."""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
REPLICAS = 'replica=~"$replica"'
"""Picks the ingress replicas that are chosen above a dashboard."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """PromQL and what its lines are called: ``{{label}}`` stands for a label's value."""

    expr: str
    legend: str = ""
    quiet: bool = False
    """Has no data where nothing of the kind has ever happened."""


@dataclass(frozen=True)
class Panel:
    title: str
    about: str
    queries: tuple[Query, ...]
    unit: str = "short"
    """Grafana's name: ``s``, ``percentunit``, ``reqps``, ``bytes`` ..."""
    limit: float | None = None
    """Drawn as a line: more than this is too much."""
    width: int = 8
    kind: Literal["timeseries", "stat"] = "timeseries"
    stacked: bool = False


@dataclass(frozen=True)
class Board:
    uid: str
    """Also the name of its file."""
    title: str
    about: str
    panels: tuple[Panel, ...]
    replicas: bool = True
    """Whether its queries have `REPLICAS`."""
    tags: tuple[str, ...] = field(default=("izwi",))


def render(board: Board) -> Json:
    """The JSON model of a dashboard."""
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.about,
        "tags": list(board.tags),
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "links": [
            {"type": "dashboards", "tags": list(board.tags), "title": "Izwi", "asDropdown": True, "keepTime": True}
        ],
        "templating": {"list": list(_variables(board))},
        "annotations": {"list": []},
        "panels": [_panel(number, panel, x, y) for number, (panel, x, y) in enumerate(_placed(board.panels), start=1)],
    }


def _variables(board: Board) -> Iterator[Json]:
    yield {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus"}
    if board.replicas:
        yield {
            "type": "query",
            "name": "replica",
            "label": "Ingress replica",
            "datasource": DATASOURCE,
            "query": {"query": "label_values(izwi_ready, replica)", "refId": "replica"},
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        }


def _placed(panels: tuple[Panel, ...]) -> Iterator[tuple[Panel, int, int]]:
    """Each with its place: from left to right, then the next line."""
    x = y = 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y = 0, y + HEIGHT
        yield panel, x, y
        x += panel.width


def _panel(number: int, panel: Panel, x: int, y: int) -> Json:
    steps: list[Json] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    custom: Json = {"fillOpacity": 20 if panel.stacked else 5, "showPoints": "never"}
    if panel.stacked:
        custom["stacking"] = {"mode": "normal"}
    if panel.limit is not None:
        custom["thresholdsStyle"] = {"mode": "line"}
    options: Json = (
        {"reduceOptions": {"calcs": ["lastNotNull"]}}
        if panel.kind == "stat"
        else {"legend": {"displayMode": "table", "placement": "bottom", "calcs": ["mean", "max", "lastNotNull"]}}
    )
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": HEIGHT},
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "custom": custom if panel.kind == "timeseries" else {},
                "thresholds": {"mode": "absolute", "steps": steps},
            },
            "overrides": [],
        },
        "options": options,
        "targets": [
            {"refId": chr(ord("A") + index), "expr": query.expr, "legendFormat": query.legend, "datasource": DATASOURCE}
            for index, query in enumerate(panel.queries)
        ],
    }
