"""Memory of the server while it hears a long recording as a job."""

import threading
from statistics import median
from types import TracebackType
from typing import Self

from loadtests.sampling import memory, snapshot
from loadtests.server import Server

SAMPLE_S = 1.0
TENTHS = 10
FLAT_MB = 40.0
"""What memory may grow by in the second half of an hour: caches and allocators have filled up, and words take little.
Were the samples of that half kept, they would be 58 MB as PCM and 115 MB as float32."""
SMALL_MB = 5.0
"""Processes that never differ by as much from one tenth to another are left out of the table."""


class Memory:
    """Resident megabytes of the server's processes while it is entered, by seconds of the recording."""

    def __init__(self, server: Server) -> None:
        self.done_s = 0.0
        """How much of the recording has been heard; whoever follows the job says so."""
        self.points: list[tuple[float, dict[str, float]]] = []
        """At so many seconds of the recording, by name of process."""
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_S):
            self.points.append((self.done_s, memory(snapshot(self._server.processes()))))

    def tenth(self, number: int, name: str | None = None) -> float:
        """Median over one tenth of the recording, of one process or of all; 0 is the first tenth."""
        end = max(done_s for done_s, _ in self.points)
        return median(
            sum(found.values()) if name is None else found.get(name, 0.0)
            for done_s, found in self.points
            if number <= min(TENTHS - 1, int(TENTHS * done_s / end)) < number + 1
        )

    @property
    def growth(self) -> float:
        """In the second half."""
        return self.tenth(TENTHS - 1) - self.tenth(TENTHS // 2)


def told(found: Memory) -> str:
    """A Markdown table: the processes that grew or shrank, and all of them."""
    rows = ["| MB resident | first tenth | half | last tenth | at most |", "| --- | --- | --- | --- | --- |"]
    for name in sorted({name for _, by_name in found.points for name in by_name}):
        tenths = [found.tenth(number, name) for number in range(TENTHS)]
        if max(tenths) - min(tenths) >= SMALL_MB:
            rows.append(_row(found, name, name))
    return "\n".join([*rows, _row(found, "all of the server", None)])


def _row(found: Memory, title: str, name: str | None) -> str:
    most = max(sum(each.values()) if name is None else each.get(name, 0.0) for _, each in found.points)
    shown = [found.tenth(0, name), found.tenth(TENTHS // 2, name), found.tenth(TENTHS - 1, name), most]
    return f"| {title} | {' | '.join(f'{mb:.0f}' for mb in shown)} |"


def failures(found: Memory) -> list[str]:
    """Why memory is not bounded."""
    return (
        []
        if found.growth <= FLAT_MB
        else [f"memory grew by {found.growth:.0f} MB in the second half; {FLAT_MB:g} are the limit"]
    )
