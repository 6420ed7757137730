"""The declaration of a setting: ``SettingSpec``, and ``setting``, which puts one on a field."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from bot.domain.setting_kinds import Kind
    from bot.i18n import Sentence

T = TypeVar("T")


class Page(StrEnum):
    """The pages of the panel."""

    CLIPS = "clips"
    TAGS = "tags"
    ANSWERS = "answers"


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that the panel shows as one, and asks for in one form.

    ``value`` may name each setting of the group: ``{gap}``.
    """

    name: str
    title: Sentence
    help: Sentence
    value: Sentence


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """The declaration of a setting.

    ``name`` is its name in ``GuildSettings``, settings files and the database. The panel shows
    ``title`` and ``help`` on its ``page``; a form shows ``hint``, or else ``help``.
    """

    name: str
    page: Page
    title: Sentence
    help: Sentence
    kind: Kind[Any]
    default: Any
    hint: Sentence | None = None
    group: Group | None = None

    @property
    def heading(self) -> Group | SettingSpec:
        """The group, or else the setting itself: what the panel names."""
        return self.group or self


def setting(
    kind: Kind[T],
    default: T,
    page: Page,
    title: Sentence,
    help: Sentence,  # noqa: A002 - what SettingSpec calls it
    hint: Sentence | None = None,
    group: Group | None = None,
) -> T:
    """Declare a field of ``GuildSettings``; see ``settings.SETTINGS`` for the declarations."""
    spec = SettingSpec("", page, title, help, kind, default, hint, group)
    declared: Any = field(default_factory=lambda: default, metadata={"spec": spec})
    return declared  # type: ignore[no-any-return]  # a field, as dataclasses' own ``field`` says
