"""The connection's numbering, with a store that takes its time."""

import asyncio

from deployments.ingress.admission import Newcomers
from deployments.ingress.calls import StageCalls
from deployments.ingress.connection import Connection, Services
from deployments.ingress.metrics import Metrics
from deployments.ingress.registry import Registry
from izwi import events
from izwi.backlog import Pace
from izwi.errors import EngineFailed, StoreUnavailable
from izwi.settings import Settings


class SlowStore:
    def __init__(self, broken: bool = False) -> None:
        self.saved: list[dict[str, object]] = []
        self._broken = broken

    async def save(self, session_id: str, fields: dict[str, object]) -> None:
        await asyncio.sleep(0.001 * (len(self.saved) % 3))
        if self._broken:
            raise StoreUnavailable("gone")
        self.saved.append(fields)


def connection(store: SlowStore) -> Connection:
    settings, metrics = Settings(_env_file=None), Metrics()  # type: ignore[call-arg]
    services = Services(settings, StageCalls.__new__(StageCalls), store, metrics, Registry(1, metrics), Newcomers(1.0))  # type: ignore[arg-type]
    return Connection(None, services, "request-1")  # type: ignore[arg-type]


async def numbers(connection: Connection, count: int) -> list[int]:
    await asyncio.gather(*(connection._emit(events.skipped(n, "why"), None) for n in range(count)))
    return [connection._outbox.get_nowait()[0].seq for _ in range(count)]


async def test_events_emitted_at_once_are_numbered_once_and_in_order() -> None:
    store = SlowStore()
    assert await numbers(connection(store), 12) == list(range(1, 13))
    assert [fields["seq"] for fields in store.saved] == list(range(1, 13))


async def test_without_redis_numbering_goes_on_and_is_counted() -> None:
    broken = connection(SlowStore(broken=True))
    assert await numbers(broken, 3) == [1, 2, 3]
    assert 'izwi_errors_total{code="store_unavailable"} 3.0' in broken._services.metrics.exposition().decode()


async def test_a_stage_failure_gets_the_request_id_and_is_counted() -> None:
    one = connection(SlowStore())
    await one._emit(events.failure(EngineFailed("down"), clause=4), None)
    message = one._outbox.get_nowait()[0]
    assert (message.data.request_id, message.data.clause) == ("request-1", 4)
    assert 'izwi_errors_total{code="engine_failed"} 1.0' in one._services.metrics.exposition().decode()


async def test_what_becomes_of_speech_is_counted() -> None:
    one = connection(SlowStore())
    await one._emit(events.merged(4, into=3), None)
    for behind in (1.5, 12.0):
        await one._emit(events.speech_closed(3, "espeak", 24_000, Pace(1.25, behind)), None)
    await one._emit(events.skipped(5, "too far"), None)
    text = one._services.metrics.exposition().decode()
    for line in (
        "izwi_speech_merged_total 1.0",
        'izwi_speech_skipped_total{reason="too far"} 1.0',
        'izwi_speech_backlog_seconds_bucket{le="2.0"} 1.0',
        "izwi_speech_backlog_seconds_count 2.0",
    ):
        assert line in text
