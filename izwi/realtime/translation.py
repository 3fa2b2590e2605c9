"""``/v1/realtime/translations``: continuous translation, no turns. Pure.

The first audio begins a session's flow; until then the language can be set. Transcripts are appended to as words and
clauses are settled, and carry their spaces with them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from izwi import messages as m
from izwi.errors import ClientError, IzwiError, ProtocolViolation
from izwi.pieces import between
from izwi.realtime.debugging import asked_debug, shown_debug, updated_debug
from izwi.realtime.events import Writer, asked_model, decode, merged, parse
from izwi.realtime.speech_resampler import RATE, SpeechResampler
from izwi.realtime.translation_client import CLIENT_EVENTS, Append, AudioFields, Close, SessionFields, SessionUpdate
from izwi.settings import Settings
from izwi.stage_times import joined
from izwi.wire import Audio, Begin, Check, Command, End, Frame, Frames, Leave, Reply

LANGUAGE = "session.audio.output.language"
SPOKEN = "session.audio.input.transcription.language"


class TranslationWire:
    """See `izwi.wire.Wire`; the arguments are those of `izwi.realtime.transcription.TranscriptionWire`."""

    greets = True
    resumes = False
    pongs = False

    def __init__(self, session_id: str, settings: Settings, expires_at: int) -> None:
        self.ahead_s = settings.realtime_ahead_s
        self._session_id = session_id
        self._settings = settings
        self._expires_at = expires_at
        self._writer = Writer(session_id)
        self._model: str | None = None
        self._audio = AudioFields()
        self._check: Check = lambda start: None
        self._begun = self._closed = self._debug = False
        self._meta = joined(())
        """Of all that was done so far, for a client that debugs."""
        self._said = self._translated = ""
        """The last text of each transcript."""
        self._utterance = -1
        """The one that was heard last."""
        self._ends_ms: dict[int, int] = {}
        """Where clauses end, until they are spoken."""
        self._resampler = SpeechResampler()

    def greet(self, query: Mapping[str, str], check: Check) -> Frames:
        self._model, self._debug = asked_model(query), asked_debug(query)
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
                case Close():
                    return self._close()
        except ClientError as error:
            error.event_id = event.event_id
            raise

    def _update(self, session: SessionFields) -> None:
        debug = updated_debug(self._debug, session.debug, self._begun)
        updated = merged(self._audio, session.audio)
        if self._begun:
            for param, before, after in (
                (LANGUAGE, self._audio.output.language, updated.output.language),
                (SPOKEN, _spoken(self._audio), _spoken(updated)),
            ):
                if before != after:
                    raise ProtocolViolation(f"{param}: cannot change once audio has come").about(param)
        start = _start(updated, debug)
        only_heard = start.model_copy(update={"target_language": None})
        for param, one in ((SPOKEN, only_heard), (LANGUAGE, start)):
            try:
                self._check(one)
            except ClientError as error:
                raise error.about(param) from None
        self._audio, self._debug = updated, debug

    def _append(self, data: bytes) -> Sequence[Command]:
        if self._closed:
            raise ProtocolViolation("audio after session.close")
        if self._audio.output.language is None:
            raise ProtocolViolation(f"{LANGUAGE}: say what to translate to, before the first audio").about(LANGUAGE)
        if self._begun:
            return [Audio(data)]
        self._begun = True
        return [Begin(_start(self._audio, self._debug), self._settings), Audio(data)]

    def _close(self) -> Sequence[Command]:
        if self._closed:
            return []
        self._closed = True
        if self._begun:
            return [End()]
        return [Reply([self._ended()]), Leave()]

    # --- out --------------------------------------------------------------------------------------------------------
    def write(self, message: m.ServerMessage, payload: bytes | None = None) -> Frames:
        match message:
            case m.TranscriptCommittedMessage(data=data):
                return self._heard(data)
            case m.TranslationCommittedMessage(data=data):
                self._ends_ms[data.clause] = round(1000 * data.end_s)
                delta = between(self._translated, data.text) + data.text
                self._translated = data.text
                return [self._delta("output_transcript", delta, self._ends_ms[data.clause])]
            case m.SpeechAudioMessage(data=data):
                return self._spoken(data, payload or b"")
            case m.SpeechMergedMessage(data=data):
                self._ends_ms.pop(data.clause, None)
                return []
            case m.SpeechSkippedMessage(data=data):
                self._ends_ms.pop(data.clause, None)
                message_text = f"a translation is not spoken, only written: {data.reason}"
                return [self._writer.error("speech_skipped", message_text)]
            case m.ErrorMessage(data=data):
                return [self._writer.failure(data)]
            case m.SessionGoingAwayMessage(data=data):
                return [self._writer.going_away(data)]
            case m.TranscriptFinalMessage(data=data):
                self._note(data.meta)
                return []
            case m.SessionEndedMessage(data=data):
                self._note(data.meta)
                return [self._ended()]
            case _:
                return []

    def fault(self, error: IzwiError, told: m.ErrorMessage) -> Frames:
        return [self._writer.fault(error, told)]

    def _note(self, meta: m.Meta | None) -> None:
        if meta is not None:
            self._meta = joined((self._meta, meta))

    def _ended(self) -> str:
        meta = {"meta": self._meta} if self._debug else {}
        return self._writer.event("session.closed", **meta)

    def _heard(self, data: m.TranscriptCommitted) -> Frames:
        glue = between(self._said, data.text) if data.utterance != self._utterance else ""
        self._said, self._utterance = data.text or self._said, data.utterance
        if self._audio.input.transcription is None:
            return []
        return [self._delta("input_transcript", glue + data.text, round(1000 * data.words[-1].end_s))]

    def _spoken(self, data: m.SpeechAudio, pcm: bytes) -> Frames:
        ends_ms = self._ends_ms.get(data.clause)
        if data.last:
            self._ends_ms.pop(data.clause, None)
        audio = self._resampler.push(pcm, data.sample_rate, last=data.last)
        if not audio:
            return []
        return [self._delta("output_audio", audio, ends_ms, sample_rate=RATE, channels=1, format="pcm16")]

    def _delta(self, kind: str, delta: str, elapsed_ms: int | None, **fields: object) -> str:
        return self._writer.event(f"session.{kind}.delta", delta=delta, elapsed_ms=elapsed_ms, **fields)

    def _session(self) -> dict[str, Any]:
        transcription = self._audio.input.transcription
        return {
            "type": "translation",
            "id": f"sess_{self._session_id}",
            "model": self._model or "",
            "expires_at": self._expires_at,
            "audio": {
                "input": {"transcription": transcription and transcription.model_dump(), "noise_reduction": None},
                "output": {"language": self._audio.output.language},
            },
            **shown_debug(self._debug),
        }


def _spoken(audio: AudioFields) -> str | None:
    return audio.input.transcription and audio.input.transcription.language


def _start(audio: AudioFields, debug: bool) -> m.SessionStart:
    return m.SessionStart(
        source_language=_spoken(audio) or "auto",
        target_language=audio.output.language,
        audio=m.AudioFormat(sample_rate=RATE),
        debug=debug,
    )
