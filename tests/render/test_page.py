"""The page as people use it: in a browser, without a network."""

from __future__ import annotations

import io
import os
import re
import shutil
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bot.domain import timeline
from bot.domain.clip import ClipFormat, ClipInfo
from bot.domain.concepts import Concept, Frame, TaggerIdentity
from bot.domain.settings import Smoothing
from bot.domain.tagging import Tagging, Thumbnail
from bot.i18n import ENGLISH
from bot.render import page as pages
from bot.render.html import asset
from bot.render.page import page
from tests.conftest import CLIPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Shown = Callable[..., Page]

# Without these it contacts Google's hosts when it starts; its own sandbox doesn't work for root.
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
QUIETER = ("--disable-background-networking", "--disable-component-update")
# A second of the clip takes ten seconds, so that a busy machine doesn't miss a moment.
SLOWLY = """() => { for (const video of document.querySelectorAll("video"))
  video.defaultPlaybackRate = video.playbackRate = 0.1 }"""
SEEN = {
    "cat": {0: 0.95, 1: 0.97, 2: 0.9, 13: 0.8, 14: 0.85, 15: 0.7},
    "animal": dict.fromkeys(range(4), 0.9),
    "coffee": {4: 0.75, 5: 0.6, 7: 0.65},
    "oil rig": {11: 0.3},
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None and "CI" in os.environ:
        pytest.fail("Chromium is not installed here, and CI must not skip its tests")
    if path is None:
        pytest.skip("Chromium is not installed here")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=[*QUIET, *QUIETER])
        yield chromium
        chromium.close()


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Iterator[Shown]:
    """Open a page beside a clip; it must cause no error and no request for anything else."""
    wrong: list[str] = []
    asked: set[str] = set()
    with browser.new_context() as context:
        context.set_default_timeout(60_000)
        opened = context.new_page()
        opened.on("console", lambda message: wrong.append(message.text))
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.on("request", lambda request: asked.add(request.url))

        def show(tagging: Tagging, source: str | None = "clip.webm", **options: Any) -> Page:
            (tmp_path / "clip.webm").write_bytes((CLIPS / "montage.webm").read_bytes())
            (tmp_path / "clip.gif").write_bytes((CLIPS / "montage.gif").read_bytes())
            (tmp_path / "page.html").write_text(paged(tagging, source, **options), "utf-8")
            opened.goto(f"file://{tmp_path}/page.html")
            opened.evaluate(SLOWLY)
            return opened

        yield show
    assert wrong == []
    in_background = {f"file://{tmp_path}/{name}" for name in ("page.html", "clip.webm", "clip.gif")}
    assert {url for url in asked if not url.startswith(("blob:", "data:"))} <= in_background


def tagged(
    seen: dict[str, dict[int, float]],
    *,
    seconds: int = 16,
    kind: ClipFormat = ClipFormat.WEBM,
    thumbnails: tuple[Thumbnail, ...] = (),
) -> Tagging:
    frames = tuple(
        Frame(at * 1000, tuple(Concept(name, by[at]) for name, by in seen.items() if at in by))
        for at in range(seconds)
    )
    info = ClipInfo(kind, 1000, seconds * 1000, "sha256:0")
    return Tagging(info, frames, TaggerIdentity("local", "model", 0.5), thumbnails)


def paged(
    tagging: Tagging,
    source: str | None,
    name: str = "clip.webm",
    smoothing: Smoothing | None = None,
) -> str:
    smoothing = smoothing or timeline.NO_SMOOTHING
    built = timeline.build(tagging.frames, tagging.info.duration, 0.5, smoothing=smoothing)
    return page(name, tagging, built, source, ENGLISH, smoothing=smoothing)


def rows(shown: Page) -> list[str]:
    return shown.locator("#rows .name").all_text_contents()


def reach(shown: Page, second: float, *, plays: bool = True) -> None:
    """Wait until the player reaches this moment, and pause it."""
    there = "second => { const at = document.querySelector('video').currentTime; "
    shown.wait_for_function(there + "return second <= at && at < second + 1; }", arg=second)
    assert playing(shown) == plays
    shown.evaluate("document.querySelector('video').pause()")


def playing(shown: Page) -> bool:
    return bool(shown.evaluate("!document.querySelector('video').paused"))


