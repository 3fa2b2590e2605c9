"""How late the words of a session were, turn by turn while it goes on. Pure."""

from bisect import bisect_right
from collections.abc import Mapping

from izwi import messages as m
from izwi.client_events import Event
from loadtests.adapters.conversation import Committed, Failed, Final, Load, Observation, Partial
from loadtests.adapters.native import observe
from loadtests.corpus import Placed
from loadtests.delays import delays
from loadtests.figures import passages
from loadtests.reference import Reference
from loadtests.speaker import Heard
from loadtests.swarm.notes import Notes
from loadtests.swarm.script import Script, seconds

EARLY_S = 0.5
"""By which an utterance may begin before its turn: the detector's pre-roll, or a sound in the room."""


class Words:
    """Of one session. An utterance belongs to the turn in which it begins; a turn is judged once another one has begun
    and all its utterances are final, and what is left at the end.

    Args:
        started_at: when the first sample was due, in monotonic seconds.
        script: what is said.
        references: which words that is and when each ends.
        notes: where the delays go.
    """

    def __init__(self, started_at: float, script: Script, references: Mapping[str, Reference], notes: Notes) -> None:
        self._started_at = started_at
        self._script = script
        self._references = references
        self._notes = notes
        self._turns: list[Heard] = []
        self._turn_of: dict[str, int] = {}
        """By utterance that is not over."""
        self._judged = 0
        self._clauses = Heard(started_at=started_at)

    def note(self, event: Event, at: float) -> None:
        """Take in an event that arrived at ``at``."""
        if isinstance(event, m.SpeechStartedMessage):
            self._begin(str(event.data.utterance), event.data.time_s)
        elif (seen := observe(event, at)) is not None:
            self._see(seen)

    def close(self) -> None:
        """Nothing more will be heard; a turn in which nothing was counts as well."""
        said = self._script.said()
        self._judge(said[self._judged :])

    def _begin(self, utterance: str, time_s: float) -> None:
        starts = [seconds(turn.start) - EARLY_S for turn in self._script.turns]
        turn = bisect_right(starts, time_s) - 1
        if turn >= 0:  # else the room was heard
            self._turn_of[utterance] = turn

    def _see(self, seen: Observation) -> None:
        match seen:
            case Partial(_, utterance) | Committed(_, utterance) | Final(_, utterance):
                if utterance in self._turn_of:
                    self._heard(self._turn_of[utterance]).note(seen)
                if isinstance(seen, Final):
                    last = self._turn_of.pop(utterance, 0)
                    over = min([last, *self._turn_of.values()])
                    self._judge(self._script.turns[self._judged : over])
            case Failed(_, code):
                self._notes.error(code)
            case Load(_, level):
                self._notes.count(f"load: {level}")
            case _:
                self._clauses.note(seen)
                for metric, values in (
                    ("translated", self._clauses.translated),
                    ("first_audio", self._clauses.first_audio),
                ):
                    self._notes.times(metric, values)
                    values.clear()

    def _heard(self, turn: int) -> Heard:
        while len(self._turns) <= turn:
            self._turns.append(Heard(started_at=self._started_at))
        return self._turns[turn]

    def _judge(self, turns: list[Placed]) -> None:
        for placed in turns:
            heard = self._heard(self._judged)
            said = passages([placed], heard, self._references)
            found = delays(said, heard.settled, heard.views)
            self._notes.times("first_partial", found.first)
            self._notes.times("word_shown", found.shown)
            self._notes.times("word_committed", found.committed)
            self._notes.times("final_lag", found.final)
            self._notes.count("words said", sum(len(passage.words) for passage in said))
            self._notes.count("words right", len(found.committed))
            self._turns[self._judged] = Heard()  # hours of them are too much
            self._judged += 1
