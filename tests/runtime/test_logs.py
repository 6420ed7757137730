"""Log lines, written by a separate process because logging is configured per process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import logging, traceback
from bot.runtime import logs

logs.configure("INFO", "json")
queue, ours = logging.getLogger("dbos"), logging.getLogger("framehound")
try:
    raise ConnectionError("refused")
except ConnectionError:
    queue.warning("Step tried again", exc_info=True)
    queue.warning("Polling failed: %s", traceback.format_exc())
    queue.exception("it broke")
ours.info("got https://cdn.example/a.mp4?ex=1&hm=secret")
ours.info("sent /webhooks/12/secret/messages/@original")
"""
HOSTILE = """
import logging, structlog
from bot.runtime import logs

logs.configure("INFO", FORM)
link = "HTTPS://cdn.example/a.mp4?hm=secret"
forged = "x\\n2026-01-01 [info] forged \\x1b[2J\\x9b\\u202e"
ours, theirs = structlog.get_logger("framehound"), logging.getLogger("aiohttp")
ours.info("tagged", links=[link, (link,), {link}], by={link: {1: link}}, error=OSError(link))
theirs.warning("asked %s: %s", [link], forged)
ours.warning(forged, name=forged, names=[forged])
try:
    raise OSError(f"{forged} {link}")
except OSError:
    theirs.exception("failed", stack_info=True)
"""


def run(script: str) -> str:
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def logged() -> list[dict[str, str]]:
    return [json.loads(line) for line in run(SCRIPT).splitlines()]


def test_warnings_have_one_line_errors_keep_tracebacks_and_secrets_are_removed() -> None:
    tried, polling, broke, got, sent = logged()
    assert tried["event"] == "Step tried again ConnectionError('refused')"
    assert polling["event"] == "Polling failed:  ConnectionError: refused"
    assert "Traceback" not in json.dumps([tried, polling])
    assert "Traceback" in broke["exception"]
    assert got["event"] == "got https://cdn.example/a.mp4?…"
    assert sent["event"] == "sent /webhooks/12/…/messages/@original"


@pytest.mark.parametrize("form", ["console", "json"])
def test_links_anywhere_in_a_line_lose_their_signature(form: str) -> None:
    printed = run(HOSTILE.replace("FORM", repr(form)))
    assert printed.count("HTTPS://cdn.example/a.mp4?") >= 8
    assert "secret" not in printed


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_text_forges_a_line_or_controls_the_terminal(form: str) -> None:
    printed = run(HOSTILE.replace("FORM", repr(form)))
    assert not {"\x1b", "\x9b", "\u202e"} & {*printed}
    lines = printed.splitlines()
    assert not [line for line in lines if line.startswith("2026-01-01")]
    # Only a traceback has more lines, and they are indented.
    starts = [line for line in lines if not line.startswith("  ")]
    assert len(starts) == 4
