"""Hotwords in the place of what sounds like them, on literals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from izwi.correction import Corrector, correct
from izwi.correction.holding import HOLD_S, may_end
from izwi.correction.sounds import sound, spelling
from izwi.messages import HotwordMatch
from izwi.stages import Word

NAMES = ["Sundar Pichai", "semaglutide", "Zoltán Kodály", "Wisława Szymborska", "Kubernetes", "Okonjo-Iweala", "Rust"]


def words(text: str | list[str], confidence: float = 0.5) -> list[Word]:
    """One word every 0.4 s, 0.3 s long; a string is split before its spaces."""
    parts = [f" {part}" for part in text.split()] if isinstance(text, str) else text
    return [Word(part, 0.4 * i, round(0.4 * i + 0.3, 1), confidence) for i, part in enumerate(parts)]


def texts(found: list[Word]) -> str:
    return "".join(word.text for word in found).strip()


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("yesterday sunder pitch eye came", "yesterday Sundar Pichai came"),
        ("Yesterday, Sunder Pichay's team came.", "Yesterday, Sundar Pichai's team came."),
        ("(Sooner Pichai) came", "(Sundar Pichai) came"),
        ("she takes some aglutide, twice", "she takes semaglutide, twice"),
        ("Samaglutide helps. Sema glutide helps.", "Semaglutide helps. Semaglutide helps."),
        ("we heard Zoltan Kodai!", "we heard Zoltán Kodály!"),
        ("by Wislawa Schimborska?", "by Wisława Szymborska?"),
        ("on cuber netties now", "on Kubernetes now"),
        ("said O'Conjo Iwella.", "said Okonjo-Iweala."),
        ("wislawa szymborska", "Wisława Szymborska"),
    ],
)
def test_what_was_misheard_is_written_right(heard: str, written: str) -> None:
    assert texts(correct(words(heard), NAMES, "en")[0]) == written


@pytest.mark.parametrize(
    "said",
    [
        "the sun was on the beach I said",
        "some of the glue died in the cold",
        "a thin layer of rust on the gate",
        "sooner or later he will be there",
        "we trust him",
        "and he was born in the house",
        "okay, so we will see",
    ],
)
@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_ordinary_words_stay(said: str, confidence: float) -> None:
    heard = words(said, confidence)
    assert correct(heard, NAMES, "en")[0] == heard


@pytest.mark.parametrize(
    ("hotword", "said"),
    [
        ("IAM", "Well I am here and I am glad."),
        ("USA", "Give us a call."),
        ("Iran", "Yesterday I ran to the store."),
        ("ISA", "What is a good idea?"),
        ("ISO", "I so want it."),
        ("Ina", "He lives in a house."),
    ],
)
@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_common_words_that_happen_to_spell_a_short_hotword_stay(hotword: str, said: str, confidence: float) -> None:
    heard = words(said, confidence)
    assert correct(heard, [hotword], "en") == (heard, [])


@pytest.mark.parametrize(
    ("hotword", "said"), [("OpenAI", "open AI"), ("Airtable", "air table"), ("GitHub", "git hub"), ("IAM", "I.A.M.")]
)
def test_a_hotword_in_pieces_is_put_together(hotword: str, said: str) -> None:
    assert texts(correct(words(said, 0.95), [hotword], "en")[0]).rstrip(".") == hotword


@pytest.mark.parametrize(
    ("language", "hotword", "heard", "written"),
    [
        ("ru", "Анастасия Ковальчук", [" Это", " Анастося", " Ковольчук."], "Это Анастасия Ковальчук."),
        ("el", "Μητσοτάκης", [" ο", " Μιτσοτάκεις", " ήρθε"], "ο Μητσοτάκης ήρθε"),
        ("zh", "武陵源", ["去", "五陵", "元，", "好"], "去武陵源，好"),
        ("ja", "ミシュラン", ["ミシラン", "です"], "ミシュランです"),
        ("ko", "빈살만", [" 빈", " 쌀만이"], "빈살만"),
        ("ar", "أردوغان", [" قال", " اردوجان"], "قال أردوغان"),
        ("hi", "चंद्रयान", [" यह", " चन्द्रयान", " है"], "यह चंद्रयान है"),
        ("de", "Käßmann", [" Frau", " Kessmann", " spricht"], "Frau Käßmann spricht"),
        ("es", "Xóchitl", [" Señora", " Xochil,", " buenas"], "Señora Xóchitl, buenas"),
    ],
)
def test_scripts(language: str, hotword: str, heard: list[str], written: str) -> None:
    assert texts(correct(words(heard), [hotword], language)[0]) == written


def test_a_sure_recogniser_is_harder_to_contradict() -> None:
    assert texts(correct(words("made of graphene", 0.2), ["Grafana"], "en")[0]) == "made of Grafana"
    assert texts(correct(words("made of graphene", 1.0), ["Grafana"], "en")[0]) == "made of graphene"


def test_a_common_word_that_is_the_hotword_keeps_its_case_and_is_a_match() -> None:
    heard = words("the rust is red")
    found, matches = correct(heard, ["Rust"], "en")
    assert found == heard
    assert matches == [HotwordMatch(heard="rust", hotword="Rust", score=1.0, start_s=0.4, end_s=0.7)]


def test_accents_are_written_however_ordinary_the_word_without_them() -> None:
    assert texts(correct(words("a jalapeno in Lodz"), ["jalapeño", "Łódź"], "en")[0]) == "a jalapeño in Łódź"


def test_matches_say_what_was_heard_and_when() -> None:
    _, matches = correct(words("yesterday, sunder pitch eye. came"), NAMES, "en")
    (match,) = matches
    assert (match.heard, match.hotword, match.start_s, match.end_s) == ("sunder pitch eye", "Sundar Pichai", 0.4, 1.5)
    assert 0.7 < match.score < 1


def test_times_stay_in_order_and_within_those_of_what_was_heard() -> None:
    heard = words("a sunder pitch eye b")
    found, _ = correct(heard, NAMES, "en")
    assert [word.text for word in found] == [" a", " Sundar", " Pichai", " b"]
    first, last = found[1], found[2]
    assert (first.start_s, last.end_s) == (heard[1].start_s, heard[3].end_s)
    assert first.start_s < first.end_s == last.start_s < last.end_s
    as_many, _ = correct(words("a sunder pichay b"), NAMES, "en")
    assert [(w.start_s, w.end_s) for w in as_many] == [(w.start_s, w.end_s) for w in words("a b c d")]


def test_a_pause_parts_what_a_name_cannot_have() -> None:
    heard = words("so he came sunder pitch eye")
    late = [*heard[:4], *(Word(w.text, w.start_s + 1, w.end_s + 1, w.confidence) for w in heard[4:])]
    assert texts(correct(heard, NAMES, "en")[0]).endswith("Sundar Pichai")
    assert not texts(correct(late, NAMES, "en")[0]).endswith("Sundar Pichai")


def test_a_name_that_is_right_is_not_taken_for_another() -> None:
    pair = ["Satya Nadella", "Satia Nadela"]
    for name in pair:
        assert texts(correct(words(f"we met {name} today"), pair, "en")[0]) == f"we met {name} today"


def test_without_hotwords_nothing_is_done() -> None:
    heard = words("one two")
    for hotwords in ([], ["..."], ["", " "]):
        assert correct(heard, hotwords, "en") == (heard, [])
    assert correct([], NAMES, "en") == ([], [])


texts_of_any_kind = st.lists(st.text(max_size=12), max_size=12)


@given(texts_of_any_kind, texts_of_any_kind, st.sampled_from(["en", "zh", "", "xx"]))
def test_any_text_keeps_its_times_and_is_corrected_once(heard: list[str], hotwords: list[str], language: str) -> None:
    given_words = words(heard)
    found, matches = correct(given_words, hotwords, language)
    assert correct(given_words, hotwords, language) == (found, matches)
    edges = [edge for word in found for edge in (word.start_s, word.end_s)]
    assert edges == sorted(edges)
    if given_words:
        assert (edges[0], edges[-1]) == (given_words[0].start_s, given_words[-1].end_s)
    assert {match.hotword for match in matches} <= {hotword.strip() for hotword in hotwords}


def test_a_long_text_takes_bounded_memory_and_is_corrected_to_its_end() -> None:
    heard = words("so it was that sunder pitch eye came to the house " * 500)
    found, matches = correct(heard, NAMES, "en")
    assert len(matches) == 500
    assert texts(found).count("Sundar Pichai") == 500


@pytest.mark.parametrize(
    ("text", "spelled", "heard"),
    [
        ("Pitch eye", "pitcheye", "paCa"),
        ("Pichai", "pichai", "paCa"),
        ("Łódź", "lodz", "lats"),
        ("Phở", "pho", "fa"),
        ("Straße", "strasse", "strasa"),
        ("北京", "beijing", "paCank"),
        ("...", "", ""),
    ],
)
def test_spelling_and_sound(text: str, spelled: str, heard: str) -> None:
    assert (spelling(text), sound(spelling(text))) == (spelled, heard)


def test_what_is_not_alike_enough_is_worth_listening_for_again() -> None:
    corrector = Corrector(NAMES)
    heard = words("send it to Viswa Shimbo before Friday")
    assert corrector.correct(heard, "en")[0] == heard
    assert corrector.likely(heard, "en") == ("Wisława Szymborska",)
    assert corrector.likely(words("cubernetes by Viswa Shimbo"), "en") == ("Wisława Szymborska", "Kubernetes")
    assert corrector.likely(words("we walked along the river for an hour"), "en") == ()
    assert Corrector(()).likely(heard, "en") == ()


# --- what is held back ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("said", "begun"),
    [
        ("we saw sunder", 1),
        ("we saw sunder pitch", 2),
        ("we saw some", 1),
        ("we saw the", 0),
        ("we saw and", 0),
        ("we saw sunder the", 0),
        ("", 0),
    ],
)
def test_a_beginning_at_the_end_is_noticed(said: str, begun: int) -> None:
    assert Corrector(NAMES).begun(words(said)) == begun


def test_without_hotwords_nothing_begins() -> None:
    assert Corrector(()).begun(words("we saw sunder")) == 0


def test_a_text_ends_neither_in_a_name_nor_in_a_beginning() -> None:
    corrector = Corrector(NAMES)
    found, matches = corrector.correct(words("he saw sunder pitch eye with some"), "en")
    assert [w.text.strip() for w in found] == ["he", "saw", "Sundar", "Pichai", "with", "some"]
    ends = may_end(found, matches, corrector.begun(found), 2.4)
    assert ends == [True, True, False, True, True, False]


def test_a_misheard_name_at_the_end_may_go_on() -> None:
    corrector = Corrector(NAMES)
    found, matches = corrector.correct(words("he saw sunder pitch"), "en")
    assert may_end(found, matches, corrector.begun(found), found[-1].end_s) == [True, True, False, False]
    found, matches = corrector.correct(words("he saw Sundar Pichai"), "en")
    assert may_end(found, matches, corrector.begun(found), found[-1].end_s) == [True, True, False, True]


def test_nothing_is_held_for_long() -> None:
    corrector = Corrector(NAMES)
    found, matches = corrector.correct(words("he saw sunder"), "en")
    assert may_end(found, matches, 1, found[-1].end_s + HOLD_S + 0.01) == [True, True, True]
