"""What a user sees while a session runs: a live view in a terminal, plain lines elsewhere."""

from collections import deque
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from izwi.audio import SAMPLE_RATE
from izwi.cli.record import notice
from izwi.client import Session
from izwi.client_events import Event, Speech
from izwi.messages import (
    TranscriptCommittedMessage,
    TranscriptFinal,
    TranscriptFinalMessage,
    TranscriptPartialMessage,
    TranscriptSpeakerMessage,
    TranslationCommittedMessage,
)

SHOWN = 6
"""Utterances and clauses kept in view: together they fit a terminal of 24 lines."""

BEHIND_S = 2.0
"""Seconds that speech may be behind without a word about it: one clause waiting for another."""


class Display(Protocol):
    """Shows a session; enter it around the session."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def begin(self, session: Session) -> None: ...
    def add(self, event: Event) -> None: ...


def display_for(console: Console, total_s: float | None) -> Display:
    """The live view on a terminal, plain lines for a file or a pipe."""
    return LiveDisplay(console, total_s) if console.is_terminal else PlainDisplay(console)


class Silent:
    """Shows nothing, for output meant for programs."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def begin(self, session: Session) -> None:
        pass

    def add(self, event: Event) -> None:
        pass


class PlainDisplay(Silent):
    """One line per final utterance, clause and notice; nothing that may still change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun_s: dict[int, float] = {}

    def add(self, event: Event) -> None:
        match event:
            case TranscriptFinalMessage(data=data) if data.text.strip():
                self._begun_s[data.utterance] = data.start_s
                self._line(f"{data.start_s:7.2f} {data.language}  {data.text.strip()}")
            case TranslationCommittedMessage(data=data):
                self._line(f"{data.start_s:7.2f} {data.target_language}  {data.text.strip()}")
            case TranscriptSpeakerMessage(data=data):
                if (begun_s := self._begun_s.pop(data.utterance, None)) is not None and data.speaker:
                    self._line(f"{begun_s:7.2f} @   {data.speaker}")
            case _:
                if text := notice(event):
                    self._line(f"      !     {text}")

    def _line(self, text: str) -> None:
        self._console.print(escape(text), highlight=False, soft_wrap=True)


class LiveDisplay(Silent):
    """Captions, clauses, progress, engines and notices, redrawn a few times a second."""

    def __init__(self, console: Console, total_s: float | None) -> None:
        self._total_s = total_s
        self._session: Session | None = None
        self._captions: deque[TranscriptFinal] = deque(maxlen=SHOWN)
        self._speakers: dict[int, str] = {}
        self._current = Text()
        self._committed = ""
        self._clauses: deque[TranslationCommittedMessage] = deque(maxlen=SHOWN)
        self._spoken_s: dict[int, float] = {}
        self._behind_s = 0.0
        self._engines: dict[str, str] = {}
        self._notices: deque[str] = deque(maxlen=3)
        # Six redraws a second read as smooth and leave the cores to the models.
        self._live = Live(console=console, refresh_per_second=6, get_renderable=self.render)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def begin(self, session: Session) -> None:
        self._session = session
        # All candidates, until the first result tells which one it is for this language.
        self._engines = {stage: "|".join(engines) for stage, engines in session.started.data.engines.items()}

    def add(self, event: Event) -> None:
        match event:
            case TranscriptCommittedMessage(data=data):
                self._committed += data.text
                self._current = Text(self._committed)
            case TranscriptPartialMessage(data=data):
                self._current = Text(data.committed) + Text(f" {data.tentative}", style="dim italic")
            case TranscriptFinalMessage(data=data):
                self._captions.append(data)
                self._current, self._committed = Text(), ""
                self._engines["asr"] = data.engine
            case TranscriptSpeakerMessage(data=data):
                self._speakers |= {data.utterance: data.speaker} if data.speaker else {}
            case TranslationCommittedMessage(data=data):
                self._clauses.append(event)
                self._engines["mt"] = data.engine
            case Speech() if len(event.pcm):
                seconds = len(event.pcm) / event.sample_rate
                self._spoken_s[event.clause] = self._spoken_s.get(event.clause, 0.0) + seconds
                self._behind_s = event.backlog_s
                self._engines["tts"] = event.engine
            case _:
                if text := notice(event):
                    self._notices.append(text)

    def render(self) -> RenderableType:
        """The whole view; also called from Rich's own thread."""
        said = [_timed(one, self._speakers.get(one.utterance, "")) for one in list(self._captions)]
        captions = Text("\n").join([*said, self._current])
        engines = "  ".join(f"[dim]{stage}[/] {escape(engine)}" for stage, engine in list(self._engines.items()))
        parts: list[RenderableType] = [Panel(captions, title="speech", title_align="left")]
        if self._clauses:
            parts.append(Panel(self._translation(), title="translation", title_align="left"))
        parts += [self._progress(), Text.from_markup(engines)]
        parts += [Text(f"! {text}", style="yellow") for text in list(self._notices)]
        return Group(*parts)

    def _translation(self) -> Table:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(justify="right", style="cyan", no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(justify="right", style="green", no_wrap=True)
        for message in list(self._clauses):
            data = message.data
            spoken = self._spoken_s.get(data.clause)
            table.add_row(
                f"{data.start_s:.1f}-{data.end_s:.1f}",
                Text(data.text),
                f"spoken {spoken:.1f} s" if spoken else "",
            )
        return table

    def _progress(self) -> Table:
        sent = self._session.sent.samples / SAMPLE_RATE if self._session else 0.0
        row = Table.grid(padding=(0, 1), expand=True)
        row.add_column(ratio=1)
        row.add_column(no_wrap=True)
        of = f" / {self._total_s:.1f}" if self._total_s else ""
        behind = f"  speech {self._behind_s:.0f} s behind" if self._behind_s >= BEHIND_S else ""
        bar = ProgressBar(total=self._total_s, completed=sent, pulse=not self._total_s)
        row.add_row(bar, f"{sent:.1f}{of} s{behind}")
        return row


def _timed(said: TranscriptFinal, speaker: str) -> Text:
    who = Text(f"{speaker} " if speaker else "", style="magenta")
    return Text(f"{said.start_s:6.1f} ", style="cyan") + who + Text(said.text.strip(), style="default")
