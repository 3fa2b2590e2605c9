"""How much is served, and how full calls are."""

from cluster.dashboards.grafana import Board, Panel, Query
from cluster.dashboards.promql import highest, p95, rate, ratio, total

THROUGHPUT = Board(
    "izwi-throughput",
    "Izwi: throughput",
    "How much is served, and how full calls are.",
    (
        Panel(
            "Live audio received",
            "Seconds per second: as many people as speak, and files that are sent ahead of time.",
            (Query(rate("izwi_audio_seconds_total", "replica"), "{{replica}}"),),
            stacked=True,
        ),
        Panel(
            "Audio per stage",
            "Seconds per second, heard or made.",
            (Query(rate("izwi_stage_audio_seconds_total", "stage"), "{{stage}}"),),
        ),
        Panel(
            "Calls per stage",
            "Answered, by engine.",
            (Query(rate("izwi_stage_compute_seconds_count", "stage, engine"), "{{stage}} {{engine}}"),),
            "reqps",
        ),
        Panel(
            "Cores busy per stage",
            "Seconds of work per second, by engine.",
            (Query(rate("izwi_stage_compute_seconds_sum", "stage, engine"), "{{stage}} {{engine}}"),),
            stacked=True,
        ),
        Panel(
            "Requests per call",
            "Mean batch. Batches grow when more speakers wait than there are workers.",
            (
                Query(
                    ratio(rate("izwi_stage_batch_size_sum", "stage"), rate("izwi_stage_batch_size_count", "stage")),
                    "{{stage}}",
                ),
            ),
        ),
        Panel(
            "Calls under way",
            "That wait for a stage's answer.",
            (Query(total("izwi_stage_calls_running", "stage"), "{{stage}}"),),
        ),
        Panel(
            "HTTP requests",
            "By path.",
            (Query(rate("izwi_http_request_seconds_count", "path"), "{{path}}"),),
            "reqps",
        ),
        Panel(
            "Jobs",
            "Running, and in the queue that all replicas share.",
            (
                Query(total("izwi_jobs_running"), "running"),
                Query(highest("izwi_jobs_waiting"), "waiting"),
            ),
        ),
        Panel(
            "Jobs ended",
            "By done, lost or wire code.",
            (Query(rate("izwi_jobs_total", "outcome"), "{{outcome}}", quiet=True),),
            "reqps",
        ),
        Panel(
            "Texts for the language model",
            "By role and what became of them.",
            (Query(rate("izwi_llm_texts_total", "role, llm"), "{{role}} {{llm}}", quiet=True),),
            "reqps",
        ),
        Panel(
            "Language model, p95",
            "Time for its answer, or until it was too late.",
            p95("izwi_llm_seconds", "role", quiet=True),
            "s",
        ),
        Panel(
            "Ingress processes",
            "Cores and memory of the ingress replicas.",
            (
                Query(rate("process_cpu_seconds_total", "replica"), "{{replica}} cores"),
                Query(f"{total('process_resident_memory_bytes', 'replica')} / 1e9", "{{replica}} GB"),
            ),
        ),
    ),
)
