from __future__ import annotations

import asyncio
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from bot.config import Config
from bot.domain import timeline
from bot.domain.budget import OPERATOR, Payer
from bot.domain.clip import Clip, ClipFormat
from bot.domain.progress import Progress, Stage
from bot.domain.settings import GuildSettings
from bot.domain.tagging import TagRequest
from bot.errors import (
    BudgetExhausted,
    NotFound,
    TaggerRefused,
    TooLarge,
    TooLong,
    UnsupportedFormat,
)
from bot.runtime.app import App, opened
from bot.runtime.fair_slots import FairSlots
from tests.conftest import CLIPS, ClipHost
from tests.media.made_clips import WAYS
from tests.media.numbered_clips import numbered_clip
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_eyes import reading
from tests.stand_ins.clarifai_judge import TOKEN as CLARIFAI_TOKEN
from tests.stand_ins.clarifai_replies import Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from bot.domain.tagging import Tagging

TRUTH = json.loads((CLIPS / "montage.json").read_text())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    """One app for all tests that may use clips it has already tagged."""
    folder = tmp_path_factory.mktemp("app")
    config = Config(_env_file=None, data_dir=folder, tagger="local")  # type: ignore[call-arg]  # pydantic-settings' own argument
    async with opened(config) as opened_app:
        yield opened_app


def tags(tagging: Tagging, threshold: float = 0.5) -> list[set[str]]:
    built = timeline.build(tagging.frames, tagging.info.duration, threshold)
    return [{tag.name for tag in second.tags} for second in built.seconds]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("clip_format", list(WAYS))
async def test_every_container_is_tagged_for_every_second(
    clip_format: ClipFormat, app: App
) -> None:
    path = CLIPS / f"montage.{clip_format}"
    tagging = await app.services.clip_tagger.tag_file(TagRequest(Clip(path.name, str(path))))
    assert tagging.info.format is clip_format
    assert tagging.info.size == path.stat().st_size
    assert tagging.info.duration == pytest.approx(16_000, abs=600)
    assert [frame.second for frame in tagging.frames] == list(range(16))
    seen = tags(tagging)
    assert all("cat" in seen[second] for second in (0, 1, 2, 3, 13, 14, 15))
    assert seen[12] == set()


@pytest.mark.asyncio(loop_scope="module")
async def test_the_seconds_of_the_montage_are_tagged_correctly(app: App) -> None:
    path = CLIPS / "montage.mp4"
    seen = tags(await app.services.clip_tagger.tag_file(TagRequest(Clip(path.name, str(path)))))
    named = [bool(set(truth) & found) for truth, found in zip(TRUTH, seen, strict=True) if truth]
    assert sum(named) >= 11


async def test_a_link_is_tagged_and_its_repost_is_known(
    clip_host: ClipHost, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> None:
    app = await open_app(make_config())
    steps: list[Progress] = []
    first = await app.services.clip_tagger.tag_link(
        TagRequest(Clip("a.mp4", clip_host.url("montage.mp4")), steps.append)
    )
    assert {step.stage for step in steps} == {Stage.DOWNLOAD, Stage.TAG}
    assert steps[-1] == Progress(Stage.TAG, 16, 16)
    steps.clear()
    again = await app.services.clip_tagger.tag_link(
        TagRequest(Clip("b.mp4", clip_host.url("montage.mp4?x=1")), steps.append)
    )
    assert again == first
    assert {step.stage for step in steps} == {Stage.DOWNLOAD}


async def test_the_same_clip_requested_twice_at_once_is_tagged_once(
    clip_host: ClipHost, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> None:
    app = await open_app(make_config())
    steps: list[Progress] = []
    clips = [Clip(f"{n}.mp4", clip_host.url(f"montage.gif?{n}")) for n in range(5)]
    taggings = await asyncio.gather(
        *(app.services.clip_tagger.tag_link(TagRequest(c, steps.append)) for c in clips)
    )
    assert len(set(map(id, taggings))) == 5
    assert all(tagging == taggings[0] for tagging in taggings)
    assert sum(step == Progress(Stage.TAG, 0, 16) for step in steps) == 1


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"size": 80_000_001}, TooLarge),
        ({"duration": 600_001}, TooLong),
        ({"content_type": "image/png"}, UnsupportedFormat),
        ({"content_type": "audio/ogg; codecs=opus"}, UnsupportedFormat),
    ],
)
async def test_a_clip_announced_as_too_large_or_too_long_is_not_fetched(
    claims: dict[str, Any],
    error: type[Exception],
    clip_host: ClipHost,
    make_config: Callable[..., Any],
    open_app: Callable[..., Any],
) -> None:
    app = await open_app(make_config())
    clip = Clip("a.mp4", clip_host.url("montage.mp4"), **claims)
    with pytest.raises(error):
        await app.services.clip_tagger.tag_link(TagRequest(clip))
    assert clip_host.asked == []


