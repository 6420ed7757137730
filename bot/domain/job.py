"""A job: one message or command whose clips are to be tagged and answered."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from bot.domain.clip import Clip

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Interaction:
    """Where to answer a slash command or a context menu; the token is good for 15 minutes."""

    application_id: int
    token: str

    def __repr__(self) -> str:
        """Leave the token out."""
        return f"Interaction(application_id={self.application_id})"


@dataclass(frozen=True, slots=True)
class Job:
    """One message's clips and where their one answer goes.

    ``id`` comes from the message or the interaction, so that the same event is the same job.
    ``author_id`` is who posted the message or gave the command; ``asked``
    tells a person's request, always answered in words, from clips merely noticed. ``parent_id`` is
    the channel of a thread, which may be ``private``: few see what is posted there. What a job is
    about is ``noted`` as it is handed in: where nothing is known of it later, it was deleted.
    """

    id: str
    channel_id: int
    clips: tuple[Clip, ...]
    guild_id: int | None = None
    message_id: int | None = None
    author_id: int | None = None
    asked: bool = False
    interaction: Interaction | None = None
    parent_id: int | None = None
    private: bool = False
    recorded: bool = False

    @property
    def owner(self) -> str:
        """Whose turn this job takes: its server's, or the private channel's."""
        return guild_owner(self.guild_id) if self.guild_id else f"channel-{self.channel_id}"

    @property
    def snowflake(self) -> int:
        """The number in the id: Discord's, of the message or the interaction."""
        return int(self.id.rpartition("-")[2])

    @property
    def subject_id(self) -> int:
        """The message the clips were posted in, else the interaction that brought them."""
        posted_in = self.clips[0].message_id if self.clips else None
        return posted_in or self.message_id or self.snowflake

    def as_dict(self) -> dict[str, Any]:
        """Return the job as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Rebuild what ``as_dict`` returned."""
        interaction = saved["interaction"]
        return cls(
            **{
                **saved,
                "clips": tuple(Clip(**clip) for clip in saved["clips"]),
                "interaction": Interaction(**interaction) if interaction else None,
            }
        )


def guild_owner(guild_id: int) -> str:
    """Return the owner of a server's jobs."""
    return f"guild-{guild_id}"


def message_job_id(message_id: int) -> str:
    """Return the id of the one job a message can be."""
    return f"message-{message_id}"
