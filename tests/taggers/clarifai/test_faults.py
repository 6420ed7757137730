from __future__ import annotations

import asyncio
import logging
import time
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from bot.domain.progress import ignore_progress
from bot.errors import (
    QuotaExhausted,
    TaggerBusy,
    TaggerError,
    TaggerRefused,
    TaggerUnavailable,
)
from bot.taggers.clarifai.tagger import ClarifaiTagger
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai_judge import TOKEN
from tests.stand_ins.clarifai_replies import Reply
from tests.taggers.clarifai.setup import LIMITS, QUICK, account, talking, write_clip

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.stand_ins.clarifai import LoopbackClarifai

# For each kind of code: the error people get, and the number of calls.
ROWS: list[tuple[Iterable[int], type[TaggerError], int]] = [
    ((11000, 11001, 11002, 11007, 11008, 11009), TaggerUnavailable, 1),
    ((11003, 11004, 11006), QuotaExhausted, 1),
    ((11005,), TaggerBusy, 5),
    ((11100, 11101, 11102, 11103, 11104, 11200), TaggerUnavailable, 1),
    ((21200, 21201, 21202, 21203, 25600, 25601, 25901), TaggerUnavailable, 1),
    ((21350, 25900, 25903), TaggerUnavailable, 1),
    ((21351, 21352, 21354, 21355, 25604), TaggerUnavailable, 5),
    ((21353,), TaggerUnavailable, 2),
    ((69000, 69001), QuotaExhausted, 1),
    ((30002, 30101, 30104, 30105, 30106, 30300), TaggerRefused, 1),
    ((31002, 31101, 31104, 31105, 31106, 31300, 31420), TaggerRefused, 1),
    ((39996,), TaggerUnavailable, 2),
    ((10030, 40030, 40031, 40032, 41000), TaggerUnavailable, 5),
    ((98004, 98021, 98999), TaggerUnavailable, 5),
    ((10010, 10020, 12345, 0, -1), TaggerUnavailable, 1),
]
CODES = [(code, error, calls) for codes, error, calls in ROWS for code in codes]
NAMES = dict(
    line.split("\t")[::-1]
    for line in (replies.RECORDED / "status_codes.tsv").read_text().splitlines()
    if line
)


async def failing(tmp_path: Path, reply: Reply, **options: Any) -> tuple[TaggerError, int]:
    async with talking(**options) as talk:
        return await fail(talk, tmp_path, reply)


async def fail(
    talk: tuple[LoopbackClarifai, ClarifaiTagger], tmp_path: Path, reply: Reply
) -> tuple[TaggerError, int]:
    """Return the error that this reply causes, and the number of calls that were made."""
    clarifai, tagger = talk
    before = len(clarifai.calls)
    clarifai.serve(reply)
    with pytest.raises(TaggerError) as caught:
        await tagger.tag(write_clip(tmp_path), ignore_progress)
    return caught.value, len(clarifai.calls) - before


@pytest.mark.parametrize(("code", "error", "calls"), CODES)
async def test_a_code_is_mapped_to_its_error_wherever_it_appears(
    code: int, error: type[TaggerError], calls: int, tmp_path: Path
) -> None:
    async with talking() as talk:
        for reply in (
            replies.failure(code, 400),
            replies.failure(code, 200),
            replies.output_failure(code),
            replies.output_failure(code, overall=10010),
            replies.output_failure(code, overall=10000),
        ):
            failed, made = await fail(talk, tmp_path, reply)
            assert (type(failed), made) == (error, calls)
            assert f"{code}" in failed.detail


@pytest.mark.parametrize(
    ("name", "error", "calls"),
    [
        (name, error, calls)
        for code, error, calls in CODES
        for name, number in NAMES.items()
        if number == str(code)
    ],
)
async def test_a_code_may_come_as_its_name(
    name: str, error: type[TaggerError], calls: int, tmp_path: Path
) -> None:
    failed, made = await failing(tmp_path, replies.failure(name))

    assert (type(failed), made) == (error, calls)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (30101, "The tagger can't read this clip's format."),
        (31104, "The tagger found something in this clip that it doesn't accept."),
        (31105, "This clip is too large or too long for the tagger."),
        (30106, "The tagger can't use this clip's link."),
        (31300, "The tagger can't read this clip's file."),
        (31420, "The tagger couldn't decode this clip."),
    ],
)
async def test_the_reason_for_a_refusal_is_a_sentence(
    code: int, reason: str, tmp_path: Path
) -> None:
    failed, _ = await failing(tmp_path, replies.failure(code))

    assert str(failed) == reason


async def test_the_detail_has_clarifais_text_and_what_to_do(tmp_path: Path) -> None:
    status = {
        "code": 11102,
        "description": "Invalid request",
        "details": "sample_ms is odd",
        "req_id": "f00",
    }
    failed, _ = await failing(tmp_path, replies.written({"status": status}, http=400))

    assert failed.detail == (
        "HTTP 400: the response has no status | "
        "11102; Invalid request; sample_ms is odd; req_id f00 "
        "(this is a bug in Framehound, please report it)"
    )


