"""The command line: ``framehound`` and ``python -m bot``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from bot import config
from bot.errors import ConfigError, FramehoundError
from bot.render.sanitize import escape_invisible
from bot.runtime import logs, secrets

_USAGE = 2
_ENV_FILE = Path(".env")

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="See what's in videos, second by second.",
)


@cli.command()
def tag(
    clips: Annotated[list[str], typer.Argument(metavar="CLIP...", help="Files or links to tag.")],
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Show tags that score above this (0 to 1).")
    ] = None,
    tagger: Annotated[
        str | None, typer.Option(help="The tagger to use: clarifai, local, vision or auto.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Also save a picture of the timeline.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html", help="Also save an HTML page that plays the clip from any tag."
        ),
    ] = None,
    as_json: Annotated[  # noqa: FBT002 - typer's way to a flag
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
    nudity: Annotated[  # noqa: FBT002 - typer's way to a flag
        bool, typer.Option("--nudity", help="Also check the clips for nudity.")
    ] = False,
) -> None:
    """Tag files or links and print what they show, second by second."""
    settings = _load(config.Config, tagger=tagger)
    from bot.cli import tag  # noqa: PLC0415 - keeps --help and mistakes fast

    logs.configure("WARNING" if settings.log_level == "INFO" else settings.log_level, "console")
    options = tag.TagOptions(threshold, picture, html, as_json=as_json, nudity=nudity)
    raise typer.Exit(_finish(tag.tag(settings, clips, options)))


@cli.command()
def find(  # noqa: PLR0913 - a command's options are its arguments
    query: Annotated[
        str,
        typer.Argument(
            metavar="QUERY",
            help='Words, "exact text", -without, or; text:, game:, by:, in:, after:.',
        ),
    ],
    *,
    server: Annotated[
        int | None, typer.Option(metavar="ID", help="Only search this server.")
    ] = None,
    channel: Annotated[
        int | None, typer.Option(metavar="ID", help="Only search this channel and its threads.")
    ] = None,
    author: Annotated[
        int | None, typer.Option(metavar="ID", help="Only find clips posted by this person.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Only find clips posted on or after this day (UTC)."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Only find clips posted on or before this day (UTC)."),
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Only find clips that score above this, instead of each server's threshold.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
) -> None:
    """Find posted clips by what is in them in all channels, newest first."""
    settings = _load(config.Config)
    from bot.cli import find  # noqa: PLC0415 - keeps --help and mistakes fast

    logs.configure("ERROR", "console")
    options = find.FindOptions(server, channel, author, since, until, min_score, as_json=as_json)
    _finish(find.find(settings, query, options))


@cli.command()
def corrections() -> None:
    """Print the tags that people marked as wrong, one JSON object per line."""
    settings = _load(config.Config)
    from bot.cli.corrections import corrections as export  # noqa: PLC0415 - keeps --help fast

    logs.configure("ERROR", "console")
    _finish(export(settings))


@cli.command()
def index(
    server: Annotated[int, typer.Option(metavar="ID", help="The server to index.")],
    *,
    channel: Annotated[
        list[int] | None,
        typer.Option(metavar="ID", help="Only index this channel; may be given several times."),
    ] = None,
    days: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="How many days to go back.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; start at once.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the run of this server.")] = False,
) -> None:
    """Have the running bot tag clips that were posted before it came; shows the price first."""
    settings = _load(config.DiscordConfig)
    from bot.cli import index  # noqa: PLC0415 - keeps --help and mistakes fast

    logs.configure("ERROR", "console")
    options = index.IndexOptions(server, tuple(channel or ()), days, yes=yes, stop=stop)
    raise typer.Exit(_finish(index.index(settings, options)))


@cli.command()
def setup(
    *,
    discord_token: Annotated[
        str | None,
        typer.Option(envvar="DISCORD_TOKEN", help="The bot's token, instead of asking for it."),
    ] = None,
    clarifai_pat: Annotated[
        str | None,
        typer.Option(
            envvar=["CLARIFAI_PAT", "CLARIFAI_KEY"],
            help="Clarifai's access token, instead of asking for it.",
        ),
    ] = None,
    no_clarifai: Annotated[
        bool, typer.Option("--no-clarifai", help="Use the local tagger; don't ask.")
    ] = False,
    wait: Annotated[
        bool | None, typer.Option(help="Wait until the bot is in a server.", show_default=False)
    ] = None,
    start: Annotated[
        bool | None, typer.Option(help="Start the bot afterwards, or not.", show_default=False)
    ] = None,
    env_file: Annotated[Path, typer.Option(metavar="FILE", help="The file to write.")] = _ENV_FILE,
) -> None:
    """Set up the bot: asks for the tokens, tries them, shows the invite link and writes .env."""
    secrets.close_memory()
    logs.configure("ERROR", "console")
    from bot.cli.setup import SetupOptions  # noqa: PLC0415 - keeps --help and mistakes fast
    from bot.cli.setup import setup as ask  # noqa: PLC0415 - see above

    options = SetupOptions(
        env_file, discord_token, clarifai_pat, no_clarifai=no_clarifai, wait=wait, start=start
    )
    try:
        starts = ask(options)
    except FramehoundError as error:
        raise _stop(error) from None
    if starts:
        _run(_load(config.DiscordConfig, env_file=env_file), works=True)


@cli.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to make.")],
) -> None:
    """Copy all that is stored to a new file, consistently, while the bot may run (SQLite)."""
    settings = _load(config.Config)
    from bot.cli.backup import backup as copy  # noqa: PLC0415 - keeps --help and mistakes fast

    try:
        copy(settings, file)
    except FramehoundError as error:
        raise _stop(error) from None


@cli.command()
def check() -> None:
    """Check the settings, database, Discord and the taggers, one line each."""
    settings = _load(config.Config)
    from bot.cli.check import check as try_parts  # noqa: PLC0415 - keeps --help and mistakes fast

    logs.configure("ERROR", "console")
    raise typer.Exit(_finish(try_parts(settings)))


@cli.command()
def run(
    no_worker: Annotated[  # noqa: FBT002 - typer's way to a flag
        bool, typer.Option("--no-worker", help="Run the gateway only; workers run elsewhere.")
    ] = False,
) -> None:
    """Run the bot: the gateway and a worker in one process."""
    _run(_load(config.DiscordConfig), works=not no_worker)


@cli.command()
def worker() -> None:
    """Run a worker without the gateway; any number of workers can share a PostgreSQL database."""
    settings = _load(config.DiscordConfig)
    from bot.cli.run import work  # noqa: PLC0415 - keeps --help and mistakes fast

    logs.configure(settings.log_level, settings.log_format)
    _finish(work(settings))


def _load(kind: type[config.Kind], **overrides: Any) -> config.Kind:
    secrets.close_memory()
    try:
        settings = config.load(kind, **overrides)
    except ConfigError as error:
        raise _stop(error) from None
    secrets.remove_from_environment(settings)
    return settings


def _run(settings: config.DiscordConfig, *, works: bool) -> None:
    from bot.cli.run import run as run_bot  # noqa: PLC0415 - keeps --help and mistakes fast

    logs.configure(settings.log_level, settings.log_format)
    _finish(run_bot(settings, works=works))


def _finish(work: Any) -> Any:
    try:
        return asyncio.run(work)
    except FramehoundError as error:
        raise _stop(error) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _stop(error: FramehoundError) -> typer.Exit:
    for line in str(error).splitlines():
        typer.echo(escape_invisible(line), err=True)
    return typer.Exit(_USAGE)


def main() -> None:
    """Run the program."""
    cli(prog_name="framehound")


if __name__ == "__main__":
    main()
