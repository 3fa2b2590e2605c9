from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from deployments.ingress.merging import merge, written
from deployments.ingress.metrics import Metrics
from tests.metrics import samples, value


def test_series_of_several_replicas_become_one_family_and_say_whose_they_are() -> None:
    fleet = {name: Metrics() for name in ("a", "b", "c")}
    for number, metrics in enumerate(fleet.values(), start=1):
        metrics.sessions.set(number)
        metrics.errors.labels('with "quotes"\\ and\nlines').inc(number)
        metrics.chunk.observe(0.35)
    expositions = {name: written(fleet[name].registry.collect()) for name in ("b", "c")}
    text = merge(fleet["a"].registry.collect(), "a", expositions, ()).decode()
    assert [value(text, "izwi_live_sessions", replica=name) for name in fleet] == [1, 2, 3]
    assert value(text, "izwi_errors_total", code='with "quotes"\\ and\nlines') == 6
    assert value(text, "izwi_chunk_seconds_bucket", replica="c", le="0.4") == 1
    assert text.count("# TYPE izwi_live_sessions gauge") == 1
    assert text.count("# TYPE izwi_errors_total counter") == 1
    assert all(sample.labels["replica"] in fleet for sample in samples(text))


def test_what_is_told_of_the_whole_has_no_replica() -> None:
    about = CollectorRegistry()
    Gauge("whole", "", registry=about).set(2)
    text = merge(Metrics().registry.collect(), "a", {}, about.collect()).decode()
    assert "\nwhole 2.0\n" in text


def test_nothing_is_lost_on_the_way() -> None:
    registry = CollectorRegistry()
    Counter("c", "Count", ["x"], registry=registry).labels("1").inc(5)
    Histogram("h", "Seconds", buckets=(0.1, 1), registry=registry).observe(0.5)
    text = generate_latest(registry)
    merged = merge((), "a", {"b": text}, ()).decode()
    expected = {(s.name, s.value, *s.labels.items()) for s in samples(text.decode())}
    found = {(s.name, s.value, *((k, v) for k, v in s.labels.items() if k != "replica")) for s in samples(merged)}
    assert found == expected


def test_a_name_that_another_release_uses_for_another_type_is_left_out() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    Gauge("same", "", registry=ours).set(1)
    Histogram("same", "", registry=theirs).observe(1)
    Gauge("more", "", registry=theirs).set(7)
    text = merge(ours.collect(), "a", {"b": written(theirs.collect())}, ()).decode()
    assert {(s.name, s.labels["replica"]) for s in samples(text)} == {("same", "a"), ("more", "b")}
