from __future__ import annotations

import pytest

from bot.media.decode.decode_plan import DecodeRun, PlannedPicture, are_single, can_run_in_parallel

EVEN = [(0, 29, 2), (30, 59, 2), (60, 89, 2)]


def runs(*described: tuple[int, int, int]) -> list[DecodeRun]:
    """Return runs, each given by its first packet, its last packet and its number of pictures."""
    return [
        DecodeRun(
            first,
            0,
            last,
            [PlannedPicture(number, first + number, 0, 0) for number in range(wanted)],
        )
        for first, last, wanted in described
    ]


@pytest.mark.parametrize(
    ("described", "cores", "even"),
    [
        (EVEN, 2, True),
        (EVEN, 1, False),
        ([(0, 0, 1), (30, 30, 1)], 2, False),  # single pictures
        ([(0, 29, 2)], 2, False),  # all in one
        ([(0, 599, 20), (600, 629, 2)], 2, False),  # nearly all in one
        ([(0, 299, 10), (300, 599, 33)], 2, False),  # too many to wait
        ([(0, 299, 10), (300, 599, 32)], 2, True),
    ],
)
def test_runs_are_decoded_in_parallel_if_that_is_faster(
    described: list[tuple[int, int, int]], cores: int, *, even: bool
) -> None:
    assert can_run_in_parallel(runs(*described), cores) is even


def test_plans_of_single_pictures_are_recognized() -> None:
    assert are_single(runs((0, 0, 1), (9, 9, 1)))
    assert not are_single(runs((0, 0, 1), (9, 10, 1)))
