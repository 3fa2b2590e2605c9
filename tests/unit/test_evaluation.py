"""Manifests, what counts as a word, error rates, and recordings that fail beside others that do not."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from izwi.errors import BadManifest, DamagedAudio, IzwiError, Overloaded, Unauthorized, Unavailable, UnsupportedAudio
from izwi.evaluation import manifest
from izwi.evaluation.manifest import Item
from izwi.evaluation.report import Report, as_json, report
from izwi.evaluation.run import Outcome, hear
from izwi.evaluation.scoring import Counts, Difference, score
from izwi.evaluation.text import plain, whisper, words
from izwi.transcription_client import Heard, TranscriptionClient


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"RIFF")
    return tmp_path


def written(folder: Path, content: str) -> Path:
    path = folder / "clips.json"
    path.write_text(content, encoding="utf-8")
    return path


ROWS = [{"file": "a.wav", "text": "One.", "speaker": 3}, {"file": "b.wav", "text": "", "language": "es"}]


@pytest.mark.parametrize("content", [json.dumps(ROWS, indent=1), "\n\n".join(map(json.dumps, ROWS)) + "\n"])
def test_a_list_and_lines_say_the_same(folder: Path, content: str) -> None:
    assert manifest.read(written(folder, content)) == [
        Item("a.wav", folder / "a.wav", "One."),
        Item("b.wav", folder / "b.wav", "", "es"),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "clips.json lists no recordings"),
        ("[]", "clips.json lists no recordings"),
        ('[{"file": "a.wav",\n "text" "One."}]', "clips.json is not JSON: line 2: Expecting ':' delimiter"),
        ('{"file": "a.wav", "text": "One."}\nend', "clips.json is not JSON: line 2: Expecting value"),
        ('[{"file": "a.wav"}]', "clips.json, entry 1: text: Field required"),
        ('{"file": "", "text": ""}', "clips.json, line 1: file: String should have at least 1 character"),
        ('[{"file": "a.wav", "text": ""}, "b.wav"]', "clips.json, entry 2: Input should be"),
        ('[{"file": "c.wav", "text": ""}, {"file": "a.wav", "text": ""}]', "names 1 of 2 files that are not .*: c.wav"),
        (json.dumps([{"file": f"{n}.wav", "text": ""} for n in range(7)]), "not there: 0.wav, .*, 4.wav and 2 more$"),
    ],
)
def test_what_is_wrong_with_a_manifest_is_told(folder: Path, content: str, told: str) -> None:
    with pytest.raises(BadManifest, match=told):
        manifest.read(written(folder, content))


def test_manifests_that_cannot_be_read(folder: Path) -> None:
    with pytest.raises(BadManifest, match=r"none\.json cannot be read: No such file"):
        manifest.read(folder / "none.json")
    (folder / "latin.json").write_bytes('[{"file": "a.wav", "text": "é"}]'.encode("latin-1"))
    with pytest.raises(BadManifest, match="is not UTF-8"):
        manifest.read(folder / "latin.json")


def test_words_have_no_case_and_no_punctuation() -> None:
    assert words("The house, — burns!") == ["the", "house", "burns"]
    assert words("¿Dónde está?") == ["dónde", "está"]
    assert plain("Ill-disposed — he WASN'T.") == "ill disposed he wasnt"


def test_whispers_normaliser_knows_english_and_keeps_spanish_accents() -> None:
    assert whisper("en")("Mr. Brown can't colour it") == "mister brown can not color it"
    assert whisper("es")("¿Dónde está, señor?").split() == ["dónde", "está", "señor"]


def test_errors_are_counted_and_shown_where_they_are() -> None:
    found = score("He was not an ill-disposed young man.", "he was an indisposed young man indeed", plain)
    assert found.words == Counts(right=5, substitutions=1, deletions=2, insertions=1)
    assert found.words.said == 8
    assert found.words.rate == 4 / 8
    assert found.differences == [
        Difference("he was", "not", "", "an"),
        Difference("an", "ill disposed", "indisposed", "young man"),
        Difference("young man", "", "indeed", ""),
    ]
    assert found.characters.rate is not None
    assert found.characters.rate < found.words.rate


def test_silence_has_no_rate() -> None:
    assert score("", "", plain).words.rate is None
    assert score("", "Thank you.", plain).words == Counts(insertions=2)
    assert score("Thank you.", "", plain).words.rate == 1.0


SEVEN = "one two three four five six seven"


def item(name: str, text: str, language: str | None = None) -> Item:
    return Item(name, Path(name), text, language)


def judged(*outcomes: Outcome) -> Report:
    return report(outcomes, lambda _: plain, None, wall_s=2.0)


def test_totals_weigh_by_length_and_the_worst_come_first() -> None:
    found = judged(
        Outcome(item("long", SEVEN), Heard("one two three four five six seven", 6.0, 1.0)),
        Outcome(item("short", "one"), Heard("two", 1.0, 0.5)),
        Outcome(item("half", "one two"), Heard("one", 1.0, 0.5)),
        Outcome(item("silent", ""), Heard("Thank you.", 2.0, 0.5)),
        Outcome(item("broken", "never heard"), None, UnsupportedAudio("broken is not audio")),
    )
    assert found.words == Counts(right=8, substitutions=1, deletions=1, insertions=2)
    assert [one.item.file for one in found.worst(10)] == ["silent", "short", "half"]
    assert [one.item.file for one in found.worst(1)] == ["silent"]
    assert (found.audio_s, found.rtf) == (10.0, 0.2)
    assert found.exceeds(39.9)
    assert not found.exceeds(40.0)
    body = as_json(found)
    assert (body["wer"], body["words"], body["insertions"]) == (40.0, 10, 2)
    assert body["files"][3]["wer"] is None
    assert body["failed"] == [{"file": "broken", "code": "unsupported_audio", "message": "broken is not audio"}]
    assert json.loads(json.dumps(body)) == body


def test_nothing_heard_has_no_rate() -> None:
    found = judged(Outcome(item("a", "one"), None, Unavailable("away")))
    assert (as_json(found)["wer"], found.rtf, found.worst(5)) == (None, None, [])


def answer(text: str = "One.", **more: object) -> httpx.Response:
    return httpx.Response(200, json={"text": text, "duration": 1.5, **more})


def refusal(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": "told", "request_id": "r"}})


def client(respond: Callable[[httpx.Request], httpx.Response], key: str | None = None) -> TranscriptionClient:
    return TranscriptionClient("http://izwi", key, 2, httpx.MockTransport(respond))


async def test_a_request_has_the_file_the_fields_and_the_key() -> None:
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer()

    async with client(respond, "secret") as asking:
        heard = await asking.transcribe("a.wav", b"RIFF", {"language": "en", "hotwords": None})
    assert (heard.text, heard.audio_s) == ("One.", 1.5)
    (request,) = seen
    assert (request.url.path, request.headers["authorization"]) == ("/v1/audio/transcriptions", "Bearer secret")
    body = request.read()
    for part in (b'filename="a.wav"', b"RIFF", b"verbose_json", b'name="language"\r\n\r\nen'):
        assert part in body
    assert b"hotwords" not in body


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (refusal(401, "unauthorized"), Unauthorized),
        (refusal(503, "overloaded"), Overloaded),
        (httpx.Response(502, text="bad gateway"), Unavailable),
        (httpx.Response(200, text="hello"), Unavailable),
        (httpx.Response(200, json={"text": "One."}), Unavailable),
        (answer(warning={"code": "damaged_audio", "message": "cut off"}), DamagedAudio),
    ],
)
async def test_answers_become_typed_errors(response: httpx.Response, kind: type[IzwiError]) -> None:
    async with client(lambda _: response) as asking:
        with pytest.raises(kind):
            await asking.transcribe("a.wav", b"RIFF", {})


async def test_a_server_that_is_away_is_told_before_anything_is_sent() -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async with client(respond) as asking:
        with pytest.raises(Unavailable, match="cannot reach http://izwi: refused"):
            await asking.check()
    async with client(lambda _: refusal(401, "unauthorized")) as asking:
        with pytest.raises(Unauthorized):
            await asking.check()


async def test_one_that_fails_does_not_stop_the_others_and_a_passing_state_is_waited_for(folder: Path) -> None:
    answers = iter([refusal(503, "overloaded"), answer("One."), refusal(415, "unsupported_audio")])
    items = [Item(name, folder / name, "One.") for name in ("a.wav", "b.wav", "gone.wav")]
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    done: list[None] = []
    async with client(lambda _: next(answers)) as asking:
        found = await hear(asking, items, {"language": "en"}, 1, lambda: done.append(None), sleep)
    assert [one.item.file for one in found] == ["a.wav", "b.wav", "gone.wav"]
    assert found[0].heard is not None
    assert found[0].heard.text == "One."
    assert isinstance(found[1].error, UnsupportedAudio)
    assert "gone.wav cannot be read" in str(found[2].error)
    assert (waits, len(done)) == ([Overloaded.retry_after_s], 3)


async def test_no_more_requests_at_once_than_asked_for_and_an_items_own_language(folder: Path) -> None:
    running, most, languages, company = 0, 0, list[bytes](), asyncio.Barrier(3)

    async def respond(request: httpx.Request) -> httpx.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await company.wait()
        languages.append((await request.aread()).partition(b'name="language"\r\n\r\n')[2][:2])
        running -= 1
        return answer()

    items = [Item("a.wav", folder / "a.wav", "One.", "es" if n == 0 else None) for n in range(6)]
    async with TranscriptionClient("http://izwi", None, 3, httpx.MockTransport(respond)) as asking:
        await hear(asking, items, {"language": "en"}, 3, lambda: None)
    assert most == 3
    assert sorted(languages) == [b"en"] * 5 + [b"es"]
