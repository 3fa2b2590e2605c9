"""Jobs: what may be asked, how far they are, what is made of what was heard, and what may be fetched."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from izwi.errors import UnsupportedLanguage, UnsupportedPair, UrlNotAllowed
from izwi.files.listening import Mark
from izwi.files.segments import Segment
from izwi.files.transcribe import Held
from izwi.job_settings import JobSettings
from izwi.jobs import speakers
from izwi.jobs.allow_list import AllowList
from izwi.jobs.entries import (
    Entry,
    ResumePoint,
    dump_entry,
    dump_point,
    languages,
    load_entry,
    load_point,
    transcript,
)
from izwi.jobs.options import JobOptions, NewJob
from izwi.jobs.record import Job, Status, Told, is_id, new_id
from izwi.stages import Word

PAIRS = {("en", "es"), ("es", "en")}


def job(**changes: object) -> Job:
    return replace(Job(new_id(), "clinic", JobOptions(), 0.0), **changes)  # type: ignore[arg-type]


def segment(number: int, text: str) -> Segment:
    return Segment(number, (Word(f" {text}", number, number + 0.5, 0.9),), text)


def test_options_name_languages_as_people_do_and_once() -> None:
    options = JobOptions(language="Spanish", target_languages=["English", "en", "de"])
    assert (options.language, options.target_languages) == ("es", ["en", "de"])
    assert options.wish.language == "es"
    assert NewJob(url="https://a.org/x", prompt="Shona").options == JobOptions(prompt="Shona")


def test_hotwords_are_separated_in_a_form_and_stay_whole_in_a_job() -> None:
    asked = NewJob.model_validate({"hotwords": ["Ann,Bob", "Eve"]})
    assert asked.options.hotwords == ["Ann", "Bob", "Eve"]
    listed = ["Yoyodyne, Inc.", "Smith, -"]
    options = asked.model_copy(update={"hotwords": listed}).options
    assert options.hotwords == listed
    assert JobOptions.model_validate_json(options.model_dump_json(exclude_defaults=True)) == options


@pytest.mark.parametrize(
    "fields",
    [
        {"task": "sing"},
        {"colour": "red"},
        {"task": "translate", "target_languages": ["es"]},
        {"target_languages": [f"l{n}" for n in range(9)]},
        {"prompt": "x" * 5000},
        {"prompt": "\ud800"},
        {"language": ""},
    ],
)
def test_options_that_make_no_sense_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        JobOptions.model_validate(fields)


def test_a_target_that_nothing_would_write_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="that of subtitles is target_languages"):
        NewJob(target_language="es")
    assert NewJob(target_language="es", llm_role="translator").options.target_language == "es"


def test_a_recording_is_heard_twice_where_only_the_recogniser_translates() -> None:
    both = JobOptions(target_languages=["es", "en"])
    assert both.passes("en", PAIRS) == 1
    assert both.passes("es", PAIRS) == 1
    assert JobOptions(target_languages=["en"]).passes("de", PAIRS) == 2
    with pytest.raises(UnsupportedPair, match="de into es"):
        both.passes("de", PAIRS)


def test_progress_goes_by_the_length_of_the_recording_where_that_is_known() -> None:
    assert job(done_s=30.0).progress is None
    assert job(duration_s=60.0, done_s=30.0).progress == 0.5
    assert job(duration_s=60.0, done_s=61.0).progress == 1.0
    assert job(duration_s=60.0, done_s=30.0, passes=2, passed=1).progress == 0.75
    assert job(status=Status.DONE).progress == 1.0


@pytest.mark.parametrize(
    ("status", "code", "needed"),
    [
        (Status.QUEUED, None, True),
        (Status.RUNNING, None, True),
        (Status.DONE, None, False),
        (Status.CANCELLED, None, False),
        (Status.FAILED, "engine_failed", True),
        (Status.FAILED, "internal_error", True),
        (Status.FAILED, "of another version", True),
        (Status.FAILED, "unsupported_pair", False),
        (Status.FAILED, "damaged_audio", False),
    ],
)
def test_a_recording_stays_for_who_may_still_hear_it(status: Status, code: str | None, needed: bool) -> None:
    error = Told(code, "broken") if code else None
    assert job(status=status, error=error).needs_recording is needed


def test_ids_are_fit_to_be_names_of_files() -> None:
    assert is_id(new_id())
    assert new_id() != new_id()
    for name in ("", "job_", "../etc", f"{new_id()}.part", f"{new_id()}\n", new_id().upper()):
        assert not is_id(name)


def test_what_is_stored_comes_back_as_it_was() -> None:
    place = ResumePoint(Mark(Held(3, segment(0, "held").words, 4800), segment(0, "begun").words, 7, "de"), 1, 5)
    assert load_point(dump_point(place)) == place
    assert load_point("") == ResumePoint()
    entry = Entry(segment(4, "ñandú"), "es", 0, {"en": "rhea"})
    assert load_entry(dump_entry(entry)) == entry


def test_a_transcript_is_in_the_languages_that_were_asked_for() -> None:
    asked = job(options=JobOptions(target_languages=["es", "en"]), language="de", status=Status.DONE, duration_s=9.0)
    entries = [
        Entry(segment(0, "eins"), "de", 0, {"es": "uno"}),
        Entry(segment(1, "zwei"), "de", 0, {"es": "dos"}),
        Entry(segment(0, "one two"), "en", 1),
    ]
    assert languages(asked) == ["de", "es", "en"]
    texts = [transcript(asked, entries, language).text for language in (None, "de", "es", "en")]
    assert texts == ["eins zwei", "eins zwei", "uno dos", "one two"]
    assert transcript(asked, entries, "es").segments[1].start_s == 1
    with pytest.raises(UnsupportedLanguage, match="it is in de, es, en"):
        transcript(asked, entries, "fr")


def said_from(start_s: float, number: int, text: str) -> Segment:
    """Four words a second."""
    words = [Word(f" {word}", start_s + n / 4, start_s + n / 4 + 0.2, 0.9) for n, word in enumerate(text.split())]
    return Segment(number, tuple(words), text)


def test_a_transcript_tells_who_spoke_once_that_is_known() -> None:
    one, two = said_from(0.0, 0, "Hello I am Ann."), said_from(1.0, 1, "I think so Bob.")
    entries = [
        Entry(one, "en", 0, {"es": "Soy Ann."}),
        Entry(two, "en", 0, {"es": "Eso creo. Bob."}),
        Entry(one, "en", 1),
    ]
    asked = job(options=JobOptions(target_languages=["es"], with_speaker=True), language="en", status=Status.DONE)
    assert [segment.speaker for segment in transcript(asked, entries, "en").segments] == [None, None]
    labels = ["SPEAKER_00"] * 4 + ["SPEAKER_01"] * 3 + ["SPEAKER_00"]
    known = replace(asked, speakers=speakers.dump(labels))
    assert speakers.load(known.speakers) == labels
    assert [(s.speaker, s.text) for s in transcript(known, entries, "en").segments] == [
        ("SPEAKER_00", "Hello I am Ann."),
        ("SPEAKER_01", "I think so"),
        ("SPEAKER_00", "Bob."),
    ]
    assert [(s.speaker, s.text) for s in transcript(known, entries, "es").segments] == [
        ("SPEAKER_00", "Soy Ann."),
        ("SPEAKER_01", "Eso creo. Bob."),
    ]


def test_nobody_said_what_was_heard_in_no_word() -> None:
    silent = replace(job(), speakers=speakers.dump([]), status=Status.DONE, language="en")
    assert transcript(silent, [], "en").segments == ()


def test_a_recording_in_a_target_language_is_its_own_translation() -> None:
    asked = job(options=JobOptions(target_languages=["en", "es"]), language="en", status=Status.DONE)
    entries = [Entry(segment(0, "one"), "en", 0, {"es": "uno"})]
    assert languages(asked) == ["en", "es"]
    assert transcript(asked, entries, "en").text == "one"


def test_what_the_recogniser_wrote_in_english_is_english_whatever_was_said() -> None:
    asked = job(options=JobOptions(task="translate"), language="de", status=Status.DONE)
    found = transcript(asked, [Entry(segment(0, "one"), "en")], None)
    assert (found.text, found.language) == ("one", "en")


@pytest.mark.parametrize(
    "url",
    [
        "https://media.example.org/talks/1.mp4",
        "https://media.example.org/talks",
        "https://MEDIA.example.org/talks/1.mp4?key=a%2Fb",
        "http://files.example.org:8080/any",
        "http://10.1.2.3/x",
        "http://127.0.0.1:9000/one/x.wav",
    ],
)
def test_what_is_listed_may_be_fetched(url: str) -> None:
    allowed("https://media.example.org/talks/", "files.example.org", "10.1.0.0/16", "http://127.0.0.1:9000/one").check(
        url
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://media.example.org/talks/1.mp4",
        "https://media.example.org/talks-of-others/1.mp4",
        "https://media.example.org/talks/../private",
        "https://media.example.org/talks/%2e%2e/private",
        "https://media.example.org/talks/%252e%252e/private",
        "https://media.example.org:444/talks/1.mp4",
        "https://media.example.org@evil.example/talks/1.mp4",
        "https://media.example.org.evil.example/talks/1.mp4",
        "https://evil.example\\@media.example.org/talks/",
        "https://user:secret@media.example.org/talks/1.mp4",
        "https://media.example.org/talks/\n1.mp4",
        "http://10.2.2.3/x",
        "http://127.0.0.1:6379/one/x",
        "http://[::1]/",
        "http://2130706433/",
        "https://medıa.example.org/talks/1.mp4",
        "https://media.example.org:99999/talks/1.mp4",
        "file:///etc/passwd",
        "ftp://files.example.org/x",
        "https://media.example.org:port/talks/",
        "https:///talks/",
        "talks",
        "",
    ],
)
def test_what_is_not_listed_may_not(url: str) -> None:
    listed = allowed(
        "https://media.example.org/talks/", "files.example.org", "10.1.0.0/16", "http://127.0.0.1:9000/one"
    )
    with pytest.raises(UrlNotAllowed):
        listed.check(url)


def test_nothing_may_be_fetched_by_default() -> None:
    with pytest.raises(UrlNotAllowed):
        AllowList(JobSettings().urls).check("https://example.org/")


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fe80::1%eth0", "::ffff:10.1.2.3", "224.0.0.1"]
)
def test_a_name_may_not_lead_into_a_private_network_unless_that_is_listed(address: str) -> None:
    with pytest.raises(UrlNotAllowed, match="private"):
        allowed("files.example.org").check_address("files.example.org", address)
    listed = allowed("files.example.org", "0.0.0.0/0", "::/0")
    listed.check_address("files.example.org", address)
    allowed("files.example.org").check_address("files.example.org", "93.184.216.34")


def test_the_address_of_a_listed_prefix_may_be_connected_to() -> None:
    allowed("http://127.0.0.1:9000/one").check_address("127.0.0.1", "127.0.0.1")


@pytest.mark.parametrize(
    "entry", ["", "*", "*.example.org", "example.org/path", "ftp://example.org", "a b", "10.1.2.3/16"]
)
def test_entries_that_mean_nothing_are_refused_at_the_start(entry: str) -> None:
    with pytest.raises(ValidationError):
        JobSettings(urls=(entry,))


def allowed(*entries: str) -> AllowList:
    return AllowList(entries)
