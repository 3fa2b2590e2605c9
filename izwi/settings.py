"""Every setting, with its unit and its reason. Nothing else in Izwi reads the environment.

Set a field with the prefix ``IZWI_``; nested groups use two underscores: ``IZWI_ASR__MODEL=tiny.en``.
Order of precedence: constructor, environment, ``.env``, the chosen profile, the defaults below.
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from izwi.profiles import PROFILES, Profile

Proxy = Literal["auto", "haproxy", "python"]


class Resources(BaseModel):
    """What one replica of a stage reserves from Ray, and how many of them there may be."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")
    cpus: float = Field(default=0.25, ge=0)
    """Logical CPUs reserved per replica; Ray schedules by this and does not enforce it."""
    gpus: float = Field(default=0.0, ge=0, le=1)
    """GPU fraction per replica; resolved to 0 where the cluster has no GPU."""
    min_replicas: int = Field(default=1, ge=0)
    """Replicas kept warm: a model takes seconds to load."""
    max_replicas: int = Field(default=1, ge=1)
    """Upper bound of autoscaling."""


class VadSettings(BaseModel):
    """Voice activity and endpointing."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")
    engines: tuple[str, ...] = ("silero",)
    """In order of preference."""
    threshold: float = Field(default=0.5, gt=0, lt=1)
    """Speech probability that opens an utterance; Silero's own default."""
    hop_ms: int = Field(default=96, ge=32, le=1000)
    """Audio gathered per detector call: three 32 ms frames keep the remote calls near ten a second."""
    idle_hop_ms: int = Field(default=960, ge=32, le=1000)
    """Audio gathered per detector call while the room is quiet; anything louder than its noise is looked at at once."""
    min_speech_ms: int = Field(default=96, ge=32)
    """Speech needed to open an utterance; shorter bursts are clicks."""
    endpoint_ms: int = Field(default=400, ge=100)
    """Silence that ends an utterance: long enough for a breath, short enough to feel live."""
    preroll_ms: int = Field(default=320, ge=0)
    """Audio kept from before the detector fired: the first consonant is often below its threshold."""
    resources: Resources = Resources(cpus=0.1)
    """Reserved per replica."""


class AsrSettings(BaseModel):
    """Speech recognition."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")
    engines: tuple[str, ...] = ("faster-whisper",)
    """In order of preference."""
    model: str = "base"
    """``base`` (multilingual) or ``tiny.en`` from installed packages, or any name or path faster-whisper accepts."""
    compute_type: str = "int8"
    """CTranslate2 quantisation; int8 on CPU, ``float16`` or ``int8_float16`` on GPU."""
    threads: int = Field(default=1, ge=1)
    """Threads per worker: on two cores one is as fast as two for short windows."""
    workers: int = Field(default=2, ge=1)
    """Decodes in parallel within one replica: one per core."""
    batch: int = Field(default=4, ge=1)
    """Windows decoded together when more wait than there are workers: four take less than twice the time of one, and
    eight gain little more on a CPU."""
    margin_s: float = Field(default=3.5, ge=0, le=30)
    """Silence appended to a window; the less there is, the more often Whisper falls into repetition loops, and a loop
    costs more than a second of silence does (loadtests/recogniser.py counts them)."""
    retry_margin_s: float = Field(default=8.0, ge=0, le=30)
    """Silence appended when the guard rejects a window, and to short final ones: a fraction of the cost of the full
    30 s, which remain the last resort."""
    beam_size: int = Field(default=5, ge=1)
    """Beam of final passes; partials are greedy."""
    temperatures: tuple[float, ...] = ()
    """Temperatures tried, one after the other, on a final window that the guard rejects even when filled up to 30 s;
    empty trusts the beam. Each costs a padded pass."""
    padded: bool = False
    """Always decode the full 30 s window, for comparison with the elastic one."""
    resources: Resources = Resources(cpus=0.8)
    """Reserved per replica."""


class MtSettings(BaseModel):
    """Text translation."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")
    engines: tuple[str, ...] = ("apertium",)
    """In order of preference."""
    context_clauses: int = Field(default=3, ge=0)
    """Preceding source clauses handed to engines that can use them."""
    resources: Resources = Resources(cpus=0.1)
    """Reserved per replica."""


class TtsSettings(BaseModel):
    """Speech synthesis."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")
    engines: tuple[str, ...] = ("piper", "kokoro", "espeak")
    """In order of preference; each is used for the languages it can speak."""
    threads: int = Field(default=2, ge=1)
    """Threads per synthesis: Kokoro's RTF is 0.27 on one thread and 0.17 on two."""
    first_piece_chars: int = Field(default=28, ge=8)
    """Length the first piece of a clause aims for: small, because it sets the time to first audio."""
    piece_chars: int = Field(default=90, ge=16)
    """Length of the later pieces; longer ones have better prosody."""
    resources: Resources = Resources(cpus=0.6)
    """Reserved per replica."""


