"""Replicas of a private server that die while users speak."""

import asyncio
from collections.abc import Sequence
from itertools import cycle

import psutil

from loadtests.chaos import faults
from loadtests.chaos.network import FaultProxy
from loadtests.chaos.scene import Scene
from loadtests.swarm.notes import KILLED, Notes
from loadtests.swarm.profiles import KILL_EVERY_S


async def kill_on(scene: Scene, deployments: Sequence[str], notes: Notes) -> None:
    """Kill one replica after the other, in turn, until cancelled."""
    network = FaultProxy(scene.port)  # the users break their connections themselves
    for deployment in cycle(deployments):
        await asyncio.sleep(KILL_EVERY_S)
        try:
            await faults.killing(deployment)(scene, network)
        except TimeoutError:
            notes.error(f"{deployment} did not come back")
        except (IndexError, psutil.Error) as error:
            notes.error(f"no replica of {deployment} was killed: {type(error).__name__}")
        else:
            notes.count(f"{KILLED}{deployment}")
