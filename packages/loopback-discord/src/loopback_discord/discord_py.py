"""Connecting discord.py clients of the same process to the loopback Discord."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
import yarl

if TYPE_CHECKING:
    import pytest

    from loopback_discord.server import LoopbackDiscord


def redirect_discord_py(loopback: LoopbackDiscord, patch: pytest.MonkeyPatch) -> None:
    """Make all discord.py clients of this process use ``loopback`` until ``patch`` is undone."""
    patch.setattr(discord.http.Route, "BASE", loopback.api_url)
    # After an invalid session (op 9), discord.py 2.7.1 connects to its built-in gateway URL.
    gateway_url = yarl.URL(loopback.gateway_url)
    patch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", gateway_url)
