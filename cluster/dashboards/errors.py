"""What failed, what stood in for it, and what was remembered."""

from cluster.dashboards.grafana import REPLICAS, Board, Panel, Query
from cluster.dashboards.promql import HEARD, highest, rate, ratio, share

BLAMED = ', status=~"5.."'
HIT = ', result="hit"'
UNUSED = ', llm!="applied"'

ERRORS = Board(
    "izwi-errors",
    "Izwi: errors and caches",
    "What failed, what stood in for it, and what was remembered.",
    (
        Panel(
            "Errors told to clients",
            "By wire code.",
            (Query(rate("izwi_errors_total", "code"), "{{code}}", quiet=True),),
            "reqps",
        ),
        Panel(
            "Failed requests to a stage",
            "At each attempt; with a call that fails all of its requests do.",
            (Query(rate("izwi_stage_errors_total", "stage, code"), "{{stage}} {{code}}", quiet=True),),
            "reqps",
        ),
        Panel(
            "Stages that do not answer",
            "1 while one does not.",
            (Query(highest("izwi_stage_failing", "stage"), "{{stage}}", quiet=True),),
            limit=1.0,
        ),
        Panel(
            "HTTP responses that blame the server",
            "Share with status 5xx.",
            (
                Query(
                    share(rate("izwi_http_request_seconds_count", "", BLAMED), rate("izwi_http_request_seconds_count")),
                    "5xx",
                ),
            ),
            "percentunit",
            limit=0.05,
        ),
        Panel(
            "Calls served by another engine",
            "Share of calls that did not go to the first engine that supports them.",
            (
                Query(
                    ratio(
                        rate("izwi_engine_fallbacks_total", "stage"), rate("izwi_stage_compute_seconds_count", "stage")
                    ),
                    "{{stage}}",
                    quiet=True,
                ),
            ),
            "percentunit",
            limit=0.05,
        ),
        Panel(
            "Requests that an engine failed",
            "And another one served.",
            (Query(rate("izwi_engine_failures_total", "stage, engine"), "{{stage}} {{engine}}", quiet=True),),
            "reqps",
        ),
        Panel(
            "Windows decoded again",
            "Share of recognition's windows that the guard against loops rejected.",
            (
                Query(
                    ratio(rate("izwi_asr_window_retries_total"), rate("izwi_stage_compute_seconds_count", "", HEARD)),
                    "retries per window",
                ),
            ),
            "percentunit",
        ),
        Panel(
            "Cache hit rate",
            "Look-ups that needed no work.",
            (
                Query(
                    ratio(rate("izwi_cache_requests_total", "cache", HIT), rate("izwi_cache_requests_total", "cache")),
                    "{{cache}}",
                ),
            ),
            "percentunit",
        ),
        Panel(
            "Redis",
            "1 where it answers, by replica; and commands that failed per second.",
            (
                Query(f"min by (replica) (izwi_redis_up{{{REPLICAS}}})", "{{replica}} up"),
                Query(rate("izwi_redis_errors_total"), "failed"),
            ),
        ),
        Panel(
            "Language model unused",
            "Share of texts that stayed as they were for lack of an answer.",
            (
                Query(
                    share(rate("izwi_llm_texts_total", "", UNUSED), rate("izwi_llm_texts_total")),
                    "not applied",
                    quiet=True,
                ),
            ),
            "percentunit",
            limit=0.5,
        ),
    ),
)
