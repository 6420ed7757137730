"""Measure everything in docs/performance.md, on an idle machine.

    uv run --group bench python benchmarks/performance.py

runs local tagging beside other programs (``speed.py``), then tagging through Clarifai beside the
tutorial's loop and a plain bot (``throughput.py``). Exits with 1 if a goal is missed. Takes about a
quarter of an hour.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PARTS = ("speed.py", "throughput.py")


def main() -> None:
    """Run every part, even if an earlier one failed."""
    here = Path(__file__).parent
    ended = [subprocess.run([sys.executable, str(here / part)], check=False) for part in PARTS]  # noqa: S603 - our own
    sys.exit(any(part.returncode for part in ended))


if __name__ == "__main__":
    main()
