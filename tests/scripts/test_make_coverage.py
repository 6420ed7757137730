from __future__ import annotations

from scripts.make_coverage import OUTPUT, coverage


def test_the_bundled_coverage_matches_the_bundled_fonts() -> None:
    assert OUTPUT.read_text() == coverage()
