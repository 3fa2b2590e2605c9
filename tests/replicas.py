"""Serve replicas as processes, to be measured and killed."""

import psutil

from loadtests import process


def replicas(deployment: str) -> list[psutil.Process]:
    """Replicas of a deployment that descend from this process: another cluster on the machine is not ours."""
    return process.replicas(psutil.Process().children(recursive=True), deployment)


def replica_pid(deployment: str) -> int:
    """Process of the one replica of a deployment."""
    (one,) = replicas(deployment)
    return one.pid
