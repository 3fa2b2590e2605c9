"""Every setting, with its unit and its reason. Nothing else in Izwi reads the environment.

Set a field with the prefix ``IZWI_``; nested groups use two underscores: ``IZWI_ASR__MODEL=tiny.en``.
Order of precedence: constructor, environment, ``.env``, the chosen profile, the defaults below.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from izwi.job_settings import JobSettings
from izwi.profiles import PROFILES, Profile
from izwi.session_settings import SessionSettings
from izwi.stage_settings import (
    AsrSettings,
    LlmSettings,
    MtSettings,
    Resources,
    SpeakerSettings,
    TtsSettings,
    VadSettings,
)
from izwi.tracing_settings import TracingSettings

Proxy = Literal["auto", "haproxy", "python"]


class Settings(BaseSettings):
    """The whole tree. ``Settings()`` reads the environment; pass it on by value from there."""

    model_config = SettingsConfigDict(
        env_prefix="IZWI_",
        env_nested_delimiter="__",
        env_file=".env",
        env_ignore_empty=True,  # an empty IZWI_MODELS_DIR would be the current folder
        extra="ignore",
        use_attribute_docstrings=True,
    )
    profile: Profile = "dev"
    """``dev`` (laptop), ``edge`` (tiny model), ``cloud`` (GPU, autoscaled) or ``realtime`` (GPU, lowest delay)."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where models run; ``auto`` asks the Ray cluster whether it has a GPU."""
    elastic_cluster: bool = False
    """Nodes come when they are asked for, so those of now say nothing: reservations stay as they are, and ``device``
    has to be set. Otherwise reservations that do not fit the cluster shrink."""
    host: str = "127.0.0.1"
    """Address the HTTP and WebSocket endpoint listens on; others than loopback need API keys."""
    port: int = Field(default=8000, ge=1, le=65535)
    """Port of the HTTP and WebSocket endpoint."""
    proxy: Proxy = "auto"
    """Before the ingress: Ray's ``haproxy`` halves what a stream costs besides recognition, ``python`` runs everywhere;
    ``auto`` takes HAProxy where its binary runs. With ``serve run`` set RAY_SERVE_ENABLE_HA_PROXY=1 and
    RAY_SERVE_THROUGHPUT_OPTIMIZED=1 yourself."""
    dashboard_port: int = Field(default=8265, ge=0, le=65535)
    """Port of the Ray dashboard, on loopback; 0 switches it off."""
    redis_url: str | None = None
    """``redis://``, ``rediss://`` or ``unix://``; unset starts an embedded server."""
    redis_password: SecretStr | None = None
    """Password for ``redis_url``, where it should not stand in a URL that is shown in logs and listings."""
    redis_cluster: bool = False
    """``redis_url`` names a node of a Redis Cluster, or several, for one may be away: ``redis://a:6379,b:6379``."""
    redis_ca_file: Path | None = None
    """Certificates that the server's must be signed by, for ``rediss://``; unset takes the system's."""
    session_ttl_s: int = Field(default=3600, ge=1)
    """How long the state of a session stays in Redis after its last change."""
    models_dir: Path | None = None
    """Where models are assembled; unset uses the user's cache folder."""
    max_concurrent_sessions: int = Field(default=64, ge=1)
    """Live sessions per ingress replica; the next one is asked to come back later."""
    max_cluster_sessions: int | None = Field(default=None, ge=1)
    """Live sessions over all replicas, counted in Redis; unset for any number."""
    backpressure_threshold: float = Field(default=2.5, gt=0)
    """Seconds a recognition waits for its turn beyond which new sessions are refused: before that, running ones only
    see their partial transcripts come more rarely."""
    max_audio_seconds: float = Field(default=14_400.0, gt=0)
    """Audio accepted in one session; four hours cover a conference day's longest sitting."""
    max_text_chars: int = Field(default=4096, ge=1)
    """Characters accepted in one text."""
    max_message_bytes: int = Field(default=1_000_000, ge=1024)
    """Largest WebSocket frame: 5 s of 48 kHz stereo float audio fit twice."""
    max_upload_bytes: int = Field(default=2_000_000_000, ge=1024)
    """Largest media file: three hours of CD quality, or an hour and a half of video."""
    max_uploads: int = Field(default=32, ge=1)
    """Media files that one ingress replica receives, keeps waiting and hears at once; the next one is asked to come
    back later, before it is sent."""
    max_messages_per_s: float = Field(default=500.0, ge=1)
    """Frames on one WebSocket: ten times those of 20 ms each at the pace of speech. Four seconds' worth may come at
    once."""
    realtime_ahead_s: float = Field(default=60.0, ge=1)
    """Seconds of audio that a client of OpenAI's realtime protocols may be ahead: those have no flow control, so this
    is all that bounds what a client that sends a file makes a session hold (64 kB a second)."""
    idle_timeout_s: float = Field(default=600.0, gt=0)
    """Time without audio after which a session that waits for some is disconnected; it can be resumed."""
    max_connection_age_s: float | None = Field(default=None, ge=1)
    """Age at which a WebSocket is asked to resume elsewhere, so that new replicas get their share; unset for any
    age."""
    ping_interval_s: float = Field(default=10.0, gt=0)
    """Seconds between pings to a client."""
    request_timeout_s: float = Field(default=30.0, gt=0)
    """Time limit of one stage call, of an HTTP request until its response begins, and of a response without
    progress."""
    file_timeout_s: float = Field(default=600.0, gt=0)
    """The same limit of an HTTP request with a media file, its upload included; longer ones are for jobs."""
    api_keys_file: Path | None = None
    """File of API keys (``izwi keys new`` adds one); read again when it changes. Unset lets everybody in."""
    api_key: SecretStr | None = None
    """Key that the command line presents to the server it talks to."""
    allow_anonymous: bool = False
    """Listen on other addresses than loopback without API keys, where something in front decides who may enter."""
    cors_origins: tuple[str, ...] = ()
    """Exact origins of web pages that may call, over HTTP and WebSockets; a wildcard is refused."""
    debug: bool = False
    """Human-readable logs and API documentation pages."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is logged."""
    vad: VadSettings = VadSettings()
    """Voice activity and endpointing."""
    asr: AsrSettings = AsrSettings()
    """Speech recognition."""
    mt: MtSettings = MtSettings()
    """Text translation."""
    tts: TtsSettings = TtsSettings()
    """Speech synthesis."""
    llm: LlmSettings = LlmSettings()
    """A language model that goes over texts, where there is one."""
    speakers: SpeakerSettings = SpeakerSettings()
    """Who spoke."""
    ingress: Resources = Resources(cpus=0.2)
    """What one ingress replica reserves."""
    session: SessionSettings = SessionSettings()
    """The flow of one live session."""
    jobs: JobSettings = JobSettings()
    """Long recordings in the background."""
    tracing: TracingSettings = TracingSettings()
    """Traces by OpenTelemetry, one per utterance and request."""

    @field_validator("cors_origins")
    @classmethod
    def _no_wildcard(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if any("*" in origin for origin in origins):
            raise ValueError("a wildcard origin is not accepted: list the origins")
        return origins

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings, _ProfileSource(settings_cls)


class _ProfileSource(PydanticBaseSettingsSource):
    """The values of the chosen profile, weaker than anything set explicitly."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError("the profile is read as a whole")

    def __call__(self) -> dict[str, Any]:
        return dict(PROFILES.get(self.current_state.get("profile", "dev"), {}))
