"""Settings of the stages: engines, models and what a replica reserves."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


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
    node: str | None = None
    """Custom Ray resource that a node must offer to host replicas, for clusters whose nodes have different images
    (``ray start --resources='{"ingress": 1}'``); unset for any node."""


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
    """Preceding source clauses that a session hands to engines that can use them; Apertium cannot."""
    resources: Resources = Resources(cpus=0.1)
    """Reserved per replica."""


class TtsSettings(BaseModel):
    """Speech synthesis."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")
    engines: tuple[str, ...] = ("piper", "kokoro", "espeak")
    """In order of preference; each is used for the languages it can speak."""
    threads: int = Field(default=2, ge=1)
    """Threads per synthesis: Kokoro's RTF is 0.27 on one thread and 0.17 on two."""
    first_piece_chars: int = Field(default=20, ge=8)
    """Length the first piece of a clause aims for: small, because it sets the time to first audio."""
    piece_chars: int = Field(default=90, ge=16)
    """Length of the later pieces; longer ones have better prosody."""
    resources: Resources = Resources(cpus=0.6)
    """Reserved per replica."""


class LlmSettings(BaseModel):
    """A language model behind any OpenAI-compatible endpoint, that goes over texts; off without ``base_url``."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")
    base_url: str | None = Field(default=None, pattern=r"^https?://[^\s/]+\S*$")
    """Up to and with ``/v1``: ``http://127.0.0.1:11434/v1``. Texts are sent there."""
    model: str = "default"
    """Its name there."""
    api_key: SecretStr | None = None
    """Sent as a bearer token."""
    timeout_s: float = Field(default=3.0, gt=0, le=30)
    """For the whole answer, of a recording's segment from when its turn has come; after it the text stays as it is. A
    small model on a GPU corrects a sentence in half a second."""
    max_chars: int = Field(default=2000, ge=1)
    """Longer texts are not sent: their answer would not come in time."""


class SpeakerSettings(BaseModel):
    """Who spoke."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")
    engines: tuple[str, ...] = ("campplus",)
    """In order of preference. Vectors of two engines cannot be compared: name one."""
    threads: int = Field(default=1, ge=1)
    """Threads per call: a window takes some ten milliseconds on one."""
    resources: Resources = Resources(cpus=0.1, min_replicas=0)
    """Reserved per replica. There is none until somebody asks who spoke; the first answer takes some seconds more."""
