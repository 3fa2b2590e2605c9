"""A private server never outlives the command that it was started for."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil

COMMAND = """
import pathlib, sys
from izwi.server_process import running_server

with running_server(pathlib.Path(sys.argv[1]), lambda state: print(state, flush=True)):
    pass
"""


def test_a_terminated_command_takes_its_server_along(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COMMAND, str(tmp_path / "server.log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip()  # it waits for the server
        servers = psutil.Process(process.pid).children()
        assert len(servers) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert not servers[0].is_running()