def test_clicking_a_range_or_a_tag_plays_from_there(shown: Shown) -> None:
    shown_page = shown(tagged(SEEN))
    assert rows(shown_page) == ["cat", "animal", "coffee"]
    shown_page.get_by_role("button", name="cat 0:13–0:16 .85").click()
    reach(shown_page, 13)
    shown_page.get_by_role("button", name="coffee", exact=True).click()
    reach(shown_page, 4)
    lit = shown_page.locator("#rows .seen .name")
    expect(lit).to_have_text(["coffee"])
    head = shown_page.locator("#timeline").evaluate("each => each.style.getPropertyValue('--at')")
    assert 4 / 16 <= float(head) < 6 / 16
    track = shown_page.locator(".track").last.bounding_box()
    assert track is not None
    shown_page.mouse.click(track["x"] + track["width"] * 9.5 / 16, track["y"] + 5)
    reach(shown_page, 9.4)


def test_tags_can_be_filtered_and_the_threshold_moved(shown: Shown) -> None:
    shown_page = shown(tagged({**SEEN, "Café au lait": {2: 0.55}}))
    box, slider = shown_page.locator("#filter"), shown_page.get_by_label("Threshold")
    box.fill(" CAFE AU")
    assert rows(shown_page) == ["Café au lait"]
    box.fill("dog")
    expect(shown_page.locator("#count")).to_have_text("No tags match your filter.")
    box.fill("")
    slider.fill("0.2")
    assert rows(shown_page) == ["cat", "animal", "coffee", "Café au lait", "oil rig"]
    expect(shown_page.locator("#count")).to_have_text("5 of 5 tags")
    slider.press("ArrowRight")
    expect(shown_page.locator("#level")).to_have_text("0.21")
    slider.fill("0.94")
    assert rows(shown_page) == ["cat"]
    assert shown_page.locator("#rows .track button").all_text_contents() == [""]
    slider.fill("0.99")
    expect(shown_page.locator("#count")).to_have_text("Nothing scored above 0.99.")


def test_the_page_works_with_the_keyboard_alone(shown: Shown) -> None:
    shown_page = shown(tagged(SEEN))
    keys = shown_page.keyboard
    keys.press("Space")
    assert playing(shown_page)
    keys.press("Space")
    assert not playing(shown_page)
    for second in (4, 7, 13):  # the start of a segment
        keys.press("ArrowRight")
        reach(shown_page, second, plays=False)
    keys.press("ArrowLeft")
    reach(shown_page, 7, plays=False)
    keys.press("/")
    expect(shown_page.locator("#filter")).to_be_focused()
    keys.type("c/?")
    keys.press("Escape")
    assert rows(shown_page) == ["cat", "animal", "coffee"]
    keys.press("?")
    expect(shown_page.get_by_role("dialog")).to_be_visible()
    keys.press("Escape")
    expect(shown_page.get_by_role("dialog")).to_be_hidden()
    shown_page.get_by_role("button", name="cat 0:00–0:03").focus()
    for key, name in (
        ("ArrowRight", "cat 0:13–0:16 .85"),
        ("ArrowDown", "animal 0:00–0:04 .90"),
        ("ArrowDown", "coffee 0:04–0:06 .75"),
        ("ArrowDown", "coffee 0:04–0:06 .75"),
        ("ArrowRight", "coffee 0:07–0:08 .65"),
    ):
        keys.press(key)
        expect(shown_page.get_by_role("button", name=name)).to_be_focused()
    keys.press("ArrowLeft")
    keys.press("Enter")
    reach(shown_page, 4)
    keys.press("Space")
    assert playing(shown_page)


def test_names_are_never_interpreted_as_html(shown: Shown) -> None:
    # One at a time: a comment opened by one would hide the effect of another.
    for evil in (
        "<script>document.title = 'taken'</script>",
        "</script><img src=x onerror=\"document.title = 'taken'\">",
        "<!--<script>",
        "$name ${name} &amp; \"'",
        "__proto__",
    ):
        thumbnail = Thumbnail(0, b"\"><script>document.title = 'taken'</script>")
        tagging = tagged({evil: {0: 0.9}, "cat": {0: 0.8}}, thumbnails=(thumbnail,))
        shown_page = shown(tagging, name=evil)
        assert rows(shown_page) == [evil, "cat"]
        expect(shown_page).to_have_title(evil)
        expect(shown_page.locator("h1")).to_have_text(evil)
        assert shown_page.locator("script").count() == 2


