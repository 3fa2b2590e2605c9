"""Replicas of a private server that die while users speak."""

import asyncio
from collections.abc import Sequence
from itertools import cycle

from loadtests.chaos import faults
from loadtests.chaos.network import FaultProxy
from loadtests.chaos.scene import Scene
from loadtests.swarm.notes import Notes
from loadtests.swarm.profiles import KILL_EVERY_S


async def kill_on(scene: Scene, deployments: Sequence[str], notes: Notes) -> None:
    """Kill one replica after the other, in turn, until cancelled."""
    network = FaultProxy(scene.port)  # the users break their connections themselves
    for deployment in cycle(deployments):
        await asyncio.sleep(KILL_EVERY_S)
        notes.count(f"killed: {deployment}")
        try:
            await faults.killing(deployment)(scene, network)
        except TimeoutError:
            notes.error(f"{deployment} did not come back")
