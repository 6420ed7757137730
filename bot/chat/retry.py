"""Retrying requests to Discord after temporary failures."""

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
"""Every way a request may fail, refusals included."""

Request = ParamSpec("Request")
Answer = TypeVar("Answer")


def is_temporary(error: discord.HTTPException) -> bool:
    """Return whether the same request may succeed later."""
    return error.status == HTTPStatus.TOO_MANY_REQUESTS or error.status >= _SERVER_ERRORS


def is_temporary_failure(error: Exception) -> bool:
    """Return whether a failure is temporary: an error of the network or of Discord's servers."""
    if isinstance(error, discord.HTTPException):
        return is_temporary(error)
    return isinstance(error, (aiohttp.ClientError, TimeoutError))


async def retry_discord(
    request: Callable[Request, Awaitable[Answer]],
    *args: Request.args,
    **options: Request.kwargs,
) -> Answer:
    """Make a request; after a temporary failure, retry it for up to a minute.

    Raises one of ``FAILURES`` if it still fails.
    """
    caller = AsyncRetryingCaller(attempts=5, timeout=60, wait_initial=0.5)
    return await caller(is_temporary_failure, request, *args, **options)
