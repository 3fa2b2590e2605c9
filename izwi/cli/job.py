"""`izwi job`: a long recording in, heard by a running server in the background; subtitles out."""

from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from izwi.cli.progress import bars
from izwi.cli.stream import stderr
from izwi.errors import DamagedAudio, IzwiError, ProtocolViolation, UnsupportedAudio, error_classes
from izwi.jobs.client import JobClient
from izwi.settings import Settings

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

EXAMPLES = """Examples:

[bold]izwi job lecture.mp4 --out lecture.srt[/]

[bold]izwi job film.mkv --from en --to es --out film.es.vtt[/]

[bold]izwi job https://media.example.org/talk.mp3 --no-wait[/]

A server has to run: [bold]izwi serve[/]. Ctrl-C leaves the job to it. Exit codes: 0 done; 1 it failed, was cancelled,
or the recording is damaged; 2 the request is at fault; 130 left by Ctrl-C.
"""


class Format(StrEnum):
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"
    JSON = "verbose_json"


SUFFIXES = {".txt": Format.TEXT, ".srt": Format.SRT, ".vtt": Format.VTT, ".json": Format.JSON}

ServerOption = Annotated[
    str | None, typer.Option("--url", help="The server, such as http://127.0.0.1:8000; else IZWI_HOST and IZWI_PORT.")
]
OutOption = Annotated[
    Path | None, typer.Option(help="File for the result, .srt, .vtt, .txt or .json; else it is printed as text.")
]


def command(
    source: Annotated[str, typer.Argument(metavar="FILE|URL", help="Audio or video, or where it is.")],
    language: Annotated[str | None, typer.Option("--from", help="Language spoken, ISO 639-1; else detected.")] = None,
    to: Annotated[list[str] | None, typer.Option(help="Language to translate into; several times for several.")] = None,
    prompt: Annotated[str, typer.Option(help="Words to expect, such as names.")] = "",
    with_speaker: Annotated[bool, typer.Option("--speakers", help="Say in the result who spoke.")] = False,
    out: OutOption = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Stay until it is done.")] = True,
    url: ServerOption = None,
) -> None:
    """Hand a long recording to a running server, and fetch the subtitles."""
    form_of(out)  # a name that says nothing must not cost an upload
    options = {"language": language, "target_languages": to or [], "prompt": prompt, "with_speaker": with_speaker}
    with client(url) as jobs:
        job = _submit(jobs, source, options)
        if wait:
            follow(jobs, job, out)
        else:
            typer.echo(job["id"])


def client(url: str | None) -> JobClient:
    """Of the server that is given, or else set."""
    settings = Settings()
    key = settings.api_key.get_secret_value() if settings.api_key else None
    return JobClient(url or f"http://{settings.host}:{settings.port}", key)


def form_of(out: Path | None) -> Format:
    """Raises `ProtocolViolation` where the file's name does not tell, or its folder is not there."""
    if out is None:
        return Format.TEXT
    if not out.parent.is_dir():
        raise ProtocolViolation(f"there is no folder {out.parent}")
    if (form := SUFFIXES.get(out.suffix.lower())) is None:
        raise ProtocolViolation(f"{out.name} must end with {', '.join(SUFFIXES)}")
    return form


def follow(jobs: JobClient, job: dict[str, Any], out: Path | None) -> None:
    """Show how far a job is until it is over, then write what was heard.

    Raises:
        IzwiError: the job failed, or the recording is damaged.
        typer.Exit: 1 where it was cancelled, 130 after Ctrl-C.
    """
    try:
        job = _watch(jobs, job)
    except KeyboardInterrupt:
        again = f"izwi jobs wait {job['id']}" + (f" --out {out}" if out else "")
        stderr().print(f"the job goes on; come back with [bold]{again}[/]", highlight=False, soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    _write(jobs, job, out)
    if job["error"] is not None:
        raise error_of(job["error"])
    if job["warning"] is not None:
        raise DamagedAudio(job["warning"]["message"])
    if job["status"] == "cancelled":
        stderr().print("the job was cancelled", highlight=False)
        raise typer.Exit(1)


def error_of(told: dict[str, Any]) -> IzwiError:
    return error_classes().get(told["code"], IzwiError)(told["message"])


def _submit(jobs: JobClient, source: str, options: dict[str, Any]) -> dict[str, Any]:
    if source.startswith(("http://", "https://")):
        return jobs.submit(source, "", options)
    path = Path(source)
    try:
        with ExitStack() as stack:
            file = stack.enter_context(path.open("rb"))
            progress = stack.enter_context(bars())
            reader = progress.wrap_file(file, path.stat().st_size, description="upload")
            return jobs.submit(reader, path.name, options)
    except OSError as error:
        raise UnsupportedAudio(f"{path.name} cannot be read: {error.strerror}") from None


def _watch(jobs: JobClient, job: dict[str, Any]) -> dict[str, Any]:
    """The job as it is once it is over."""
    with bars() as progress:
        task = progress.add_task(job["status"], total=None)
        for event in jobs.follow(job["id"], after=job["segments"]):
            if event.name == "segment":
                continue
            told = event.data
            share = told["progress"]
            progress.update(task, description=told["status"], total=None if share is None else 1.0)
            progress.update(task, completed=share or 0.0)
            job = told if "id" in told else job
    return job


def _write(jobs: JobClient, job: dict[str, Any], out: Path | None) -> None:
    """In every language that was asked for, or as it was said."""
    if job["status"] != "done" and not job["done_s"]:
        return  # nothing was heard
    targets: list[str] = job["options"]["target_languages"]
    form = form_of(out)
    for language in targets or [None]:
        text = jobs.result(job["id"], form, language)
        if out is None:
            typer.echo(text, nl=False)
            continue
        path = out.with_suffix(f".{language}{out.suffix}") if len(targets) > 1 else out
        path.write_text(text, encoding="utf-8")
        stderr().print(f"wrote {path}", highlight=False, markup=False, soft_wrap=True)
