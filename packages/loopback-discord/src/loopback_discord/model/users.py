"""Users and members; a member does what people do in the Discord app.

https://docs.discord.com/developers/resources/user#user-object
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loopback_discord.api import created_at
from loopback_discord.model import interaction_data, message_actions
from loopback_discord.model.message_actions import Draft
from loopback_discord.model.messages import Reference
from loopback_discord.model.roles import ALL_PERMISSIONS, Permission

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loopback_discord.api import Json
    from loopback_discord.model.attachments import File
    from loopback_discord.model.channels import Channel
    from loopback_discord.model.guilds import Guild
    from loopback_discord.model.interactions import Interaction
    from loopback_discord.model.messages import Message
    from loopback_discord.model.roles import Role


@dataclass(eq=False)
class User:
    """An account of a person or of the bot.

    ``installed`` says whether a person has installed the app to their account, ``accepts_dms``
    whether the bot may send them direct messages.
    """

    id: int
    name: str
    bot: bool = False
    locale: str = "en-US"
    installed: bool = False
    accepts_dms: bool = True

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    def to_json(self) -> Json:
        return {
            "id": str(self.id),
            "username": self.name,
            "global_name": None,
            "discriminator": "0",
            "avatar": None,
            "bot": self.bot,
            "public_flags": 0,
            "flags": 0,
            "primary_guild": None,
        }


@dataclass(eq=False)
class Member:
    """A user in a guild.

    Every action is complete, and its events are sent, when its method returns. The methods are
    coroutines only so that they read like the waits around them.
    """

    guild: Guild = field(repr=False)
    user: User
    roles: list[Role] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.user.name

    @property
    def mention(self) -> str:
        return self.user.mention

    @property
    def permissions(self) -> Permission:
        permissions = self.guild.roles[self.guild.id].permissions
        for role in self.roles:
            permissions |= role.permissions
        return ALL_PERMISSIONS if permissions & Permission.ADMINISTRATOR else permissions

    async def post(
        self,
        channel: Channel,
        content: str = "",
        *,
        files: Iterable[File] = (),
        reply_to: Message | None = None,
        embeds: Sequence[Json] = (),
    ) -> Message:
        draft = Draft(
            author=self.user,
            content=content,
            files=message_actions.as_uploads(files),
            embeds=tuple(embeds),
            reference=Reference(reply_to) if reply_to else None,
        )
        return message_actions.create(channel, draft)

    async def dm(self, content: str = "", *, files: Iterable[File] = ()) -> Message:
        """Send the bot a direct message."""
        channel = self.guild.state.dm_channel(self.user)
        draft = Draft(self.user, content, message_actions.as_uploads(files))
        return message_actions.create(channel, draft)

    async def forward(self, channel: Channel, message: Message) -> Message:
        draft = Draft(self.user, reference=Reference(message, forward=True))
        return message_actions.create(channel, draft)

    async def edit(self, message: Message, content: str) -> None:
        message_actions.edit(message, {"content": content})

    async def delete(self, message: Message) -> None:
        message_actions.delete(message)

    async def bulk_delete(self, messages: Sequence[Message]) -> None:
        """Delete several messages of a channel in one event, as moderation bots do."""
        message_actions.bulk_delete(messages)

    async def react(self, message: Message, emoji: str) -> None:
        message_actions.react(message, self.user, emoji)

    async def start_thread(self, channel: Channel, name: str) -> Channel:
        """Start a thread without a message."""
        return message_actions.start_thread(self.user, channel, name)

    async def start_thread_from_message(self, message: Message, name: str = "thread") -> Channel:
        return message_actions.start_thread_from_message(self.user, message, name)

    async def create_forum_post(
        self, forum: Channel, name: str, content: str = "", *, files: Iterable[File] = ()
    ) -> Message:
        """Create a post in a forum and return its first message, which has the post's id."""
        draft = Draft(self.user, content, message_actions.as_uploads(files))
        return message_actions.create_forum_post(forum, name, draft)

    async def slash(self, channel: Channel, name: str, **options: Any) -> Interaction:
        """Use a slash command; ``"group command"`` for a subcommand.

        Options are strings, numbers, booleans, members, channels, roles or files. Raises
        LookupError if the bot has not registered the command or an option, or does not offer it
        here, and PermissionError if the member must not use it.
        """
        return interaction_data.slash_command(self, channel, name, options)

    async def use_context_menu(self, channel: Channel, name: str, target: Message) -> Interaction:
        """Use a command of a message's context menu."""
        return interaction_data.message_command(self, channel, name, target)

    async def click(self, message: Message, custom_id: str) -> Interaction:
        """Click a button. Raises LookupError if there is none, or if it is disabled."""
        return interaction_data.click_button(self, message, custom_id)

    async def choose(self, message: Message, custom_id: str, *values: str) -> Interaction:
        """Choose options of a menu by their values. Raises LookupError if one is missing."""
        return interaction_data.choose_options(self, message, custom_id, values)

    def to_json(self, *, with_user: bool = True) -> Json:
        body: Json = {
            "nick": None,
            "avatar": None,
            "banner": None,
            "roles": [str(role.id) for role in self.roles],
            "joined_at": created_at(self.guild.id),
            "premium_since": None,
            "communication_disabled_until": None,
            "pending": False,
            "deaf": False,
            "mute": False,
            "flags": 0,
        }
        return body | ({"user": self.user.to_json()} if with_user else {})

    def interaction_json(self, channel: Channel) -> Json:
        """Return the member object of interactions, with the member's permissions in a channel."""
        permissions = channel.permissions_of(self)
        return self.to_json() | {"permissions": str(int(permissions))}
