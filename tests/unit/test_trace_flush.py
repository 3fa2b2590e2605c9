"""A server that stops asks its stages for the spans that wait."""

import asyncio
from dataclasses import dataclass, fields
from typing import Any

import pytest
from ray.exceptions import RayError
from ray.serve._private.common import DeploymentID
from ray.serve.exceptions import DeploymentUnavailableError

from deployments.ingress.handles import Handles
from deployments.ingress.tracing import Tracing
from tests.unit.traced import Kept

TELLING = {"asr", "mt", "tts", "speakers"}
"""What detection took is told by the ingress, all calls of an utterance together."""
NO_REPLICA = DeploymentUnavailableError(DeploymentID("speakers", "izwi"))


@dataclass
class Handle:
    """Of a stage that notes that it was asked, or of one whose calls fail at once."""

    name: str
    asked: list[str]
    error: Exception | None

    def broadcast(self, method: str) -> "Handle":
        assert method == "flush"
        return self

    async def results_async(self) -> list[None]:
        if self.error is not None:
            raise self.error
        await asyncio.sleep(0.01)
        self.asked.append(self.name)
        return [None]


@pytest.mark.parametrize(("stage", "error"), [("", None), ("speakers", NO_REPLICA), ("asr", RayError("it died"))])
async def test_a_stage_that_cannot_answer_keeps_no_other_from_it(stage: str, error: Exception | None) -> None:
    kept, asked = Kept(), list[str]()
    handles: Any = {f.name: Handle(f.name, asked, error if f.name == stage else None) for f in fields(Handles)}
    await Tracing(kept.spans, kept.settings, Handles(**handles)).flush()
    assert set(asked) == TELLING - {stage}
