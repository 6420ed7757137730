"""Log lines, written by a separate process because logging is configured per process."""

from __future__ import annotations

import json
import subprocess
import sys

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


def logged() -> list[dict[str, str]]:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_warnings_have_one_line_errors_keep_tracebacks_and_secrets_are_removed() -> None:
    tried, polling, broke, got, sent = logged()
    assert tried["event"] == "Step tried again ConnectionError('refused')"
    assert polling["event"] == "Polling failed:  ConnectionError: refused"
    assert "Traceback" not in json.dumps([tried, polling])
    assert "Traceback" in broke["exception"]
    assert got["event"] == "got https://cdn.example/a.mp4?…"
    assert sent["event"] == "sent /webhooks/12/…/messages/@original"
