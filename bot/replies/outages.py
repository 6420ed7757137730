"""Telling a bad moment of Discord's from a refusal, which would stay one."""

from __future__ import annotations

from http import HTTPStatus

import aiohttp
import discord

_SERVER_ERRORS = 500


def may_pass(error: discord.HTTPException) -> bool:
    """Tell whether the same request may be taken the next time."""
    return error.status == HTTPStatus.TOO_MANY_REQUESTS or error.status >= _SERVER_ERRORS


def passes(error: Exception) -> bool:
    """Tell whether what went wrong between us and Discord may go well the next time."""
    if isinstance(error, discord.HTTPException):
        return may_pass(error)
    return isinstance(error, (aiohttp.ClientError, TimeoutError))
