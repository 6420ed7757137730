"""``framehound tag``: tags files and links, no Discord needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from bot import app as wiring
from bot.domain import timeline
from bot.domain.clip import Clip
from bot.domain.links import name_of
from bot.errors import ClipError, FramehoundError
from bot.render import export
from bot.render.summary import TaggedClip
from bot.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.app import App
    from bot.config import Config
    from bot.domain.tagging import Tagging

_REFUSED = 3
_TAGGER_FAILED = 4


async def tag(
    config: Config, given: Sequence[str], threshold: float | None, *, as_json: bool
) -> int:
    """Tag each clip in turn and print what it shows; return the exit code.

    One bad clip does not stop the others.
    """
    terminal = Terminal()
    async with wiring.opened(config) as app:
        codes = [await _tag_one(app, terminal, clip, threshold, as_json) for clip in given]
    return max(codes)


async def _tag_one(
    app: App,
    terminal: Terminal,
    given: str,
    threshold: float | None,
    as_json: bool,  # noqa: FBT001 - private
) -> int:
    try:
        with terminal.progress(given) as progress:
            if _is_link(given):
                clip = Clip(name_of(given), given)
                tagging = await app.clip_tagger.tag_link(clip, progress)
            else:
                tagging = await app.clip_tagger.tag_file(Clip(Path(given).name, given), progress)
    except FramehoundError as error:
        if as_json:
            terminal.print_line(_json(export.refused(_shown(given), error)))
        else:
            terminal.print_mistake(f"{_shown(given)}: {error}{_hint(error)}")
        return _REFUSED if isinstance(error, ClipError) else _TAGGER_FAILED
    applied = await app.answerer.threshold(None, tagging.tagger) if threshold is None else threshold
    _print(terminal, given, tagging, applied, as_json)
    return 0


def _print(
    terminal: Terminal,
    given: str,
    tagging: Tagging,
    threshold: float,
    as_json: bool,  # noqa: FBT001 - private
) -> None:
    built = timeline.build(tagging.frames, tagging.info.duration, threshold)
    if as_json:
        terminal.print_line(_json(export.tagged(_shown(given), tagging, built)))
    else:
        terminal.print_summary(TaggedClip(_shown(given), built))


def _is_link(given: str) -> bool:
    return "://" in given


def _shown(given: str) -> str:
    """Return a file by its name and a link whole."""
    return given if _is_link(given) else Path(given).name


def _hint(error: FramehoundError) -> str:
    """Add what only the operator should read."""
    return f" ({error.detail})" if error.detail else ""


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
