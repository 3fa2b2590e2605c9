"""Hotwords in a session: what is committed, in pieces, is what the final transcript says, in any script."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from izwi import messages as m
from izwi.correction import led_by, vocabulary
from izwi.settings import Settings
from izwi.stages import AsrRequest, AsrResult, Corrected, LlmRequest, Stages, Timing
from tests.clock import in_simulated_time
from tests.unit.scripted import VOCABULARY, Run, Script, run, silence, speech
from tests.unit.test_session_scripts import Foreign

SPOKEN = {
    "en": (
        [" yesterday", " sunder", " pitch", " eye", " met", " Satia", " Nadela.", " They", " talked", " long."],
        ["Sundar Pichai", "Satya Nadella"],
        "yesterday Sundar Pichai met Satya Nadella. They talked long.",
    ),
    "ru": (
        [" вчера", " Анастося", " Ковольчук", " говорила", " с", " нами.", " Это", " было", " очень", " важно."],
        ["Анастасия Ковальчук"],
        "вчера Анастасия Ковальчук говорила с нами. Это было очень важно.",
    ),
    "zh": (
        ["我们", "明天", "去", "五陵", "元，", "看看", "长城", "和", "天安门", "。"],
        ["武陵源"],
        "我们明天去武陵源，看看长城和天安门。",
    ),
    "el": (
        [" χθες", " ο", " Μιτσοτάκεις", " ήρθε", " εδώ.", " Ήταν", " πολύ", " καλά", " εκείνη", " μέρα."],
        ["Μητσοτάκης"],
        "χθες ο Μητσοτάκης ήρθε εδώ. Ήταν πολύ καλά εκείνη μέρα.",
    ),
}


async def listen(
    language: str, tokens: list[str], sentences: int = 2, script: Script | None = None, **start: object
) -> Run:
    await vocabulary.prepare(language)  # it takes a while, and the audio would not wait
    script = script or Foreign(language=language, tokens=tuple(tokens))
    sentence = np.concatenate([speech(*VOCABULARY), silence(1)])
    return await run(
        np.concatenate([sentence] * sentences), script, source_language=language, target_language=None, **start
    )


@pytest.mark.parametrize("language", SPOKEN)
async def test_hotwords_are_committed_as_they_are_written(language: str) -> None:
    tokens, hotwords, text = SPOKEN[language]
    heard = await listen(language, tokens, hotwords=hotwords)
    assert heard.finals == [text] * 2
    assert list(heard.committed.values()) == heard.finals
    assert len(heard.of(m.TranscriptCommittedMessage)) > 4, "committed while it was spoken"
    for partial in heard.of(m.TranscriptPartialMessage):
        assert text.startswith(partial.data.committed)


@pytest.mark.parametrize("language", SPOKEN)
async def test_without_hotwords_the_text_is_what_was_heard(language: str) -> None:
    tokens, _, _ = SPOKEN[language]
    heard = await listen(language, tokens)
    assert heard.finals == ["".join(tokens).strip()] * 2


async def test_a_beginning_that_no_name_follows_is_committed_all_the_same() -> None:
    tokens = [" one", " sunder", " four", " five", " six", " seven", " eight", " nine", " ten", " done."]
    heard = await listen("en", tokens, hotwords=["Sundar Pichai"])
    assert heard.finals == ["".join(tokens).strip()] * 2
    pieces = [event.data.text for event in heard.of(m.TranscriptCommittedMessage) if event.data.utterance == 0]
    assert pieces[-1].strip() != heard.finals[0]


async def test_passes_are_led_by_what_may_have_been_met() -> None:
    tokens, _, _ = SPOKEN["en"]
    script = Foreign(language="en", tokens=tuple(tokens))
    await listen("en", tokens, sentences=1, script=script, hotwords=["Sundar Pichai", "Wojciechowski", "Kubernetes"])
    passes = [request for request in script.asked if isinstance(request, AsrRequest)]
    assert passes[0].prompt == ""
    assert {request.prompt for request in passes if not request.final} == {"", "Sundar Pichai."}
    assert {request.prompt for request in passes if request.final} == {"Sundar Pichai."}


async def test_the_sessions_prompt_leads_every_pass() -> None:
    tokens, _, _ = SPOKEN["en"]
    script = Foreign(language="en", tokens=tuple(tokens))
    await listen("en", tokens, sentences=1, script=script, prompt="A talk.", hotwords=["Sundar Pichai"])
    passes = [request for request in script.asked if isinstance(request, AsrRequest)]
    assert {request.prompt for request in passes if not request.final} == {"A talk.", "A talk. Sundar Pichai."}
    assert {request.prompt for request in passes if request.final} == {"A talk. Sundar Pichai."}


@pytest.mark.parametrize(("hotwords", "prompt"), [((), ""), (("a",), "a."), (("a", "b"), "a, b.")])
def test_a_prompt_names_hotwords(hotwords: tuple[str, ...], prompt: str) -> None:
    assert led_by(hotwords) == prompt


async def test_without_hotwords_no_pass_is_led() -> None:
    tokens, _, _ = SPOKEN["en"]
    script = Foreign(language="en", tokens=tuple(tokens))
    await listen("en", tokens, sentences=1, script=script)
    assert {request.prompt for request in script.asked if isinstance(request, AsrRequest)} == {""}


async def test_meta_comes_with_debug_only() -> None:
    tokens, hotwords, _ = SPOKEN["en"]
    quiet = await listen("en", tokens, hotwords=hotwords)
    assert "meta" not in quiet.of(m.TranscriptFinalMessage)[0].model_dump()["data"]

    def engine(stage: str) -> Timing:
        return Timing(stage, queue_s=0.001, compute_s=0.002)

    script = Foreign(language="en", tokens=tuple(tokens), engine=engine)
    told = await listen("en", tokens, script=script, hotwords=hotwords, debug=True)
    for final in told.of(m.TranscriptFinalMessage):
        times = final.data.meta.timings_ms
        assert set(times) == {"vad", "asr"}
        assert times["asr"].compute == pytest.approx(2 * times["asr"].queue)
        assert times["asr"].queue > 1, "all passes of the utterance"
        assert [(one.heard, one.hotword) for one in final.data.meta.hotword_matches] == [
            ("sunder pitch eye", "Sundar Pichai"),
            ("Satia Nadela", "Satya Nadella"),
        ]
        text = final.model_dump_json()
        assert m.parse_server(text) == final


@in_simulated_time
async def test_with_debug_the_end_says_what_came_after_the_last_final_transcript() -> None:
    audio = np.concatenate([speech("one", "two."), silence(1)])
    (quiet,) = (await run(audio)).of(m.SessionEndedMessage)
    assert "meta" not in quiet.model_dump()["data"]
    script = Script(tts_delay=0.3, engine=lambda stage: Timing(stage, compute_s=0.002))
    told = await run(audio, script, debug=True)
    (final,), (ended,) = told.of(m.TranscriptFinalMessage), told.of(m.SessionEndedMessage)
    assert "tts" not in final.data.meta.timings_ms
    assert ended.data.meta.timings_ms["tts"].compute > 0
    assert m.parse_server(ended.model_dump_json()) == ended


class Model(Foreign):
    """A language model that answers once it is let go."""

    def stages(self) -> Stages:
        self.go = asyncio.Event()
        self.asked_llm: list[LlmRequest] = []
        return replace(super().stages(), llm=self._llm)

    async def _llm(self, request: LlmRequest) -> Corrected:
        self.asked_llm.append(request)
        await self.go.wait()
        return Corrected(request.text.upper(), "applied")


async def test_a_language_model_delays_nothing_and_changes_nothing_that_was_committed() -> None:
    tokens, hotwords, text = SPOKEN["en"]
    script = Model(language="en", tokens=tuple(tokens))

    async def _asr(take: object, urgent: bool, asr=script._asr) -> AsrResult:
        result = await asr(take, urgent)
        if len(script.asked_llm) == 1:  # the second sentence is being recognised meanwhile
            script.go.set()
        return result

    script._asr = _asr  # type: ignore[method-assign]
    heard = await listen("en", tokens, script=script, hotwords=hotwords, apply_llm=True)
    kinds = [type(event) for event, _ in heard.events]
    assert kinds.count(m.TranscriptCorrectedMessage) == 2
    assert kinds[-1] is m.SessionEndedMessage
    assert heard.finals == [text] * 2
    assert script.asked_llm[0] == LlmRequest(text, "corrector", "en", hotwords=tuple(hotwords))
    corrected = [event.data for event in heard.of(m.TranscriptCorrectedMessage)]
    assert corrected == [m.TranscriptCorrected(utterance=n, text=text.upper(), llm="applied") for n in (0, 1)]


async def test_a_language_model_may_translate_what_was_said() -> None:
    tokens, _, text = SPOKEN["en"]
    script = Model(language="en", tokens=tuple(tokens))

    async def answer(request: LlmRequest) -> Corrected:
        script.asked_llm.append(request)
        return Corrected("¡Ayer!", "applied")

    script._llm = answer  # type: ignore[method-assign]
    heard = await run(
        np.concatenate([speech(*VOCABULARY), silence(1)]),
        script,
        apply_llm=True,
        llm_role="translator",
        target_language="es",
        hotwords=["Sundar Pichai"],
        apply_hotword=False,
    )
    assert script.asked_llm == [LlmRequest(heard.finals[0], "translator", "en", "es")]
    assert text not in heard.finals, "no hotword was written"
    (corrected,) = heard.of(m.TranscriptCorrectedMessage)
    assert corrected.data == m.TranscriptCorrected(utterance=0, text="¡Ayer!", llm="applied", role="translator")


async def test_without_a_language_model_the_client_is_told_that_it_is_off() -> None:
    tokens, _, _ = SPOKEN["en"]
    heard = await listen("en", tokens, sentences=1, apply_llm=True)
    (corrected,) = heard.of(m.TranscriptCorrectedMessage)
    assert corrected.data == m.TranscriptCorrected(utterance=0, text=heard.finals[0], llm="off")


def test_settings_have_no_language_model_by_default() -> None:
    assert Settings(_env_file=None).llm.base_url is None  # type: ignore[call-arg]
