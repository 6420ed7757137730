"""What can be erased: all that is stored about some messages, a channel, a server or a person."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages, each with the clips in it, the jobs about them and the replies."""

    ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel with its threads, or a single thread."""

    id: int


@dataclass(frozen=True, slots=True)
class Guild:
    """A server."""

    id: int


@dataclass(frozen=True, slots=True)
class Person:
    """A person: the clips they posted, and the jobs about these or that they asked for."""

    id: int


Scope = Messages | Channel | Guild | Person