class SessionSettings(BaseModel):
    """The flow of one live session."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")
    update_ms: int = Field(default=300, ge=50)
    """New speech that triggers a partial pass when the recogniser is free; under load the period stretches."""
    pause_ms: int = Field(default=200, ge=32)
    """Silence after which a careful pass is made at once: most often the utterance ends here, and its final transcript
    is then ready when the endpoint is reached."""
    policy: Literal["agreement", "pause"] = "agreement"
    """When words are settled: ``agreement`` as soon as they are stable, ``pause`` only when the speaker pauses, for
    comparison."""
    agreement_window: int = Field(default=2, ge=1)
    """Hypotheses that vote on a word (LocalAgreement-n)."""
    agreement_threshold: float = Field(default=0.7, gt=0, le=1)
    """Share of those hypotheses that must agree on a word before it is committed."""
    min_confidence: float = Field(default=0.7, ge=0, le=1)
    """Mean token probability; below it a word needs one more agreeing hypothesis."""
    trust_after_s: float = Field(default=0.6, ge=0.5)
    """Audio after a confident word that makes a second hypothesis unnecessary."""
    settle_after_s: float = Field(default=1.5, ge=0.5)
    """Audio after a doubtful word beyond which it needs no more hypotheses than other words."""
    show_confidence: float = Field(default=0.7, ge=0, le=1)
    """Mean token probability below which the last words of a hypothesis are not shown yet."""
    noise_confidence: float = Field(default=0.2, ge=0, le=1)
    """Mean word confidence below which nothing is believed while nothing is committed: howls and hums are heard as
    "Aaah" with 0.1, a clipped "right" with 0.3."""
    trim_s: float = Field(default=5.0, gt=1)
    """Window length beyond which committed audio is dropped; the cost of a pass grows with the window."""
    overlap_s: float = Field(default=1.5, ge=0)
    """Committed audio kept before the cut, so that no word is clipped."""
    max_window_s: float = Field(default=14.0, gt=4, le=28)
    """A window this long without agreement is committed by force: it bounds cost and memory. Recognition takes 28 s."""
    clause_max_words: int = Field(default=14, ge=3)
    """A clause without punctuation is cut here: translation must not wait for ever."""
    audio_queue: int = Field(default=30, ge=1)
    """Half-seconds of audio waiting for the detector: how far a client may be ahead, and a bound on memory."""
    text_queue: int = Field(default=20, ge=1)
    """Clauses waiting for translation."""
    translation_queue: int = Field(default=20, ge=1)
    """Translations waiting for synthesis."""
    captions_only_ms: int = Field(default=3000, ge=500)
    """Mean audio between two updates from which translations are no longer spoken: synthesis would take the processor
    from recognition."""
    speech_queue: int = Field(default=20, ge=1)
    """Synthesised pieces waiting for the client."""
    speech_hurry_s: float = Field(default=2.0, gt=0)
    """Seconds that speech is behind from which it is hurried: less is what two clauses at once make, and goes by."""
    speech_hurry_speed: float = Field(default=1.25, ge=1, le=2)
    """Most that speech is hurried, times the speed asked for: 20 % off its duration is where listeners begin to find
    it harder to follow."""
    speech_merge_s: float = Field(default=6.0, gt=0)
    """Seconds behind from which speech is hurried at most, and translations that wait are said in one synthesis: about
    a clause too late, so that speed alone no longer helps."""
    speech_merge_chars: int = Field(default=180, ge=1)
    """Characters said in one synthesis at most: two pieces of ``tts.piece_chars``, about 12 s, for which speed and
    order are settled beforehand."""
    speech_skip_s: float = Field(default=15.0, gt=0)
    """Seconds behind from which new translations are not spoken: the listener hears of another subject than the
    speaker, and the captions have it all."""

    @model_validator(mode="after")
    def _steps_rise(self) -> Self:
        if not self.speech_hurry_s < self.speech_merge_s <= self.speech_skip_s:
            raise ValueError("speech_hurry_s, speech_merge_s and speech_skip_s must rise")
        return self


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
    host: str = "127.0.0.1"
    """Address the HTTP and WebSocket endpoint listens on."""
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
    session_ttl_s: int = Field(default=3600, ge=1)
    """How long the state of a session stays in Redis after its last change."""
    models_dir: Path | None = None
    """Where models are assembled; unset uses the user's cache folder."""
    max_concurrent_sessions: int = Field(default=64, ge=1)
    """Live sessions per ingress replica; the next one is asked to come back later."""
    backpressure_threshold: float = Field(default=2.5, gt=0)
    """Seconds a recognition waits for its turn beyond which new sessions are refused: before that, running ones only
    see their partial transcripts come more rarely."""
    max_audio_seconds: float = Field(default=14_400.0, gt=0)
    """Audio accepted in one session; four hours cover a conference day's longest sitting."""
    max_text_chars: int = Field(default=4096, ge=1)
    """Characters accepted in one text."""
    max_message_bytes: int = Field(default=1_000_000, ge=1024)
    """Largest WebSocket frame: 5 s of 48 kHz stereo float audio fit twice."""
    ping_interval_s: float = Field(default=10.0, gt=0)
    """Seconds between pings to a client."""
    request_timeout_s: float = Field(default=30.0, gt=0)
    """Time limit of one stage call."""
    cors_origins: tuple[str, ...] = ()
    """Exact origins allowed to call from a browser; a wildcard is refused."""
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
    ingress: Resources = Resources(cpus=0.2)
    """What one ingress replica reserves."""
    session: SessionSettings = SessionSettings()
    """The flow of one live session."""

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
