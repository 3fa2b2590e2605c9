from itertools import chain

from izwi.files.seams import join
from izwi.stages import Word
from izwi.subtitles import MAX_LINE, Cue, to_srt


def test_numbers_times_and_text() -> None:
    srt = to_srt([Cue(0.5, 2.0, " Hello  there. "), Cue(3661.25, 3663.0, "Señor, ¿qué?")])
    assert srt == ("1\n00:00:00,500 --> 00:00:02,000\nHello there.\n\n2\n01:01:01,250 --> 01:01:03,000\nSeñor, ¿qué?\n")


def test_a_long_line_is_broken_near_its_middle() -> None:
    text = "It was a charming house with a garden and lake"
    (block,) = to_srt([Cue(0, 3, text)]).strip().split("\n\n")
    lines = block.split("\n")[2:]
    assert lines == ["It was a charming house", "with a garden and lake"]


def test_a_very_long_cue_becomes_several_that_share_its_time() -> None:
    blocks = to_srt([Cue(10, 22, "every word counts here " * 10)]).strip().split("\n\n")
    assert len(blocks) == 3
    assert blocks[0].split("\n")[1].startswith("00:00:10,000 -->")
    assert blocks[-1].split("\n")[1].endswith("--> 00:00:22,000")
    for block in blocks:
        lines = block.split("\n")[2:]
        assert len(lines) <= 2
        assert all(len(line) <= MAX_LINE for line in lines)


def test_a_short_cue_stays_readable_but_never_overlaps_the_next() -> None:
    srt = to_srt([Cue(1.0, 1.2, "Yes."), Cue(1.5, 1.6, "No."), Cue(9.0, 9.1, "Well.")])
    assert [line for line in srt.split("\n") if "-->" in line] == [
        "00:00:01,000 --> 00:00:01,460",
        "00:00:01,500 --> 00:00:02,500",
        "00:00:09,000 --> 00:00:10,000",
    ]


def test_cues_that_begin_together_become_one() -> None:
    srt = to_srt([Cue(1.0, 1.4, "at the end."), Cue(1.05, 2.0, "So it was."), Cue(4.0, 5.0, "Well.")])
    assert srt.split("\n\n")[0] == "1\n00:00:01,000 --> 00:00:02,000\nat the end. So it was."
    assert srt.count("-->") == 2


def test_times_go_on_where_two_windows_place_a_word_differently() -> None:
    left = [Word(" the", 24.2, 24.5, 0.9), Word(" end.", 24.6, 25.0, 0.9)]
    right = [Word(" end.", 24.05, 24.3, 0.9), Word(" So", 24.4, 25.0, 0.9), Word(" it", 25.0, 25.2, 0.9)]
    kept = [*chain(*join(left, right, 24.5, 2.0))]
    assert [word.text for word in kept] == [" the", " end.", " So", " it"]
    assert [word.start_s for word in kept] == [24.2, 24.6, 25.0, 25.0]
    assert all(word.start_s <= word.end_s for word in kept)


def test_empty_text_makes_no_cue() -> None:
    assert to_srt([]) == ""
    assert to_srt([Cue(0, 1, "  ")]) == ""
