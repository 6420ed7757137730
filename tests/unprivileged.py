"""Running a program as a user without privileges, also where the tests run as root."""

from __future__ import annotations

import os

NOBODY = 65534


def unprivileged() -> list[str]:
    """Return a command that becomes nobody, and may still reach an interpreter in root's home.

    It is empty if the tests don't run as root.
    """
    if os.getuid() != 0:
        return []
    one = "-all,+dac_read_search"
    capabilities = [f"--inh-caps={one}", f"--ambient-caps={one}", f"--bounding-set={one}"]
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *capabilities]
