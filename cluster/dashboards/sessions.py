"""Who speaks, what they get under load, and who is turned away."""

from cluster.dashboards.grafana import REPLICAS, Board, Panel, Query
from cluster.dashboards.promql import highest, quantiles, rate, share, total

REFUSED = ', outcome=~"overloaded|not_ready|rate_limited"'

SESSIONS = Board(
    "izwi-sessions",
    "Izwi: sessions and degradation",
    "Who speaks, what they get under load, and who is turned away.",
    (
        Panel(
            "Live sessions",
            "By ingress replica.",
            (
                Query(total("izwi_live_sessions", "replica"), "{{replica}}"),
                Query(total("izwi_session_slots"), "slots"),
            ),
        ),
        Panel(
            "Speaking",
            "Sessions in which somebody speaks now, or has within five seconds; by ingress replica.",
            (Query(total("izwi_live_speakers", "replica"), "{{replica}}"),),
        ),
        Panel(
            "Ready",
            "1 where a replica takes sessions.",
            (Query(f"min by (replica) (izwi_ready{{{REPLICAS}}})", "{{replica}}"),),
            kind="stat",
        ),
        Panel(
            "Replicas in this answer",
            "Whose metrics the scraped replica could tell; those of all only where Redis answers.",
            (Query("max(izwi_metrics_replicas)", "replicas"), Query("min(izwi_metrics_complete)", "all of them")),
            kind="stat",
        ),
        Panel(
            "Sessions ended",
            "By how: ended, moved, left, disconnected, or a wire code.",
            (Query(rate("izwi_sessions_total", "outcome"), "{{outcome}}"),),
            "reqps",
        ),
        Panel(
            "Sessions turned away",
            "Share of connections opened that were refused for lack of room or readiness. Each attempt counts.",
            (
                Query(
                    share(rate("izwi_sessions_total", "", REFUSED), rate("izwi_connections_total")),
                    "refused",
                ),
            ),
            "percentunit",
            limit=0.05,
        ),
        Panel(
            "Resumes",
            "Attempts to go on over another connection, by ok or wire code.",
            (Query(rate("izwi_session_resumes_total", "outcome"), "{{outcome}}", quiet=True),),
            "reqps",
        ),
        Panel(
            "Update period",
            "Live audio between two partial passes: while several people speak, up to four times as much as for one.",
            quantiles("izwi_update_period_seconds"),
            "s",
        ),
        Panel(
            "Degraded sessions",
            "Served less than they asked for: partial transcripts come more rarely, or nothing is spoken.",
            (Query(total("izwi_degraded_sessions", "level"), "{{level}}", quiet=True),),
            stacked=True,
        ),
        Panel(
            "Waiting for a turn",
            "Requests that wait to call a stage.",
            (Query(total("izwi_stage_requests_waiting", "stage, kind"), "{{stage}} {{kind}}"),),
        ),
        Panel(
            "Queues within sessions",
            "The fullest of each kind; at 1 the step before it waits.",
            (Query(highest("izwi_queue_fullest_ratio", "queue"), "{{queue}}"),),
            "percentunit",
            limit=1.0,
        ),
        Panel(
            "Speech behind",
            "Translated speech that is sent and not yet played, or waits.",
            quantiles("izwi_speech_backlog_seconds"),
            "s",
            limit=6.0,
        ),
        Panel(
            "Speech given up",
            "Clauses said together with an earlier one, or not at all.",
            (
                Query(rate("izwi_speech_merged_total"), "merged"),
                Query(rate("izwi_speech_skipped_total", "reason"), "{{reason}}", quiet=True),
            ),
            "reqps",
        ),
    ),
)
