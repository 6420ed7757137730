from __future__ import annotations

import pytest

from bot.taggers.clarifai.status import kind_of
from bot.taggers.failures import Kind
from tests.stand_ins.clarifai_replies import RECORDED

PUBLISHED = [
    (int(number), name)
    for number, name in (
        line.split("\t")
        for line in (RECORDED / "status_codes.tsv").read_text().splitlines()
        if line
    )
]


def test_a_code_may_be_a_name_or_a_number() -> None:
    kinds = [(kind_of(number), kind_of(str(number)), kind_of(name)) for number, name in PUBLISHED]

    assert len(kinds) > 400
    assert [
        name for (_, name), kind in zip(PUBLISHED, kinds, strict=True) if len(set(kind)) > 1
    ] == []


def test_only_one_code_is_success() -> None:
    assert [number for number, _ in PUBLISHED if kind_of(number) is Kind.SUCCESS] == [10000]


@pytest.mark.parametrize("code", [None, True, 1e4, "", "9" * 5000, "¹0000", "NO_SUCH", {}, 99999])
def test_other_codes_are_unknown(code: object) -> None:
    assert kind_of(code) is Kind.UNKNOWN
