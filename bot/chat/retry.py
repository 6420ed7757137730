"""Telling a bad moment of Discord's from a refusal, which would stay one; waiting it out."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import aiohttp
import discord
from stamina import AsyncRetryingCaller

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_SERVER_ERRORS = 500
FAILURES = (discord.HTTPException, aiohttp.ClientError, TimeoutError)
"""Whatever may become of a request, refusals among it."""

Request = ParamSpec("Request")
Answer = TypeVar("Answer")


def is_temporary(error: discord.HTTPException) -> bool:
    """Tell whether the same request may be taken the next time."""
    return error.status == HTTPStatus.TOO_MANY_REQUESTS or error.status >= _SERVER_ERRORS


def is_temporary_failure(error: Exception) -> bool:
    """Tell whether what went wrong between us and Discord may go well the next time."""
    if isinstance(error, discord.HTTPException):
        return is_temporary(error)
    return isinstance(error, (aiohttp.ClientError, TimeoutError))


async def retry_discord(
    request: Callable[Request, Awaitable[Answer]],
    *args: Request.args,
    **options: Request.kwargs,
) -> Answer:
    """Make a request, again for up to a minute where that may help; raises what stays."""
    caller = AsyncRetryingCaller(attempts=5, timeout=60, wait_initial=0.5)
    return await caller(is_temporary_failure, request, *args, **options)
