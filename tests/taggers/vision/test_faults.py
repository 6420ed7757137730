"""Failing servers: the error people get, the advice for the operator, and the number of calls."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.domain.progress import ignore_progress
from bot.errors import QuotaExhausted, TaggerBusy, TaggerError, TaggerRefused, TaggerUnavailable
from bot.taggers.vision.endpoint import VisionEndpoint
from tests.stand_ins import clarifai_replies
from tests.stand_ins.clarifai_replies import Reply
from tests.stand_ins.vision import (
    CLARIFAI,
    MODEL,
    VLLM,
    error,
    flat_error,
    said,
    seen,
    short_error,
    status_error,
)
from tests.stand_ins.vision_judge import KEY
from tests.taggers.vision.setup import QUICK, talking, write_clip

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = said(json.dumps(seen([{"cat": 0.9}])))
TWO = said(json.dumps(seen([{"cat": 0.9}, {"dog": 0.8}])))
CUT = said('{"pictures": [{"picture": 1, "tags": [{"na', "length")

# For each fault: the error, the number of calls, the billed pictures, and words for the operator.
FAULTS: dict[str, tuple[Reply, type[TaggerError], int, int, str]] = {
    "unauthorized": (short_error("Unauthorized", 401), TaggerUnavailable, 1, 0, "check VISION_KEY"),
    "forbidden": (error("no", 403), TaggerUnavailable, 1, 0, "check VISION_KEY"),
    "unpaid": (error("no credits", 402), QuotaExhausted, 1, 0, "has no credit left"),
    "quota": (error("insufficient_quota", 429), QuotaExhausted, 1, 0, "has no credit left"),
    "throttled": (error("slow down", 429), TaggerBusy, 5, 0, "HTTP 429: slow down"),
    "no model": (
        error('model "llava" not found, try pulling it first', 404),
        TaggerUnavailable,
        1,
        0,
        "check VISION_MODEL",
    ),
    "not loaded": (short_error("No models loaded.", 400), TaggerUnavailable, 1, 0, "VISION_MODEL"),
    "no path": (Reply(b"404 page not found", 404), TaggerUnavailable, 1, 0, "check VISION_URL"),
    "redirect": (
        Reply(b"", 307, headers={"Location": "/v1/chat/completions"}),
        TaggerUnavailable,
        1,
        0,
        "check VISION_URL",
    ),
    "blind": (
        short_error("Model does not support images. Please use a model that does."),
        TaggerUnavailable,
        1,
        0,
        "the model can't see pictures",
    ),
    "text model": (
        flat_error("llama is not a multimodal model"),
        TaggerUnavailable,
        1,
        0,
        "can't see pictures",
    ),
    "no pictures at all": (
        flat_error("At most 0 image(s) may be provided in one request."),
        TaggerUnavailable,
        1,
        0,
        "can't see pictures",
    ),
    "clarifai's model sleeps": (
        status_error("deploying", 400, 21351),
        TaggerUnavailable,
        5,
        0,
        "still loading",
    ),
    "clarifai's token": (status_error("bad", 401, 11009), TaggerUnavailable, 1, 0, "VISION_KEY"),
    "loading": (error("Loading model", 503), TaggerUnavailable, 5, 0, "still loading the model"),
    "down": (error("oops", 500), TaggerUnavailable, 5, 0, "server at VISION_URL is running"),
    "gateway": (clarifai_replies.html(502), TaggerUnavailable, 5, 0, "is running"),
    "hung up": (Reply(cuts=True), TaggerUnavailable, 5, 0, "is running"),
    "unknown": (error("No, thanks."), TaggerUnavailable, 4, 0, "accepts no form of the request"),
    "page": (Reply(b"<!doctype html>", 200, "text/html"), TaggerUnavailable, 2, 0, "VISION_URL"),
    "empty": (said(""), TaggerUnavailable, 3, 4, "an empty answer"),
    "filtered": (error("rejected by our safety system"), TaggerRefused, 3, 0, "safety system"),
    "huge": (Reply(b"x" * 1_000_001), TaggerUnavailable, 1, 0, "more than 1000000 bytes"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_retried_if_that_helps_and_explained(fault: str, tmp_path: Path) -> None:
    reply, expected, calls, billed, advice = FAULTS[fault]
    async with talking() as (vision, tagger):
        vision.script(*[reply] * 9)
        with pytest.raises(TaggerError) as caught:
            await tagger.tag(write_clip(tmp_path, 2), ignore_progress)
        assert (type(caught.value), len(vision.calls)) == (expected, calls)
        assert (caught.value.billed, advice in caught.value.detail) == (billed, True)


async def test_a_server_that_does_not_run_is_unavailable(tmp_path: Path) -> None:
    async with talking() as (vision, tagger):
        clip = write_clip(tmp_path)
        await vision.__aexit__(None, None, None)
        with pytest.raises(TaggerUnavailable) as caught:
            await tagger.tag(clip, ignore_progress)
    assert "Cannot connect to host 127.0.0.1" in caught.value.detail
    assert "check that the server at VISION_URL is running" in caught.value.detail


PASSING = {
    "throttled": error("slow down", 429, **{"Retry-After": "0.01"}),
    "loading": error("Loading model", 503),
    "hung up": Reply(cuts=True),
    "too slow": Reply(hangs=True),
}


@pytest.mark.parametrize("fault", PASSING)
async def test_a_passing_fault_costs_nothing_but_what_was_answered(
    fault: str, tmp_path: Path
) -> None:
    retry = replace(QUICK, request_timeout=0.2) if fault == "too slow" else QUICK
    async with talking(retry=retry) as (vision, tagger):
        vision.script(PASSING[fault])
        tagging = await tagger.tag(write_clip(tmp_path, 2), ignore_progress)
        assert [frame.concepts[0].name for frame in tagging.frames] == ["number 0", "number 1"]
        assert len(vision.calls) == 2
        assert tagging.billed == vision.billed_pictures == 2


async def test_what_was_shown_before_a_failure_is_billed(tmp_path: Path) -> None:
    async with talking() as (vision, tagger):
        good = [said(json.dumps(seen([{"cat": 0.9}] * 4)))]
        vision.script(*good, error("no credits", 402))
        with pytest.raises(QuotaExhausted) as caught:
            await tagger.tag(write_clip(tmp_path, 6), ignore_progress)
        assert caught.value.billed == vision.billed_pictures == 4


async def test_pictures_that_an_answer_leaves_out_are_shown_again_alone(tmp_path: Path) -> None:
    async with talking() as (vision, tagger):
        vision.script(TWO)
        tagging = await tagger.tag(write_clip(tmp_path, 3), ignore_progress)
    assert [frame.concepts[0].name for frame in tagging.frames] == ["cat", "dog", "number 2"]
    assert [len(call.pictures) for call in vision.calls] == [3, 1]
    assert tagging.billed == 4


async def test_a_cut_answer_is_asked_for_again_with_fewer_pictures(tmp_path: Path) -> None:
    async with talking() as (vision, tagger):
        vision.script(CUT)
        tagging = await tagger.tag(write_clip(tmp_path, 4), ignore_progress)
    assert [frame.concepts[0].name for frame in tagging.frames] == [f"number {n}" for n in range(4)]
    assert [len(call.pictures) for call in vision.calls] == [4, 2, 2]
    assert tagging.billed == vision.billed_pictures == 8


async def test_a_setting_that_a_server_does_not_know_is_left_out(tmp_path: Path) -> None:
    async with talking() as (vision, tagger):
        vision.script(error("Unsupported parameter: 'max_tokens'"))
        await tagger.tag(write_clip(tmp_path, 2), ignore_progress)
    assert ["max_tokens" in call.body for call in vision.calls] == [True, False]
    assert {call.answers for call in vision.calls} == {"json_schema"}


REFUSALS = {
    "a refusal": said(None, refusal="I can't describe this."),
    "a filter": said("", "content_filter"),
    "prose": said("I'm sorry, but I can't help with that."),
    "nonsense": said("{{{"),
    "nothing": said(""),
    "cut": CUT,
    "an error": error("invalid picture"),
}
GOOD = said(json.dumps(seen([{"cat": 0.9}] * 4)))


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_picture_that_is_not_described_costs_only_its_own_tags(
    refusal: str, tmp_path: Path
) -> None:
    async with talking() as (vision, tagger):
        vision.script(GOOD, REFUSALS[refusal], ANSWER, REFUSALS[refusal])
        tagging = await tagger.tag(write_clip(tmp_path, 6), ignore_progress)
        assert [len(frame.concepts) for frame in tagging.frames] == [1, 1, 1, 1, 1, 0]
        assert [len(call.pictures) for call in vision.calls] == [4, 2, 1, 1]
        assert tagging.billed == vision.billed_pictures


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_clip_that_is_not_described_is_refused_and_harms_no_other(
    refusal: str, tmp_path: Path
) -> None:
    async with talking() as (vision, tagger):
        await tagger.tag(write_clip(tmp_path, 4), ignore_progress)
        form = tagger._client.form
        vision.script(*[REFUSALS[refusal]] * 5)
        with pytest.raises(TaggerRefused) as caught:
            await tagger.tag(write_clip(tmp_path, 9), ignore_progress)
        assert [len(call.pictures) for call in vision.calls] == [4, 4, 1, 1, 1, 1]
        assert caught.value.billed == (0 if refusal == "an error" else 8)
        assert tagger._client.form == form


async def test_a_model_that_never_answered_as_asked_is_unavailable(tmp_path: Path) -> None:
    async with talking() as (vision, tagger):
        vision.script(*[said("{{{")] * 5)
        with pytest.raises(TaggerUnavailable) as caught:
            await tagger.tag(write_clip(tmp_path, 9), ignore_progress)
    assert "choose another model with VISION_MODEL" in caught.value.detail


async def test_few_pictures_of_a_clip_are_shown_and_billed_again(tmp_path: Path) -> None:
    async with talking() as (vision, tagger):
        vision.script(*[CUT if number % 2 else GOOD for number in range(20)])
        vision.eyes = lambda _jpeg: {}
        tagging = await tagger.tag(write_clip(tmp_path, 40), ignore_progress)
        assert tagging.billed == vision.billed_pictures <= 40 + 8


async def test_a_cancelled_clip_frees_its_slots(tmp_path: Path) -> None:
    async with talking() as (vision, tagger):
        clip = write_clip(tmp_path, 2)
        for _ in range(5):
            vision.script(Reply(hangs=True))
            task = asyncio.create_task(tagger.tag(clip, ignore_progress))
            await vision.wait_for_calls(len(vision.calls) + 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await tagger.tag(clip, ignore_progress)


async def test_the_key_is_in_no_error_and_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    quoting = error(f"Authorization: Bearer {KEY}", 500)
    with caplog.at_level(logging.DEBUG):
        async with talking(VLLM) as (vision, tagger):
            vision.script(*[quoting] * 9)
            with pytest.raises(TaggerUnavailable) as caught:
                await tagger.tag(write_clip(tmp_path, 2), ignore_progress)
    assert "Bearer [key]" in caught.value.detail
    assert KEY not in caplog.text + repr(tagger._endpoint) + repr(caught.value.__cause__)


async def test_a_check_has_one_picture_described() -> None:
    async with talking(CLARIFAI) as (vision, tagger):
        host = vision.url.removeprefix("http://").removesuffix("/v1")
        assert await tagger.check() == f"{MODEL} on {host} described a picture, without JSON mode"
        assert [len(call.pictures) for call in vision.calls] == [1, 1, 1]
        vision.script(error("insufficient_quota", 429))
        with pytest.raises(QuotaExhausted, match="tops up its account"):
            await tagger.check()


def test_taggings_depend_on_the_host_the_model_and_the_prompt() -> None:
    one = VisionEndpoint("http://127.0.0.1:11434/v1", "llava", "secret")
    assert str(one.identity) == "vision:llava"
    assert one.identity.revision == "127.0.0.1:11434-1"
    assert one.identity.speaking("de").revision == "127.0.0.1:11434-1@de"
    other = VisionEndpoint("https://api.clarifai.com/v2/ext/openai/v1/", "llava")
    assert other.identity != one.identity
    assert other.completions_url.endswith("/openai/v1/chat/completions")
