from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.links import find_links, name_of, promises_clip


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("look https://a.example/x.mp4!", ["https://a.example/x.mp4"]),
        ("(https://a.example/x.mp4)", ["https://a.example/x.mp4"]),
        ("[cat](https://a.example/x.mp4)", ["https://a.example/x.mp4"]),
        ("||https://a.example/x.mp4||", ["https://a.example/x.mp4"]),
        ("https://a.example/1.mp4 https://a.example/1.mp4", ["https://a.example/1.mp4"]),
        ("<https://a.example/x.mp4>", []),
        ("ftp://a.example/x.mp4 x.mp4", []),
    ],
)
def test_links_are_found_without_what_surrounds_them(text: str, links: list[str]) -> None:
    assert find_links(text) == links


def test_a_link_in_angle_brackets_counts_where_somebody_hands_it_over() -> None:
    assert find_links("<https://a.example/x.mp4>", left_alone=True) == ["https://a.example/x.mp4"]


@pytest.mark.parametrize("name", ["x.mp4", "https://a.example/X.WebM?ex=1&is=2#t", "a/b.ogv"])
def test_a_name_promises_a_clip_by_its_ending(name: str) -> None:
    assert promises_clip(name)


@pytest.mark.parametrize(
    "name", ["x.png", "https://a.example/watch?v=x.mp4", "mp4", "", "http://["]
)
def test_other_names_promise_nothing(name: str) -> None:
    assert not promises_clip(name)


def test_a_clip_is_called_by_its_file_name_else_its_host() -> None:
    assert name_of("https://a.example/dir/my%20cat.mp4?x=1") == "my cat.mp4"
    assert name_of("https://a.example/") == "a.example"


@given(st.text())
def test_any_text_is_read_without_failing(text: str) -> None:
    for link in find_links(text, left_alone=True):
        assert name_of(link)
        promises_clip(link)
