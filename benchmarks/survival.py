"""Kill processes in a long run and check that each message gets exactly one reply.

``python benchmarks/survival.py``: a hundred jobs and twenty kills each for one process on SQLite
and for a gateway and two workers on PostgreSQL (skipped if it is not installed). The exit code is 1
if a message got no reply or more than one.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.processes.survival import Figures, Plan, survive_on_a_file, survive_on_a_server
from tests.stand_ins.postgres import find_binaries, running_postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    Run = Callable[[Path], Coroutine[None, None, Figures]]


def main() -> None:
    """Run both set-ups and print the results."""
    plan = _plan()
    print(f"seed {plan.seed}, {plan.jobs} jobs, {plan.kills} kills")
    sys.exit(any([_on_a_file(plan), _on_a_server(plan)]))


def _on_a_file(plan: Plan) -> bool:
    figures = _run(lambda folder: survive_on_a_file(plan, folder))
    return _show("SQLite, one process", figures)


def _on_a_server(plan: Plan) -> bool:
    binaries = find_binaries()
    if binaries is None:
        print("\nPostgreSQL is not installed here, so gateway and workers are left out")
        return False
    with running_postgres(binaries) as server, server.database() as url:
        figures = _run(lambda folder: survive_on_a_server(plan, folder, url))
    return _show("PostgreSQL, gateway and two workers", figures)


def _plan() -> Plan:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="random seed of posts and kills")
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--kills", type=int, default=20)
    return Plan(**vars(parser.parse_args()))


def _run(run: Run) -> Figures:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return asyncio.run(run(Path(folder)))


def _show(name: str, found: Figures) -> bool:
    """Print the figures of a set-up; return whether there was any fault."""
    print(f"\n{name}")
    print("\n".join(_lines(found)), flush=True)
    return bool(found.faults)


def _lines(found: Figures) -> Iterator[str]:
    """Yield the lines of the table."""
    rows: list[tuple[str, object]] = [
        ("jobs", found.jobs),
        ("replies", found.replies),
        ("distinct clips", found.clips),
        ("calls to Clarifai beyond those", found.calls - found.clips),
        ("seconds to a reply, median", f"{found.median:.2f}"),
        ("seconds to a reply, longest", f"{found.longest:.2f}"),
    ]
    if found.taken_over is not None:
        rows.append(("seconds until a dead worker's jobs were answered", f"{found.taken_over:.2f}"))
    rows += [("kills", found.kills.total())]
    rows += [(f"  {place}", count) for place, count in sorted(found.kills.items())]
    rows += [("faults", len(found.faults))]
    yield from (f"{name:<66}{value!s:>7}" for name, value in rows)
    yield from (f"  {fault}" for fault in found.faults)


if __name__ == "__main__":
    main()
