"""How late results are, and where the time goes."""

from cluster.dashboards.grafana import Board, Panel, Query
from cluster.dashboards.promql import HEARD, highest, p95, quantile, quantiles, rate, ratio

LATENCY = Board(
    "izwi-latency",
    "Izwi: latency",
    "How late results are, from the moment the server has the audio, and where the time goes.",
    (
        Panel(
            "Chunk processing",
            "From when a chunk of live speech, and what is gathered with it, is there to its recognition.",
            quantiles("izwi_chunk_seconds"),
            "s",
            limit=0.5,
        ),
        Panel(
            "Words, settled",
            "From the end of a word in live audio to the word as it stays.",
            quantiles("izwi_word_lag_seconds"),
            "s",
        ),
        Panel(
            "Final transcripts",
            "From the end of live speech to its final transcript. The silence that ends an utterance is part of it.",
            quantiles("izwi_final_lag_seconds"),
            "s",
        ),
        Panel(
            "Translated speech",
            "From the end of a clause in live audio to the first of its translated speech.",
            quantiles("izwi_speech_lag_seconds"),
            "s",
        ),
        Panel(
            "Computing, p95",
            "Work of one call, by stage; of a batch each call's share.",
            p95("izwi_stage_compute_seconds", "stage"),
            "s",
        ),
        Panel(
            "Queueing in a stage, p95",
            "Wait for a worker within a replica of the stage.",
            p95("izwi_stage_queue_seconds", "stage"),
            "s",
        ),
        Panel(
            "Wait for a turn at the recogniser",
            "The longest now. New sessions are refused above IZWI_BACKPRESSURE_THRESHOLD.",
            (Query(highest("izwi_recognition_wait_seconds", "replica"), "{{replica}}"),),
            "s",
            limit=2.5,
        ),
        Panel(
            "Real-time factor",
            "Computing per second of audio that a stage heard or made; what is heard again counts again.",
            (
                Query(
                    ratio(
                        rate("izwi_stage_compute_seconds_sum", "stage"), rate("izwi_stage_audio_seconds_total", "stage")
                    ),
                    "{{stage}}",
                ),
            ),
            limit=1.0,
        ),
        Panel(
            "Recognition per second of speech received",
            "Cores that recognition takes for each second of live audio.",
            (
                Query(
                    ratio(rate("izwi_stage_compute_seconds_sum", "", HEARD), rate("izwi_audio_seconds_total")),
                    "cores per speaker",
                ),
            ),
        ),
        Panel("HTTP requests, p95", "By path.", p95("izwi_http_request_seconds", "path"), "s"),
        Panel("Redis commands", "Failed ones included.", quantiles("izwi_redis_seconds"), "s"),
        Panel(
            "Event loop lag, p99",
            "How late timers are: whatever holds the loop up delays every session of the replica. What is left without "
            "waits for a processor, the replica does itself.",
            (
                Query(quantile(0.99, "izwi_event_loop_lag_seconds", "replica"), "{{replica}}"),
                Query(quantile(0.99, "izwi_event_loop_held_seconds", "replica"), "{{replica}}, without waits"),
            ),
            "s",
            limit=0.1,
        ),
    ),
)
