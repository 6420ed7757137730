"""Structured logs on standard error, with nothing secret in them."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

# A query may carry a signature (Discord's CDN), and an interaction's path its token.
_QUERY = re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']+")
_WEBHOOK = re.compile(r"(/(?:webhooks|interactions)/\d+/)[^/\s\"'?]+")


def configure(level: str, form: str) -> None:
    """Send every log line of the process, libraries' included, to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
        _redact,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _writer(form)],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # Migrations and connections of a healthy program are nobody's news.
    for library in ("alembic", "discord", "aiosqlite", "dbos"):
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    # They warn of no voice and of no message content: the one is not our trade, the other we say.
    logging.getLogger("dbos").addFilter(_without_traceback_of_retries)
    for library in ("discord.client", "discord.ext.commands.bot"):
        logging.getLogger(library).setLevel(logging.ERROR)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _without_traceback_of_retries(record: logging.LogRecord) -> bool:
    """Make a line of what DBOS says of a step it tries again: that is expected now and then."""
    if record.exc_info and "automatically retried" in record.getMessage():
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]!r}", ()
        record.exc_info = None
    return True


def _writer(form: str) -> structlog.typing.Processor:
    if form == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


def _redact(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _WEBHOOK.sub(r"\1…", _QUERY.sub(r"\1?…", value))
    return event
