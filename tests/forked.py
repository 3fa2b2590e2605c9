"""The processes that decode media files for a process."""

import psutil


def fork_servers() -> list[psutil.Process]:
    """Of this process; those that still run."""
    running = [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]
    return [one for one in running if "deployments.media.fork_server" in one.cmdline()]
