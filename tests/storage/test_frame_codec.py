from __future__ import annotations

import random
import struct

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.concepts import Concept, Frame
from bot.domain.tagging import Thumbnail
from bot.storage.frame_codec import decode, decode_thumbnails, encode, encode_thumbnails

concepts = st.builds(Concept, st.text(), st.floats(allow_nan=False))
frames_of_any_kind = st.lists(st.builds(Frame, st.integers(0), st.lists(concepts).map(tuple))).map(
    tuple
)


def bits(frames: tuple[Frame, ...]) -> list[bytes]:
    """Return every score's bytes; unlike ==, these distinguish 0.0 from -0.0."""
    return [struct.pack("<d", concept.score) for frame in frames for concept in frame.concepts]


@given(frames_of_any_kind)
def test_frames_round_trip_exactly(frames: tuple[Frame, ...]) -> None:
    restored = decode(encode(frames))
    assert restored == frames
    assert bits(restored) == bits(frames)


def test_lone_surrogates_in_names_round_trip() -> None:
    frames = (Frame(0, (Concept("\ud800", 0.5),)),)
    assert decode(encode(frames)) == frames


def test_a_name_that_occurs_twice_in_a_frame_is_kept_twice() -> None:
    frames = (Frame(0, (Concept("cat", 0.5), Concept("cat", 0.4))),)
    assert decode(encode(frames)) == frames


def test_encoded_frames_are_little_larger_than_their_scores() -> None:
    chance = random.Random(7)  # noqa: S311 - numbers to measure with
    frames = tuple(
        Frame(second * 1000, tuple(Concept(f"name {n}", chance.random()) for n in range(50)))
        for second in range(600)
    )
    bare_scores = 600 * 50 * struct.calcsize("<d")
    assert len(encode(frames)) < 1.5 * bare_scores


def test_thumbnails_round_trip() -> None:
    thumbnails = (Thumbnail(0, b"\xff\xd8\x00"), Thumbnail(12, b""))
    assert decode_thumbnails(encode_thumbnails(thumbnails)) == thumbnails
    assert decode_thumbnails(encode_thumbnails(())) == ()
    assert decode_thumbnails(None) == ()


def test_thumbnails_cost_little_more_than_their_jpegs() -> None:
    thumbnails = [Thumbnail(second, bytes([second]) * 2000) for second in range(8)]
    assert len(encode_thumbnails(thumbnails)) < 8 * 2010


def test_thumbnails_of_earlier_versions_are_read() -> None:
    assert decode_thumbnails(b'[[3,"/9g="]]') == (Thumbnail(3, b"\xff\xd8"),)
