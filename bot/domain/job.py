"""A job: one message or command whose clips are to be tagged and answered."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from bot.domain.clip import Clip
from bot.domain.erasure import Channel, Guild, Messages, Person

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.domain.erasure import Scope

MAX_CLIPS = 10
"""Clips of one job; people post more only to keep the bot busy."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A message that the bot sent, by its channel and its ID."""

    channel_id: int
    message_id: int


class RecordState(StrEnum):
    """The state of a job's record in the database."""

    NONE = "none"
    """It could not be written, as the database was away."""
    OPEN = "open"
    """It says which messages and people the job is about."""
    TAGGED = "tagged"
    """It has the outcome of each clip."""
    ERASED = "erased"
    """It was written, and erased since, as the message was deleted or somebody asked for it."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """Where to answer a slash command or a context menu; the token is valid for 15 minutes."""

    application_id: int
    token: str

    def __repr__(self) -> str:
        """Leave the token out."""
        return f"Interaction(application_id={self.application_id})"


@dataclass(frozen=True, slots=True)
class Job:
    """One message's clips, and where their one answer goes.

    ``id`` comes from the message or the interaction, so that the same event is the same job. Only
    the first ``MAX_CLIPS`` of ``clips`` are kept, whichever way they came in.
    ``author_id`` is the person who posted the message or used the command; it is None if a webhook
    or a bot posted the message. ``requested`` jobs come from a command and always get an answer in
    text; the others come from posted clips. ``quiet`` jobs are of old messages: ``/find`` finds
    their clips, and nothing is said. ``parent_id`` is the channel of a thread, which may be
    ``private``. ``record`` is ``OPEN`` if the job was recorded when it was handed in, or else
    ``NONE``. ``newcomer`` means that it is for a server that is new or small, or outside of any.
    Discord has checked the age of everybody who sees an ``age_restricted`` channel.
    """

    id: str
    channel_id: int
    clips: tuple[Clip, ...]
    guild_id: int | None = None
    message_id: int | None = None
    author_id: int | None = None
    requested: bool = False
    interaction: Interaction | None = None
    parent_id: int | None = None
    private: bool = False
    record: RecordState = RecordState.NONE
    quiet: bool = False
    newcomer: bool = False
    age_restricted: bool = False

    def __post_init__(self) -> None:
        """Bound the clips."""
        object.__setattr__(self, "clips", self.clips[:MAX_CLIPS])

    @property
    def owner(self) -> str:
        """The owner whose limits apply and who pays: the server or, outside of one, the person."""
        if self.guild_id:
            return guild_owner(self.guild_id)
        return person_owner(self.author_id or 0)

    @property
    def spender(self) -> str:
        """The person whose part of the server's frames is used; empty if none is.

        Webhooks and bots count as one person. Managers decide about quiet jobs, with the price.
        """
        return "" if self.quiet or not self.guild_id else str(self.author_id or 0)

    @property
    def snowflake(self) -> int:
        """Discord's ID of the message or the interaction."""
        return int(self.id.rpartition("-")[2])

    @property
    def subject_id(self) -> int:
        """The message in which the clips were posted, or else the interaction that brought them."""
        posted_in = self.clips[0].message_id if self.clips else None
        return posted_in or self.message_id or self.snowflake

    def poster_of(self, clip: Clip) -> int | None:
        """Return the person who posted a clip, which a command may have found in a message."""
        return clip.author_id if clip.message_id else self.author_id

    @property
    def message_ids(self) -> frozenset[int]:
        """The messages the job is about: those of its clips, and its own or its interaction."""
        return frozenset(
            filter(
                None, {clip.message_id for clip in self.clips} | {self.message_id or self.snowflake}
            )
        )

    @property
    def people(self) -> frozenset[int]:
        """The people who posted the clips or asked for the job."""
        return frozenset(filter(None, {clip.author_id for clip in self.clips} | {self.author_id}))

    def is_about(self, scope: Scope) -> bool:
        """Return whether the job is to be erased with something else."""
        match scope:
            case Messages(ids):
                return not ids.isdisjoint(self.message_ids)
            case Channel(channel_id):
                return channel_id in {self.channel_id, self.parent_id}
            case Guild(guild_id):
                return self.guild_id == guild_id
            case Person(user_id):
                return user_id in self.people

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
                "record": RecordState(saved["record"]),
            }
        )


_INTERACTION = "interaction-"
GUILD_OWNER = "guild-"
"""How the owners that are servers begin."""
PERSON_OWNER = "person-"
"""How the owners that are people, not servers, begin."""


def guild_owner(guild_id: int) -> str:
    """Return the owner of a server's jobs."""
    return f"{GUILD_OWNER}{guild_id}"


def person_owner(user_id: int) -> str:
    """Return the owner of the jobs that a person asks for outside of servers."""
    return f"{PERSON_OWNER}{user_id}"


def interaction_job_id(interaction_id: int) -> str:
    """Return the id of the one job a slash command or a context menu can be."""
    return f"{_INTERACTION}{interaction_id}"


def interaction_of(job_id: str) -> int | None:
    """Return the interaction that a job is from; None for a message's job."""
    if not job_id.startswith(_INTERACTION):
        return None
    return int(job_id.removeprefix(_INTERACTION))


def message_job_id(message_id: int) -> str:
    """Return the id of the one job a message can be."""
    return f"message-{message_id}"
