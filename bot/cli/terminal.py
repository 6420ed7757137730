"""What ``framehound tag`` shows on a terminal: a progress bar and a coloured summary."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from bot.domain.progress import Stage
from bot.i18n import ENGLISH
from bot.render import formatting, sanitize
from bot.render.screen_text import quoted, text_ranges, whole
from bot.render.summary import (
    TaggedClip,
    clip_facts,
    empty_line,
    plain,
    span_clock,
    unreadable_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.domain.concepts import Concept
    from bot.domain.progress import Progress as ClipProgress
    from bot.domain.progress import ProgressListener

_VERBS = {Stage.DOWNLOAD: "downloading", Stage.TAG: "tagging"}


class Terminal:
    """Prints to standard output; progress and refusals go to standard error."""

    def __init__(self) -> None:
        self._out = Console(highlight=False, soft_wrap=True)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)

    def print_line(self, line: str) -> None:
        """Print text that is already safe for a terminal."""
        self._out.file.write(f"{line}\n")
        self._out.file.flush()

    def print_mistake(self, line: str) -> None:
        """Print a line about a problem, to standard error."""
        self._err.print(Text(sanitize.escape_invisible(line), style="red"))

    def print_summary(self, clip: TaggedClip) -> None:
        """Print one clip's summary: aligned and coloured on a terminal, else plain."""
        if not self._out.is_terminal:
            self.print_line(plain([clip]))
            return
        title = Text(sanitize.clean(clip.name, limit=200), style="bold")
        facts = clip_facts(clip, sanitize.clean, ENGLISH)
        self._out.print(title.append(f" · {facts}", style="not bold dim"))
        self._out.print(_spans(clip))
        for each in text_ranges(clip.tagging.text or ()):
            time = f"{formatting.span(each.start, each.end)}  "
            self._out.print(Text.assemble((time, "cyan"), quoted(each.text, whole)))
        for line in filter(None, (empty_line(clip, sanitize.clean), unreadable_line(clip.tagging))):
            self._out.print(Text(line, style="dim"))
        self._out.print()

    @contextmanager
    def progress(self) -> Iterator[Bars]:
        """Show the progress of clips while the block runs, if this is a terminal."""
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(None))
        with Progress(
            *columns, console=self._err, transient=True, disable=not self._err.is_terminal
        ) as shown:
            yield Bars(shown)


class Bars:
    """A progress bar for each clip."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown

    @contextmanager
    def bar(self, name: str) -> Iterator[ProgressListener]:
        """Show a clip's bar while the block runs."""
        short = sanitize.clean(name, limit=40)
        task = self._shown.add_task(short, total=None)
        try:
            yield lambda step: _advance(self._shown, task, short, step)
        finally:
            self._shown.remove_task(task)

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Hide the bars while something else is printed."""
        self._shown.stop()
        yield
        self._shown.start()


def _advance(bar: Progress, task: TaskID, name: str, step: ClipProgress) -> None:
    bar.update(
        task,
        description=f"{_VERBS[step.stage]} {name}",
        completed=step.done,
        total=step.total,
    )


def _spans(clip: TaggedClip) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for span in clip.timeline.spans:
        if span.tags:
            table.add_row(span_clock(span), Text(" · ").join(_tag(tag) for tag in span.tags))
    return table


def _tag(tag: Concept) -> Text:
    return Text.assemble(sanitize.clean(tag.name), (f" {formatting.score(tag.score)}", "green"))
