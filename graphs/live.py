"""Live translation:

client ──ws──> ingress ──> VAD ──> segmenter ──> ASR ──> agreement ──> clauses ──> MT ──> TTS ──> client
                  │
                  └── session state: Redis (embedded unless IZWI_REDIS_URL names one)
"""

from ray.serve import Application

from deployments.asr.deployment import Asr
from deployments.ingress.deployment import Ingress
from deployments.mt import deployment as mt
from deployments.mt.deployment import Mt
from deployments.speakers.deployment import Speakers
from deployments.store.deployment import Store
from deployments.tts import deployment as tts
from deployments.tts.deployment import Tts
from deployments.vad.deployment import Vad
from graphs.placement import GraphArgs, place, resolve

REFUSED = 1024
"""Connections and requests at once besides sessions: those that are told why they may not enter, and HTTP."""


def app(args: GraphArgs) -> Application:
    """The graph for `serve run` and `graphs.launch`."""
    settings = resolve(args)
    stages = {
        "vad": place(Vad, settings.vad.resources).bind(settings),
        "asr": place(Asr, settings.asr.resources, settings.asr.workers).bind(settings),
        "mt": place(Mt, settings.mt.resources, mt.WORKERS).bind(settings),
        "tts": place(Tts, settings.tts.resources, tts.WORKERS).bind(settings),
        "speakers": place(Speakers, settings.speakers.resources).bind(settings),
    }
    store = None if settings.redis_url else Store.bind()
    sockets = {"max_ongoing_requests": 2 * settings.max_concurrent_sessions + REFUSED, "max_queued_requests": -1}
    ingress = place(Ingress, settings.ingress, settings.max_concurrent_sessions).options(**sockets)
    return ingress.bind(settings, stages, store)
