"""Errors as servers are known to send them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.taggers.failures import Kind
from bot.taggers.vision.request import Change
from bot.taggers.vision.status import Rejected, failure_of
from tests.stand_ins.vision import error, flat_error, short_error, status_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stand_ins.clarifai_replies import Reply

SENTENCES = [
    (404, "model 'qwen3-vl:8b-thinking' not found", Kind.MODEL),
    (400, "The model `structured-7b` does not exist.", Kind.MODEL),
    (500, "vision model only supports a single image per message", Change.FEWER_PICTURES),
    (400, "At most 1 image(s) may be provided in one request.", Change.FEWER_PICTURES),
    (400, "This model's maximum context length is 4096 tokens.", Change.FEWER_PICTURES),
    (413, "Request Entity", Change.FEWER_PICTURES),
    (400, "'response_format.type' must be 'json_schema' or 'text'", Change.FORMAT),
    (500, "failed to parse grammar", Change.FORMAT),
    (400, 'think value "none" is not supported for this model', Change.EFFORT),
    (400, "Unrecognized request argument supplied: reasoning_effort", Change.EFFORT),
    (400, "Unsupported parameter: 'max_tokens'", Change.SETTINGS),
    (400, "'temperature' does not support 0.2 with this model.", Change.SETTINGS),
    (422, "extra fields not permitted", Change.UNKNOWN),
    (400, "this model does not support image input", Kind.NO_VISION),
    (400, "unknown variant `image_url`, expected `text`", Kind.NO_VISION),
    (400, "Invalid content type. image_url is only supported by certain models.", Kind.NO_VISION),
    (
        500,
        "image input is not supported - hint: you may need to provide the mmproj",
        Kind.NO_VISION,
    ),
    (400, "Your request was rejected as a result of our safety system.", Kind.DECLINED),
    (400, "The response was filtered due to our content management policy", Kind.DECLINED),
    (503, "server busy, please try again. maximum pending requests exceeded", Kind.SERVER),
    (503, "The model is still loading", Kind.STARTING),
    (429, "You have run out of credits.", Kind.UNPAID),
    (429, "Rate limit reached", Kind.THROTTLED),
    (301, "Moved", Kind.ADDRESS),
]


@pytest.mark.parametrize("shape", [error, flat_error, short_error, status_error])
@pytest.mark.parametrize(("status", "sentence", "meaning"), SENTENCES)
def test_a_sentence_is_understood_in_every_shape(
    status: int, sentence: str, meaning: Kind | Change, shape: Callable[..., Reply]
) -> None:
    failure = failure_of(status, shape(sentence, status).content)
    found = failure.change if isinstance(failure, Rejected) else failure.kind
    assert (found, sentence in failure.detail) == (meaning, True)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 99_999, b"[]", b"3", b'{"error": []}'])
def test_an_error_of_any_form_is_a_failure(content: bytes) -> None:
    assert failure_of(500, content).kind is Kind.SERVER
    assert isinstance(failure_of(400, content), Rejected)
