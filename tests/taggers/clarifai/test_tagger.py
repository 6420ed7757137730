from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from bot.config import Config
from bot.domain.clip import ClipLimits
from bot.domain.concepts import TaggerIdentity
from bot.domain.progress import Progress, Stage, ignore_progress
from bot.errors import TaggerRefused, TaggerUnavailable, TooLarge
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai_replies import FrameTime
from tests.taggers.clarifai.setup import QUICK, account, talking, write_clip

if TYPE_CHECKING:
    from pathlib import Path

    from bot.domain.concepts import Frame

LINK = "https://cdn.example/clip.mp4"
SEEN = {0: {"cat": 0.99, "dog": 0.5}, 1: {"cat": 0.97}, 2: {"tree": 0.96}}


def tags_above(frames: tuple[Frame, ...], threshold: float) -> dict[int, dict[str, float]]:
    return {
        frame.second: {c.name: c.score for c in frame.concepts if c.score > threshold}
        for frame in frames
    }


async def test_the_recorded_answer_gives_its_tags_at_its_seconds(tmp_path: Path) -> None:
    async with talking() as (clarifai, tagger):
        frames = (await tagger.tag(write_clip(tmp_path), ignore_progress)).frames

    answer = json.loads((replies.RECORDED / "video_beer_2017.json").read_text())
    expected = {}
    for frame in answer["outputs"][0]["data"]["frames"]:
        above = {c["name"]: c["value"] for c in frame["data"]["concepts"] if c["value"] > 0.94}
        expected[frame["frame_info"]["time"] // 1000] = above
    assert tags_above(frames, 0.94) == expected
    assert len(frames) == clarifai.billed_frames == 9
    assert tags_above(frames, 0.94)[3] == {
        "foam": 0.996614,
        "drink": 0.9794438,
        "no person": 0.9733174,
        "beer": 0.9645849,
        "glass": 0.94761443,
    }


async def test_concepts_below_the_threshold_are_kept(tmp_path: Path) -> None:
    async with talking() as (_, tagger):
        frames = (await tagger.tag(write_clip(tmp_path), ignore_progress)).frames

    assert [len(frame.concepts) for frame in frames] == [20] * 9


@pytest.mark.parametrize(
    ("style", "times"),
    [
        (FrameTime.START, [0, 1000, 2000]),
        (FrameTime.MIDDLE, [500, 1500, 2500]),
        (FrameTime.QUOTED, [0, 1000, 2000]),
    ],
)
async def test_every_style_of_frame_time_gives_the_same_seconds(
    style: FrameTime, times: list[int], tmp_path: Path
) -> None:
    async with talking() as (clarifai, tagger):
        clarifai.serve(replies.frames(SEEN, style))
        frames = (await tagger.tag(write_clip(tmp_path, duration=3000), ignore_progress)).frames

    assert [frame.time for frame in frames] == times
    assert tags_above(frames, 0.94) == {0: {"cat": 0.99}, 1: {"cat": 0.97}, 2: {"tree": 0.96}}


async def test_a_phantom_last_frame_is_dropped(tmp_path: Path) -> None:
    async with talking() as (clarifai, tagger):
        clarifai.serve(replies.frames({n: {"cat": 0.99} for n in range(7)}, FrameTime.START))
        frames = (await tagger.tag(write_clip(tmp_path, duration=5500), ignore_progress)).frames

    assert [frame.second for frame in frames] == [0, 1, 2, 3, 4, 5]


async def test_a_clip_that_fits_is_sent_as_bytes_even_if_it_has_a_link(tmp_path: Path) -> None:
    clip = write_clip(tmp_path, size=1000, public_url=LINK)
    async with talking() as (clarifai, tagger):
        await tagger.tag(clip, ignore_progress)

    (call,) = clarifai.calls
    assert (call.url, call.size) == (None, 1000)
    assert f"sha256:{call.sha256}" == clip.info.fingerprint
    assert call.path == "/v2/users/clarifai/apps/main/models/general-image-recognition/outputs"
    assert call.model == {"output_info": {"output_config": {"sample_ms": 1000, "max_concepts": 50}}}


@pytest.mark.parametrize("size", [786_431, 786_432, 786_433, 2_000_000])
async def test_bytes_sent_in_chunks_arrive_unchanged(size: int, tmp_path: Path) -> None:
    clip = write_clip(tmp_path, size=size)
    async with talking(limits=ClipLimits()) as (clarifai, tagger):
        await tagger.tag(clip, ignore_progress)

    assert f"sha256:{clarifai.calls[0].sha256}" == clip.info.fingerprint


async def test_a_larger_clip_is_sent_by_link(tmp_path: Path) -> None:
    clip = write_clip(tmp_path, size=1001, public_url=LINK)
    async with talking() as (clarifai, tagger):
        await tagger.tag(clip, ignore_progress)

    assert [(call.url, call.sha256) for call in clarifai.calls] == [(LINK, None)]


@pytest.mark.parametrize(
    ("size", "link", "sentence"),
    [
        (1001, None, "This clip is too large: 0.001001 MB. The limit is 0.001 MB."),
        (2001, LINK, "This clip is too large: 0.002001 MB. The limit is 0.002 MB."),
    ],
)
async def test_a_clip_over_both_limits_is_not_sent(
    size: int, link: str | None, sentence: str, tmp_path: Path
) -> None:
    async with talking() as (clarifai, tagger):
        with pytest.raises(TooLarge) as caught:
            await tagger.tag(write_clip(tmp_path, size, public_url=link), ignore_progress)

    assert str(caught.value) == sentence
    assert clarifai.calls == []


@pytest.mark.parametrize("code", [30002, 31002, "INPUT_VIDEO_DOWNLOAD_FAILED"])
async def test_bytes_are_sent_if_clarifai_cannot_download_the_link(
    code: int | str, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path, size=1000, public_url=LINK)
    async with talking(links_first=True) as (clarifai, tagger):
        clarifai.script(replies.output_failure(code))
        frames = (await tagger.tag(clip, ignore_progress)).frames

    first, second = clarifai.calls
    assert (first.url, second.url) == (LINK, None)
    assert f"sha256:{second.sha256}" == clip.info.fingerprint
    assert len(frames) == 9


async def test_a_failed_download_is_final_if_the_bytes_do_not_fit(tmp_path: Path) -> None:
    clip = write_clip(tmp_path, size=1001, public_url=LINK)
    async with talking() as (clarifai, tagger):
        clarifai.serve(replies.recorded("predictWithInvalidURL_response.json"))
        with pytest.raises(TaggerRefused) as caught:
            await tagger.tag(clip, ignore_progress)

    assert str(caught.value) == ("The tagger couldn't download this clip.")
    assert "404 Client Error" in caught.value.detail
    assert len(clarifai.calls) == 1


async def test_clarifai_may_fetch_the_link_itself(tmp_path: Path) -> None:
    clip = write_clip(tmp_path, size=1001)
    app = web.Application()
    app.router.add_static("/", tmp_path)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sha256 = hashlib.sha256(clip.path.read_bytes()).hexdigest()
    try:
        async with talking(fetches=True) as (clarifai, tagger):
            clarifai.serve(replies.frames({0: {"fetched": 0.99}}), sha256=sha256)
            link = f"http://127.0.0.1:{site.port}/1001.mp4"
            seen = await tagger.tag(
                write_clip(tmp_path, size=1001, public_url=link), ignore_progress
            )
            with pytest.raises(TaggerRefused):
                await tagger.tag(
                    write_clip(tmp_path, size=1001, public_url=f"{link}.gone"), ignore_progress
                )
    finally:
        await runner.cleanup()

    assert [c.name for frame in seen.frames for c in frame.concepts] == ["fetched"]


async def test_progress_counts_the_clips_seconds(tmp_path: Path) -> None:
    seen: list[Progress] = []
    async with talking() as (_, tagger):
        await tagger.tag(write_clip(tmp_path, duration=8001), seen.append)

    assert seen == [Progress(Stage.TAG, 0, 9), Progress(Stage.TAG, 9, 9)]


async def test_the_permit_is_awaited_before_every_call(tmp_path: Path) -> None:
    permits: list[int] = []

    async def permit() -> None:
        permits.append(len(clarifai.calls))

    async with talking(permit=permit) as (clarifai, tagger):
        clarifai.script(replies.html(503), replies.html(503))
        await tagger.tag(write_clip(tmp_path), ignore_progress)

    assert permits == [0, 1, 2]


async def test_a_refused_permit_stops_the_call(tmp_path: Path) -> None:
    async def permit() -> None:
        raise TaggerUnavailable(detail="the circuit is open")

    async with talking(permit=permit) as (clarifai, tagger):
        with pytest.raises(TaggerUnavailable) as caught:
            await tagger.tag(write_clip(tmp_path), ignore_progress)

    assert caught.value.detail == "the circuit is open"
    assert clarifai.calls == []


async def test_size_limit_depends_on_whether_clarifai_could_fetch_the_clip() -> None:
    async with talking() as (_, tagger):
        assert (tagger.size_limit(public=True), tagger.size_limit(public=False)) == (2000, 1000)
    async with talking(limits=ClipLimits(by_url=5, as_bytes=9)) as (_, tagger):
        assert tagger.size_limit(public=True) == 9


async def test_the_identity_distinguishes_versions_of_a_model() -> None:
    async with talking() as (_, newest), talking(version="v7") as (_, pinned):
        assert newest.identity == TaggerIdentity("clarifai", "general-image-recognition", 0.94)
        assert pinned.identity.revision == "v7"


@pytest.mark.parametrize(
    ("model", "language", "asked"),
    [
        ("general-image-recognition", "fr", "fr"),
        ("general-image-recognition", "en", None),
        ("general-image-recognition", "ja", None),
        ("food-item-recognition", "fr", None),
    ],
)
async def test_only_the_general_model_is_called_with_a_language(
    tmp_path: Path, model: str, language: str, asked: str | None
) -> None:
    async with talking(model=model) as (clarifai, tagger):
        await tagger.tag(replace(write_clip(tmp_path), language=language), ignore_progress)
    (call,) = clarifai.calls
    assert call.model["output_info"]["output_config"].get("language") == asked


async def test_a_pinned_version_is_called(tmp_path: Path) -> None:
    async with talking(version="v7") as (clarifai, tagger):
        await tagger.tag(write_clip(tmp_path), ignore_progress)
        await tagger.check()

    model = "/v2/users/clarifai/apps/main/models/general-image-recognition/versions/v7"
    assert [call.path for call in clarifai.calls] == [f"{model}/outputs"]
    assert clarifai.checks == [model]


async def test_check_has_one_picture_tagged() -> None:
    async with talking() as (clarifai, tagger):
        line = await tagger.check()

    assert line == "general-image-recognition is available and tagged a picture"
    assert (len(clarifai.pictures), clarifai.billed_frames, clarifai.calls) == (1, 1, [])


async def test_check_reports_a_model_that_is_described_but_does_not_run() -> None:
    async with talking() as (clarifai, tagger):
        described = replies.model("general-image-recognition", None)
        clarifai.script(described, *(replies.failure(21353),) * QUICK.attempts)
        with pytest.raises(TaggerUnavailable) as caught:
            await tagger.check()

    assert "Clarifai does not run this model at present" in caught.value.detail


async def test_concepts_in_regions_count_as_those_of_their_frame(tmp_path: Path) -> None:
    async with talking() as (clarifai, tagger):
        clarifai.serve(replies.regions({0: [{"car": 0.8}, {"car": 0.9, "bus": 0.4}], 1: []}))
        found = await tagger.tag(write_clip(tmp_path), ignore_progress)
    seen = [{concept.name: concept.score for concept in frame.concepts} for frame in found.frames]
    assert seen == [{"car": pytest.approx(0.9), "bus": pytest.approx(0.4)}, {}]


async def test_the_compute_that_runs_the_model_is_named_in_every_request(tmp_path: Path) -> None:
    for settings, runner in (
        ({"clarifai_deployment_id": "d"}, {"deployment": {"id": "d", "user_id": "ann"}}),
        (
            {"clarifai_compute_cluster_id": "c", "clarifai_nodepool_id": "n"},
            {"nodepool": {"id": "n", "compute_cluster": {"id": "c", "user_id": "ann"}}},
        ),
    ):
        config = Config.model_validate({"clarifai_compute_user_id": "ann", **settings})
        async with talking(runner=config.clarifai_runner) as (clarifai, tagger):
            await tagger.tag(write_clip(tmp_path), ignore_progress)
            await tagger.check()
        assert [call.runner for call in (*clarifai.calls, *clarifai.pictures)] == [runner] * 2


@pytest.mark.parametrize(
    "reply",
    [
        replies.failure(11009, 401, "API key not found"),
        replies.failure(21200, 404, "Model does not exist"),
        replies.html(503),
        replies.html(200),
        replies.written({"status": {"code": 10000}}),
    ],
)
async def test_check_reports_a_missing_model_once(reply: replies.Reply) -> None:
    async with talking() as (clarifai, tagger):
        clarifai.script(reply)
        with pytest.raises(TaggerUnavailable):
            await tagger.check()

    assert len(clarifai.checks) == 1


def test_names_are_escaped_in_the_path() -> None:
    where = account("http://host/root/", version="../x?y#z")

    assert where.model_url.startswith("http://host/root/v2/users/clarifai/")
    assert where.model_url.endswith("/versions/..%2Fx%3Fy%23z")
