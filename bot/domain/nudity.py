"""Nudity in clips: the tags for it, where it is seen, and who may be told.

A server that wants clips to be checked has a threshold of its own for that. In age-restricted
channels, the tags are shown like others. Elsewhere they are kept out of whatever everybody can see,
and only alert moderators who watch them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.domain.concepts import Concept, Frame, TaggerIdentity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from bot.domain.tagging import Tagging

NUDITY, SUGGESTIVE = "nudity", "suggestive"
NUDITY_MODEL = TaggerIdentity("local", "nudity", default_threshold=0.5)
"""The sense for nudity among the models that tagged a clip."""

# Clarifai's model for moderation may be among a clip's models.
MODERATION_MODEL = "moderation-recognition"
_MODERATION_TAGS = {"explicit": NUDITY, "suggestive": SUGGESTIVE}
_TAGS = {NUDITY: NUDITY, SUGGESTIVE: SUGGESTIVE, **_MODERATION_TAGS}


def nudity_tag(name: str) -> str | None:
    """Return the tag for nudity that a watched tag means; None if it means something else."""
    return _TAGS.get(name)


def nudity_frames(tagging: Tagging) -> tuple[Frame, ...]:
    """Return the frames with nudity that the sense saw, and those that Clarifai's model saw."""
    frames = [*(tagging.nudity or ()), *_moderation_frames(tagging)]
    return tuple(sorted(frames, key=lambda frame: frame.time))


def was_checked(tagging: Tagging) -> bool:
    """Return whether a clip was looked at for nudity."""
    return tagging.nudity is not None or is_moderated(tagging)


def is_moderated(tagging: Tagging) -> bool:
    """Return whether Clarifai's model for moderation is among a clip's models."""
    models = tagging.models or (tagging.tagger,)
    return any(each.model == MODERATION_MODEL for each in models)


def has_nudity(tagging: Tagging, threshold: float, wrong: Collection[str] = ()) -> bool:
    """Return whether a clip has nudity above a threshold, apart from tags marked as ``wrong``."""
    return any(
        each.score > threshold and each.name not in wrong
        for frame in nudity_frames(tagging)
        for each in frame.concepts
    )


def with_nudity_tags(tagging: Tagging) -> Tagging:
    """Return a tagging in which the sense for nudity is one more model."""
    if not tagging.nudity:
        return tagging
    frames = tagging.frames
    if not tagging.models:
        frames = tuple(replace(frame, model=tagging.tagger.model) for frame in frames)
    added = (replace(frame, model=NUDITY_MODEL.model) for frame in tagging.nudity)
    return replace(
        tagging,
        frames=tuple(sorted((*frames, *added), key=lambda frame: frame.time)),
        models=(*(tagging.models or (tagging.tagger,)), NUDITY_MODEL),
    )


def without_nudity_tags(tagging: Tagging) -> Tagging:
    """Return a tagging whose frames don't tell of nudity; its ``nudity`` still does."""
    frames = tuple(
        replace(frame, concepts=tuple(each for each in frame.concepts if each.name not in _TAGS))
        for frame in tagging.frames
    )
    checked = nudity_frames(tagging) if was_checked(tagging) else None
    return replace(tagging, frames=frames, nudity=checked)


def _moderation_frames(tagging: Tagging) -> Iterator[Frame]:
    if not is_moderated(tagging):
        return
    names = {MODERATION_MODEL} if tagging.models else {frame.model for frame in tagging.frames}
    for frame in tagging.frames:
        if frame.model in names:
            concepts = tuple(
                Concept(_MODERATION_TAGS[each.name], each.score)
                for each in frame.concepts
                if each.name in _MODERATION_TAGS
            )
            yield Frame(frame.time, concepts)
