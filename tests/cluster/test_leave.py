"""cluster/image/leave-cluster.sh, with a folder in the place of /proc and a program in that of `ray`."""

import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "cluster" / "image" / "leave-cluster.sh"
RAYLET = ("/opt/izwi/raylet", "--raylet_socket_name=x", "--node_id=abc123", "--gcs-address=head:6379")
REPLICA = ("ray::ServeReplica:izwi:ingress",)
TOLD = "--address head:6379 --node-id abc123 --reason DRAIN_NODE_REASON_PREEMPTION"


@dataclass
class Node:
    """A machine's processes and its `ray`, which writes down what it is asked."""

    folder: Path
    count: int = field(default=0)

    def runs(self, *arguments: str) -> Path:
        self.count += 1
        process = self.folder / "proc" / str(self.count)
        process.mkdir(parents=True)
        # A process that has given itself a title may have no zero at its end.
        (process / "cmdline").write_bytes("\0".join(arguments).encode())
        return process / "cmdline"

    def ray(self, *lines: str) -> None:
        program = self.folder / "ray"
        program.write_text("\n".join(["#!/bin/bash", f"echo \"$@\" >>'{self.folder}/asked'", *lines, ""]))
        program.chmod(0o755)

    def asked(self) -> str:
        file = self.folder / "asked"
        return file.read_text() if file.exists() else ""

    def leave(self, seconds: int) -> tuple[int, str, float]:
        """Exit status, what it says, and how long it took."""
        variables = {"PATH": f"{self.folder}:/usr/bin:/bin", "PROC": f"{self.folder}/proc", "RAY_ADDRESS": "head:6379"}
        begun = time.monotonic()
        command = ["bash", str(SCRIPT), str(seconds)]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stderr, time.monotonic() - begun


@pytest.fixture
def node(tmp_path: Path) -> Node:
    node = Node(tmp_path)
    node.ray()
    node.runs("bash", "-c", "grep ray::ServeReplica")
    return node


def test_it_waits_until_the_last_replica_has_gone(node: Node) -> None:
    node.runs(*RAYLET)
    first, last = node.runs(*REPLICA), node.runs(*REPLICA)
    first.unlink()
    threading.Timer(1.5, last.unlink).start()
    status, _, took = node.leave(20)
    assert status == 0
    assert 1.4 < took < 15
    assert TOLD in node.asked()
    assert node.asked().endswith("--deadline-remaining-seconds 20\n")


def test_it_gives_up_in_time(node: Node) -> None:
    node.runs(*RAYLET)
    node.runs(*REPLICA)
    status, _, took = node.leave(2)
    assert status == 0
    assert 1 < took < 10


def test_a_node_without_replicas_goes_at_once(node: Node) -> None:
    node.runs(*RAYLET)
    status, _, took = node.leave(20)
    assert (status, took < 10) == (0, True)
    assert TOLD in node.asked()


@pytest.mark.parametrize("head", ["exit 1", "sleep 60"], ids=["is gone", "does not answer"])
def test_without_a_head_it_ends_in_order_and_waits_for_nobody(node: Node, head: str) -> None:
    node.ray(head)
    node.runs(*RAYLET)
    node.runs(*REPLICA)
    status, said, took = node.leave(2)
    assert (status, said) == (0, "the cluster has not been told\n")
    assert took < 10


def test_where_ray_does_not_run_nobody_is_asked(node: Node) -> None:
    status, said, _ = node.leave(20)
    assert (status, said) == (0, "no Ray node runs here\n")
    assert not node.asked()
