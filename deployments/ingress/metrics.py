"""Prometheus metrics of one ingress replica: names, units and labels in one place; docs/operations.md says what they
mean.

Stage results carry their own timing, so the ingress sees queueing and computing of every stage without asking. No label
holds what a client chose: the values of each are listed in tests/metrics.py.
"""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from deployments.ingress.collectors import Caches, QueueDepths
from izwi import messages as m
from izwi.stages import Timing

disable_created_metrics()  # when each series began, a line for each: nobody asks, and replicas come and go

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bucket bounds in seconds: a detector call takes milliseconds, a long synthesis seconds."""

BACKLOG = (0.5, 1.0, 2.0, 4.0, 6.0, 10.0, 15.0, 20.0, 30.0)
"""Bucket bounds in seconds: among them the steps at which speech is hurried, merged and skipped."""

LAG = (0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Bucket bounds in seconds: among them the half second that a chunk may take."""


class Metrics:
    """All instruments on a registry of their own, so that two replicas in one process do not collide."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.sessions = Gauge("izwi_live_sessions", "Live sessions on this replica", registry=r)
        self.speakers = Gauge("izwi_live_speakers", "Sessions in which somebody speaks now", registry=r)
        self.connections = Counter("izwi_connections", "Connections for sessions that were opened", registry=r)
        self.sessions_total = Counter("izwi_sessions", "Sessions by how they ended", ["outcome"], registry=r)
        self.resumed = Counter(
            "izwi_session_resumes", "Attempts to resume a session, by ok or wire code", ["outcome"], registry=r
        )
        self.audio = Counter("izwi_audio_seconds", "Audio received, seconds", registry=r)
        self.errors = Counter("izwi_errors", "Errors told to clients, by wire code", ["code"], registry=r)
        self.queue = Histogram(
            "izwi_stage_queue_seconds", "Wait for a worker in a stage", ["stage"], buckets=SECONDS, registry=r
        )
        self.compute = Histogram(
            "izwi_stage_compute_seconds", "Work of a stage", ["stage", "engine"], buckets=SECONDS, registry=r
        )
        self.stage_errors = Counter(
            "izwi_stage_errors", "Requests that a stage failed, each attempt", ["stage", "code"], registry=r
        )
        self.failing = Gauge(
            "izwi_stage_failing",
            "1 while a stage does not answer this replica, 0 once it does again",
            ["stage"],
            registry=r,
        )
        self.llm = Counter(
            "izwi_llm_texts",
            "Texts for the language model, by what became of them: applied, timeout, failed or off",
            ["role", "llm"],
            registry=r,
        )
        self.fallbacks = Counter(
            "izwi_engine_fallbacks",
            "Calls served by another engine than the first that supports them, also while that one is set aside",
            ["stage", "preferred", "engine"],
            registry=r,
        )
        self.asr_retries = Counter(
            "izwi_asr_window_retries", "Windows the guard rejected and that were decoded again, longer", registry=r
        )
        self.batch = Histogram(
            "izwi_stage_batch_size",
            "Requests per call of a stage",
            ["stage"],
            buckets=(1, 2, 3, 4, 6, 8, 16),
            registry=r,
        )
        self.speech_backlog = Histogram(
            "izwi_speech_backlog_seconds",
            "How far speech was behind, per clause or merged clauses said",
            buckets=BACKLOG,
            registry=r,
        )
        self.speech_merged = Counter(
            "izwi_speech_merged", "Clauses said in one synthesis with an earlier one", registry=r
        )
        self.speech_skipped = Counter("izwi_speech_skipped", "Clauses not said", ["reason"], registry=r)
        self.wait = Gauge("izwi_recognition_wait_seconds", "Longest wait for a turn at the recogniser", registry=r)
        self.loop_lag = Histogram(
            "izwi_event_loop_lag_seconds", "How late timers of the event loop are", buckets=SECONDS, registry=r
        )
        self.loop_held = Histogram(
            "izwi_event_loop_held_seconds",
            "How late they are, less the waits for a processor",
            buckets=SECONDS,
            registry=r,
        )
        self.jobs = Counter(
            "izwi_jobs", "Jobs that this replica ended, by done, lost or wire code", ["outcome"], registry=r
        )
        self.jobs_running = Gauge("izwi_jobs_running", "Jobs that this replica works on", registry=r)
        self.requests = Histogram(
            "izwi_http_request_seconds", "HTTP requests", ["path", "status"], buckets=SECONDS, registry=r
        )
        self.stage_audio = Counter(
            "izwi_stage_audio_seconds",
            "Audio that a stage heard or made; what is heard again counts again",
            ["stage"],
            registry=r,
        )
        self.running = Gauge("izwi_stage_calls_running", "Calls that wait for a stage's answer", ["stage"], registry=r)
        self.waiting = Gauge(
            "izwi_stage_requests_waiting",
            "Requests of live sessions or files that wait for their turn to call a stage",
            ["stage", "kind"],
            registry=r,
        )
        self.engine_failures = Counter(
            "izwi_engine_failures",
            "Requests that an engine failed and another one served",
            ["stage", "engine"],
            registry=r,
        )
        self.chunk = Histogram(
            "izwi_chunk_seconds",
            "From when a chunk of live speech, and what is gathered with it, is there to its recognition",
            buckets=LAG,
            registry=r,
        )
        self.word_lag = Histogram(
            "izwi_word_lag_seconds",
            "From the end of a word in live audio to the word, settled",
            buckets=LAG,
            registry=r,
        )
        self.final_lag = Histogram(
            "izwi_final_lag_seconds",
            "From the end of live speech to its final transcript, the silence that ends it included",
            buckets=LAG,
            registry=r,
        )
        self.speech_lag = Histogram(
            "izwi_speech_lag_seconds",
            "From the end of a clause in live audio to its first translated speech",
            buckets=LAG,
            registry=r,
        )
        self.update_period = Histogram(
            "izwi_update_period_seconds", "Live audio between two partial passes", buckets=LAG, registry=r
        )
        self.degraded = Gauge(
            "izwi_degraded_sessions", "Live sessions that are served less than they asked for", ["level"], registry=r
        )
        self.slots = Gauge("izwi_session_slots", "Live sessions that this replica takes at most", registry=r)
        self.llm_seconds = Histogram(
            "izwi_llm_seconds",
            "Time for a language model's answer, or until it was too late",
            ["role"],
            buckets=SECONDS,
            registry=r,
        )
        self.redis_up = Gauge(
            "izwi_redis_up", "1 where Redis answered the last command, 0 where it did not", registry=r
        )
        self.redis_seconds = Histogram(
            "izwi_redis_seconds", "Redis commands, failed ones included", buckets=SECONDS, registry=r
        )
        self.redis_errors = Counter("izwi_redis_errors", "Redis commands that failed", registry=r)
        self.ready = Gauge("izwi_ready", "1 where this replica is ready for sessions, as /readyz tells", registry=r)
        self.unready = Gauge("izwi_unready", "1 where this keeps it from being ready", ["reason"], registry=r)
        self.jobs_waiting = Gauge("izwi_jobs_waiting", "Jobs in the queue that all replicas share", registry=r)
        self.queues = QueueDepths()
        self.caches = Caches()
        r.register(self.queues)
        r.register(self.caches)
        ProcessCollector(registry=r)

    def observe(self, stage: str, timing: Timing, audio_s: float = 0.0) -> None:
        """A call that was answered, with the seconds of audio in or out."""
        self.queue.labels(stage).observe(timing.queue_s)
        self.compute.labels(stage, timing.engine).observe(timing.compute_s)
        if audio_s:
            self.stage_audio.labels(stage).inc(audio_s)
        for engine in timing.failed:
            self.engine_failures.labels(stage, engine).inc()
        if timing.engine != timing.preferred:
            self.fallbacks.labels(stage, timing.preferred, timing.engine).inc()

    def emitted(self, message: m.ServerMessage) -> None:
        """Take note of an event on its way to a client."""
        match message:
            case m.SpeechAudioMessage(data=data) if data.last:
                self.speech_backlog.observe(data.backlog_s)
            case m.SpeechMergedMessage():
                self.speech_merged.inc()
            case m.SpeechSkippedMessage(data=data):
                self.speech_skipped.labels(data.reason).inc()
            case _:
                pass

    def asked_llm(self, role: str, llm: str, seconds: float) -> None:
        """A text was given to the language model, or would have been."""
        self.llm.labels(role, llm).inc()
        if llm != "off":
            self.llm_seconds.labels(role).observe(seconds)

    def asked_redis(self, seconds: float, answered: bool) -> None:
        self.redis_up.set(answered)
        self.redis_seconds.observe(seconds)
        self.redis_errors.inc(not answered)

    def exposition(self) -> bytes:
        return generate_latest(self.registry)
