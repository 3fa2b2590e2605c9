"""Takes what users noted to the tally, directly or as part of the reports that Locust's workers send their master."""

from typing import Any

import gevent
from locust.env import Environment

from loadtests.swarm.notes import ERROR, METRICS, TIME, Note, Notes
from loadtests.swarm.tally import Tally

EVERY_S = 0.5
KEY = "izwi"
"""Of our part of a worker's report."""


class Collector:
    """
    Args:
        environment: its listeners hear of every time and error, so that Locust's own statistics have them too.
        notes: of this process's users; None where it has none.
        tally: where they go; None in a worker.
    """

    def __init__(self, environment: Environment, notes: Notes | None, tally: Tally | None) -> None:
        self._environment = environment
        self._notes = notes
        self._tally = tally
        self._unsent: list[Note] = []
        environment.events.worker_report.add_listener(self._hear)
        environment.events.report_to_master.add_listener(self._tell)
        environment.events.user_error.add_listener(self._defect)

    def run(self) -> None:
        """For a greenlet."""
        while True:
            self.collect()
            gevent.sleep(EVERY_S)

    def collect(self) -> None:
        """Take what is there."""
        if self._notes is None:
            return
        taken = self._notes.drain()
        for kind, name, _, value in taken:
            if kind == TIME and name in METRICS:
                self._fire(name, 1000 * value, None)
            elif kind == ERROR:
                self._fire(name, 0.0, name)
        if self._tally is None:
            self._unsent += taken
        else:
            self._tally.add(taken)

    def _fire(self, name: str, milliseconds: float, exception: str | None) -> None:
        self._environment.events.request.fire(
            request_type="izwi",
            name=METRICS.get(name, name),
            response_time=milliseconds,
            response_length=0,
            exception=exception,
            context={},
        )

    def _tell(self, client_id: str, data: dict[str, Any]) -> None:
        self.collect()
        data[KEY], self._unsent = self._unsent, []

    def _hear(self, client_id: str, data: dict[str, Any]) -> None:
        if self._tally is not None:
            self._tally.add(data.get(KEY, []))

    def _defect(self, user_instance: Any, exception: Exception, tb: Any) -> None:
        if self._notes is not None:
            self._notes.error(f"defect of the load test: {type(exception).__name__}")
