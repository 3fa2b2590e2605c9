"""What a connection needs from its replica."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployments.ingress.access import Access
from deployments.ingress.admission import Newcomers
from deployments.ingress.calls import StageCalls
from deployments.ingress.fleet import Fleet
from deployments.ingress.metrics import Metrics
from deployments.ingress.registry import Registry
from deployments.jobs.jobs import Jobs
from deployments.llm.client import LlmClient
from deployments.media.forks import Forks
from deployments.store.hotword_lists import HotwordLists
from deployments.store.places import Places
from deployments.store.store import SessionStore
from deployments.store.tokens import Tokens
from izwi.settings import Settings

if TYPE_CHECKING:
    from deployments.ingress.tracing import Tracing


@dataclass(frozen=True)
class Services:
    settings: Settings
    calls: StageCalls
    store: SessionStore
    places: Places
    tokens: Tokens
    hotwords: HotwordLists
    llm: LlmClient
    access: Access
    metrics: Metrics
    fleet: Fleet
    registry: Registry
    newcomers: Newcomers
    jobs: Jobs
    forks: Forks
    tracing: "Tracing | None" = None
