"""The load tests by name: who comes, what they do, and what the server may take for it. Plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Stage:
    seconds: float
    captions: int
    """Live users whose translation is text, at the same time."""


@dataclass(frozen=True)
class Limits:
    """What decides; see docs/loadtests.md for the metrics."""

    p95_s: Mapping[str, float]
    """By metric, in seconds."""
    errors: float = 0.0
    """Errors per session and request; refusals are some, and a lost session always fails the run."""
    heard: float = 0.85
    """Least share of the words said that are heard right: a broken stream loses whole sentences."""
    memory_mb_per_minute: float | None = None
    """Growth of the server in the second half; judged by the lower end of its confidence interval."""


@dataclass(frozen=True)
class Profile:
    about: str
    stages: tuple[Stage, ...]
    limits: Limits
    duty: float
    """Share of the time in which a live user speaks; room noise is sent in between."""
    visit_s: float | None = 120.0
    """A live user's session is about as long, then a new one begins; None for one session until the end."""
    drop_every_s: float | None = None
    """Mean time until a live user's connection is reset, again and again; it resumes."""
    interpreted: int = 0
    """Live users, besides, whose translation is spoken."""
    transcriptions: int = 0
    """Users who upload a recording every `UPLOAD_EVERY_S`."""
    speeches: int = 0
    """Users who have a sentence spoken every `SPEECH_EVERY_S`."""
    arrivals_per_s: float = 1.0
    server: Mapping[str, str] = field(default_factory=dict[str, str])
    """Environment of a private server, where the defaults will not do."""
    kills: tuple[str, ...] = ()
    """Deployments of a private server that lose a replica, in turn, every `KILL_EVERY_S`."""

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)

    @property
    def others(self) -> int:
        """Users who are there all the time."""
        return self.interpreted + self.transcriptions + self.speeches


UPLOAD_EVERY_S = 15.0
SPEECH_EVERY_S = 10.0
KILL_EVERY_S = 20.0
NOISE_DBFS = -60.0
"""Level of the room between turns: a quiet office before a headset."""
LIVE = {"chunk": 0.5, "word_shown": 1.5, "final_lag": 1.5, "resume": 1.0, "session": 1.0}
"""In seconds: a chunk is processed within half a second, words stand there while the sentence is still being said, and
nobody waits for a caption after it."""
BESIDE = {**LIVE, "chunk": 1.0, "word_shown": 2.0, "final_lag": 2.0}
"""The same while Spanish is spoken on two cores without a GPU, which takes most of one."""

PROFILES: dict[str, Profile] = {
    "smoke": Profile(
        about="two minutes of a bit of everything",
        stages=(Stage(120, 2),),
        limits=Limits({**BESIDE, "first_audio": 8.0, "transcription": 5.0, "speech_first": 2.0}, heard=0.7),
        duty=0.3,
        visit_s=30,
        drop_every_s=10,
        interpreted=1,
        transcriptions=1,
        speeches=1,
    ),
    "ten": Profile(
        about="a meeting of ten: on average one of them speaks, now and then two or three at once",
        stages=(Stage(600, 10),),
        limits=Limits(LIVE),
        duty=0.1,
        drop_every_s=120,
    ),
    "hundred": Profile(
        about="a hundred people connected all the time, each of whom speaks a tenth of it",
        stages=(Stage(600, 100),),
        limits=Limits({**LIVE, "word_shown": 2.0, "final_lag": 2.0, "session": 2.0}),
        duty=0.1,
        visit_s=None,
        drop_every_s=600,
        arrivals_per_s=4.0,
        server={"IZWI_MAX_CONCURRENT_SESSIONS": "128", "IZWI_ASR__MODEL": "tiny.en"},
    ),
    "soak": Profile(
        about="an hour of steady work: does memory or delay grow, is a session ever lost?",
        stages=(Stage(3600, 4),),
        limits=Limits({**LIVE, "transcription": 5.0, "speech_first": 1.0}, memory_mb_per_minute=1.0),
        duty=0.33,
        drop_every_s=120,
        transcriptions=1,
        speeches=1,
    ),
    "spike": Profile(
        about="two speakers, of a sudden twelve for a minute, two again",
        stages=(Stage(60, 2), Stage(60, 12), Stage(120, 2)),
        limits=Limits({"word_shown": 6.0, "final_lag": 6.0, "session": 3.0}, errors=0.3),
        duty=0.6,
        arrivals_per_s=10.0,
    ),
    "chaos": Profile(
        about="connections reset every few seconds, replicas killed: nobody loses a word",
        stages=(Stage(180, 4),),
        limits=Limits({"word_shown": 20.0, "resume": 6.0}, heard=0.8),  # a recogniser is back when its model is loaded
        duty=0.5,
        drop_every_s=10,
        kills=("ingress", "asr", "vad", "mt"),
    ),
}


def shortened(profile: Profile, seconds: float) -> Profile:
    """The same in ``seconds`` in all."""
    factor = seconds / profile.seconds
    return replace(profile, stages=tuple(replace(stage, seconds=stage.seconds * factor) for stage in profile.stages))
