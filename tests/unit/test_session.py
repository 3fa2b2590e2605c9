import asyncio

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from izwi import messages as m
from izwi.errors import EngineFailed, StageTimeout, UnsupportedPair
from izwi.session_settings import SessionSettings
from izwi.settings import Settings
from izwi.stages import AsrRequest, MtRequest, Timing, TtsRequest, VadRequest
from tests.clock import in_simulated_time
from tests.unit.scripted import Script, run, silence, speech

TWO = np.concatenate(
    [silence(1), speech("one", "two", "three", "four."), silence(1), speech("five", "six", "seven."), silence(1)]
)


async def test_speech_becomes_words_clauses_translations_and_audio_in_order() -> None:
    heard = await run(TWO)
    assert heard.finals == ["one two three four.", "five six seven."]
    assert heard.translations == ["ONE TWO THREE FOUR.", "FIVE SIX SEVEN."]
    assert list(heard.committed.values()) == heard.finals
    audio = [(e.data.clause, e.data.last) for e in heard.of(m.SpeechAudioMessage)]
    assert audio == [(0, False)] * 4 + [(0, True)] + [(1, False)] * 3 + [(1, True)]
    assert isinstance(heard.events[-1][0], m.SessionEndedMessage)


async def test_times_are_samples_received() -> None:
    heard = await run(TWO)
    first, second = heard.of(m.TranscriptFinalMessage)
    assert first.data.start_s == pytest.approx(1.0, abs=0.04)
    assert first.data.end_s == pytest.approx(2.6, abs=0.04)
    assert second.data.start_s == pytest.approx(3.6, abs=0.04)
    clause = heard.of(m.TranslationCommittedMessage)[0].data
    assert (clause.start_s, clause.end_s) == (pytest.approx(1.0, abs=0.1), pytest.approx(2.6, abs=0.1))


async def test_silence_asks_no_recogniser_and_says_nothing() -> None:
    script = Script()
    heard = await run(silence(20), script)
    assert heard.finals == []
    assert not [r for r in script.asked if isinstance(r, AsrRequest)]


async def test_digital_silence_does_not_even_ask_the_detector() -> None:
    script = Script()
    await run(np.zeros(16_000 * 20, np.float32), script)
    assert script.asked == []


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chunks=st.lists(st.integers(1, 20_000), min_size=1, max_size=30))
async def test_any_chunking_commits_the_same_text(chunks: list[int]) -> None:
    heard = await run(TWO, chunks=chunks)
    assert heard.finals == ["one two three four.", "five six seven."]
    assert list(heard.committed.values()) == heard.finals


async def test_a_speaker_who_never_pauses_is_committed_as_he_goes_in_a_bounded_window() -> None:
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight"] * 28  # 90 s
    script = Script()
    heard = await run(np.concatenate([speech(*words), silence(1)]), script)
    assert heard.finals == [" ".join(words)]
    longest = max(len(r.samples) for r in script.asked if isinstance(r, AsrRequest)) / 16_000
    assert longest <= SessionSettings().max_window_s
    assert len(heard.translations) == 16


async def test_partials_keep_committed_and_tentative_apart() -> None:
    heard = await run(np.concatenate([speech(*["one", "two", "three"] * 4), silence(1)]))
    partials = heard.of(m.TranscriptPartialMessage)
    assert partials
    before = ""
    for partial in partials:
        assert partial.data.committed.startswith(before)
        before = partial.data.committed


async def test_with_debug_every_pass_says_how_far_it_got() -> None:
    often = Settings(_env_file=None, session={"update_ms": 100})  # type: ignore[call-arg,arg-type]
    quiet = await run(TWO, settings=often)
    for only_for_debugging in ("heard_s", "due_s", "update_ms"):
        assert all(only_for_debugging not in e.model_dump()["data"] for e in quiet.of(m.TranscriptPartialMessage))
    script = Script()
    partials = (await run(TWO, script, settings=often, debug=True)).of(m.TranscriptPartialMessage)
    passes = [request for request in script.asked if isinstance(request, AsrRequest)]
    assert len(partials) > len(quiet.of(m.TranscriptPartialMessage)), "some passes change nothing"
    assert len(passes) - 2 <= len(partials) <= len(passes), "all but the two that are final"
    assert {partial.data.update_ms for partial in partials} == {100}
    heard = [partial.data.heard_s for partial in partials]
    assert heard == sorted(heard)
    assert heard[0] > 1.0, "the first second is silent"
    due = [partial.data.due_s for partial in partials]
    assert due == sorted(due)
    assert all(before <= after for before, after in zip(due, heard, strict=True)), "the audio had come in by then"
    assert m.parse_server(partials[0].model_dump_json()) == partials[0]


