"""Write measurements into ``docs/performance.md``, one section per script."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
_HEAD = "# Performance\n\nThe scripts in `benchmarks/` measure this and write it down.\n"


def write_section(name: str, lines: Iterable[str]) -> None:
    """Replace this section's lines; a new section is added at the end of the page."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    page = PAGE.read_text() if PAGE.exists() else _HEAD
    if begin not in page:
        page = f"{page.rstrip()}\n\n{begin}\n{end}\n"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    text = "\n".join(lines)
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Return the lines of a table: text in the first column, figures in the others."""
    head = list(head)
    marks = ["---", *["--:"] * (len(head) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (head, marks, *rows)]