def test_a_missing_clip_can_be_chosen_by_hand(shown: Shown) -> None:
    shown_page = shown(tagged(SEEN), None)
    expect(shown_page.locator("#notice")).to_contain_text("Choose its file to play it.")
    shown_page.locator("#choose input").set_input_files(str(CLIPS / "montage.mp4"))
    shown_page.locator("#choose input").set_input_files(str(CLIPS / "montage.webm"))
    shown_page.get_by_role("button", name="coffee", exact=True).click()
    reach(shown_page, 4)
    shown_page.locator("#choose input").set_input_files(str(CLIPS / "montage.json"))
    expect(shown_page.locator("#notice")).to_contain_text(
        "This browser can't load or play the clip"
    )


def test_the_page_of_a_gif_says_that_it_plays_by_itself(shown: Shown) -> None:
    shown_page = shown(tagged(SEEN, kind=ClipFormat.GIF), "clip.gif")
    expect(shown_page.locator("#notice")).to_contain_text("GIFs play on their own")
    assert shown_page.locator("#clip").evaluate("each => each.decode().then(() => each.width > 0)")
    shown_page.get_by_role("button", name="coffee", exact=True).click()
    shown_page.locator("#filter").fill("cat")
    assert rows(shown_page) == ["cat"]
    for source in (None, "page.html"):  # the latter is no picture
        alone = shown(tagged(SEEN, kind=ClipFormat.GIF), source)
        expect(alone.locator("#notice")).to_contain_text("Choose its file")
        alone.locator("#choose input").set_input_files(str(CLIPS / "montage.gif"))
        expect(alone.locator("#notice")).to_contain_text("GIFs play on their own")
        expect(alone.locator("#clip")).to_be_visible()
        assert alone.locator("#clip").evaluate("each => each.decode().then(() => each.width > 0)")


def test_clicking_a_thumbnail_plays_from_there(shown: Shown) -> None:
    thumbnails = tuple(Thumbnail(at, pixel()) for at in (0, 7))
    shown_page = shown(tagged(SEEN, thumbnails=thumbnails))
    shown_page.get_by_role("button", name="0:07", exact=True).click()
    reach(shown_page, 7)
    width = "each => each.decode().then(() => each.naturalWidth)"
    assert shown_page.locator("#strip img").first.evaluate(width) == 3


def test_long_tag_lists_expand_on_request(shown: Shown) -> None:
    shown_page = shown(tagged({f"tag {at} {'x' * at}": {0: 0.9} for at in range(70)}))
    shown_page.set_viewport_size({"width": 360, "height": 640})
    assert shown_page.evaluate("() => document.documentElement.scrollWidth") == 360
    assert shown_page.locator("#rows li").count() == 60
    shown_page.get_by_role("button", name="Show all").click()
    assert shown_page.locator("#rows li").count() == 70


# Few of each, so that seconds, tags and scores often coincide.
SCORES = st.sampled_from([0.3, 0.5, 0.5000001, 0.7, 0.9])
CONCEPTS = st.builds(Concept, st.sampled_from(["dog", "\U0001f600", "\uff21"]), SCORES)
FRAMES = st.lists(
    st.builds(Frame, st.integers(0, 8_000), st.lists(CONCEPTS, max_size=4).map(tuple)),
    min_size=5,
    max_size=15,
)
SMOOTHINGS = st.builds(Smoothing, st.integers(0, 3), st.integers(1, 4))