async def test_context_is_the_last_three_clauses() -> None:
    script = Script()
    sentences = [speech(word, word, word, word + ".") for word in ("one", "two", "three", "four", "five")]
    await run(np.concatenate([*sentences, silence(1)]), script)
    contexts = [len(r.context) for r in script.asked if isinstance(r, MtRequest)]
    assert contexts == [0, 1, 2, 3, 3]


async def test_without_a_target_nothing_is_translated() -> None:
    script = Script()
    heard = await run(TWO, script, target_language=None)
    assert heard.finals
    assert not [r for r in script.asked if isinstance(r, MtRequest | TtsRequest)]


async def test_speech_can_be_switched_off() -> None:
    heard = await run(TWO, speech=False)
    assert heard.translations
    assert heard.of(m.SpeechAudioMessage) == []


async def test_a_speaker_of_the_target_language_passes_through() -> None:
    heard = await run(TWO, Script(language="es"), source_language="auto")
    assert heard.translations == heard.finals
    assert {e.data.engine for e in heard.of(m.TranslationCommittedMessage)} == {"none"}


async def test_a_language_once_sure_is_not_detected_again_within_the_utterance() -> None:
    script = Script()
    await run(np.concatenate([speech(*["one", "two"] * 6), silence(1)]), script, source_language="auto")
    asked = [r.language for r in script.asked if isinstance(r, AsrRequest)]
    assert asked[0] is None
    assert asked[-1] == "en"


async def test_a_failing_partial_loses_nothing_and_is_made_good_by_the_next() -> None:
    failures = iter([StageTimeout("slow")])

    def fail(stage: str, request: object) -> Exception | None:
        return next(failures, None) if isinstance(request, AsrRequest) and not request.final else None

    heard = await run(TWO, Script(fail=fail))
    assert not heard.of(m.ErrorMessage)
    assert heard.finals == ["one two three four.", "five six seven."]


async def test_a_failing_final_is_reported_and_keeps_what_was_heard() -> None:
    def fail(stage: str, request: object) -> Exception | None:
        return EngineFailed("down") if isinstance(request, AsrRequest) and request.final else None

    heard = await run(TWO, Script(fail=fail))
    assert {e.data.code for e in heard.of(m.ErrorMessage)} == {"engine_failed"}
    assert heard.finals[0].startswith("one two")


async def test_a_failing_translation_is_reported_and_the_next_clause_goes_on() -> None:
    def fail(stage: str, request: object) -> Exception | None:
        return UnsupportedPair("no") if isinstance(request, MtRequest) and "one" in request.text else None

    heard = await run(TWO, Script(fail=fail))
    assert heard.translations == ["FIVE SIX SEVEN."]
    assert [e.data.fatal for e in heard.of(m.ErrorMessage)] == [False]


async def test_a_dead_detector_ends_the_session_with_its_error() -> None:
    def fail(stage: str, request: object) -> Exception | None:
        return EngineFailed("no detector") if isinstance(request, VadRequest) else None

    with pytest.raises(ExceptionGroup) as caught:
        await run(TWO, Script(fail=fail))
    assert caught.group_contains(EngineFailed, match="no detector")


async def test_an_engine_switch_is_told_once() -> None:
    calls = iter([Timing("a", preferred="a"), Timing("b", preferred="a")])
    script = Script(engine=lambda stage: next(calls, Timing("b", preferred="a")) if stage == "mt" else Timing(stage))
    heard = await run(np.concatenate([TWO, TWO]), script)
    switches = [(e.data.stage, e.data.before, e.data.after) for e in heard.of(m.EngineSwitchedMessage)]
    assert switches == [("mt", "a", "b")]


@in_simulated_time
async def test_slow_synthesis_skips_speech_but_never_captions() -> None:
    settings = Settings(_env_file=None, session=SessionSettings(translation_queue=1))  # type: ignore[call-arg]
    sentences = [speech(word, word, word, word + ".") for word in ("one", "two", "three", "four", "five")]
    heard = await run(np.concatenate([*sentences, silence(1)]), Script(tts_delay=0.05), settings=settings)
    assert len(heard.translations) == 5
    skipped = {e.data.clause for e in heard.of(m.SpeechSkippedMessage)}
    spoken = {e.data.clause for e in heard.of(m.SpeechAudioMessage)}
    assert skipped
    assert skipped | spoken == {0, 1, 2, 3, 4}
    assert not skipped & spoken


