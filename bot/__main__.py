"""The command line: ``framehound`` and ``python -m bot``."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path  # noqa: TC003 - typer reads it at run time
from typing import Annotated, Any

import typer

from bot import config
from bot.errors import ConfigError, FramehoundError
from bot.runtime import logs

_USAGE = 2

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Tells what is in videos, second by second.",
)


@cli.command()
def tag(
    clips: Annotated[list[str], typer.Argument(metavar="CLIP...", help="Files or links.")],
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Show tags scored above this (0-1).")
    ] = None,
    tagger: Annotated[str | None, typer.Option(help="clarifai, local or auto.")] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Write the timeline as a picture too.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Write a page that plays the clip from a tag too."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,  # noqa: FBT002 - typer's way to a flag
) -> None:
    """Tag files or links and print what is seen at which second."""
    settings = _load(config.Config, tagger=tagger)
    from bot.cli import tag  # noqa: PLC0415 - --help and mistakes stay quick

    logs.configure("WARNING" if settings.log_level == "INFO" else settings.log_level, "console")
    wanted = tag.TagOptions(threshold, picture, html, as_json=as_json)
    raise typer.Exit(_finish(tag.tag(settings, clips, wanted)))


@cli.command()
def find(  # noqa: PLR0913 - a command's options are its arguments
    tag: Annotated[str, typer.Argument(metavar="TAG", help="What the clips show.")],
    *,
    server: Annotated[int | None, typer.Option(metavar="ID", help="In this server alone.")] = None,
    channel: Annotated[
        int | None, typer.Option(metavar="ID", help="In this channel and its threads alone.")
    ] = None,
    author: Annotated[
        int | None, typer.Option(metavar="ID", help="Posted by this person alone.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="From this day on (UTC).")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Up to this day (UTC).")] = None,
    min_score: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Scored above this instead of each server's threshold."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Find posted clips by what they show, in all channels, newest first."""
    settings = _load(config.Config)
    from bot.cli import find  # noqa: PLC0415 - --help and mistakes stay quick

    logs.configure("ERROR", "console")
    wanted = find.FindOptions(server, channel, author, since, until, min_score, as_json=as_json)
    _finish(find.find(settings, tag, wanted))


@cli.command()
def check() -> None:
    """Try settings, database, Discord, Clarifai and the local model; one line each."""
    settings = _load(config.Config)
    from bot.cli.check import check as try_parts  # noqa: PLC0415 - --help and mistakes stay quick

    logs.configure("ERROR", "console")
    raise typer.Exit(_finish(try_parts(settings)))


@cli.command()
def run(
    no_worker: Annotated[  # noqa: FBT002 - typer's way to a flag
        bool, typer.Option("--no-worker", help="The gateway alone; workers run elsewhere.")
    ] = False,
) -> None:
    """Run the bot: gateway and worker in one process."""
    settings = _load(config.DiscordConfig)
    from bot.cli.run import run as run_bot  # noqa: PLC0415 - --help and mistakes stay quick

    logs.configure(settings.log_level, settings.log_format)
    _finish(run_bot(settings, works=not no_worker))


@cli.command()
def worker() -> None:
    """Carry out jobs alone, any number of workers on one PostgreSQL database."""
    settings = _load(config.DiscordConfig)
    from bot.cli.run import work  # noqa: PLC0415 - --help and mistakes stay quick

    logs.configure(settings.log_level, settings.log_format)
    _finish(work(settings))


def _load(kind: type[config.Kind], **overrides: Any) -> config.Kind:
    try:
        return config.load(kind, **overrides)
    except ConfigError as error:
        raise _stop(error) from None


def _finish(work: Any) -> Any:
    _collect_again()
    try:
        return asyncio.run(work)
    except FramehoundError as error:
        raise _stop(error) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _stop(error: FramehoundError) -> typer.Exit:
    typer.echo(str(error), err=True)
    return typer.Exit(_USAGE)


def _collect_again() -> None:
    """Look for garbage from here on, if ``main`` left it; what was imported stays for good."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def main() -> None:
    """Run the program."""
    # A command imports much and leaves no garbage; looking for some is a sixth of its start.
    gc.disable()
    cli(prog_name="framehound")


if __name__ == "__main__":
    main()
