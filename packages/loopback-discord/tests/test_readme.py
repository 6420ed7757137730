"""The example in the README runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

README = Path(__file__).parent.parent / "README.md"


async def test_the_readme_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    example = re.search(r"```python\n(.+?)```", README.read_text("utf-8"), re.DOTALL)
    assert example is not None
    names: dict[str, Any] = {}
    exec(example[1], names)  # noqa: S102 - our own README
    await names["test_a_clip_is_answered"](monkeypatch)
