"""A Discord of our own on loopback, for a real bot to run against."""

from __future__ import annotations

from tests.stand_ins.discord.attachments import (
    Attachment,
    Claim,
    Cut,
    Refuse,
    Stall,
    Trickle,
    Upload,
)
from tests.stand_ins.discord.channels import Channel, ChannelKind
from tests.stand_ins.discord.faults import (
    Answer,
    HangUp,
    Silence,
    banned,
    rate_limited,
    server_error,
)
from tests.stand_ins.discord.guilds import Guild, Role
from tests.stand_ins.discord.interactions import Callback, Interaction
from tests.stand_ins.discord.messages import Message
from tests.stand_ins.discord.people import Member, User
from tests.stand_ins.discord.permissions import Permission
from tests.stand_ins.discord.server import LoopbackDiscord

__all__ = [
    "Answer",
    "Attachment",
    "Callback",
    "Channel",
    "ChannelKind",
    "Claim",
    "Cut",
    "Guild",
    "HangUp",
    "Interaction",
    "LoopbackDiscord",
    "Member",
    "Message",
    "Permission",
    "Refuse",
    "Role",
    "Silence",
    "Stall",
    "Trickle",
    "Upload",
    "User",
    "banned",
    "rate_limited",
    "server_error",
]
