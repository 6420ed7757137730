"""The data that the Discord app sends when a person uses a command or clicks a button.

https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-object-interaction-data
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loopback_discord.model import message_actions
from loopback_discord.model.attachments import as_upload
from loopback_discord.model.commands import SUB_COMMANDS, CommandType, OptionType
from loopback_discord.model.interactions import (
    Interaction,
    InteractionType,
    available_installs,
    context_of,
)
from loopback_discord.model.messages import BUTTON, SELECT, message_json, walk_components

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loopback_discord.api import Json
    from loopback_discord.model.attachments import File
    from loopback_discord.model.channels import Channel
    from loopback_discord.model.messages import Message
    from loopback_discord.model.roles import Role
    from loopback_discord.model.users import Member


def slash_command(
    member: Member, channel: Channel, name: str, values: Mapping[str, Any]
) -> Interaction:
    """Use a slash command; ``"group command"`` for a subcommand."""
    root, *path = name.split()
    command = _find_command(member, channel, CommandType.CHAT_INPUT, root)
    resolved = ResolvedData(member, channel)
    options = _options(command, path, values, resolved)
    data = _command_data(command) | {"options": options, "resolved": resolved.groups}
    return _publish(
        Interaction(InteractionType.APPLICATION_COMMAND, member, channel, data, command)
    )


def message_command(member: Member, channel: Channel, name: str, target: Message) -> Interaction:
    """Use a command of a message's context menu."""
    command = _find_command(member, channel, CommandType.MESSAGE, name)
    resolved = ResolvedData(member, channel)
    target_id = resolved.add_message(target)
    data = _command_data(command) | {"target_id": target_id, "resolved": resolved.groups}
    return _publish(
        Interaction(InteractionType.APPLICATION_COMMAND, member, channel, data, command)
    )


def click_button(member: Member, message: Message, custom_id: str) -> Interaction:
    buttons = (part for part in walk_components(message.components) if part["type"] == BUTTON)
    enabled = {part.get("custom_id") for part in buttons if not part.get("disabled")}
    if custom_id not in enabled:
        raise LookupError(f"no enabled button has the custom id {custom_id!r}")
    data: Json = {"custom_id": custom_id, "component_type": BUTTON}
    kind = InteractionType.MESSAGE_COMPONENT
    return _publish(Interaction(kind, member, message.channel, data, message=message))


def choose_options(
    member: Member, message: Message, custom_id: str, values: Sequence[str]
) -> Interaction:
    parts = (part for part in walk_components(message.components) if part["type"] == SELECT)
    menus = {part["custom_id"]: part for part in parts if not part.get("disabled")}
    if custom_id not in menus:
        raise LookupError(f"no enabled select menu has the custom id {custom_id!r}")
    offered = {option["value"] for option in menus[custom_id]["options"]}
    if missing := set(values) - offered:
        raise LookupError(f"no such options: {sorted(missing)}")
    data: Json = {"custom_id": custom_id, "component_type": SELECT, "values": list(values)}
    kind = InteractionType.MESSAGE_COMPONENT
    return _publish(Interaction(kind, member, message.channel, data, message=message))


@dataclass
class ResolvedData:
    """The objects that an interaction refers to; each method adds one and returns its id.

    https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-object-resolved-data-structure
    """

    user: Member
    channel: Channel
    groups: dict[str, Json] = field(default_factory=dict)

    def add_message(self, message: Message) -> str:
        # The target of a context menu has its content, whatever the intents.
        return self._add("messages", message.id, message_json(message, content_allowed=True))

    def add_member(self, member: Member) -> str:
        body = member.interaction_json(self.channel)
        del body["user"]
        self._add("members", member.user.id, body)
        return self._add("users", member.user.id, member.user.to_json())

    def add_role(self, role: Role) -> str:
        return self._add("roles", role.id, role.to_json())

    def add_channel(self, channel: Channel) -> str:
        permissions = str(int(channel.permissions_of(self.user)))
        return self._add("channels", channel.id, channel.to_json() | {"permissions": permissions})

    def add_file(self, file: File) -> str:
        attachment = message_actions.store(self.channel, as_upload(file), ephemeral=True)
        return self._add("attachments", attachment.id, attachment.to_json())

    def _add(self, group: str, snowflake: int, body: Json) -> str:
        self.groups.setdefault(group, {})[str(snowflake)] = body
        return str(snowflake)


def _publish(interaction: Interaction) -> Interaction:
    interaction.publish()
    return interaction


def _find_command(member: Member, channel: Channel, kind: CommandType, name: str) -> Json:
    """Return a command that a member may use in a channel."""
    guild = channel.guild
    command = channel.state.commands.find(guild.id if guild else None, kind, name)
    contexts, installs = command.get("contexts"), set(command["integration_types"])
    is_offered = contexts is None or context_of(channel) in contexts
    if not is_offered or not installs & available_installs(member, channel):
        raise LookupError(f"{name!r} is not offered here")
    needed = int(command.get("default_member_permissions") or 0)
    if guild and int(channel.permissions_of(member)) & needed != needed:
        raise PermissionError(f"{member.name} may not use {name!r}")
    return command


def _command_data(command: Json) -> Json:
    guild = {"guild_id": command["guild_id"]} if "guild_id" in command else {}
    return {"id": command["id"], "name": command["name"], "type": command["type"]} | guild


def _options(
    command: Json, path: Sequence[str], values: Mapping[str, Any], resolved: ResolvedData
) -> list[Json]:
    """Return the options of a command, or of the subcommand that ``path`` leads to."""
    known = {option["name"]: option for option in command.get("options") or ()}
    subcommands = sorted(name for name, option in known.items() if option["type"] in SUB_COMMANDS)
    if path:
        if path[0] not in subcommands:
            raise LookupError(f"{command['name']!r} has no {path[0]!r}, only {sorted(known)}")
        subcommand = known[path[0]]
        nested = _options(subcommand, path[1:], values, resolved)
        return [{"name": path[0], "type": subcommand["type"], "options": nested}]
    if subcommands:
        raise LookupError(f"{command['name']!r} needs a subcommand, one of {subcommands}")
    unknown = set(values) - set(known)
    missing = {name for name, option in known.items() if option.get("required")} - set(values)
    if unknown or missing:
        raise LookupError(
            f"{command['name']!r}: unknown {unknown or '-'}, missing {missing or '-'}"
        )
    return [_option(known[name], value, resolved) for name, value in values.items()]


def _option(option: Json, value: Any, resolved: ResolvedData) -> Json:
    resolvers: dict[int, Callable[[Any], str]] = {
        OptionType.USER: resolved.add_member,
        OptionType.MENTIONABLE: resolved.add_member,
        OptionType.CHANNEL: resolved.add_channel,
        OptionType.ROLE: resolved.add_role,
        OptionType.ATTACHMENT: resolved.add_file,
    }
    resolve = resolvers.get(option["type"])
    sent = resolve(value) if resolve else value
    return {"name": option["name"], "type": option["type"], "value": sent}
