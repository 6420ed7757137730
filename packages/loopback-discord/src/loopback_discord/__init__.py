"""A Discord on 127.0.0.1 that real bots connect to: gateway, REST API and CDN, with faults."""

from __future__ import annotations

from loopback_discord.faults import (
    CannedResponse,
    Disconnect,
    DownloadFault,
    EndlessDownload,
    NoResponse,
    RefuseDownload,
    StallDownload,
    TruncateDownload,
    WrongContentLength,
    cloudflare_ban,
    rate_limited,
    server_error,
)
from loopback_discord.model.attachments import Attachment, Upload
from loopback_discord.model.channels import Channel, ChannelType
from loopback_discord.model.guilds import Guild
from loopback_discord.model.interactions import CallbackType, Interaction
from loopback_discord.model.messages import Message
from loopback_discord.model.roles import Permission, Role
from loopback_discord.model.state import Changes
from loopback_discord.model.users import Member, User
from loopback_discord.model.webhooks import Webhook
from loopback_discord.server import LoopbackDiscord

__all__ = [
    "Attachment",
    "CallbackType",
    "CannedResponse",
    "Changes",
    "Channel",
    "ChannelType",
    "Disconnect",
    "DownloadFault",
    "EndlessDownload",
    "Guild",
    "Interaction",
    "LoopbackDiscord",
    "Member",
    "Message",
    "NoResponse",
    "Permission",
    "RefuseDownload",
    "Role",
    "StallDownload",
    "TruncateDownload",
    "Upload",
    "User",
    "Webhook",
    "WrongContentLength",
    "cloudflare_ban",
    "rate_limited",
    "server_error",
]
