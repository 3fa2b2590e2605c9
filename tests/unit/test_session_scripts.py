"""Scripts that put no spaces between words, from the recogniser's tokens to the final text and its translation."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from izwi import messages as m
from izwi.session_settings import SessionSettings
from izwi.settings import Settings
from izwi.stages import AsrRequest, AsrResult, MtRequest
from tests.unit.scripted import VOCABULARY, Run, Script, run, silence, speech

SENTENCES = {
    "ja": ["今日", "は", "とても", "いい", "天気", "です", "ね。", "散歩に", "行き", "ましょう。"],
    "zh": ["我们", "明天", "去", "北京，", "看看", "长城", "和", "天安门", "和", "故宫。"],
    "th": ["วันนี้", "อากาศ", "ดี", "มาก", "เรา", "ไป", "เดินเล่น", "กัน", "เถอะ", "นะ"],
    "my": ["ဒီနေ့", "ရာသီဥတု", "ကောင်း", "တယ်။", "လမ်း", "လျှောက်", "ကြ", "ရ", "အောင်", "နော်"],
    "ja-mixed": ["私たち", "は", " Ray", " Serve", "を", "使って", "ラジオ", "を", "聞き", "ます。"],
    "ar": ["مرحبا", " بالعالم،", " كيف", " حالك", " اليوم؟", " هل", " نذهب", " إلى", " الحديقة", " غدا؟"],
}
"""Ten tokens each, as Whisper's word alignment cuts them: one for each word that the audio can spell."""


@dataclass
class Foreign(Script):
    """Hears tokens instead of words. A partial pass has only the beginning of the newest one."""

    tokens: tuple[str, ...] = ()

    async def _asr(self, take: Callable[[], AsrRequest], urgent: bool) -> AsrResult:
        request = take()
        result = await super()._asr(lambda: request, urgent)
        words = [replace(word, text=self.tokens[VOCABULARY.index(word.text.strip())]) for word in result.words]
        if words and not request.final:
            words[-1] = replace(words[-1], text=words[-1].text[:2])
        return replace(result, words=tuple(words))


async def listen(script: Script, sentences: int, **limits: object) -> Run:
    settings = Settings(_env_file=None, session=SessionSettings(**limits))  # type: ignore[arg-type,call-arg]
    sentence = np.concatenate([speech(*VOCABULARY), silence(1)])
    return await run(np.concatenate([sentence] * sentences), script, settings=settings, source_language="auto")


@pytest.mark.parametrize("name", SENTENCES)
async def test_committed_pieces_join_to_the_final_text_without_added_or_lost_spaces(name: str) -> None:
    tokens = SENTENCES[name]
    heard = await listen(Foreign(language=name[:2], tokens=tuple(tokens)), 2)
    assert heard.finals == ["".join(tokens).strip()] * 2
    assert list(heard.committed.values()) == heard.finals
    for partial in heard.of(m.TranscriptPartialMessage):
        assert heard.finals[0].startswith(partial.data.committed)


@pytest.mark.parametrize("name", SENTENCES)
async def test_words_are_committed_token_by_token_while_they_are_spoken(name: str) -> None:
    heard = await listen(Foreign(language=name[:2], tokens=tuple(SENTENCES[name])), 1)
    order = [type(event) for event, _ in heard.events]
    early = order[: order.index(m.SpeechEndedMessage)].count(m.TranscriptCommittedMessage)
    assert early >= 4, "what has no spaces must not wait for the end as if it were one word"
    assert all(1 <= len(event.data.words) <= 4 for event in heard.of(m.TranscriptCommittedMessage))


async def test_a_speaker_who_never_pauses_is_trimmed_without_a_clipped_or_doubled_token() -> None:
    tokens = SENTENCES["ja"]
    script = Foreign(language="ja", tokens=tuple(tokens))
    settings = Settings(_env_file=None, session=SessionSettings(max_window_s=8.0))  # type: ignore[call-arg]
    audio = np.concatenate([speech(*VOCABULARY * 8), silence(1)])
    heard = await run(audio, script, settings=settings, source_language="ja")
    assert heard.finals == ["".join(tokens * 8)]
    assert heard.committed == {0: heard.finals[0]}
    assert max(len(r.samples) for r in script.asked if isinstance(r, AsrRequest)) < len(audio) / 3


@pytest.mark.parametrize(
    ("name", "clauses"),
    [
        ("ja", ["今日はとてもいい天気ですね。", "散歩に行きましょう。"]),
        ("zh", ["我们明天去北京，", "看看长城和天安门和故宫。"]),
        ("ja-mixed", ["私たちは Ray Serveを使ってラジオを聞きます。"]),
        ("th", ["วันนี้อากาศดีมากเราไปเดินเล่นกันเถอะนะ"]),
        pytest.param("ar", ["مرحبا بالعالم، كيف حالك اليوم؟", "هل نذهب إلى الحديقة غدا؟"]),
        pytest.param("my", ["ဒီနေ့ရာသီဥတုကောင်းတယ်။", "လမ်းလျှောက်ကြရအောင်နော်"]),
    ],
)
async def test_clauses_end_at_the_marks_of_their_script(name: str, clauses: list[str]) -> None:
    script = Foreign(language=name[:2], tokens=tuple(SENTENCES[name]))
    await listen(script, 1)
    assert [request.text for request in script.asked if isinstance(request, MtRequest)] == clauses
