"""How much of the memory that this process may have is in use: the container's where there is a limit, else the
machine's."""

from pathlib import Path

import psutil

LIMIT_PERCENT = 90.0
"""Above this share of memory in use processes begin to be killed: new work has to go elsewhere."""
CGROUPS = Path("/sys/fs/cgroup")
"""As a container sees its own."""
LAYOUTS = (
    ("memory.max", "memory.current", "memory.stat", ("inactive_file", "active_file")),
    (
        *("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
        ("total_inactive_file", "total_active_file"),
    ),
)
"""Of version 2 and 1: limit, use, and where the page cache stands, by its keys: the kernel takes that back before it
kills."""


def percent(cgroups: Path = CGROUPS) -> float:
    """Share in use, 0 to 100. A pod is killed at its own limit, whatever the node it is on has left."""
    machine = psutil.virtual_memory()
    for limit, used, stat, reclaimable in LAYOUTS:
        try:
            most = int((cgroups / limit).read_text())
            if 0 < most < machine.total:  # version 1 has an absurd number where there is no limit
                cache = dict(line.split() for line in (cgroups / stat).read_text().splitlines())
                return 100 * (int((cgroups / used).read_text()) - sum(int(cache[key]) for key in reclaimable)) / most
        except (OSError, ValueError, KeyError):  # "max", or another layout
            continue
    return machine.percent


def shortage() -> str | None:
    """What is wrong with it, for people; None where there is room."""
    used = percent()
    return f"{used:.0f} % in use, the limit is {LIMIT_PERCENT:.0f} %" if used >= LIMIT_PERCENT else None
