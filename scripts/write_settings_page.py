"""Write ``docs/server-settings.md`` from the declarations in ``bot/domain/settings.py``.

Run it after changing a setting: ``python -m scripts.write_settings_page``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bot.domain.setting_kinds import (
    MAX_HIDDEN_TAGS,
    MAX_IDS,
    ChannelList,
    Choice,
    Days,
    ModelList,
    OptionalNumber,
    RoleList,
    Scores,
    Switch,
    TagList,
    WholeNumber,
)
from bot.domain.settings import PAGES, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.domain.setting_spec import SettingSpec

PAGE = Path(__file__).parent.parent / "docs" / "server-settings.md"
_HEAD = """\
# Server settings

People with the *Manage Server* permission change these settings in a panel (`/settings show`) or in
a file (`/settings export`, then `/settings import`). The names are those in the file. Changes apply
at once, also to clips that were tagged before.

<!-- Written by scripts/write_settings_page.py; change bot/domain/settings.py instead. -->
"""


def page() -> str:
    """Return the page, with a table for each page of the panel."""
    return "\n".join([_HEAD, *_tables()])


def _tables() -> Iterator[str]:
    for key, title in PAGES.items():
        rows = [_row(spec) for spec in SETTINGS.values() if spec.page == key]
        head = f"## {title}\n\n| name | setting | values | default |\n|---|---|---|---|\n"
        yield head + "".join(rows)


def _row(spec: SettingSpec) -> str:
    return f"| `{spec.name}` | {_description(spec)} | {values(spec)} | {default(spec)} |\n"


def _description(spec: SettingSpec) -> str:
    most = getattr(spec.kind, "highest", None)
    return f"**{spec.title}.** {spec.help.format(prefix='!', most=most)}"


def values(spec: SettingSpec) -> str:
    """Return which values a setting can have."""
    match spec.kind:
        case Switch():
            return "`true` or `false`"
        case Choice(options=options):
            return ", ".join(f"`{value}` ({label})" for value, label in options.items())
        case WholeNumber(lowest=lowest, highest=highest):
            return f"{lowest} to {highest}"
        case OptionalNumber(lowest=lowest, highest=highest, none=none):
            return f"{lowest} to {highest}, or `null`: {none}"
        case Days():
            return "1 to `RETENTION_DAYS`, or `null` for that maximum"
    return _lists(spec)


def _lists(spec: SettingSpec) -> str:
    match spec.kind:
        case TagList():
            return f"up to {MAX_HIDDEN_TAGS} tags"
        case ChannelList():
            return f"up to {MAX_IDS} channels"
        case ModelList():
            return "some of `CLARIFAI_MODELS`, if the operator lets servers choose"
        case RoleList():
            return f"up to {MAX_IDS} roles"
        case Scores():
            return "a score from 0 to below 1 for each tagger"
    raise TypeError(spec.kind)


def default(spec: SettingSpec) -> str:
    """Return what applies until a server sets something else."""
    match spec.kind:
        case Switch():
            return "on" if spec.default else "off"
        case ChannelList(none=none) | RoleList(none=none) | ModelList(none=none):
            return none.lower()
        case OptionalNumber(none=none) if spec.default is None:
            return none
        case Days():
            return "`RETENTION_DAYS`"
        case Scores():
            return "the tagger's own"
    return f"`{spec.default}`" if spec.default else "none"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
