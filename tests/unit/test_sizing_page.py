"""The examples on docs/sizing.md print what stands there."""

import pytest

from loadtests.costs import examples

PAGE = examples.PAGE.read_text("utf-8")
BLOCKS = examples._BLOCK.findall(PAGE)


def test_there_are_examples_of_both_commands() -> None:
    commands = [command for command, _ in BLOCKS]
    assert len(commands) >= 6
    assert any("izwi plan" in command for command in commands)
    assert any("izwi simulate" in command for command in commands)


@pytest.mark.parametrize(("command", "printed"), BLOCKS, ids=[command for command, _ in BLOCKS])
def test_an_example_prints_what_stands_there(command: str, printed: str) -> None:
    assert examples.output(command) == printed, "python -m loadtests.costs.examples brings the page up to date"
