"""Prometheus metrics of one ingress replica: names, units and labels in one place.

Stage results carry their own timing, so the ingress sees queueing and computing of every stage without asking.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from izwi import messages as m
from izwi.stages import Timing

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bucket bounds in seconds: a detector call takes milliseconds, a long synthesis seconds."""

BACKLOG = (0.5, 1.0, 2.0, 4.0, 6.0, 10.0, 15.0, 20.0, 30.0)
"""Bucket bounds in seconds: among them the steps at which speech is hurried, merged and skipped."""


class Metrics:
    """All instruments on a registry of their own, so that two replicas in one process do not collide."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.sessions = Gauge("izwi_live_sessions", "Live sessions on this replica", registry=r)
        self.speakers = Gauge("izwi_live_speakers", "Sessions in which somebody speaks now", registry=r)
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
            "izwi_stage_errors", "Failed calls of a stage, retries included", ["stage", "code"], registry=r
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
        self.jobs = Counter(
            "izwi_jobs", "Jobs that this replica ended, by done, lost or wire code", ["outcome"], registry=r
        )
        self.jobs_running = Gauge("izwi_jobs_running", "Jobs that this replica works on", registry=r)
        self.requests = Histogram(
            "izwi_http_request_seconds", "HTTP requests", ["path", "status"], buckets=SECONDS, registry=r
        )

    def observe(self, stage: str, timing: Timing) -> None:
        self.queue.labels(stage).observe(timing.queue_s)
        self.compute.labels(stage, timing.engine).observe(timing.compute_s)
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

    def exposition(self) -> bytes:
        return generate_latest(self.registry)
