from typing import Any

from loadtests.proxies import table


def turn(proxy: str, per_stream: float) -> dict[str, Any]:
    latency = {"p50": 1.0, "p95": 2.0, "p99": 3.0}
    return {"proxy": proxy, "idle": 10.0, "per_stream": per_stream, "latency_ms": latency, "others": 1.0}


def test_each_proxy_gets_the_median_of_its_own_turns() -> None:
    rows = [turn("haproxy", 2.0), turn("python", 4.0), turn("python", 6.0), turn("haproxy", 3.0)]
    text = table(rows, speakers=4)
    assert "| haproxy | 10.0 | 2.50 | 1.0 / 2.0 / 3.0 |" in text
    assert "| python | 10.0 | 5.00 | 1.0 / 2.0 / 3.0 |" in text
    assert "4 speakers, 2 turns each" in text
