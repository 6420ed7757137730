"""``framehound tag``: tags files and links, no Discord needed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bot import app as wiring
from bot.domain import timeline
from bot.domain.clip import Clip
from bot.domain.links import name_of
from bot.errors import ClipError, ConfigError, FramehoundError
from bot.render import export
from bot.render.summary import TaggedClip
from bot.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.app import App
    from bot.config import Config
    from bot.domain.tagging import Tagging
    from bot.domain.timeline import Timeline

_REFUSED = 3
_TAGGER_FAILED = 4


@dataclass(frozen=True, slots=True)
class TagOptions:
    """How clips are told: above which score, as which picture too, and as JSON."""

    threshold: float | None = None
    picture: Path | None = None
    as_json: bool = False


async def tag(config: Config, given: Sequence[str], options: TagOptions) -> int:
    """Tag each clip in turn and print what it shows; return the exit code.

    One bad clip does not stop the others. Raises ``ConfigError`` where the picture can't be put.
    """
    if options.picture and not await asyncio.to_thread(options.picture.parent.is_dir):
        raise ConfigError([f"--picture: there is no folder {options.picture.parent}"])
    terminal = Terminal()
    async with wiring.opened(config) as app:
        each = zip(given, _pictures(options.picture, len(given)), strict=True)
        codes = [
            await _tag_one(app, terminal, clip, replace(options, picture=picture))
            for clip, picture in each
        ]
    return max(codes)


async def _tag_one(app: App, terminal: Terminal, given: str, options: TagOptions) -> int:
    try:
        tagging = await _tagging(app, terminal, given)
    except FramehoundError as error:
        if options.as_json:
            terminal.print_line(export.json(export.refused(_shown(given), error)))
        else:
            terminal.print_mistake(f"{_shown(given)}: {error}{_hint(error)}")
        return _REFUSED if isinstance(error, ClipError) else _TAGGER_FAILED
    applied = options.threshold
    if applied is None:
        applied = await app.answerer.threshold(None, tagging.tagger)
    built = timeline.build(tagging.frames, tagging.info.duration, applied)
    if options.as_json:
        terminal.print_line(export.json(export.tagged(_shown(given), tagging, built)))
    else:
        terminal.print_summary(TaggedClip(_shown(given), built))
    if options.picture:
        await asyncio.to_thread(_draw, options.picture, _shown(given), built)
    return 0


async def _tagging(app: App, terminal: Terminal, given: str) -> Tagging:
    with terminal.progress(given) as progress:
        if _is_link(given):
            return await app.clip_tagger.tag_link(Clip(name_of(given), given), progress)
        return await app.clip_tagger.tag_file(Clip(Path(given).name, given), progress)


def _draw(path: Path, name: str, built: Timeline) -> None:
    from bot.render.picture import draw  # noqa: PLC0415 - Pillow is for those who want a picture

    try:
        path.write_bytes(draw(name, built))
    except OSError as error:
        raise ConfigError([f"--picture: can't write {path}: {error.strerror}"]) from error


def _pictures(path: Path | None, count: int) -> list[Path | None]:
    """Return a picture's file for each clip: with several they are numbered."""
    if path is None or count == 1:
        return [path] * count
    return [path.with_stem(f"{path.stem}-{number}") for number in range(1, count + 1)]


def _is_link(given: str) -> bool:
    return "://" in given


def _shown(given: str) -> str:
    """Return a file by its name and a link whole."""
    return given if _is_link(given) else Path(given).name


def _hint(error: FramehoundError) -> str:
    """Add what only the operator should read."""
    return f" ({error.detail})" if error.detail else ""
