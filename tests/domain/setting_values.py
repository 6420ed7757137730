"""A value other than the default for every setting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.domain.setting_kinds import (
    ChannelList,
    Choice,
    ModelList,
    RoleList,
    Scores,
    ServerContext,
    Switch,
    TagList,
)
from bot.domain.settings import SETTINGS, GuildSettings

if TYPE_CHECKING:
    from bot.domain.setting_spec import SettingSpec

SERVER = ServerContext(
    channel_ids={5, 81384788765712384}, role_ids={7}, max_days=365, models=("general", "food")
)


def changed_value(spec: SettingSpec) -> Any:
    """Return a value that ``SERVER`` may have, other than the default."""
    value: Any
    match spec.kind:
        case Switch():
            value = not spec.default
        case Choice(options=options):
            value = next(each for each in options if each != spec.default)
        case TagList():
            value = frozenset({"cat", "Žirafa"})
        case ChannelList():
            value = frozenset(SERVER.channel_ids)
        case ModelList():
            value = frozenset({"food"})
        case RoleList():
            value = frozenset(SERVER.role_ids)
        case Scores():
            value = {"clarifai:general": 0.1 + 0.2}
        case _:  # numbers
            value = 5
    return value


def changed_settings(guild_id: int) -> GuildSettings:
    """Return settings that all differ from their defaults."""
    return GuildSettings(guild_id, **{name: changed_value(spec) for name, spec in SETTINGS.items()})
