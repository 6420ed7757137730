"""Structured logs on standard error, with secrets removed and one line for each event."""

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
_QUERY = re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']+", re.IGNORECASE)
_WEBHOOK = re.compile(r"(/(?:webhooks|interactions)/\d+/)[^/\s\"'?]+", re.IGNORECASE)
_NOT_ASCII_TEXT = re.compile(r"[^ -~]")


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
                *_renderers(form),
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


def _renderers(form: str) -> tuple[structlog.typing.Processor, ...]:
    if form == "json":  # which escapes everything but ASCII
        return (structlog.processors.JSONRenderer(),)
    return _on_one_line, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


def _redact(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key != "_record":  # structlog's own
            event[key] = _redacted(value)
    return event


def _redacted(value: object) -> object:
    """Return a value without the secrets in its texts; all but plain values become texts."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(_redacted(key)): _redacted(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(each) for each in value]
    text = value if isinstance(value, str) else repr(value)
    return _WEBHOOK.sub(r"\1…", _QUERY.sub(r"\1?…", text))


def _on_one_line(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Escape what would start another line or control a terminal; indent tracebacks."""
    for key, value in event.items():
        if key == "exception":
            event[key] = "\n".join(f"  {_escaped(line)}" for line in value.splitlines())
        elif isinstance(value, str):  # the renderer takes the repr of everything else
            event[key] = _escaped(value)
    return event


def _escaped(text: str) -> str:
    return _NOT_ASCII_TEXT.sub(
        lambda found: found[0] if found[0].isprintable() else ascii(found[0])[1:-1], text
    )
