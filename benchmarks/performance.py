"""Measure all that docs/performance.md tells, on a machine that does nothing else.

    uv run --group bench python benchmarks/performance.py

runs local tagging beside its peers (``speed.py``), then the way through Clarifai beside the
tutorial's loop and a bare bot (``throughput.py``). Ends with 1 where a goal is missed. Takes about
a quarter of an hour.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PARTS = ("speed.py", "throughput.py")


def main() -> None:
    """Run every part, whatever became of those before."""
    here = Path(__file__).parent
    ended = [subprocess.run([sys.executable, str(here / part)], check=False) for part in PARTS]  # noqa: S603 - our own
    sys.exit(any(part.returncode for part in ended))


if __name__ == "__main__":
    main()
