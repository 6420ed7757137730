"""How many cores one task in a child may keep busy."""

from __future__ import annotations

import os

MAX_CORES = 2  # as many threads' worth of CPU time as a task may burn: SandboxLimits.threads


def cores() -> int:
    """Return how many there are, up to ``MOST``."""
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(free, MAX_CORES)
