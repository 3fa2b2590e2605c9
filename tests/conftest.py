from collections.abc import Generator

import hypothesis
import pytest

from deployments.media.forks import Forks
from tests.figures import FIGURES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("measured")
        for line in FIGURES:
            terminalreporter.write_line(line)


hypothesis.settings.register_profile("izwi", deadline=None)  # how long an example takes says how busy the machine is
hypothesis.settings.load_profile("izwi")


@pytest.fixture
def forks() -> Generator[Forks]:
    """Where decoders of media files come from."""
    forks = Forks()
    yield forks
    forks.close()
