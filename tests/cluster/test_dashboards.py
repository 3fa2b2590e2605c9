"""The dashboards in the repository are those that the source writes, and their queries are about what there is."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from cluster.dashboards.__main__ import BOARDS, FOLDER, written
from cluster.dashboards.grafana import COLUMNS, Board, render
from tests.cluster.test_prometheus import needs_promtool, promtool
from tests.operations import ROOT, documented, named

VARIABLES = {"$__rate_interval": "5m", "$replica": ".*"}
PROVISIONING = ROOT / "cluster" / "grafana" / "provisioning"


def queries(board: Board) -> list[str]:
    """As Grafana sends them."""
    found = [query.expr for panel in board.panels for query in panel.queries]
    for name, value in VARIABLES.items():
        found = [expr.replace(name, value) for expr in found]
    return found


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_json_is_what_the_source_writes(board: Board) -> None:
    assert (FOLDER / f"{board.uid}.json").read_text() == written(board), "run: python -m cluster.dashboards"


def test_there_is_no_other_dashboard() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == {board.uid for board in BOARDS}


def kept(before: Any, after: Any) -> bool:
    """Whether everything in the one is in the other, which may hold more."""
    if isinstance(before, dict):
        return all(name in after and kept(part, after[name]) for name, part in before.items())
    if isinstance(before, list):
        return len(before) == len(after) and all(map(kept, before, after))
    return before == after


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_model_that_grafana_publishes_reads_it_without_loss(board: Board) -> None:
    register_default_plugins()
    model = json.loads(written(board))
    assert kept(model, json.loads(JSONEncoder().encode(Dashboard.from_json(model))))


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_panels_lie_beside_each_other_and_say_what_they_show(board: Board) -> None:
    panels = render(board)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) == len({panel["title"] for panel in panels})
    taken = set[tuple[int, int]]()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells
        assert max(x for x, _ in cells) < COLUMNS
        assert panel["description"].endswith(".")
        assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_queries_are_about_metrics_that_exist(board: Board) -> None:
    known = {row.name for row in documented()}
    for expr in queries(board):
        names = named(expr)
        assert names, expr
        assert {name for name in names if name.startswith(("izwi_", "process_"))} <= known


def test_every_metric_of_the_server_is_on_a_dashboard_or_told_by_another_one() -> None:
    shown = {name for board in BOARDS for expr in queries(board) for name in named(expr)}
    rest = {row.name for row in documented() if row.name.startswith("izwi_")} - shown
    assert rest == {"izwi_queue_depth", "izwi_unready"}


@needs_promtool
def test_queries_are_promql(tmp_path: Path) -> None:
    exprs = [expr for board in BOARDS for expr in queries(board)]
    rules: list[dict[str, Any]] = [{"record": f"query:{number}", "expr": expr} for number, expr in enumerate(exprs)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    assert f"{len(exprs)} rules found" in promtool("check", "rules", file)


def test_grafana_finds_prometheus_and_the_dashboards() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "izwi.yml").read_text())["datasources"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "izwi.yml").read_text())["providers"]
    assert (provider["type"], provider["options"]["path"]) == ("file", "/var/lib/grafana/dashboards")
    model = json.loads(written(BOARDS[0]))
    assert {variable["type"] for variable in model["templating"]["list"]} == {"datasource", "query"}
