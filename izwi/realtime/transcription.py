"""``/v1/realtime``: transcription sessions. Pure.

Audio begins a session's flow, so that it can be set up before. Deltas hold settled words only: nothing is taken back.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from izwi import messages as m
from izwi.audio import Cut
from izwi.errors import ClientError, EmptyCommit, InvalidMessage, IzwiError
from izwi.realtime.configuration import Input
from izwi.realtime.debugging import asked_debug, shown_debug, updated_debug
from izwi.realtime.events import Writer, asked_model, decode, describe, parse
from izwi.realtime.items import Item, Items
from izwi.realtime.transcription_client import CLIENT_EVENTS, Append, Clear, Commit, SessionFields, SessionUpdate
from izwi.settings import Settings
from izwi.stage_times import joined
from izwi.wire import Audio, Begin, Check, Command, Frame, Frames, Reply

TRANSCRIPTION = "conversation.item.input_audio_transcription"
LEAST_MS = 100
"""Audio that a commit needs, as at OpenAI."""


class TranscriptionWire:
    """See `izwi.wire.Wire`.

    Args:
        session_id: unique; part of all ids.
        settings: the server's.
        expires_at: of the session, seconds since the epoch, as told to the client.
    """

    greets = True
    resumes = False
    pongs = False

    def __init__(self, session_id: str, settings: Settings, expires_at: int) -> None:
        self.ahead_s = settings.realtime_ahead_s
        self._session_id = session_id
        self._settings = settings
        self._expires_at = expires_at
        self._writer = Writer(session_id)
        self._input = Input()
        self._debug = False
        self._check: Check = lambda start: None
        self._items: Items | None = None
        """Once audio has come."""
        self._asked: deque[Commit | Clear] = deque()
        """What the session has not done yet."""
        self._appended_ms = 0.0
        self._cut_ms = 0.0
        """Where the audio begins that is neither committed nor cleared."""
        self._commit_ms: int | None = None
        """Where the client's commit cuts the utterance that ends now."""

    def greet(self, query: Mapping[str, str], check: Check) -> Frames:
        if query.get("intent", "transcription") != "transcription":
            raise InvalidMessage("intent: only transcription sessions are supported").about("intent")
        if "call_id" in query:
            raise InvalidMessage("call_id: calls are not supported").about("call_id")
        self._debug = asked_debug(query)
        transcription = self._input.transcription.model_copy(update={"model": asked_model(query)})
        self._input = self._input.model_copy(update={"transcription": transcription})
        self._check = check
        return [self._writer.event("session.created", session=self._session())]

    # --- in ---------------------------------------------------------------------------------------------------------
    def read(self, frame: Frame) -> Sequence[Command]:
        event = parse(CLIENT_EVENTS, frame)
        try:
            match event:
                case SessionUpdate(session=session):
                    self._update(session)
                    return [Reply([self._writer.event("session.updated", session=self._session())])]
                case Append(audio=audio):
                    return self._append(decode(audio))
                case Commit():
                    return self._commit(event)
                case Clear():
                    return self._clear(event)
        except ClientError as error:
            error.event_id = event.event_id
            raise

    def _update(self, session: SessionFields) -> None:
        begun = self._items is not None
        updated = self._input.updated(session.audio.input, begun)
        debug = updated_debug(self._debug, session.debug, begun)
        try:
            self._check(updated.start)
        except ClientError as error:
            raise error.about("session.audio.input.transcription.language") from None
        self._input, self._debug = updated, debug

    def _append(self, data: bytes) -> Sequence[Command]:
        commands: list[Command] = []
        if self._items is None:
            self._items = Items(self._session_id, manual=self._input.turn_detection is None)
            start = self._input.start.model_copy(update={"debug": self._debug})
            commands.append(Begin(start, self._input.applied(self._settings)))
        self._appended_ms += 1000 * len(data) / self._input.format.bytes_per_s
        return [*commands, Audio(data)]

    def _commit(self, event: Commit) -> Sequence[Command]:
        if self._appended_ms - self._cut_ms < LEAST_MS:
            raise EmptyCommit(f"less than {LEAST_MS} ms of audio since the last commit")
        return self._ask_for_cut(event)

    def _clear(self, event: Clear) -> Sequence[Command]:
        if self._appended_ms == self._cut_ms:  # nothing to clear, nor to ask a session for
            return [Reply([self._writer.event("input_audio_buffer.cleared")])]
        return self._ask_for_cut(event)

    def _ask_for_cut(self, event: Commit | Clear) -> Sequence[Command]:
        self._asked.append(event)
        self._cut_ms = self._appended_ms
        return [Cut()]

    # --- out --------------------------------------------------------------------------------------------------------
    def write(self, message: m.ServerMessage, payload: bytes | None = None) -> Frames:
        match message:
            case m.ErrorMessage(data=data):
                if data.utterance is not None and self._items is not None:
                    self._items.item(data.utterance).failure = data
                return [self._writer.failure(data)]
            case m.SessionGoingAwayMessage(data=data):
                return [self._writer.going_away(data)]
            case _:
                return self._transcribed(message, self._items) if self._items is not None else []

    def fault(self, error: IzwiError, told: m.ErrorMessage) -> Frames:
        return [self._writer.fault(error, told)]

    def _transcribed(self, message: m.ServerMessage, items: Items) -> Frames:
        match message:
            case m.SpeechStartedMessage(data=data):
                return self._speech_started(data, items)
            case m.SpeechEndedMessage(data=data):
                return self._speech_stopped(data, items)
            case m.AudioCutMessage(data=data):
                return self._cut(data, items)
            case m.TranscriptCommittedMessage(data=data):
                return self._told(items.add(data.utterance, data.text))
            case m.TranscriptFinalMessage(data=data):
                item = items.finished(data.utterance)
                item.metas += [data.meta] if data.meta is not None else []
                return self._told(item)
            case _:
                return []

    def _speech_started(self, data: m.SpeechBoundary, items: Items) -> Frames:
        detection = self._input.turn_detection
        padding_ms = detection.prefix_padding_ms if detection else 0
        item = items.started(data.utterance, max(0, round(1000 * data.time_s) - padding_ms))
        if detection is None:
            return []
        event = "input_audio_buffer.speech_started"
        return [self._writer.event(event, audio_start_ms=item.start_ms, item_id=item.id)]

    def _speech_stopped(self, data: m.SpeechBoundary, items: Items) -> Frames:
        detection, item = self._input.turn_detection, items.item(data.utterance)
        if detection is None or item.dropped:
            return []
        most_ms = self._appended_ms if self._commit_ms is None else self._commit_ms
        end_ms, self._commit_ms = round(min(1000 * data.time_s + detection.silence_duration_ms, most_ms)), None
        self._cut_ms = max(self._cut_ms, end_ms)
        event = "input_audio_buffer.speech_stopped"
        stopped = self._writer.event(event, audio_end_ms=end_ms, item_id=item.id)
        return [stopped, *self._committed(item, end_ms, items)]

    def _cut(self, data: m.AudioCut, items: Items) -> Frames:
        asked, at_ms = self._asked.popleft(), round(1000 * data.time_s)
        if isinstance(asked, Clear):
            if self._input.turn_detection is None or data.utterance is not None:
                items.clear(at_ms)
            return [self._writer.event("input_audio_buffer.cleared")]
        if self._input.turn_detection is None:
            return self._committed(items.open, at_ms, items)
        if data.utterance is None:
            error = EmptyCommit("nobody is speaking: what was said before is committed already")
            return [self._writer.error(error.code, str(error), event_id=asked.event_id)]
        self._commit_ms = at_ms  # the end of the utterance follows, and commits it
        return []

    def _committed(self, item: Item, end_ms: int, items: Items) -> Frames:
        before = items.commit(item, end_ms)
        event = self._writer.event("input_audio_buffer.committed", item_id=item.id, previous_item_id=before)
        return [event, *self._told(item)]

    def _told(self, item: Item) -> Frames:
        """What is new of an item."""
        held_back = self._input.turn_detection is None and item.end_ms is None
        if item.dropped or held_back:
            return []
        frames: list[Frame] = []
        if delta := item.fresh():
            frames.append(self._of_item("delta", item, delta=delta))
        if item.complete and item.failure is not None and not item.text:
            data = item.failure
            frames.append(self._of_item("failed", item, error=describe(data.code, data.message)))
        elif item.complete:
            usage = {"type": "duration", "seconds": item.seconds}
            meta = {"meta": joined(item.metas)} if self._debug else {}
            frames.append(self._of_item("completed", item, transcript=item.text, usage=usage, **meta))
        return frames

    def _of_item(self, kind: str, item: Item, **fields: object) -> str:
        return self._writer.event(f"{TRANSCRIPTION}.{kind}", item_id=item.id, content_index=0, **fields)

    def _session(self) -> dict[str, Any]:
        return {
            "type": "transcription",
            "object": "realtime.transcription_session",
            "id": f"sess_{self._session_id}",
            "expires_at": self._expires_at,
            "audio": {"input": self._input.shown()},
            "include": None,
            **shown_debug(self._debug),
        }
