"""Writes cluster/grafana/dashboards anew: python -m cluster.dashboards"""

import json
from pathlib import Path

from cluster.dashboards import errors, latency, serve, sessions, throughput
from cluster.dashboards.grafana import Board, render

BOARDS = (latency.LATENCY, throughput.THROUGHPUT, errors.ERRORS, sessions.SESSIONS, serve.SERVE)
FOLDER = Path(__file__).parents[1] / "grafana" / "dashboards"


def written(board: Board) -> str:
    return json.dumps(render(board), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for board in BOARDS:
        (FOLDER / f"{board.uid}.json").write_text(written(board))
