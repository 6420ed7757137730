"""The library of a server as managers use it: in a browser, without a network."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from bot.domain.tagging import Thumbnail
from bot.domain.text_lines import TextLine
from bot.domain.timeline import build
from bot.i18n import ENGLISH, LANGUAGES, Translator
from bot.render.library import LibraryClip, library_clip, library_file, library_page
from bot.render.summary import TaggedClip
from tests.render.test_page import browser, tagged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

__all__ = ["browser"]  # a fixture
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202egpj"
LINK = "https://discord.com/channels/1/2/3"
POSTED = datetime(2026, 11, 24, 12, tzinfo=UTC)
SEEN = {"cat": dict.fromkeys(range(4), 0.97), **{f"tag {n}": {n: 0.6} for n in range(9)}}


def jpeg(colour: tuple[int, int, int]) -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (160, 90), colour).save(picture, "JPEG")
    return picture.getvalue()


def shelved(name: str, seen: dict[str, dict[int, float]], *text: TextLine) -> LibraryClip:
    stills = tuple(Thumbnail(second, jpeg((200, 20 * second, 90))) for second in range(12))
    tagging = replace(tagged(seen, thumbnails=stills), text=text)
    timeline = build(tagging.frames, tagging.info.duration, 0.5)
    return library_clip(TaggedClip(name, timeline, tagging), LINK, POSTED, f"#{name}", ENGLISH)


CLIPS = [
    shelved("cats.mp4", SEEN, TextLine("VICTORY ROYALE", 4, 8, 0.9)),
    shelved(HOSTILE, {HOSTILE: {0: 0.9}, "café": {1: 0.9}}, TextLine(HOSTILE, 0, 1, 0.9)),
    shelved("hot dog.mp4", {"hot dog": {15: 0.8}}),
]


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """Open the page; it must cause no error, no dialog and no request."""
    wrong: list[str] = []
    path = tmp_path / "library.html"
    path.write_text(library_page(HOSTILE, CLIPS, ENGLISH), "utf-8")
    with browser.new_context() as context:
        context.set_default_timeout(10_000)
        opened = context.new_page()
        opened.on("console", lambda message: wrong.append(message.text))
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.on("dialog", lambda dialog: wrong.append(dialog.message))
        opened.on("request", lambda request: wrong.append(request.url))
        opened.goto(path.as_uri())
        yield opened
    assert [each for each in wrong if not each.startswith(("data:", path.as_uri()))] == []


def test_clips_are_shown_and_searched_in_the_page(shown: Page) -> None:
    cards = shown.locator("#clips > li:visible")
    expect(cards).to_have_count(3)
    expect(shown.locator("#count")).to_have_text("3 of 3 clips")
    first = cards.first
    expect(first.locator("h2")).to_have_text("cats.mp4")
    expect(first.locator("a")).to_have_attribute("href", LINK)
    expect(first.locator("img")).to_have_count(8)
    expect(first.locator("dt:visible")).to_have_count(6)
    expect(first.locator("dt").first).to_have_text("cat .97")
    left = first.locator("dd i").first.evaluate("bar => [bar.style.left, bar.style.width]")
    assert left == ["0%", "25%"]
    hostile = cards.nth(1)
    expect(hostile.locator("h2")).to_contain_text("<img src=x onerror=alert(2)>")
    expect(shown.locator("h1 script, h2 script, dt script, li script")).to_have_count(0)

    box = shown.locator("#search")
    for typed, names in {
        '"hot dog"': ["hot dog.mp4"],
        "CAFE": [CLIPS[1].name],
        "victory cat": ["cats.mp4"],
        "-cat -dog": [CLIPS[1].name],
        '"unclosed': [],
        "tag 8": ["cats.mp4"],
        "#cats": ["cats.mp4"],
        "": [clip.name for clip in CLIPS],
    }.items():
        box.fill(typed)
        expect(shown.locator("#clips > li:visible h2")).to_have_text(names)
        expect(shown.locator("#nothing")).to_be_visible(visible=not names)
    box.fill('"tag 8"')
    expect(first.locator("dt.hit")).to_have_text("tag 8 .60")
    box.fill("")
    first.locator("button").click()
    expect(first.locator("dt:visible")).to_have_count(10)
    shown.set_viewport_size({"width": 360, "height": 700})
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")


def content_of(html: str) -> dict[str, Any]:
    found = re.search(
        r'<script id="library" type="application/json">(.*?)</script>', html, re.DOTALL
    )
    assert found
    content: dict[str, Any] = json.loads(found[1])
    return content


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_has_nothing_that_loads_or_runs_elsewhere(language: str) -> None:
    html = library_page("Cats & Dogs", CLIPS, Translator(language))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    assert "default-src &#x27;none&#x27;" in policy[1]
    assert "img-src data:;" in policy[1]
    assert html.count("<script") == 2
    assert f'<html lang="{language}">' in html
    assert len(content_of(html)["clips"]) == 3


def test_a_page_is_never_larger_than_an_upload_may_be() -> None:
    names = (sha256(bytes([number])).hexdigest() for number in range(120))
    many = [replace(clip, name=name) for clip, name in zip(CLIPS * 40, names, strict=True)]
    whole = library_file("Cats", many, 10**7, ENGLISH)
    assert (whole.file.name, whole.count) == ("library.html", 120)
    size = len(whole.file.content)
    seen = set()
    for limit in (size - 1, size // 20, 20_000, 8_000):
        made = library_file("Cats", many, limit, ENGLISH)
        seen.add((made.file.name, made.count))
        assert len(made.file.content) <= limit, limit
        if made.file.name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(made.file.content)) as archive:
                html = archive.read("library.html").decode()
            assert len(content_of(html)["clips"]) == made.count
    assert ("library.zip", 120) in seen
    assert min(count for _name, count in seen) < 120
