from __future__ import annotations

import json
import logging
import traceback
from typing import TYPE_CHECKING

import pytest

from bot import logs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """Configure the logs for a test that reads them."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    logs.configure("INFO", "json")
    yield capsys
    root.handlers[:], root.level = before, level
    logging.getLogger("dbos").filters.clear()


def refuse() -> None:
    raise ConnectionError("refused")


def test_what_the_queue_warns_of_is_a_line(said: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("dbos")
    try:
        refuse()
    except ConnectionError:
        log.warning("Step tried again", exc_info=True)
        log.warning("Exception polling schedules: %s", traceback.format_exc())
    lines = said.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "Step tried again ConnectionError('refused')" in lines[0]
    assert "Exception polling schedules:  ConnectionError: refused" in lines[1]
    assert "Traceback" not in "".join(lines)


def test_its_errors_keep_their_tracebacks(said: pytest.CaptureFixture[str]) -> None:
    try:
        refuse()
    except ConnectionError:
        logging.getLogger("dbos").exception("it broke")
    assert "Traceback" in said.readouterr().err


def test_no_signature_and_no_token_is_logged(said: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("framehound")
    log.info("got https://cdn.example/a.mp4?ex=1&hm=secret")
    log.info("sent /webhooks/12/secret/messages/@original")
    lines = said.readouterr().err
    assert "secret" not in lines
    assert json.loads(lines.splitlines()[0])["event"] == "got https://cdn.example/a.mp4?…"
