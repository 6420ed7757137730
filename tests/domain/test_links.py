from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.links import (
    find_links,
    hidden_links,
    is_media,
    is_page,
    is_same_clip,
    is_signed_attachment,
    name_of,
    promises_clip,
)


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("look https://a.example/x.mp4!", ["https://a.example/x.mp4"]),
        ("(https://a.example/x.mp4)", ["https://a.example/x.mp4"]),
        ("[cat](https://a.example/x.mp4)", ["https://a.example/x.mp4"]),
        ("||https://a.example/x.mp4||", ["https://a.example/x.mp4"]),
        ("||https://a.example/x.mp4||, look", ["https://a.example/x.mp4"]),
        ("||https://a.example/x.mp4||look", ["https://a.example/x.mp4"]),
        ("https://a.example/1.mp4 https://a.example/1.mp4", ["https://a.example/1.mp4"]),
        ("<https://a.example/x.mp4>", []),
        ("ftp://a.example/x.mp4 x.mp4", []),
    ],
)
def test_links_are_found_without_surrounding_punctuation(text: str, links: list[str]) -> None:
    assert find_links(text) == links


def test_a_link_in_angle_brackets_counts_if_given_to_a_command() -> None:
    assert find_links("<https://a.example/x.mp4>", left_alone=True) == ["https://a.example/x.mp4"]


@pytest.mark.parametrize("name", ["x.mp4", "https://a.example/X.WebM?ex=1&is=2#t", "a/b.ogv"])
def test_a_name_with_the_extension_of_a_container_promises_a_clip(name: str) -> None:
    assert promises_clip(name)


@pytest.mark.parametrize(
    "name", ["x.png", "https://a.example/watch?v=x.mp4", "mp4", "", "http://["]
)
def test_other_file_names_do_not_promise_a_clip(name: str) -> None:
    assert not promises_clip(name)


def test_a_clip_is_named_after_its_file_or_else_its_host() -> None:
    assert name_of("https://a.example/dir/my%20cat.mp4?x=1") == "my cat.mp4"
    assert name_of("https://a.example/") == "a.example"
    assert name_of("https://www.a.example/watch?v=1") == "a.example/watch?v=1"
    assert name_of(f"https://a.example/cat?signed={'0' * 99}") == "a.example/cat"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("||https://a.example/1.mp4|| https://a.example/2.mp4", {"https://a.example/1.mp4"}),
        ("||a\n<https://a.example/1.mp4> b||", {"https://a.example/1.mp4"}),
        ("|| https://a.example/1.mp4", set()),
    ],
)
def test_links_in_spoilers_are_hidden(text: str, hidden: set[str]) -> None:
    assert hidden_links(text) == hidden


@pytest.mark.parametrize("quote", ["`{}`", "```\n{}\n```", "```{}```"])
def test_links_in_code_are_ignored(quote: str) -> None:
    text = quote.format("https://a.example/1.mp4") + " https://a.example/2.mp4"
    assert find_links(text) == ["https://a.example/2.mp4"]
    assert len(find_links(text, left_alone=True)) == 2


def test_media_is_recognized_by_path_or_host() -> None:
    media = ("https://a.example/x.mp4", "https://media.tenor.com/abc/x", "https://i.imgur.com/x")
    assert all(is_media(link) for link in media)
    others = ("https://a.example/x", "https://i.imgur.com/x.png", "https://imgur.com/x", "http://[")
    assert not any(is_media(link) for link in others)


def test_a_page_is_on_a_site_and_not_a_file() -> None:
    sites = {"a.example"}
    assert is_page("https://a.example/watch?v=1", sites)
    assert is_page("https://www.a.example/1", sites)
    for link in ("https://a.example/1.mp4", "https://ba.example/1", "https://a.example.b/1"):
        assert not is_page(link, sites)
    for link in ("https://a.example", "https://a.example/?v=1", "http://["):
        assert not is_page(link, sites)


_SIGNED = "?ex=1&is=1&hm=1"


@pytest.mark.parametrize(
    ("link", "signed"),
    [
        (f"https://cdn.discordapp.com/attachments/1/2/a.mp4{_SIGNED}", True),
        (f"https://media.discordapp.net/attachments/1/2/a.mp4{_SIGNED}&width=9", True),
        ("https://cdn.discordapp.com/attachments/1/2/a.mp4", False),
        (f"http://cdn.discordapp.com/attachments/1/2/a.mp4{_SIGNED}", False),
        (f"https://media.discordapp.net/external/x/https/a.example/a.mp4{_SIGNED}", False),
        (f"https://cdn.discordapp.com.a.example/attachments/1/2/a.mp4{_SIGNED}", False),
        (f"https://cdn.discordapp.com@a.example/attachments/1/2/a.mp4{_SIGNED}", False),
        (f"https://a.example/attachments/1/2/a.mp4{_SIGNED}", False),
    ],
)
def test_only_discords_own_files_are_signed_attachments(link: str, signed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_signed_attachment(link) is signed


def test_two_formats_are_the_same_clip_only_on_the_same_site() -> None:
    assert is_same_clip("https://i.imgur.com/a.gif", "https://imgur.com/a.mp4")
    assert not is_same_clip("https://i.imgur.com/a.gif", "https://i.imgur.com/b.gif")
    assert not is_same_clip("https://i.imgur.com/a.gif", "https://a.example/a.gif")


@given(st.text())
def test_finding_links_never_raises(text: str) -> None:
    for link in find_links(text, left_alone=True):
        assert name_of(link)
        promises_clip(link)
