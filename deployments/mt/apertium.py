"""Apertium (https://wiki.apertium.org/wiki/Documentation), rule-based translation in milliseconds.

Starting a pipeline takes 0.2 s, a call to a running one 1-3 ms, so that one pipeline per direction stays open. It
speaks the Apertium stream format with null flush: a request and its answer each end with a zero byte.
"""

import os
import re
import selectors
import shlex
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import IO

import structlog

from izwi.errors import ModelMissing
from izwi.languages import from_apertium
from izwi.stages import MtRequest

TIMEOUT_S = 5.0
"""A thousand times what a clause takes: a pipeline silent for so long is stuck."""
WARM_UP = ((("en", "es"), "Good morning."), (("es", "en"), "Buenos días."))
"""Directions started before the first request; the others start with theirs."""

_MODE = re.compile(r"([a-z]{2,3})-([a-z]{2,3})")
# Characters with a meaning in the stream format travel as Unicode noncharacters, which no text should contain.
# Escaped by a backslash as the format has it, a caret at the end of a text hangs the pipeline and a tilde is lost.
_RESERVED = "\\^$/<>{}[]@~#*+"
_STAND_INS = "".join(chr(0xFDD0 + n) for n in range(len(_RESERVED)))
_PROTECT = str.maketrans(_RESERVED, _STAND_INS)
_RESTORE = str.maketrans(_STAND_INS, _RESERVED)
_UNSENDABLE = re.compile(rf"[\x00-\x1f\x7f\ud800-\udfff{_STAND_INS}]")
# An empty superblank, then one with a line break: without it the taggers wait for more text and never answer.
_END = "[][\n]\0"
_BLOCK = 4096  # PIPE_BUF: a write of this size to a pipe that polls writable does not block

log = structlog.get_logger()


class PipelineError(RuntimeError):
    """A pipeline died or did not answer."""


class PipelineStuck(PipelineError):
    """No answer within `TIMEOUT_S`; asking again would cost as much."""


class Apertium:
    name = "apertium"

    def __init__(self) -> None:
        self._pipelines = {pair: Pipeline(commands) for pair, commands in _directions().items()}
        if not self._pipelines:
            raise ModelMissing("Apertium has no language pair: apt-get install apertium-eng-spa")
        self.pairs = frozenset(self._pipelines)
        for (source, target), text in WARM_UP:
            if (source, target) in self.pairs:
                self.translate(MtRequest(text, source, target))

    def translate(self, request: MtRequest) -> str:
        """See `MtEngine.translate`. Words that Apertium does not know stay as they are.

        Raises:
            PipelineError: the pipeline died twice over this text, or got stuck; the next call starts a new one.
        """
        if not any(c.isalpha() for c in request.text):
            return request.text
        return self._pipelines[request.source, request.target].translate(request.text)

    def close(self) -> None:
        for pipeline in self._pipelines.values():
            pipeline.close()


class Pipeline:
    """One direction: a chain of programs that is started when first needed and again when it has died.

    No shell holds it together: a shell keeps the last pipe open, and the death of a program would go unnoticed.
    """

    def __init__(self, commands: list[list[str]]) -> None:
        self._commands = commands
        self._programs: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def translate(self, text: str) -> str:
        request = (protect(text) + _END).encode()
        with self._lock:
            try:
                answer = self._ask(request)
            except PipelineStuck:
                raise
            except PipelineError:
                log.warning("apertium_restarted")
                answer = self._ask(request)
        # Some of its rules leave two spaces where a word fell away.
        return " ".join(restore(answer.decode(errors="replace").removesuffix(_END)).split())

    def close(self) -> None:
        with self._lock:
            self._kill()

    def _ask(self, request: bytes) -> bytes:
        try:
            if not self._programs:
                self._start()
            return _exchange(self._programs[0].stdin, self._programs[-1].stdout, request)
        except BaseException:
            self._kill()  # what is left in its pipes would answer the next request
            raise

    def _start(self) -> None:
        """Start the programs. They end at the end of their input, thus also when this process is killed."""
        source: int | IO[bytes] | None = subprocess.PIPE
        for command in self._commands:
            program = subprocess.Popen(
                command,
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,  # out of reach of a Ctrl-C in the terminal
            )
            if self._programs and (between := self._programs[-1].stdout):
                between.close()  # only its reader may hold it, or the death of that reader would go unnoticed
            self._programs.append(program)
            source = program.stdout

    def _kill(self) -> None:
        for program in self._programs:
            program.kill()
        for program in self._programs:
            with program:  # closes its pipes and waits for it
                pass
        self._programs = []


def protect(text: str) -> str:
    """Text as one line of the Apertium stream."""
    return _UNSENDABLE.sub(" ", text).translate(_PROTECT)


def restore(text: str) -> str:
    return text.translate(_RESTORE)


def _exchange(stdin: IO[bytes] | None, stdout: IO[bytes] | None, request: bytes) -> bytes:
    """Write a request and read until the zero byte, both at once: a pipe holds 64 KiB, a request may be longer."""
    if stdin is None or stdout is None:
        raise PipelineError("the pipeline has no pipes")
    deadline = time.monotonic() + TIMEOUT_S
    answer = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stdin, selectors.EVENT_WRITE)
        selector.register(stdout, selectors.EVENT_READ)
        while not answer.endswith(b"\0"):
            ready = selector.select(deadline - time.monotonic())
            if not ready:
                raise PipelineStuck(f"no answer within {TIMEOUT_S:g} s")
            for key, _ in ready:
                if key.fileobj is stdout:
                    part = os.read(key.fd, 65536)
                    if not part:
                        raise PipelineError("the pipeline died")
                    answer += part
                else:
                    try:
                        request = request[os.write(key.fd, request[:_BLOCK]) :]
                    except BrokenPipeError:
                        raise PipelineError("the pipeline died") from None
                    if not request:
                        selector.unregister(stdin)
    if not answer.endswith(_END.encode()):
        raise PipelineError("the pipeline died")  # its last programs end an empty answer when their input ends
    return answer


def _directions() -> dict[tuple[str, str], list[list[str]]]:
    """The programs of every installed direction whose languages we know."""
    program = shutil.which("apertium")
    if program is None:
        raise ModelMissing("program apertium is not installed: apt-get install apertium")
    found: dict[tuple[str, str], list[list[str]]] = {}
    for mode in sorted((Path(program).parent.resolve().parent / "share/apertium/modes").glob("*.mode")):
        if names := _MODE.fullmatch(mode.stem):
            source, target = from_apertium(names[1]), from_apertium(names[2])
            if source and target:
                found[source, target] = _commands(mode.read_text())
    return found


def _commands(mode: str) -> list[list[str]]:
    """A mode's shell line as commands with null flush (-z) in every program and no marks on unknown words (-n)."""
    commands = (shlex.split(part) for part in mode.replace("$1", "-n").replace("$2", "").split("|"))
    return [[program, "-z", *arguments] for program, *arguments in commands]
