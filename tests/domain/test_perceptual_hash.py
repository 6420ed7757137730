"""What makes two hashes alike. Real clips are compared in tests/media/decode."""

from __future__ import annotations

import random

import pytest

from bot.domain.perceptual_hash import (
    BLOCKS,
    SECOND_BYTES,
    STEPS,
    PerceptualHash,
    PictureHash,
)

LIVELY, CALM = 40, 8


def made(seed: int, seconds: int = 10, changes: int = LIVELY, scene: int = 0) -> PerceptualHash:
    """Make up the hash of a clip; the ``scene`` decides its steps, the ``seed`` what changes."""
    scenery, chance = random.Random(scene), random.Random(seed)  # noqa: S311 - made up
    rises = scenery.getrandbits(STEPS)
    steps = tuple(20 if rises >> bit & 1 else -20 for bit in range(STEPS))
    return PerceptualHash(tuple(_second(chance, rises, changes) for _ in range(seconds)), steps)


def _second(chance: random.Random, rises: int, changes: int) -> PictureHash:
    brighter = darker = 0
    for block in chance.sample(range(BLOCKS), changes):
        if chance.random() < 0.5:
            brighter |= 1 << block
        else:
            darker |= 1 << block
    return PictureHash(rises, ~rises & (1 << STEPS) - 1, brighter, darker)


def test_a_hash_is_read_as_it_was_written() -> None:
    found = made(1)
    saved = found.as_bytes()
    assert len(saved) == STEPS + 10 * SECOND_BYTES
    assert PerceptualHash.from_bytes(saved) == found


@pytest.mark.parametrize("length", [0, STEPS - 1, STEPS + 1, STEPS + SECOND_BYTES - 1])
def test_bytes_of_another_length_are_no_hash(length: int) -> None:
    with pytest.raises(ValueError, match="no hash"):
        PerceptualHash.from_bytes(bytes(length))


@pytest.mark.parametrize("changes", [LIVELY, CALM])
def test_clips_of_one_scene_are_alike_only_if_they_change_alike(changes: int) -> None:
    one = made(1, changes=changes)
    assert one.looks_like(one)
    assert not one.looks_like(made(2, changes=changes))


def test_clips_of_different_scenes_are_not_alike() -> None:
    assert not made(1).looks_like(made(1, scene=5))


def test_still_pictures_are_alike_without_changes() -> None:
    one = made(1, changes=0)
    assert one.looks_like(made(2, changes=0))
    assert not one.looks_like(made(2, changes=0, scene=5))


def test_blank_seconds_count_for_nothing() -> None:
    blank = PerceptualHash((PictureHash(),) * 10)
    assert not blank.is_useful
    assert not blank.looks_like(blank)
    assert set(blank.keys()) == {None}
    one = made(1)
    ends = PerceptualHash((*one.seconds, *blank.seconds), one.steps)
    assert ends.looks_like(ends)


def test_seconds_of_another_scene_are_no_copy_even_if_they_are_few() -> None:
    one, other = made(1), made(1, scene=5)
    replaced = PerceptualHash((*one.seconds[:7], *other.seconds[7:]), one.steps)
    assert not one.looks_like(replaced)


def test_most_seconds_must_come_in_the_same_order() -> None:
    one = made(1)
    assert not one.looks_like(PerceptualHash(one.seconds[::-1], one.steps))


def test_a_key_is_found_although_its_least_certain_steps_are_inverted() -> None:
    one = made(1)
    steps = list(one.steps)
    for bit in range(0, 5 * 7, 7):  # five steps of the first key
        steps[bit] = -1
    for bit in range(STEPS):
        if bit % 7:
            steps[bit] = -steps[bit]
    copy = PerceptualHash(one.seconds, tuple(steps))
    shared = [key in keys for key, keys in zip(one.keys(), copy.similar_keys(), strict=True)]
    assert shared == [True] + [False] * 6
