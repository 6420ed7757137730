"""What a tagger says of a clip: concepts, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Concept:
    """A model's name for something it sees, with its raw score 0-1."""

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class Frame:
    """The concepts seen at one moment, ``time`` in milliseconds from the clip's start."""

    time: int
    concepts: tuple[Concept, ...]

    @property
    def second(self) -> int:
        """The whole second this frame speaks for."""
        return self.time // 1000


@dataclass(frozen=True, slots=True)
class TaggerIdentity:
    """What a tagger's concepts are stored under, and how they are read by default.

    ``name`` (``clarifai``, ``local``) and ``model`` together say whose scores these are; scores of
    different models are not comparable, so each carries its own default threshold (0-1).
    ``revision`` tells apart what people call by one name (a model's version, a list of names) and
    ``sampling`` is the distance between frames in milliseconds. ``languages`` are those besides
    English in which it names what it sees.
    """

    name: str
    model: str
    default_threshold: float
    revision: str = ""
    sampling: int = 1000
    languages: frozenset[str] = field(default=frozenset(), compare=False)

    def speaking(self, language: str) -> TaggerIdentity:
        """Return whose scores these are if it is asked to speak a language; English if it can't."""
        if language not in self.languages:
            return self
        return replace(self, revision=f"{self.revision}@{language}")

    def __str__(self) -> str:
        """Return ``name:model``, as people and scripts see it."""
        return f"{self.name}:{self.model}"
