"""Transcripts as responses: the forms that more than one route gives, and what else there is to tell with them.

`izwi.files.formats` writes their bodies, and `transcript_answers` tells of them in the OpenAPI document.
"""

from collections.abc import Iterable
from typing import Any, Literal

from starlette.responses import PlainTextResponse

from deployments.ingress.envelope import OrjsonResponse
from deployments.ingress.recordings import in_header, in_json
from izwi.errors import DamagedAudio
from izwi.files import formats
from izwi.files.formats import Transcript
from izwi.messages import Meta
from izwi.stages import Word

TextForm = Literal["text", "srt", "vtt", "tsv"]


def text_response(
    transcript: Transcript, form: TextForm, warning: DamagedAudio | None, debugged: Meta | None
) -> PlainTextResponse:
    """A transcript in a form that is not JSON.

    Args:
        warning: what is wrong with a recording that was not whole; told in a header.
        debugged: told in a header; None where nobody asked.
    """
    match form:
        case "text":
            body, kind = transcript.text + "\n", "plain"
        case "srt":
            body, kind = formats.srt(transcript), "plain"
        case "vtt":
            body, kind = formats.vtt(transcript), "vtt"
        case "tsv":
            body, kind = formats.tsv(transcript), "tab-separated-values"
    return PlainTextResponse(body, headers=_warning_header(warning) | in_header(debugged), media_type=f"text/{kind}")


def json_response(body: dict[str, Any], warning: DamagedAudio | None, debugged: Meta | None) -> OrjsonResponse:
    """An answer in JSON. Arguments as for `text_response`; the warning is told in a header, too."""
    return OrjsonResponse({**body, **warned(warning), **in_json(debugged)}, headers=_warning_header(warning))


def warned(warning: DamagedAudio | None) -> dict[str, Any]:
    """What JSON says of a recording that was not whole."""
    return {"warning": {"code": warning.code, "message": str(warning)}} if warning else {}


def likely_rows(words: Iterable[Word]) -> list[dict[str, Any]]:
    """Words with their times, and how sure the recogniser is of each."""
    return [formats.word_row(word) | {"probability": round(word.confidence, 4)} for word in words]


def _warning_header(warning: DamagedAudio | None) -> dict[str, str]:
    return {"X-Izwi-Warning": warning.code} if warning else {}
