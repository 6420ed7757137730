"""The concepts that a tagger sees in a clip, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Concept:
    """A model's name for something it sees, with its raw score 0-1.

    In a timeline, ``model`` is the model that saw it, if several were asked.
    """

    name: str
    score: float
    model: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """The concepts seen at one moment, ``time`` in milliseconds from the clip's start.

    ``model`` is the model that saw them, if several were asked.
    """

    time: int
    concepts: tuple[Concept, ...]
    model: str = ""

    @property
    def second(self) -> int:
        """The second that the frame belongs to."""
        return self.time // 1000


@dataclass(frozen=True, slots=True)
class TaggerIdentity:
    """The identity of a tagger, under which its taggings are stored.

    ``name`` (``clarifai``, ``local``) and ``model`` say where scores come from. Scores of different
    models are not comparable, so each model has its own ``default_threshold`` (0–1). ``revision``
    distinguishes versions of one model, and ``sampling`` is the interval between frames in
    milliseconds. ``languages`` are the languages besides English that its tags can be in.
    """

    name: str
    model: str
    default_threshold: float
    revision: str = ""
    sampling: int = 1000
    languages: frozenset[str] = field(default=frozenset(), compare=False)

    def speaking(self, language: str) -> TaggerIdentity:
        """Return the identity for tags in a language, or itself if that is not supported."""
        if language not in self.languages:
            return self
        return replace(self, revision=f"{self.revision}@{language}")

    def __str__(self) -> str:
        """Return ``name:model``, the form that people and scripts see."""
        return f"{self.name}:{self.model}"


@dataclass(frozen=True, slots=True)
class SenseIdentity:
    """A sense beside the concepts, and the revision under which its observations are stored.

    They don't depend on the tagger: a clip's text is the same whoever names its concepts.
    """

    name: str
    revision: str