@pytest.mark.parametrize(
    ("reply", "error", "calls"),
    [
        (replies.html(401), TaggerUnavailable, 1),
        (replies.html(404), TaggerUnavailable, 1),
        (replies.html(413), TaggerRefused, 1),
        (replies.html(429), TaggerBusy, 5),
        (replies.html(500), TaggerUnavailable, 5),
        (replies.html(502), TaggerUnavailable, 5),
        (replies.html(503), TaggerUnavailable, 5),
        (replies.html(599), TaggerUnavailable, 5),
        (replies.html(200), TaggerUnavailable, 2),
        (replies.html(301), TaggerUnavailable, 1),
        (replies.recorded("invalidJson_response.json"), TaggerUnavailable, 2),
        (Reply(b""), TaggerUnavailable, 2),
        (Reply(b"\xff\xfe{}"), TaggerUnavailable, 2),
        (Reply(b"[" * 100_000), TaggerUnavailable, 2),
        (replies.written([]), TaggerUnavailable, 2),
        (replies.written({}), TaggerUnavailable, 1),
        (replies.written({"status": {"code": 10000}}), TaggerUnavailable, 1),
        (replies.recorded("batchPredictWithOneInvalidURL_response.json"), TaggerUnavailable, 1),
        (replace(replies.frames({0: {"cat": 0.9}}), http=503), TaggerUnavailable, 5),
        (replace(replies.frames({0: {"cat": 0.9}}), http=429), TaggerBusy, 5),
        (replies.failure(11004, 429), QuotaExhausted, 1),
        (replies.failure(90500, 500), TaggerUnavailable, 5),
        (Reply(cuts=True), TaggerUnavailable, 5),
    ],
)
async def test_each_fault_is_mapped_to_its_error(
    reply: Reply, error: type[TaggerError], calls: int, tmp_path: Path
) -> None:
    failed, made = await failing(tmp_path, reply)

    assert (type(failed), made) == (error, calls)
    assert failed.detail


async def test_a_large_answer_is_read_completely(tmp_path: Path) -> None:
    async with talking() as (clarifai, tagger):
        clarifai.serve(replies.huge(11_000_000))
        frames = (await tagger.tag(write_clip(tmp_path), ignore_progress)).frames

    assert [c.name for c in frames[0].concepts] == ["cat"]


async def test_an_endless_answer_is_refused(tmp_path: Path) -> None:
    failed, made = await failing(tmp_path, replies.huge(32_000_001))
    assert (type(failed), made) == (TaggerUnavailable, 1)
    assert "more than 32000000 bytes" in failed.detail


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream"])
async def test_an_answer_is_read_with_any_content_type(content_type: str, tmp_path: Path) -> None:
    async with talking() as (clarifai, tagger):
        clarifai.serve(replace(replies.frames({0: {"cat": 0.99}}), content_type=content_type))
        frames = (await tagger.tag(write_clip(tmp_path), ignore_progress)).frames

    assert len(frames) == 1


async def test_a_temporary_fault_is_retried(tmp_path: Path) -> None:
    async with talking() as (clarifai, tagger):
        clarifai.script(
            replies.html(503), Reply(cuts=True), replies.failure(21355), replies.throttled()
        )
        frames = (await tagger.tag(write_clip(tmp_path), ignore_progress)).frames

    assert len(frames) == 9
    assert len(clarifai.calls) == 5


async def test_a_success_without_frames_is_a_refusal(tmp_path: Path) -> None:
    failed, made = await failing(tmp_path, replies.frames({}))

    assert str(failed) == ("The tagger returned nothing for this clip.")
    assert (type(failed), made) == (TaggerRefused, 1)


async def test_a_request_that_hangs_times_out_and_is_retried(tmp_path: Path) -> None:
    retry = replace(QUICK, attempts=2, request_timeout=0.05)
    failed, made = await failing(tmp_path, Reply(hangs=True), retry=retry)

    assert (type(failed), made) == (TaggerUnavailable, 2)
    assert "Timeout" in failed.detail


async def test_all_attempts_end_at_the_deadline(tmp_path: Path) -> None:
    retry = replace(QUICK, attempts=1000, deadline=0.2)
    started = time.monotonic()
    failed, made = await failing(tmp_path, replies.html(503), retry=retry)

    assert time.monotonic() - started < 2
    assert isinstance(failed, TaggerUnavailable)
    assert 1 < made < 1000
    assert "HTTP 503" in failed.detail


async def test_waiting_for_the_rate_limit_ends_at_the_deadline(tmp_path: Path) -> None:
    async def permit() -> None:
        await asyncio.Event().wait()

    retry = replace(QUICK, deadline=0.05)
    failed, made = await failing(tmp_path, replies.html(), retry=retry, permit=permit)

    assert (type(failed), made) == (TaggerBusy, 0)


