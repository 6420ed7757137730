"""``framehound tag``: tags files and links, no Discord needed."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from bot.cli.terminal import Terminal
from bot.domain.clip import Clip
from bot.domain.links import name_of
from bot.domain.settings import GuildSettings
from bot.domain.tagging import TagRequest
from bot.errors import ClipError, ConfigError, FramehoundError
from bot.i18n import ENGLISH
from bot.render import exports
from bot.render.page import page
from bot.runtime import app as wiring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.cli.terminal import Bars
    from bot.config import Config
    from bot.domain.tagging import Tagging
    from bot.domain.timeline import Timeline
    from bot.runtime.app import App

_REFUSED = 3
_TAGGER_FAILED = 4
# Every second counts: no gap is bridged and no short segment left out.
_COMMAND_LINE = GuildSettings(0, gap=0, shortest=1)


@dataclass(frozen=True, slots=True)
class TagOptions:
    """How clips are told: above which score, as which picture and page too, and as JSON."""

    threshold: float | None = None
    picture: Path | None = None
    html: Path | None = None
    as_json: bool = False


async def tag(config: Config, given: Sequence[str], options: TagOptions) -> int:
    """Tag clips, several at once, and print what they show in their order; return the exit code.

    One bad clip does not stop the others. Raises ``ConfigError`` where a file can't be written.
    """
    await asyncio.to_thread(_check_folders, options)
    terminal = Terminal()
    places = asyncio.Semaphore(config.worker_concurrency)
    codes = []
    async with wiring.opened(config) as app, AsyncExitStack() as stack:
        bars = stack.enter_context(terminal.progress())
        under_way = [asyncio.create_task(_tagging(app, bars, places, clip)) for clip in given]
        stack.push_async_callback(_call_off, under_way)
        for number, (clip, tagging) in enumerate(zip(given, under_way, strict=True), 1):
            await asyncio.wait([tagging])
            with bars.away():
                options_of_it = _numbered(options, number, len(given))
                codes.append(await _tell(app, terminal, clip, tagging, options_of_it))
    return max(codes)


async def _call_off(tasks: Sequence[asyncio.Task[Tagging]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _tell(
    app: App,
    terminal: Terminal,
    given: str,
    tagged: asyncio.Task[Tagging],
    options: TagOptions,
) -> int:
    try:
        tagging = tagged.result()
    except FramehoundError as error:
        if options.as_json:
            terminal.print_line(exports.to_json(exports.refused(_shown(given), error)))
        else:
            terminal.print_mistake(f"{_shown(given)}: {error}{_hint(error)}")
        return _REFUSED if isinstance(error, ClipError) else _TAGGER_FAILED
    clip = await app.services.reports.clip(_shown(given), tagging, _COMMAND_LINE, options.threshold)
    if options.as_json:
        terminal.print_line(exports.to_json(exports.tagged(clip.name, tagging, clip.timeline)))
    else:
        terminal.print_summary(clip)
    await asyncio.to_thread(_write, options, given, tagging, clip.timeline)
    return 0


async def _tagging(app: App, bars: Bars, places: asyncio.Semaphore, given: str) -> Tagging:
    async with places:
        with bars.bar(given) as progress:
            if _is_link(given):
                request = TagRequest(Clip(name_of(given), given), progress)
                return await app.services.clip_tagger.tag_link(request)
            request = TagRequest(Clip(Path(given).name, given), progress)
            return await app.services.clip_tagger.tag_file(request)


def _write(options: TagOptions, given: str, tagging: Tagging, built: Timeline) -> None:
    """Write the picture and the page, as far as they are wanted."""
    if options.picture:
        from bot.render.picture import draw  # noqa: PLC0415 - Pillow is for those who want one

        _put(
            "--picture", options.picture, draw(_shown(given), built, thumbnails=tagging.thumbnails)
        )
    if options.html:
        source = given if _is_link(given) else _as_seen_from(options.html.parent, Path(given))
        told = page(_shown(given), tagging, built, source, ENGLISH)
        _put("--html", options.html, told.encode())


def _put(option: str, path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError([f"{option}: can't write {path}: {error.strerror}"]) from error


def _as_seen_from(folder: Path, clip: Path) -> str:
    """Return a clip's path as a page in a folder links it, so that both may be moved together."""
    clip = clip.resolve()
    try:
        return quote(Path(os.path.relpath(clip, folder.resolve())).as_posix())
    except ValueError:  # another drive
        return clip.as_uri()


def _check_folders(options: TagOptions) -> None:
    mistakes = [
        f"{option}: there is no folder {path.parent}"
        for option, path in (("--picture", options.picture), ("--html", options.html))
        if path and not path.parent.is_dir()
    ]
    if mistakes:
        raise ConfigError(mistakes)


def _numbered(options: TagOptions, number: int, count: int) -> TagOptions:
    """Return the options for one of several clips: each has files of its own."""

    def own(path: Path | None) -> Path | None:
        return path and path.with_stem(f"{path.stem}-{number}")

    if count == 1:
        return options
    return replace(options, picture=own(options.picture), html=own(options.html))


def _is_link(given: str) -> bool:
    return "://" in given


def _shown(given: str) -> str:
    """Return a file by its name and a link whole."""
    return given if _is_link(given) else Path(given).name


def _hint(error: FramehoundError) -> str:
    """Add what only the operator should read."""
    return f" ({error.detail})" if error.detail else ""
