"""Locust as a library: one process, or a master and its workers. Only here and in users.py is it spoken to."""

import argparse
from collections.abc import Callable
from typing import Any

import gevent
from locust import LoadTestShape
from locust.env import Environment
from locust.event import Events
from locust.html import get_html_report
from locust.runners import WORKER_REPORT_INTERVAL, MasterRunner, Runner, WorkerRunner
from locust.stats import stats_history

from loadtests.swarm import users
from loadtests.swarm.collect import Collector
from loadtests.swarm.notes import Notes
from loadtests.swarm.profiles import Profile
from loadtests.swarm.tally import Tally

STOP_S = 100
"""For users to finish what they are at: longer than their own patience."""
PEOPLE = 10_000
"""Numbers that each worker has for its users."""
WORKERS_S = 60.0
"""For the workers to come."""


class Shape(LoadTestShape):
    """As many users as the profile says at a time."""

    def __init__(self, profile: Profile) -> None:
        super().__init__()
        self._profile = profile

    def tick(self) -> tuple[int, float] | None:
        left = self.get_run_time()
        for stage in self._profile.stages:
            left -= stage.seconds
            if left < 0:
                return stage.captions + self._profile.others, self._profile.arrivals_per_s
        return None


class Swarm:
    """The side that decides who comes: alone in its process, or the master of several.

    Args:
        url: of the server.
        notes: of this process's users.
        tally: where those of all users go.
    """

    def __init__(self, url: str, profile: Profile, notes: Notes, tally: Tally) -> None:
        self._environment = Environment(
            user_classes=users.of(profile),
            events=Events(),
            shape_class=Shape(profile),
            host=url,
            stop_timeout=STOP_S,
        )
        self._collector = Collector(self._environment, notes, tally)
        self._runner: Runner | None = None

    @property
    def users(self) -> int:
        """Who are there now."""
        return self._runner.user_count if self._runner else 0

    def alone(self) -> None:
        """The users live in this process."""
        self._runner = self._environment.create_local_runner()

    def lead(self, host: str, port: int, workers: int, job: dict[str, Any], tell: Callable[[str], None]) -> None:
        """The users live in others.

        Args:
            host: where to listen, and ``port``.
            workers: how many there have to be.
            job: what they have to know, by name.

        Raises:
            TimeoutError: they did not come.
        """
        # Locust sends its parsed options along with the first users; these two it looks at itself.
        self._environment.parsed_options = argparse.Namespace(enable_rebalancing=False, headless=False, izwi=job)
        runner: MasterRunner = self._environment.create_master_runner(host, port)
        self._runner = runner
        with gevent.Timeout(WORKERS_S, TimeoutError(f"{workers} workers did not come within {WORKERS_S:.0f} s")):
            while len(runner.clients.ready) < workers:
                tell(f"{len(runner.clients.ready)} of {workers} workers are there")
                gevent.sleep(0.5)

    def run(self) -> None:
        """All stages, until the last user has left. Ctrl-C ends it early, in order."""
        runner = self._runner
        if runner is None:
            raise RuntimeError("neither alone nor leading")
        collecting, history = gevent.spawn(self._collector.run), gevent.spawn(stats_history, runner)
        try:
            runner.start_shape()
            runner.shape_greenlet.join()
        except KeyboardInterrupt:
            runner.stop()
        if isinstance(runner, MasterRunner):
            gevent.sleep(2 * WORKER_REPORT_INTERVAL)  # their last reports
        collecting.kill()
        history.kill()
        self._collector.collect()

    def html(self) -> str:
        """Locust's own report."""
        return get_html_report(self._environment, show_download_link=False)

    def close(self) -> None:
        if self._runner is not None:
            self._runner.quit()


def work(host: str, port: int, notes: Notes, begin: Callable[[str, dict[str, Any], int], None]) -> None:
    """Be a worker of the master there, until it has no more to do.

    Args:
        begin: told the server's URL, the master's ``job`` and the number of the first user, before that one comes.

    Raises:
        ConnectionError: there is no master.
    """
    options = argparse.Namespace(web_base_path="", tags=None, exclude_tags=None)  # filled with the master's
    environment = Environment(user_classes=users.every(), events=Events(), parsed_options=options, stop_timeout=STOP_S)
    collector = Collector(environment, notes, None)
    runner: WorkerRunner = environment.create_worker_runner(host, port)

    def start(**_: Any) -> None:
        begin(environment.host, options.izwi, PEOPLE * runner.worker_index)

    def leave(**_: Any) -> None:
        gevent.spawn_later(1.0, quit_)  # after "stop" Locust's worker sleeps as long as it would wait for its users

    def quit_() -> None:
        runner._send_stats()
        environment.events.quitting.fire(environment=environment, reverse=True)
        runner.greenlet.kill(block=False)

    environment.events.test_start.add_listener(start)
    environment.events.test_stop.add_listener(leave)
    collecting = gevent.spawn(collector.run)
    runner.greenlet.join()
    collecting.kill()
