"""Clips tagged with a vision endpoint: cached, billed, described and exported."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bot.domain.budget import Payer
from bot.domain.clip import Clip
from bot.domain.outcome import Tagged
from bot.domain.settings import GuildSettings
from bot.domain.tagging import TagRequest
from bot.errors import BudgetExhausted, TaggerUnavailable
from bot.i18n import ENGLISH
from bot.render import exports
from bot.render.page import page
from tests.stand_ins.vision import CLARIFAI, MODEL, LoopbackVision, error
from tests.stand_ins.vision_judge import KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bot.render.report import Report
    from bot.runtime.app import App
    from tests.conftest import ClipHost

SENTENCE = "Bars show numbers."


@pytest.fixture
async def vision() -> AsyncIterator[LoopbackVision]:
    async with LoopbackVision(CLARIFAI) as vision:
        yield vision
    assert vision.violations == []


def settings(vision: LoopbackVision, **more: Any) -> dict[str, Any]:
    where = {"vision_url": vision.url, "vision_model": MODEL, "vision_key": KEY}
    return {"tagger": "vision", **where, **more}


async def report_of(app: App, fingerprint: str, wanted: GuildSettings) -> Report:
    clips = await app.services.reports.clips([Tagged("a.mp4", fingerprint)], wanted)
    return await app.services.reports.report(clips, wanted)


async def test_a_clip_is_shown_once_for_each_language_and_billed_by_picture(
    clip_host: ClipHost,
    vision: LoopbackVision,
    make_config: Callable[..., Any],
    open_app: Callable[..., Any],
) -> None:
    app = await open_app(make_config(**settings(vision)))
    clip = Clip("a.gif", clip_host.url("montage.gif"))
    said = [
        await app.services.clip_tagger.tag_link(
            TagRequest(clip, language=language, payer=Payer("guild-1", f"message-{number}"))
        )
        for number, language in enumerate(("en", "en", "de"))
    ]
    assert [len(tagging.frames) for tagging in said] == [16, 16, 16]
    assert [tagging.description for tagging in said] == [SENTENCE] * 3
    shown = [len(call.pictures) for call in vision.calls if call.answers == "text"]
    assert shown == [4, 4, 1, 4, 4, 1]  # nine scenes in English, and in German
    assert ["German" in call.text for call in vision.calls[-3:]] == [True, True, True]
    assert SENTENCE in vision.calls[-1].text
    assert await app.stores.usage.used("guild-1") == vision.billed_pictures == 18


async def test_a_description_is_in_the_json_the_page_and_the_alt_text(
    clip_host: ClipHost,
    vision: LoopbackVision,
    make_config: Callable[..., Any],
    open_app: Callable[..., Any],
) -> None:
    app = await open_app(make_config(**settings(vision)))
    request = TagRequest(Clip("a.mp4", clip_host.url("city.mp4")))
    known = (await app.services.clip_tagger.tag_link(request)).info.fingerprint
    usual = GuildSettings(0)
    (picture,) = (await report_of(app, known, usual)).files
    assert str(picture.description).startswith(f"{SENTENCE} Timeline of a.mp4, 8 s: ")
    (clip,) = await app.services.reports.clips([Tagged("a.mp4", known)], usual)
    written = exports.tagged("a.mp4", clip.tagging, clip.timeline)
    assert (written["description"], written["tagger"]) == (SENTENCE, f"vision:{MODEL}")
    tagging = replace(clip.tagging, description="<b>Cats & dogs</b>")
    html = page("a.mp4", tagging, clip.timeline, None, ENGLISH)
    assert '<p id="description" dir="auto">&lt;b&gt;Cats &amp; dogs&lt;/b&gt;</p>' in html
    for hidden, kept in (("number", False), ("NUMBERS", False), ("cat", True)):
        hiding = GuildSettings(0, hidden_tags=frozenset({hidden}))
        (picture,) = (await report_of(app, known, hiding)).files
        assert str(picture.description).startswith(SENTENCE) == kept


async def test_a_budget_holds_for_pictures(
    clip_host: ClipHost,
    vision: LoopbackVision,
    make_config: Callable[..., Any],
    open_app: Callable[..., Any],
) -> None:
    app = await open_app(make_config(**settings(vision), server_monthly_frames=14))
    tag = app.services.clip_tagger.tag_link
    short = Clip("a.mp4", clip_host.url("city.mp4"))
    await tag(TagRequest(short, payer=Payer("guild-1", "message-1")))
    assert await app.stores.usage.used("guild-1") == vision.billed_pictures == 6
    long = TagRequest(
        Clip("b.gif", clip_host.url("montage.gif")), payer=Payer("guild-1", "message-2")
    )
    with pytest.raises(BudgetExhausted, match="needs 16"):
        await tag(long)
    assert vision.billed_pictures == 6


@pytest.mark.parametrize("fallback", ["wait", "local"])
async def test_the_local_tagger_stands_in_only_if_the_operator_wants_it(
    fallback: str,
    clip_host: ClipHost,
    vision: LoopbackVision,
    make_config: Callable[..., Any],
    open_app: Callable[..., Any],
) -> None:
    app = await open_app(make_config(**settings(vision), clarifai_fallback=fallback))
    vision.script(error("No.", 401))
    request = TagRequest(Clip("a.mp4", clip_host.url("city.mp4")), payer=Payer("guild-1", "a"))
    if fallback == "local":
        tagging = await app.services.clip_tagger.tag_link(request)
        assert tagging.tagger.name == "local"
    else:
        with pytest.raises(TaggerUnavailable, match="fixes its setup"):
            await app.services.clip_tagger.tag_link(request)
    assert await app.services.trouble.among(app.services.clip_tagger.models.identities)
    assert await app.stores.usage.used("guild-1") == 0
