"""Structured logs on standard error, with secrets removed."""

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
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(form),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # What these libraries log below WARNING is of no use to an operator.
    for library in ("alembic", "discord", "aiosqlite", "dbos"):
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    logging.getLogger("dbos").addFilter(_shorten_warning)
    # They warn of missing voice support and message content, which we do without or log ourselves.
    for library in ("discord.client", "discord.ext.commands.bot", "discord.state"):
        logging.getLogger(library).setLevel(logging.ERROR)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _shorten_warning(record: logging.LogRecord) -> bool:
    """Reduce a warning of DBOS to one line: it adds a traceback to each step that is retried."""
    if record.levelno != logging.WARNING:
        return True
    message, traceback, rest = record.getMessage().partition("Traceback (most recent call last)")
    reason = rest.strip().rpartition("\n")[2] if traceback else ""
    if record.exc_info:
        reason, record.exc_info = repr(record.exc_info[1]), None
    record.msg, record.args = f"{message} {reason}".strip(), ()
    return True


def _renderer(form: str) -> structlog.typing.Processor:
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
