"""``framehound tag``: tags files and links, no Discord needed."""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from bot.cli.terminal import Terminal
from bot.domain.clip import Clip
from bot.domain.links import name_of
from bot.domain.outcome import Tagged
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
    from bot.domain.senses import Sense
    from bot.domain.tagging import Tagging
    from bot.domain.timeline import Timeline
    from bot.runtime.app import App

_LINK = re.compile(r"https?://", re.IGNORECASE)
_REFUSED = 3
_TAGGER_FAILED = 4
# Every second counts: no gap is bridged and no short segment left out.
_COMMAND_LINE = GuildSettings(0, gap=0, shortest=1)


@dataclass(frozen=True, slots=True)
class TagOptions:
    """The threshold (0–1), whether to check for nudity, and the output: picture, page, or JSON."""

    threshold: float | None = None
    picture: Path | None = None
    html: Path | None = None
    as_json: bool = False
    nudity: bool = False


async def tag(config: Config, sources: Sequence[str], options: TagOptions) -> int:
    """Tag files and links, several at once, and print the results in order; return the exit code.

    One bad clip does not stop the others. Raises ``ConfigError`` if a file can't be written.
    """
    await asyncio.to_thread(_check_folders, options)
    terminal = Terminal()
    slots = asyncio.Semaphore(config.worker_concurrency)
    codes = []
    async with wiring.opened(config) as app, AsyncExitStack() as stack:
        bars = stack.enter_context(terminal.progress())
        senses = replace(_COMMAND_LINE, nudity=options.nudity).senses
        tasks = [asyncio.create_task(_tag(app, bars, slots, source, senses)) for source in sources]
        stack.push_async_callback(_cancel, tasks)
        for number, (source, task) in enumerate(zip(sources, tasks, strict=True), 1):
            await asyncio.wait([task])
            with bars.hidden():
                clip_options = _numbered(options, number, len(sources))
                codes.append(await _output(app, terminal, source, task, clip_options))
    return max(codes)


async def _cancel(tasks: Sequence[asyncio.Task[Tagging]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _output(
    app: App,
    terminal: Terminal,
    source: str,
    task: asyncio.Task[Tagging],
    options: TagOptions,
) -> int:
    try:
        tagging = task.result()
    except FramehoundError as error:
        if options.as_json:
            terminal.print_line(exports.to_json(exports.refused(_display_name(source), error)))
        else:
            terminal.print_mistake(f"{_display_name(source)}: {error}{_hint(error)}")
        return _REFUSED if isinstance(error, ClipError) else _TAGGER_FAILED
    settings = _settings(tagging, options)
    outcome = Tagged(_display_name(source), tagging.info.fingerprint)
    clip = await app.services.reports.clip(outcome, tagging, settings, age_restricted=True)
    if options.as_json:
        terminal.print_line(exports.to_json(exports.tagged(clip.name, clip.tagging, clip.timeline)))
    else:
        terminal.print_summary(clip)
    await asyncio.to_thread(_write, options, source, clip.tagging, clip.timeline)
    return 0


def _settings(tagging: Tagging, options: TagOptions) -> GuildSettings:
    """Return the settings with a threshold for all models, if one was asked for."""
    settings, threshold = replace(_COMMAND_LINE, nudity=options.nudity), options.threshold
    if threshold is None:
        return settings
    taggers = [str(each) for each in tagging.models or [tagging.tagger]]
    return replace(settings, thresholds=dict.fromkeys(taggers, threshold))


async def _tag(
    app: App, bars: Bars, slots: asyncio.Semaphore, source: str, senses: frozenset[Sense]
) -> Tagging:
    async with slots:
        with bars.bar(source) as progress:
            if _is_link(source):
                request = TagRequest(Clip(name_of(source), source), progress, senses=senses)
                return await app.services.clip_tagger.tag_link(request)
            request = TagRequest(Clip(Path(source).name, source), progress, senses=senses)
            return await app.services.clip_tagger.tag_file(request)


def _write(options: TagOptions, source: str, tagging: Tagging, timeline: Timeline) -> None:
    """Write the picture and the page if they were asked for."""
    if options.picture:
        from bot.render.picture import draw  # noqa: PLC0415 - imports Pillow only if a picture is wanted

        _write_file(
            "--picture",
            options.picture,
            draw(
                _display_name(source),
                timeline,
                thumbnails=tagging.thumbnails,
                text=tagging.text or (),
                kind=tagging.kind,
            ),
        )
    if options.html:
        link = source if _is_link(source) else _relative_link(options.html.parent, Path(source))
        content = page(_display_name(source), tagging, timeline, link, ENGLISH)
        _write_file("--html", options.html, content.encode())


def _write_file(option: str, path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError([f"{option}: can't write {path}: {error.strerror}"]) from error


def _relative_link(folder: Path, clip: Path) -> str:
    """Return a link from a page in a folder to a clip; both may be moved together."""
    clip = clip.resolve()
    try:
        relative = Path(os.path.relpath(clip, folder.resolve())).as_posix()
        return quote(os.fsencode(relative))
    except ValueError:  # another drive
        return clip.as_uri()


def _check_folders(options: TagOptions) -> None:
    mistakes = [
        f"{option}: folder {path.parent} doesn't exist"
        for option, path in (("--picture", options.picture), ("--html", options.html))
        if path and not path.parent.is_dir()
    ]
    if mistakes:
        raise ConfigError(mistakes)


def _numbered(options: TagOptions, number: int, count: int) -> TagOptions:
    """Return the options for one of several clips, with file names of its own."""

    def numbered(path: Path | None) -> Path | None:
        return path and path.with_stem(f"{path.stem}-{number}")

    if count == 1:
        return options
    return replace(options, picture=numbered(options.picture), html=numbered(options.html))


def _is_link(source: str) -> bool:
    """Return whether a source is a link; one that names a file is one only with http or https."""
    return _LINK.match(source) is not None or ("://" in source and not Path(source).exists())


def _display_name(source: str) -> str:
    """Return the name of a file, or a whole link."""
    return source if _is_link(source) else Path(source).name or source


def _hint(error: FramehoundError) -> str:
    """Return the details for the operator."""
    return f" ({error.detail})" if error.detail else ""
