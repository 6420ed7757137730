"""What confines a child, and what an operator should know if something is missing."""

from __future__ import annotations

from dataclasses import dataclass

_COSTS = {
    "landlock": "this kernel has no Landlock (Linux 5.13 or later has it, if it is switched on): "
    "a file that takes over a decoder could read and change whatever this user can, "
    "the settings and their tokens included",
    "seccomp": "this system cannot filter system calls (seccomp): "
    "a file that takes over a decoder could start programs and reach the network",
}


@dataclass(frozen=True, slots=True)
class Confinement:
    """The version of Landlock and whether seccomp filters system calls; 0 for none."""

    landlock: int
    seccomp: int

    def __str__(self) -> str:
        """Return what confines the decoders, as one line of ``framehound check``."""
        if self.warning:
            return f"the decoders are not fully confined; {self.warning}"
        return f"the decoders are confined by Landlock (version {self.landlock}) and seccomp"

    @property
    def warning(self) -> str:
        """What is missing, and what that costs; empty if nothing is."""
        return "; ".join(cost for name, cost in _COSTS.items() if not getattr(self, name))