@given(FRAMES, st.integers(1, 8_000), SCORES, SMOOTHINGS)
def test_the_page_finds_the_segments_the_bot_finds(
    browser: Browser, frames: list[Frame], duration: int, threshold: float, smoothing: Smoothing
) -> None:
    info = ClipInfo(ClipFormat.MP4, 1, duration, "")
    tagging = Tagging(info, tuple(frames), TaggerIdentity("local", "model", 0.5))
    built = timeline.build(frames, duration, threshold, smoothing=smoothing)
    carried = pages._content(tagging, built, smoothing, (), ENGLISH)
    found = _blank(browser).evaluate(
        asset("timeline.js")
        + "([seconds, threshold, smoothing]) => segmentsOf(seconds, threshold, smoothing)",
        [carried["seconds"], threshold, asdict(smoothing)],
    )
    called = carried["names"]
    assert [(called[each["tag"]], each["start"], each["end"], each["score"]) for each in found] == [
        (each.tag, each.start, each.end, each.score) for each in built.segments
    ]
    assert {
        (each["start"] + at, called[each["tag"]], score)
        for each in found
        for at, score in enumerate(each["scores"])
    } == {(second.second, tag.name, tag.score) for second in built.seconds for tag in second.tags}


MODEL_FRAMES = st.lists(
    st.builds(
        Frame,
        st.integers(0, 8_000),
        st.lists(CONCEPTS, max_size=4).map(tuple),
        st.sampled_from(["general", "food"]),
    ),
    min_size=5,
    max_size=15,
)


@given(MODEL_FRAMES, st.integers(1, 8_000), SCORES, SCORES, SMOOTHINGS)
def test_the_page_finds_the_segments_of_several_models(
    browser: Browser,
    frames: list[Frame],
    duration: int,
    general: float,
    food: float,
    smoothing: Smoothing,
) -> None:
    models = tuple(TaggerIdentity("clarifai", name, 0.94) for name in ("general", "food"))
    info = ClipInfo(ClipFormat.MP4, 1, duration, "")
    tagging = Tagging(info, tuple(frames), models[0], models=models)
    limits = {"general": general, "food": food}
    for thresholds in (limits, {}):
        built = timeline.build(
            frames, duration, general, smoothing=smoothing, thresholds=thresholds
        )
        carried = pages._content(tagging, built, smoothing, (), ENGLISH)
        found = _blank(browser).evaluate(
            asset("timeline.js") + "(given) => segmentsOf(...given)",
            [carried["seconds"], general, asdict(smoothing), carried["limits"]],
        )
        called = carried["names"]
        assert [
            (called[each["tag"]], each["start"], each["end"], each["score"]) for each in found
        ] == [(each.tag, each.start, each.end, each.score) for each in built.segments]
    merged = [
        (second, name)
        for model in limits
        for each in timeline.build(
            [frame for frame in frames if frame.model == model], duration, limits[model]
        ).seconds
        for second, name in ((each.second, tag.name) for tag in each.tags)
    ]
    built = timeline.build(frames, duration, general, thresholds=limits)
    shown = {(second.second, tag.name) for second in built.seconds for tag in second.tags}
    assert shown == set(merged)


def _blank(browser: Browser) -> Page:
    if not browser.contexts:
        browser.new_context().new_page()
    return browser.contexts[0].pages[0]


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("a%20b.mp4", "'self' file:"),
        ("../a.mp4", "'self' file:"),
        ("file:///a.mp4", "file:"),
        ("https://cdn.example.com/a.mp4?ex=1", "https://cdn.example.com"),
        ("http://127.0.0.1:8000/a.mp4", "http://127.0.0.1:8000"),
        ("https://a.example;script-src *;/a.mp4", None),
        ("https://user@a.example/a.mp4", None),
        ("//a.example/a.mp4", None),
        ("javascript:alert(1)", None),
        ("data:video/mp4,x", None),
    ],
)
def test_a_clip_is_loaded_from_its_own_address_only(source: str, allowed: str | None) -> None:
    html = paged(tagged(SEEN), source)
    policy = re.findall(r'Content-Security-Policy" content="(.+?)"', html)[0].replace("&#x27;", "'")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["media-src"].split() == ["blob:", *(allowed or "").split()]
    assert rules["img-src"].split() == ["data:", "blob:", *(allowed or "").split()]
    assert rules["script-src"].startswith("'sha256-")
    assert len(rules) == 7
    assert ("src=" in html.split("<main>")[1].split("<script")[0]) == (allowed is not None)


def pixel() -> bytes:
    """Return a JPEG 3 pixels wide."""
    jpeg = io.BytesIO()
    Image.new("RGB", (3, 2), (200, 10, 10)).save(jpeg, "JPEG")
    return jpeg.getvalue()
