"""Who comes, in Locust's terms: each user is a greenlet that waits for a person in the loop's thread."""

import asyncio
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from itertools import count
from typing import Any, ClassVar

from locust import User, between, task

from loadtests.swarm import live, requests
from loadtests.swarm.loop import LoopThread
from loadtests.swarm.profiles import Profile
from loadtests.swarm.scene import Scene


@dataclass
class Place:
    """Where the people of this process are."""

    loop: LoopThread
    scene: Scene
    first: int
    """Number of the first person; other processes have others."""
    numbers: "count[int]" = field(default_factory=count)


class Person(User):
    """Comes, does something, leaves, and comes again a little later."""

    abstract = True
    wait_time = between(0.5, 2.0)
    place: ClassVar[Place]

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        number = self.place.first + next(self.place.numbers)
        self.source = random.Random(self.place.scene.seed * 100_000 + number)
        self.leaving = asyncio.Event()

    def stop(self, force: bool = False) -> bool:
        """Let the person finish; Locust only waits."""
        self.place.loop.call(self.leaving.set)
        return super().stop(force)

    @task
    def come(self) -> None:
        self.place.loop.run(self.work(self.place.scene))

    def work(self, scene: Scene) -> Coroutine[Any, Any, None]:
        raise NotImplementedError


class Captions(Person):
    """Live, English to Spanish captions."""

    def work(self, scene: Scene) -> Coroutine[Any, Any, None]:
        return live.visit(scene, self.source, False, self.leaving)


class Interpreted(Person):
    """Live, and the Spanish is spoken."""

    def work(self, scene: Scene) -> Coroutine[Any, Any, None]:
        return live.visit(scene, self.source, True, self.leaving)


class Transcription(Person):
    """Uploads recordings."""

    def work(self, scene: Scene) -> Coroutine[Any, Any, None]:
        return requests.upload(scene, self.source, self.leaving)


class Speech(Person):
    """Has sentences spoken."""

    def work(self, scene: Scene) -> Coroutine[Any, Any, None]:
        return requests.speak(scene, self.source, self.leaving)


def of(profile: Profile) -> list[type[Person]]:
    """Those who come: the ones whose number is fixed, then `Captions` for the rest."""
    fixed = {Interpreted: profile.interpreted, Transcription: profile.transcriptions, Speech: profile.speeches}
    for kind, number in fixed.items():
        kind.fixed_count = number
    return [*(kind for kind, number in fixed.items() if number), Captions]


def every() -> list[type[Person]]:
    """All kinds, for a worker: its master decides."""
    return [Interpreted, Transcription, Speech, Captions]
