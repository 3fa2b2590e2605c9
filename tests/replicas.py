"""Serve replicas as processes, to be measured and killed."""

import psutil


def replicas(deployment: str) -> list[psutil.Process]:
    """Replicas of a deployment that descend from this process: another cluster on the machine is not ours."""
    title = f"ray::ServeReplica:izwi:{deployment}"
    found: list[psutil.Process] = []
    for process in psutil.Process().children(recursive=True):
        try:
            if " ".join(process.cmdline()).startswith(title):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def replica_pid(deployment: str) -> int:
    """Process of the one replica of a deployment."""
    (process,) = replicas(deployment)
    return process.pid
