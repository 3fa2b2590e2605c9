"""The cost table, and what is looked up in it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from izwi.capacity import costs
from izwi.capacity.price import prices
from izwi.errors import BadCostTable, NotMeasured
from loadtests.costs import files
from tests.capacity import SETTINGS, TABLE, asr_row, priced


def test_the_shipped_table_has_every_row_of_a_plan() -> None:
    table = costs.shipped()
    for target in (None, "es"):
        found = prices(table, SETTINGS, "cpu", "en", target, speech=True)
        assert found.asr.core_s(3.0, 1, careful=True) > found.asr.core_s(1.0, 1, careful=False) > 0
        for deployment in ("ingress", "vad", "proxy"):
            assert found.stream(deployment, 4, speaking=True) > 0
        for deployment in ("ingress", "vad", "asr", "mt", "tts", "node"):
            assert found.replica(deployment).memory_mb > 10
    assert found.mt is not None
    assert found.tts is not None
    assert found.tts.engine == "kokoro"


@pytest.mark.parametrize(
    ("window_s", "batch", "core_s"),
    [
        (1.0, 1, 0.1),
        (2.0, 1, 0.15),  # between two lengths
        (0.3, 1, 0.1),  # below the shortest: as the shortest
        (5.0, 1, 0.3),  # beyond the longest: as steep as before it
        (3.0, 2.5, 0.3),  # between two batches
        (3.0, 7, 0.6),
    ],
)
def test_costs_lie_on_straight_lines_between_rows(window_s: float, batch: float, core_s: float) -> None:
    assert priced().asr.core_s(window_s, batch, careful=False) == pytest.approx(core_s)
    assert priced().asr.core_s(window_s, batch, careful=True) == pytest.approx(1.5 * core_s)


@hypothesis_settings(deadline=None)
@given(st.floats(0.1, 30), st.floats(0.1, 30), st.floats(1, 32), st.floats(1, 32))
def test_more_audio_never_costs_less(one_s: float, other_s: float, few: float, many: float) -> None:
    short_s, long_s, few, many = min(one_s, other_s), max(one_s, other_s), min(few, many), max(few, many)
    asr = priced().asr
    assert asr.core_s(short_s, few, careful=False) <= asr.core_s(long_s, many, careful=False) + 1e-9


def test_sessions_in_company_are_cheaper() -> None:
    found = [priced().stream("ingress", sessions, speaking=True) for sessions in (1, 3, 5, 500)]
    assert found == pytest.approx([0.04, 0.03, 0.02, 0.02])
    assert priced().session("ingress", 5, duty=0.25) == pytest.approx(0.25 * 0.02 + 0.75 * 0.004)
    assert priced().background(5, 1, duty=1.0) == pytest.approx(0.2 + 5 * 3 * 0.02)
    assert priced().background(0, 1, duty=1.0) == 0.2


@pytest.mark.parametrize(
    ("device", "language", "target", "told"),
    [
        ("cuda", "en", None, "recognition of en by base"),
        ("cpu", "de", None, "recognition of de by base"),
        ("cpu", "en", "fr", "translation from en to fr"),
    ],
)
def test_what_was_not_measured_is_refused(device: str, language: str, target: str | None, told: str) -> None:
    with pytest.raises(NotMeasured, match=told) as refused:
        prices(TABLE, SETTINGS, device, language, target, speech=False)
    assert "loadtests.costs" in str(refused.value)


def test_a_card_asks_for_the_compute_type_of_the_settings() -> None:
    row = asr_row(False, 3.0, 1, 0.01, device="cuda", compute_type="int8_float16")
    table = TABLE.model_copy(update={"asr": (row, row.model_copy(update={"careful": True}))})
    asr = SETTINGS.asr.model_copy(update={"compute_type": "int8_float16"})
    settings = SETTINGS.model_copy(update={"asr": asr})
    assert prices(table, settings, "cuda", "en", None, speech=False).asr.core_s(3.0, 1, careful=False) == 0.01
    with pytest.raises(NotMeasured, match="int8\\) on cpu"):  # which float16 becomes there
        prices(table, settings, "cpu", "en", None, speech=False)


def test_a_table_is_read_as_it_was_written() -> None:
    assert costs.parse(files.toml(TABLE), "written") == TABLE


def test_rows_of_ones_own_replace_those_of_the_same_kind(tmp_path: Path) -> None:
    own = "[[mt]]\nengine = 'apertium'\nsource = 'en'\ntarget = 'es'\nclause_s = 1.5\n"
    table = costs.overlay(TABLE, own, "mine")
    assert [row.clause_s for row in table.mt] == [1.5]
    assert (table.machine, table.asr, table.tts) == (TABLE.machine, TABLE.asr, TABLE.tts)
    other = costs.overlay(TABLE, own.replace("'es'", "'fr'"), "mine")
    assert [row.target for row in other.mt] == ["fr", "es"]
    (tmp_path / "own.toml").write_text(own)
    assert costs.read(tmp_path / "own.toml").mt[0].clause_s == 1.5


def test_one_row_of_recognition_replaces_the_whole_grid() -> None:
    own = files.toml(TABLE.model_copy(update={"asr": TABLE.asr[:1]}))
    assert costs.overlay(TABLE, own, "mine").asr == TABLE.asr[:1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[mt]", "own.toml: not TOML"),
        ("[[mt]]\nengine = 'x'", "own.toml: mt.0.source: Field required"),
        ("[[tts]]\nsuch = 1", "own.toml: tts.0.engine: Field required"),
        ("[machine]\ncores = 0", "own.toml: machine"),
        ("[more]\nthings = 1", "own.toml: more: Extra inputs"),
        (None, "No such file"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "own.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadCostTable) as refused:
        costs.read(path)
    assert told in str(refused.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadCostTable):
        costs.read(tmp_path / "own.toml")