async def test_a_cancelled_call_is_not_retried(tmp_path: Path) -> None:
    async with talking() as (clarifai, tagger):
        clarifai.serve(Reply(hangs=True))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await tagger.tag(write_clip(tmp_path), ignore_progress)

    assert len(clarifai.calls) == 1


@pytest.mark.parametrize("kind", ["seconds", "date"])
async def test_retry_after_is_waited_for(kind: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    # Dates have whole seconds: this one is between one and two seconds ahead.
    date = format_datetime((now + timedelta(seconds=2)).replace(microsecond=0), usegmt=True)
    asked, least = ("0.15", 0.15) if kind == "seconds" else (date, 0.9)
    async with talking() as (clarifai, tagger):
        clarifai.script(replies.throttled(asked))
        await tagger.tag(write_clip(tmp_path), ignore_progress)

    first, second = clarifai.calls
    assert least <= second.at - first.at < least + 1.5


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (replies.throttled("10"), TaggerBusy),
        (replies.throttled("86400"), TaggerBusy),
        (Reply(http=503, headers={"Retry-After": "3600"}), TaggerUnavailable),
    ],
)
async def test_no_retry_starts_after_the_deadline(
    reply: Reply, error: type[TaggerError], tmp_path: Path
) -> None:
    started = time.monotonic()
    failed, made = await failing(tmp_path, reply)

    assert (type(failed), made) == (error, 1)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("host", ["127.0.0.1:1", "clarifai.invalid"])
async def test_an_unreachable_service_is_unavailable(host: str, tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        retry = replace(QUICK, attempts=2)
        tagger = ClarifaiTagger(session, account(f"http://{host}"), LIMITS, retry=retry)
        with pytest.raises(TaggerUnavailable) as caught:
            await tagger.tag(write_clip(tmp_path), ignore_progress)
        with pytest.raises(TaggerUnavailable):
            await tagger.check()

    assert host.partition(":")[0] in caught.value.detail


async def test_a_redirect_is_not_followed() -> None:
    async with talking() as (other, elsewhere), talking() as (clarifai, tagger):
        await elsewhere.check()
        (path,) = other.checks
        clarifai.script(Reply(http=307, headers={"Location": f"{other.url}{path}"}))
        with pytest.raises(TaggerUnavailable):
            await tagger.check()

        assert other.checks == [path]
        assert other.violations == []


@pytest.mark.parametrize(
    "reply",
    [
        replies.failure(11001, 401, f"no such key: {TOKEN}"),
        replies.failure(98004, 500, "x" * 1960 + TOKEN),
        Reply(f"<html>Authorization: Key {TOKEN}</html>".encode(), 502),
        Reply(b"x" * 3990 + TOKEN.encode(), 502),
    ],
)
async def test_the_token_is_in_no_error_and_no_log(
    reply: Reply,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    failed, _ = await failing(tmp_path, reply)
    printed = capfd.readouterr()
    shown = "".join(traceback.format_exception(failed)) + caplog.text + printed.out + printed.err

    assert TOKEN[:10] not in shown + failed.detail + repr(failed.record())
    assert len(failed.detail) < 2200
    assert TOKEN not in repr(account("http://host"))


async def test_a_wrong_token_is_reported_to_the_operator(tmp_path: Path) -> None:
    async with talking(token="stale", lawful=False) as (clarifai, tagger):
        with pytest.raises(TaggerUnavailable) as caught:
            await tagger.tag(write_clip(tmp_path), ignore_progress)

    assert "CLARIFAI_PAT" in caught.value.detail
    assert str(caught.value) == (
        "I can't use the tagger until the person who runs me fixes its setup."
    )
    assert len(clarifai.violations) == 1


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (replies.failure(69001, 402), QuotaExhausted.sentences["account"]),
        (replies.html(402), QuotaExhausted.sentences["account"]),
        (replies.failure(11004), QuotaExhausted.sentence),
        (replies.failure(25903), TaggerUnavailable.sentences["setup"]),
        (replies.failure(21200), TaggerUnavailable.sentences["setup"]),
        (replies.html(503), TaggerUnavailable.sentence),
    ],
)
async def test_people_are_asked_to_try_again_only_if_that_may_help(
    reply: Reply, sentence: str, tmp_path: Path
) -> None:
    failed, _ = await failing(tmp_path, reply)
    assert str(failed) == sentence


async def test_a_sleeping_model_is_called_again_until_it_is_awake(tmp_path: Path) -> None:
    async with talking() as (clarifai, tagger):
        clarifai.script(*map(replies.failure, (21353, 21351, 21355)))
        frames = (await tagger.tag(write_clip(tmp_path), ignore_progress)).frames

    assert len(frames) == 9
    assert len(clarifai.calls) == 4
