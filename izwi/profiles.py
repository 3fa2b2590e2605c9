"""Profiles: plain values of the settings tree, weaker than the environment, stronger than the defaults."""

from typing import Any, Literal

Profile = Literal["dev", "edge", "cloud", "realtime"]

PROFILES: dict[str, dict[str, Any]] = {
    "dev": {},
    # A small box beside a microphone: the English tiny model, no beam search, light voices on one thread.
    "edge": {
        "asr": {"model": "tiny.en", "beam_size": 1},
        "tts": {"engines": ("piper", "espeak"), "threads": 1},
        "max_concurrent_sessions": 8,
    },
    # Many speakers on GPU nodes: fractions let ASR, MT and TTS share one card, replicas follow the load.
    "cloud": {
        "asr": {
            "compute_type": "int8_float16",
            "batch": 16,
            "resources": {"cpus": 2.0, "gpus": 0.4, "max_replicas": 10},
        },
        "mt": {"resources": {"cpus": 0.5, "gpus": 0.3, "max_replicas": 10}},
        "tts": {"resources": {"cpus": 0.5, "gpus": 0.2, "max_replicas": 10}},
        "vad": {"resources": {"cpus": 0.5, "max_replicas": 10}},
        "ingress": {"cpus": 0.5, "max_replicas": 10},
        "max_concurrent_sessions": 200,
    },
    # Fewest milliseconds per word, at the price of more passes and shorter pauses.
    "realtime": {
        "session": {"update_ms": 250},
        "vad": {"endpoint_ms": 300, "hop_ms": 64},
        "asr": {"resources": {"cpus": 1.0, "gpus": 0.5}},
        "tts": {"resources": {"cpus": 0.5, "gpus": 0.3}},
    },
}