async def test_a_clip_exactly_at_a_limit_passes(
    clip_host: ClipHost, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> None:
    size = (CLIPS / "montage.gif").stat().st_size
    clip = Clip("a.gif", clip_host.url("montage.gif"))
    app = await open_app(make_config(max_url_mb=size / 1e6, max_bytes_mb=0.01, max_minutes=16 / 60))
    assert (await app.services.clip_tagger.tag_link(TagRequest(clip))).info.duration == 16_000


@pytest.mark.parametrize(
    ("settings", "error"),
    [({"max_url_mb": 0.3, "max_bytes_mb": 0.3}, TooLarge), ({"max_minutes": 15.9 / 60}, TooLong)],
)
async def test_a_clip_over_a_limit_is_refused_after_the_download(
    settings: dict[str, float],
    error: type[Exception],
    clip_host: ClipHost,
    make_config: Callable[..., Any],
    open_app: Callable[..., Any],
) -> None:
    app = await open_app(make_config(**settings))
    with pytest.raises(error):
        await app.services.clip_tagger.tag_link(
            TagRequest(Clip("a.gif", clip_host.url("montage.gif")))
        )


@pytest.mark.asyncio(loop_scope="module")
async def test_the_bytes_decide_the_format(tmp_path: Path, app: App) -> None:
    disguised = tmp_path / "photo.png"
    shutil.copy(CLIPS / "city.mp4", disguised)
    tagging = await app.services.clip_tagger.tag_file(TagRequest(Clip("photo.png", str(disguised))))
    assert tagging.info.format is ClipFormat.MP4
    fake = tmp_path / "clip.mp4"
    fake.write_text("#EXTM3U\nhttp://10.0.0.1/secret.ts\n")
    with pytest.raises(UnsupportedFormat):
        await app.services.clip_tagger.tag_file(TagRequest(Clip("clip.mp4", str(fake))))


async def test_a_link_to_a_web_page_is_refused_as_one(
    clip_host: ClipHost, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> None:
    app = await open_app(make_config(tagger="local"))
    with pytest.raises(UnsupportedFormat, match="leads to a web page"):
        await app.services.clip_tagger.tag_link(TagRequest(Clip("a", clip_host.url("page"))))


async def test_a_server_that_spent_its_monthly_budget_is_refused_and_others_are_not(
    clip_host: ClipHost, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> None:
    async with LoopbackClarifai() as clarifai:
        settings = {"clarifai_pat": CLARIFAI_TOKEN, "clarifai_api_url": clarifai.url}
        app = await open_app(make_config(**settings, server_monthly_frames=16))
        tag = app.services.clip_tagger.tag_link
        long = Clip("a.gif", clip_host.url("montage.gif"))
        short = Clip("b.mp4", clip_host.url("city.mp4"))
        await tag(TagRequest(long, payer=Payer("guild-1", "message-1")))
        assert await app.stores.usage.used("guild-1") == clarifai.billed_frames == 9
        with pytest.raises(BudgetExhausted, match="needs 8"):
            await tag(TagRequest(short, payer=Payer("guild-1", "message-2")))
        await tag(TagRequest(long, payer=Payer("guild-1", "message-3")))
        await tag(TagRequest(short, payer=Payer("guild-2", "message-4")))
        assert len(clarifai.calls) == 2


async def test_each_server_gets_clarifais_tags_in_its_language(
    clip_host: ClipHost, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> None:
    async with LoopbackClarifai() as clarifai:
        settings = {"clarifai_pat": CLARIFAI_TOKEN, "clarifai_api_url": clarifai.url}
        app = await open_app(make_config(**settings, default_threshold=0.7))
        clip = Clip("a.gif", clip_host.url("montage.gif"))
        said = [
            await app.services.clip_tagger.tag_link(TagRequest(clip, language=each))
            for each in ("en", "de", "en")
        ]
        configs = [call.model["output_info"]["output_config"] for call in clarifai.calls]
        assert [config.get("language") for config in configs] == [None, "de"]
        assert [tagging.tagger.revision for tagging in said] == ["", "@de", ""]
        known = said[0].info.fingerprint
        for language, tagging in (("en", said[0]), ("de", said[1]), ("fr", said[1])):
            assert await app.services.taggings.find(known, language) == tagging
        assert app.services.reports.threshold_of(GuildSettings(0), said[1].tagger) == 0.7


async def test_clips_outside_clarifais_limits_follow_the_operators_limits(
    tmp_path: Path, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> None:
    path = numbered_clip(tmp_path / "long.webm", ClipFormat.WEBM, 12)
    clip = Clip("long.webm", str(path))
    async with LoopbackClarifai() as clarifai:
        clarifai.eyes = reading(formats=[ClipFormat.MP4])
        settings = {"clarifai_pat": CLARIFAI_TOKEN, "clarifai_api_url": clarifai.url}
        ten = {"max_minutes": 10 / 60}
        app = await open_app(make_config(**settings, **ten, max_proxy_minutes=1))
        tagging = await app.services.clip_tagger.tag_file(TagRequest(clip))
        assert (tagging.proxied, tagging.info.format) == (True, ClipFormat.WEBM)
        assert [next(iter(seen)) for seen in tags(tagging)] == [f"number {n}" for n in range(12)]
        assert await app.services.taggings.find(tagging.info.fingerprint) == tagging
        assert await app.stores.usage.used() == 12
        for refusing in ({}, {"long_clips": "refuse"}, {"clarifai_proxy": "off"}):
            other = {"data_dir": tmp_path / "other", **refusing}
            app = await open_app(make_config(**{**settings, **ten, **other}))
            with pytest.raises(TooLong):
                await app.services.clip_tagger.tag_file(TagRequest(clip))
        other = {"data_dir": tmp_path / "third", "clarifai_proxy": "off"}
        app = await open_app(make_config(**{**settings, **other}))
        with pytest.raises(TaggerRefused, match="can't read this clip's format"):
            await app.services.clip_tagger.tag_file(TagRequest(clip))


async def test_the_fallback_keeps_its_own_limits(
    tmp_path: Path, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> None:
    path = numbered_clip(tmp_path / "long.mp4", ClipFormat.MP4, 12)
    async with LoopbackClarifai() as clarifai:
        settings = {"clarifai_pat": CLARIFAI_TOKEN, "clarifai_api_url": clarifai.url}
        limits = {"max_minutes": 10 / 60, "max_proxy_minutes": 1, "clarifai_fallback": "local"}
        clarifai.serve(replies.failure(11008, 401))
        app = await open_app(make_config(**settings, **limits))
        with pytest.raises(TooLong, match=r"The limit is 0\.166"):
            await app.services.clip_tagger.tag_file(TagRequest(Clip("long.mp4", str(path))))


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (replies.failure(25903, 400), "tagger_unavailable"),
        (replies.failure(69001, 402), "quota_exhausted"),
        (Reply(b"<html>", 402), "quota_exhausted"),
    ],
)
async def test_a_model_that_is_shut_down_or_unpaid_is_replaced_and_that_is_said_once(
    refusal: Reply, code: str, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> None:
    async with LoopbackClarifai() as clarifai:
        settings = {"clarifai_pat": CLARIFAI_TOKEN, "clarifai_api_url": clarifai.url}
        app = await open_app(make_config(**settings, clarifai_fallback="local"))
        clarifai.serve(refusal)
        with capture_logs() as logs:
            for name in ("montage.gif", "city.mp4"):
                request = TagRequest(Clip(name, str(CLIPS / name)))
                tagging = await app.services.clip_tagger.tag_file(request)
                assert tagging.tagger.name == "local"
        models = app.services.clip_tagger.models.identities
        said = [line["code"] for line in logs if line["event"] == "tagger can't be used"]
        assert said == [code]
        assert await app.services.trouble.among(models)
        clarifai.serve(replies.recorded("video_beer_2017.json"))
        await app.services.clip_tagger.tag_file(
            TagRequest(Clip("montage.mp4", str(CLIPS / "montage.mp4")))
        )
        assert not await app.services.trouble.among(models)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_missing_file_is_not_found(app: App) -> None:
    with pytest.raises(NotFound):
        await app.services.clip_tagger.tag_file(TagRequest(Clip("x.mp4", "/nowhere/x.mp4")))


async def test_everything_is_done_in_the_slots_of_the_clips_owner(
    clip_host: ClipHost,
    make_config: Callable[..., Any],
    open_app: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owners: list[str] = []
    app = await open_app(make_config())

    def spied(method: Callable[..., Any]) -> Callable[..., Any]:
        def spy(self: FairSlots, owner: str = "") -> Any:
            owners.append(owner)
            return method(self, owner)

        return spy

    monkeypatch.setattr(FairSlots, "held", spied(FairSlots.held))
    links = {"guild-5": "montage.ogg", OPERATOR: "montage.webm"}
    for payer, name in links.items():
        request = TagRequest(Clip(name, clip_host.url(name)), payer=Payer(payer, "message-1"))
        await app.services.clip_tagger.tag_link(request)
    # The host's, the downloads', and twice the children's: to probe and to tag.
    assert owners == ["guild-5"] * 4 + [""] * 4


async def test_no_downloaded_clip_is_left_behind(
    clip_host: ClipHost,
    data_dir: Path,
    make_config: Callable[..., Any],
    open_app: Callable[..., Any],
) -> None:
    app = await open_app(make_config())
    await app.services.clip_tagger.tag_link(TagRequest(Clip("a.gif", clip_host.url("montage.gif"))))
    with pytest.raises(NotFound):
        await app.services.clip_tagger.tag_link(
            TagRequest(Clip("a.gif", clip_host.url("nothing.gif")))
        )
    left = {path.name for path in (data_dir / "work").rglob("*") if path.is_file()}
    assert left <= {".ses"}  # onnxruntime's, in the folder of the child that runs it
