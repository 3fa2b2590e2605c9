"""What all users of a process share."""

from collections.abc import Mapping
from dataclasses import dataclass

from izwi.client import IzwiClient
from izwi.settings import Settings
from izwi.stages import Samples
from loadtests.corpus import Clip
from loadtests.reference import Reference
from loadtests.silence import room
from loadtests.swarm.notes import Notes
from loadtests.swarm.profiles import NOISE_DBFS, Profile

NOISE_S = 60.0
"""Of room noise, heard over and over."""


@dataclass(frozen=True)
class Scene:
    url: str
    """``http://HOST:PORT``."""
    api_key: str | None
    profile: Profile
    clips: list[Clip]
    references: Mapping[str, Reference]
    notes: Notes
    noise: Samples
    hop_s: float
    """Audio that the server's detector gathers before it looks at it."""
    seed: int

    @property
    def socket(self) -> str:
        """Where live users connect."""
        return IzwiClient(self.url.replace("http", "ws", 1)).url


def set_scene(
    url: str,
    api_key: str | None,
    profile: Profile,
    clips: list[Clip],
    references: Mapping[str, Reference],
    notes: Notes,
    seed: int,
) -> Scene:
    """With the server's settings as this process's environment has them."""
    settings, noise = Settings(), room(NOISE_S, NOISE_DBFS, seed)
    return Scene(url, api_key, profile, clips, references, notes, noise, settings.vad.hop_ms / 1000, seed)
