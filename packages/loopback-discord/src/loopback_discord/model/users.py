"""Users and members; a member does what a person does in the app.

https://docs.discord.com/developers/resources/user#user-object
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.stand_ins.discord import invoking, posting
from tests.stand_ins.discord.messages import Reference
from tests.stand_ins.discord.permissions import EVERYTHING, Permission
from tests.stand_ins.discord.snowflakes import created_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.stand_ins.discord.attachments import File
    from tests.stand_ins.discord.channels import Channel
    from tests.stand_ins.discord.guilds import Guild, Role
    from tests.stand_ins.discord.interactions import Interaction
    from tests.stand_ins.discord.messages import Message
    from tests.stand_ins.discord.refusals import Json


@dataclass(eq=False)
class User:
    """An account, of a person or of the bot; ``installed`` tells whether it added the app."""

    id: int
    name: str
    bot: bool = False
    accepts_dms: bool = True
    locale: str = "en-US"
    installed: bool = False

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    def as_json(self) -> Json:
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

    Every act is over when its call returns; that the calls are awaited keeps them readable beside
    the waits they stand among, and leaves room for acts that take time.
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
        given = self.guild.roles[self.guild.id].permissions
        for role in self.roles:
            given |= role.permissions
        return EVERYTHING if given & Permission.ADMINISTRATOR else given

    async def post(
        self,
        channel: Channel,
        content: str = "",
        *,
        files: Iterable[File] = (),
        reply_to: Message | None = None,
        embeds: Sequence[Json] = (),
    ) -> Message:
        draft = posting.Draft(
            author=self.user,
            content=content,
            files=posting.as_uploads(files),
            embeds=tuple(embeds),
            reference=Reference(reply_to) if reply_to else None,
        )
        return posting.create(channel, draft)

    async def dm(self, content: str = "", *, files: Iterable[File] = ()) -> Message:
        """Write to the bot in private."""
        channel = self.guild.world.direct_channel(self.user)
        draft = posting.Draft(self.user, content, posting.as_uploads(files))
        return posting.create(channel, draft)

    async def forward(self, channel: Channel, message: Message) -> Message:
        draft = posting.Draft(self.user, reference=Reference(message, forward=True))
        return posting.create(channel, draft)

    async def edit(self, message: Message, content: str) -> None:
        posting.edit(message, {"content": content})

    async def delete(self, message: Message) -> None:
        posting.delete(message)

    async def purge(self, messages: Sequence[Message]) -> None:
        """Delete many messages of a channel at once, as moderators' bots do."""
        posting.delete_many(messages)

    async def open_thread(self, message: Message, name: str = "about it") -> Channel:
        """Open a thread from a message."""
        return posting.open_thread(self.user, message, name)

    async def begin_thread(self, channel: Channel, name: str) -> Channel:
        """Open a thread from nothing."""
        return posting.begin_thread(self.user, channel, name)

    async def open_post(
        self, forum: Channel, name: str, content: str = "", *, files: Iterable[File] = ()
    ) -> Message:
        """Begin a post in a forum; its first message has its id."""
        draft = posting.Draft(self.user, content, posting.as_uploads(files))
        return posting.open_post(forum, name, draft)

    async def react(self, message: Message, emoji: str) -> None:
        posting.react(message, self.user, emoji)

    async def slash(self, channel: Channel, name: str, **options: Any) -> Interaction:
        """Use a slash command, ``"group command"`` for one in a group.

        Options take text, numbers, booleans, members, channels, roles and files. LookupError for a
        command or option the bot has not registered, PermissionError for one this member may not
        use, TypeError or ValueError for a value the app would not send.
        """
        return invoking.slash(self, channel, name, options)

    async def autocomplete(
        self, channel: Channel, name: str, *, focused: str, **options: Any
    ) -> Interaction:
        """Type into an option; the interaction's ``wait_for_choices`` has what is offered."""
        return invoking.slash(self, channel, name, options, focused=focused)

    async def use_context_menu(
        self, channel: Channel, name: str, target: Message | Member
    ) -> Interaction:
        return invoking.context_menu(self, channel, name, target)

    async def click(
        self, message: Message, custom_id: str, *, values: Sequence[Any] | None = None
    ) -> Interaction:
        """Press a button, or choose ``values`` of a select.

        Values are texts, members, roles or channels, as the select offers them; ValueError and
        TypeError for what it does not.
        """
        return invoking.click(self, message, custom_id, values)

    async def submit(self, opened: Interaction, values: Mapping[str, Any]) -> Interaction:
        """Send the modal that answered an interaction, with a value for each custom id.

        A text or a radio's option is a string, a checkbox a boolean, everything else (selects,
        checkboxes, files) a list; what is not named stays as it stood there.
        """
        return invoking.submit(self, opened, values)

    def as_json(self, *, user: bool = True) -> Json:
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
        return body | ({"user": self.user.as_json()} if user else {})

    def interaction_json(self, channel: Channel) -> Json:
        """The member as an interaction tells it: with what it may do in the channel."""
        here = channel.permissions_of(self) if channel.guild is self.guild else self.permissions
        return self.as_json() | {"permissions": str(int(here))}