async def test_what_is_acknowledged_never_exceeds_what_is_settled() -> None:
    heard = await run(TWO)
    settled = 0
    for message, _ in heard.events:
        if isinstance(message, m.TranscriptFinalMessage):
            settled = int(message.data.end_s * 16_000)
        if isinstance(message, m.AudioProgressMessage) and settled == 0:
            assert message.data.acknowledged_samples <= 16_000
    assert heard.of(m.AudioProgressMessage)[-1].data.received_samples == len(TWO)


async def test_the_careful_pass_of_a_pause_is_the_final_one_if_nothing_follows() -> None:
    script = Script()
    await run(np.concatenate([speech("one", "two", "three."), silence(1)]), script)
    passes = [r for r in script.asked if isinstance(r, AsrRequest)]
    assert [r.final for r in passes].count(True) == 1
    assert passes[-1].final


async def test_speech_after_a_pause_gets_a_final_pass_of_its_own() -> None:
    audio = np.concatenate([speech("one", "two"), silence(0.3), speech("three", "four."), silence(1)])
    heard = await run(audio)
    assert heard.finals == ["one two three four."]


async def test_a_clause_before_a_pause_does_not_wait_for_the_next_word() -> None:
    audio = np.concatenate([speech("one", "two", "three", "four,"), silence(0.3), speech("five", "six.")])
    heard = await run(np.concatenate([audio, silence(1)]))
    order = [type(e) for e, _ in heard.events]
    assert heard.translations[0] == "ONE TWO THREE FOUR,"
    assert order.index(m.TranslationCommittedMessage) < order.index(m.SpeechEndedMessage)


def _no_partials(stage: str, request: object) -> Exception | None:
    return StageTimeout("slow") if isinstance(request, AsrRequest) and not request.final else None


@pytest.mark.parametrize("max_window_s", [4.5, 14.0, 20.0, 28.0])
async def test_a_recogniser_that_fails_for_long_neither_wedges_nor_floods_the_session(max_window_s: float) -> None:
    settings = Settings(_env_file=None, session=SessionSettings(max_window_s=max_window_s))  # type: ignore[call-arg]
    audio = np.concatenate([speech(*["one", "two"] * 75), silence(1)])  # 60 s without a pause
    async with asyncio.timeout(60):
        heard = await run(audio, Script(fail=_no_partials), settings=settings)
    errors = heard.of(m.ErrorMessage)
    assert {(e.data.code, e.data.utterance) for e in errors} == {("stage_timeout", 0)}
    assert len(errors) < 60
    assert len(heard.finals) == 1


async def test_an_acknowledgement_never_goes_back_nor_beyond_what_was_received() -> None:
    close = np.concatenate([speech("one", "two."), silence(0.45), speech("three", "four."), silence(0.45)])
    for audio in (close, silence(3)):
        heard = await run(audio[: len(audio) // 512 * 512 - 100], chunks=[7680])
        acks = [e.data for e in heard.of(m.AudioProgressMessage)]
        offsets = [ack.acknowledged_samples for ack in acks]
        assert offsets == sorted(offsets)
        assert all(ack.acknowledged_samples <= ack.received_samples for ack in acks)
        assert offsets[-1] == acks[-1].received_samples


async def test_a_session_that_begins_on_a_fallback_engine_is_told() -> None:
    script = Script(engine=lambda stage: Timing("b", preferred="a") if stage == "tts" else Timing(stage))
    heard = await run(TWO, script)
    assert [(e.data.before, e.data.after) for e in heard.of(m.EngineSwitchedMessage)] == [("a", "b")]


async def test_a_failure_names_what_failed() -> None:
    def fail(stage: str, request: object) -> Exception | None:
        return EngineFailed("no voice") if isinstance(request, TtsRequest) else None

    heard = await run(TWO, Script(fail=fail))
    assert [e.data.clause for e in heard.of(m.ErrorMessage)] == [0, 1]


async def test_with_the_pause_policy_words_are_settled_only_where_the_speaker_pauses() -> None:
    settings = Settings(_env_file=None, session=SessionSettings(policy="pause"))  # type: ignore[call-arg]
    audio = np.concatenate([speech("one", "two", "three"), silence(0.3), speech("four", "five."), silence(1)])
    heard = await run(audio, settings=settings)
    pieces = [message.data.text for message in heard.of(m.TranscriptCommittedMessage)]
    assert pieces == ["one two three", " four five."]
    assert heard.finals == ["one two three four five."]
    assert any(partial.data.tentative.startswith("one") for partial in heard.of(m.TranscriptPartialMessage))
