"""The traces of a session: one per utterance."""

from deployments.tracing.spans import Attributes, Spans
from deployments.tracing.work import Work
from izwi.logs import pseudonym
from izwi.tracing_settings import TracingSettings


class SessionTraces:
    """
    Args:
        owner: name of the key that the session was opened with; empty without one.
        traceparent: of the request that opened the connection. A session may go on for hours: its utterances have
            traces of their own, which are linked to the client's.
    """

    def __init__(self, spans: Spans, settings: TracingSettings, session_id: str, owner: str, traceparent: str) -> None:
        self._spans = spans
        self._client = spans.client(traceparent)
        self._known: Attributes = {"session.id": session_id, **caller(settings, owner)}
        self._open: set[Work] = set()

    def begin(self, utterance: int) -> Work | None:
        """See `izwi.stages.Stages.trace`."""
        if not self._spans.sampled(self._client):
            return None
        told = {**self._known, "izwi.utterance": utterance}
        work = Work(self._spans, self._spans.begin("utterance", "server", told, link=self._client), self._open.discard)
        self._open.add(work)
        return work

    def close(self, outcome: str) -> None:
        """The connection is over; of utterances that have no final transcript this says why."""
        for work in tuple(self._open):
            work.end(outcome)


def caller(settings: TracingSettings, owner: str) -> Attributes:
    """Who asks, as far as that may be told."""
    if settings.user_key is None or not owner:
        return {}
    return {"user.hash": pseudonym(owner, settings.user_key.get_secret_value().encode())}
