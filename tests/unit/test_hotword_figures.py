import pytest

from loadtests import hotword_speech
from loadtests.hotword_figures import Heard, false_names, has_name, recall, wer


@pytest.mark.parametrize(
    ("text", "name", "there"),
    [
        ("I met Sundar Pichai's team.", "Sundar Pichai", True),
        ("I met sundar pichai, today", "Sundar Pichai", True),
        ("by Wislawa Szymborska", "Wisława Szymborska", True),
        ("Ngozi Okonjo Iweala came", "Ngozi Okonjo-Iweala", True),
        ("Lupita Nyongo came", "Lupita Nyong'o", True),
        ("on terra form", "Terraform", False),
        ("on Terraforming", "Terraform", False),
        ("Sundar met Pichai", "Sundar Pichai", False),
    ],
)
def test_a_name_is_there_with_all_its_words(text: str, name: str, there: bool) -> None:
    assert has_name(text, name) is there


def test_recall_counts_sentences_with_a_name() -> None:
    heard = [Heard("a Bob", "a Bob", "Bob"), Heard("an Eve", "an Ive", "Eve"), Heard("none", "none")]
    assert recall(heard) == 50
    assert wer(heard) == 20


def test_a_name_that_was_not_said_is_false() -> None:
    heard = [Heard("a bobbin", "a Bob"), Heard("a Bob", "a Bob"), Heard("Eve", "Bob Eve")]
    assert false_names(heard, ["Bob", "Eve"]) == 2


def test_the_names_are_many_and_both_halves_have_all_kinds() -> None:
    tune, report = hotword_speech.names("tune"), hotword_speech.names("report")
    names = [row["name"] for row in tune + report]
    assert len(names) == len(set(names)) >= 60
    kinds = [{row["kind"] for row in half} for half in (tune, report)]
    assert kinds[0] == kinds[1] == set(hotword_speech.CARRIERS)
    assert len({row["origin"] for row in tune + report}) >= 10
