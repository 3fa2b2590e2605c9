import re

from prometheus_client.core import Metric

from deployments.ingress.fleet import _about
from deployments.ingress.metrics import Metrics
from deployments.ingress.runner import STILL_OWNED
from izwi.errors import error_classes
from izwi.stages import Timing
from tests.metrics import LABELS, value
from tests.operations import PAGE, Documented, documented

DESCRIBING = {"le", "replica"}


def existing() -> set[Documented]:
    """What the code has, with the labels that its instruments are declared with."""
    found = set[Documented]()
    for collector in Metrics().registry._collector_to_names:
        labels = getattr(collector, "_labelnames", ())
        found |= {_described(family, labels) for family in collector.collect()}
    return found | {_described(family, ()) for family in _about(1, True)}


def _described(family: Metric, declared: tuple[str, ...]) -> Documented:
    labels = {label for sample in family.samples for label in sample.labels} | set(declared)
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return Documented(name, family.type, frozenset(labels - DESCRIBING))


def test_every_metric_is_documented_and_every_documented_one_exists() -> None:
    rows = documented()
    assert len(rows) == len({row.name for row in rows})
    assert set(rows) == existing()


def test_the_values_of_every_label_are_known() -> None:
    assert {label for metric in existing() for label in metric.labels} | DESCRIBING == set(LABELS)


def test_how_connections_end_is_known_and_documented() -> None:
    outcomes = {"ended", "left", *STILL_OWNED}
    known = LABELS["outcome"]
    assert isinstance(known, set)
    assert outcomes <= known
    row = re.search(r"^\| `izwi_sessions_total` .*$", PAGE.read_text(), re.MULTILINE)
    assert row
    assert outcomes - set(error_classes()) <= set(re.findall(r"`(\w+)`", row[0]))


def test_names_end_in_their_units() -> None:
    for metric in existing():
        assert metric.name.endswith("_total") == (metric.type == "counter")
        if metric.type == "histogram":
            assert metric.name.endswith(("_seconds", "_size")), metric


def test_a_call_tells_how_long_it_took_for_how_much_audio_and_which_engines_failed() -> None:
    metrics = Metrics()
    metrics.observe("tts", Timing("espeak", 0.1, 0.2, "piper", ("piper", "kokoro")), 2.0)
    metrics.observe("tts", Timing("piper", 0.0, 0.4, "piper"), 3.0)
    text = metrics.exposition().decode()
    compute = value(text, "izwi_stage_compute_seconds_sum", stage="tts")
    assert round(compute / value(text, "izwi_stage_audio_seconds_total", stage="tts"), 6) == 0.12
    assert value(text, "izwi_engine_failures_total", engine="kokoro") == 1
    assert value(text, "izwi_engine_failures_total") == 2
    assert value(text, "izwi_engine_fallbacks_total", preferred="piper", engine="espeak") == 1


def test_texts_that_nobody_asks_a_language_model_about_take_no_time() -> None:
    metrics = Metrics()
    for mark, seconds in (("applied", 0.4), ("timeout", 3.0), ("off", 0.0)):
        metrics.asked_llm("corrector", mark, seconds)
    text = metrics.exposition().decode()
    assert value(text, "izwi_llm_texts_total", role="corrector") == 3
    assert value(text, "izwi_llm_seconds_count") == 2
