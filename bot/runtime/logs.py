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
    logging.getLogger("dbos").addFilter(_shortened)
    # They warn of no voice, no message content, no servers: not our trade, said by us, on purpose.
    for library in ("discord.client", "discord.ext.commands.bot", "discord.state"):
        logging.getLogger(library).setLevel(logging.ERROR)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _shortened(record: logging.LogRecord) -> bool:
    """Make a line of what DBOS warns of: steps tried again, a database away for a moment."""
    if record.levelno != logging.WARNING:
        return True
    said, traceback, rest = record.getMessage().partition("Traceback (most recent call last)")
    reason = rest.strip().rpartition("\n")[2] if traceback else ""
    if record.exc_info:
        reason, record.exc_info = repr(record.exc_info[1]), None
    record.msg, record.args = f"{said} {reason}".strip(), ()
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
