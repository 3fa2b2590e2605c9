"""What a connection tells its client is numbered and stored, with a store that takes its time."""

import asyncio

import pytest

from deployments.ingress.emitter import Emitter
from deployments.ingress.metrics import Metrics
from deployments.ingress.native import NativeWire
from deployments.ingress.opening import begin
from deployments.ingress.outbox import Outbox
from deployments.store.store import Entry
from izwi import events
from izwi import messages as m
from izwi.backlog import Pace
from izwi.checkpoint import Checkpoint
from izwi.errors import EngineFailed, InvalidMessage, SessionGone, SessionTaken, StoreUnavailable
from izwi.settings import Settings
from tests.clock import in_simulated_time

NO = InvalidMessage("no")


class Socket:
    """Records what is sent; stops taking frames after some."""

    def __init__(self, takes: int = 1000) -> None:
        self.sent: list[str] = []
        self.closed: int | None = None
        self._takes = takes

    async def send_text(self, text: str) -> None:
        if len(self.sent) >= self._takes:
            await asyncio.Event().wait()
        self.sent.append(text)

    async def close(self, code: int) -> None:
        self.closed = code


class SlowStore:
    """Redis as one session sees it."""

    def __init__(self, failure: type[Exception] | None = None) -> None:
        self.failure = failure
        self.created: list[Entry] = []
        self.events: list[int] = []
        self.texts: list[str] = []
        self.checkpoints: list[str] = []

    async def create(self, entry: Entry) -> None:
        self._fail()
        self.created.append(entry)
        self.events.clear()

    async def append(self, session_id: str, epoch: int, seq: int, event: str, checkpoint: str = "") -> None:
        await asyncio.sleep(0.001 * (len(self.events) % 3))
        self._fail()
        if not self.created:
            raise SessionGone("empty")
        if seq not in self.events and seq > self.created[-1].seq:
            self.events.append(seq)
            self.texts.append(event)
            self.checkpoints += [checkpoint] if checkpoint else []

    async def touch(self, session_id: str, epoch: int) -> None:
        self._fail()
        if not self.created:
            raise SessionGone("empty")

    async def ping(self) -> None:
        self._fail()

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure("why")


async def connection(store: SlowStore) -> Emitter:
    settings, metrics = Settings(_env_file=None), Metrics()  # type: ignore[call-arg]
    outbox = Outbox(None, 20)  # type: ignore[arg-type]
    one = Emitter(NativeWire(settings), outbox, metrics, "request-1")
    one.log = (await begin("id", m.SessionStart(), "", store, settings)).log  # type: ignore[arg-type]
    return one


def sent(one: Emitter) -> m.ServerMessage:
    return m.parse_server(one._outbox._frames.get_nowait()[0])


async def numbers(one: Emitter, count: int) -> list[int]:
    await asyncio.gather(*(one.emit(events.skipped(n, "why")) for n in range(count)))
    return [sent(one).seq for _ in range(count)]


async def test_events_emitted_at_once_are_numbered_and_stored_once_and_in_order() -> None:
    store = SlowStore()
    assert await numbers(await connection(store), 12) == list(range(1, 13))
    assert store.events == list(range(1, 13))


async def test_what_a_voice_is_like_is_stored_with_the_label_and_not_sent() -> None:
    store = SlowStore()
    one = await connection(store)
    await one.emit(events.speaker(0, m.Voice(number=0, mean="AAAA", windows=2)))
    (checkpoint,) = store.checkpoints
    assert Checkpoint.model_validate_json(checkpoint).voices == {0: m.Voice(number=0, mean="AAAA", windows=2)}
    (frame,) = one._outbox._frames.get_nowait()
    assert "SPEAKER_00" in frame
    assert "AAAA" not in frame
    assert not any("AAAA" in event for event in store.texts)


async def test_without_redis_numbering_goes_on_and_the_session_is_known_not_to_be_resumable() -> None:
    store = SlowStore(StoreUnavailable)
    one = await connection(store)
    assert await numbers(one, 3) == [1, 2, 3]
    assert one.log is not None
    assert not one.log.resumable


async def test_an_empty_redis_gets_the_session_again() -> None:
    store = SlowStore()
    one = await connection(store)
    await numbers(one, 3)
    log, lock = one.log, asyncio.Lock()  # type: ignore[union-attr]
    store.failure = StoreUnavailable
    await numbers(one, 2)
    await log.keep(lock)
    assert not log.resumable
    store.failure = None
    store.created.clear()
    await log.keep(lock)
    assert log.resumable
    assert store.created[0].seq == 0
    assert store.events == [1, 2, 3, 4, 5]
    assert await numbers(one, 2) == [6, 7]
    assert store.events == [1, 2, 3, 4, 5, 6, 7]


async def test_an_owner_that_has_been_replaced_sends_nothing_more() -> None:
    store = SlowStore()
    one = await connection(store)
    store.failure = SessionTaken
    with pytest.raises(SessionTaken):
        await one.emit(events.skipped(1, "why"))
    assert one._outbox._frames.empty()
    with pytest.raises(SessionTaken):
        await one.log.keep(asyncio.Lock())  # type: ignore[union-attr]


async def test_an_answer_to_a_bad_frame_has_the_number_of_the_event_before_it() -> None:
    one = await connection(SlowStore())
    await asyncio.gather(one.emit(events.skipped(1, "why")), one.emit(events.skipped(2, "why")), one.reject(NO))
    assert [sent(one).seq for _ in range(3)] == [1, 2, 2]


async def test_a_stage_failure_gets_the_request_id_and_is_counted() -> None:
    one = await connection(SlowStore())
    await one.emit(events.failure(EngineFailed("down"), clause=4))
    message = sent(one)
    assert isinstance(message, m.ErrorMessage)
    assert (message.data.request_id, message.data.clause) == ("request-1", 4)
    assert 'izwi_errors_total{code="engine_failed"} 1.0' in one._metrics.exposition().decode()


async def test_what_becomes_of_speech_is_counted() -> None:
    one = await connection(SlowStore())
    await one.emit(events.merged(4, into=3))
    for behind in (1.5, 12.0):
        await one.emit(events.speech_closed(3, "espeak", 24_000, Pace(1.25, behind)))
    await one.emit(events.skipped(5, "too far"))
    text = one._metrics.exposition().decode()
    for line in (
        "izwi_speech_merged_total 1.0",
        'izwi_speech_skipped_total{reason="too far"} 1.0',
        'izwi_speech_backlog_seconds_bucket{le="2.0"} 1.0',
        "izwi_speech_backlog_seconds_count 2.0",
    ):
        assert line in text


@pytest.mark.parametrize(("takes", "sent"), [(1000, 6), (2, 2)], ids=["reads", "stopped reading"])
@in_simulated_time
async def test_nothing_follows_a_frame_that_was_cut_off(takes: int, sent: int) -> None:
    socket = Socket(takes)
    outbox = Outbox(socket, 20)  # type: ignore[arg-type]
    for number in range(5):
        await outbox.put([str(number)])
    sending = asyncio.create_task(outbox.run())
    await asyncio.sleep(0.01)
    sending.cancel()
    await asyncio.wait([sending])
    await outbox.close(1013, ["last"])
    assert (len(socket.sent), socket.closed) == (sent, 1013)
