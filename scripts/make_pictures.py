"""Makes the pictures under docs/ by tagging a clip of this repository.

Needs Debian's ``chromium`` and the packages of ``requirements-dev.txt``:

    uv run python scripts/make_pictures.py
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

from bot.chat.buttons import report_buttons
from bot.config import Config
from bot.domain.clip import Clip
from bot.domain.outcome import Tagged
from bot.domain.settings import GuildSettings
from bot.domain.tagging import TagRequest
from bot.i18n import ENGLISH
from bot.runtime import app as wiring

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from bot.render.report import Report

ROOT = Path(__file__).parent.parent
CLIP = ROOT / "tests" / "clips" / "montage.mp4"
DOCS = ROOT / "docs"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
PHONE = 400  # CSS pixels

REPLY = """<!doctype html><meta charset="utf-8"><style>
:root { --ground: #fff; --text: #2e3035; --muted: #5c5e66; --code: #f0f1f3;
  --button: #e7e8ec }
@media (prefers-color-scheme: dark) { :root { --ground: #313338; --text: #dbdee1;
  --muted: #a3a8b1; --code: #2b2d31; --button: #4e5058 } }
* { box-sizing: border-box }
body { margin: 0; padding: 14px 12px; background: var(--ground); color: var(--text);
  font: 15px/1.4 sans-serif }
.message { display: grid; grid-template-columns: 36px 1fr; gap: 0 10px; margin-top: 14px }
.message:first-child { margin-top: 0 }
.face { width: 36px; height: 36px; border-radius: 50%; color: #fff; font-weight: 700;
  line-height: 36px; text-align: center }
b.who { font-weight: 600 } .app { padding: 0 4px; border-radius: 3px; background: #5865f2;
  color: #fff; font-size: 10px; font-weight: 600; vertical-align: 2px }
small { color: var(--muted); font-size: 12px } .to { grid-column: 2; color: var(--muted);
  font-size: 12.5px }
.text { white-space: pre-wrap; overflow-wrap: anywhere }
code { padding: 0 4px; border-radius: 4px; background: var(--code);
  font: 13px/1.3 monospace }
img, video { display: block; max-width: 100%; margin-top: 8px; border-radius: 8px }
.row { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px }
.row span { padding: 5px 14px; border-radius: 8px; background: var(--button); font-size: 14px;
  font-weight: 500 }
</style>
<div class="message"><div class="face" style="background:#3ba55d">A</div><div>
<b class="who">Ada</b> <small>12:00</small><div class="text">look at this</div>
<video src="CLIP" width="160" muted></video></div></div>
<div class="message"><div class="face" style="background:#5865f2">F</div><div>
<div class="to">↪ Ada look at this</div>
<b class="who">Framehound</b> <span class="app">APP</span> <small>12:00</small>
<div class="text">CONTENT</div>PICTURE<div class="row">BUTTONS</div></div></div>
"""
TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 18px 22px; width: max-content; background: #16171a; color: #d8dbe0;
  font: 15px/1.45 monospace } pre { margin: 0; font: inherit } i { color: #7a808c;
  font-style: normal }</style><pre><i>$</i> COMMAND
OUTPUT</pre>
"""


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        shutil.copy(CLIP, folder)
        output = run_tag(folder, "--picture", "timeline.png", "--html", "page.html")
        shutil.copy(folder / "timeline.png", DOCS)
        report, buttons = asyncio.run(make_reply(folder))
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=ARGUMENTS
            )
            make_terminal(chromium, folder, output)
            for theme in ("dark", "light"):
                make_mock_up(chromium, folder, theme, report, buttons)
            make_page(chromium, folder)
            chromium.close()


def run_tag(folder: Path, *options: str) -> str:
    """Run ``framehound tag`` as on a terminal; return its output with ANSI colours."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "bot", "tag", CLIP.name, *options],
        cwd=folder,
        env={**os.environ, "DATA_DIR": str(folder / "data"), "TAGGER": "local"}
        | {"FORCE_COLOR": "1", "COLUMNS": "90", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def make_terminal(chromium: Browser, folder: Path, output: str) -> None:
    """Draw what ``framehound tag`` prints."""
    console = Console(record=True, file=io.StringIO(), width=90)
    console.print(Text.from_ansi(output))
    body = console.export_html(inline_styles=True, code_format="{code}", theme=SVG_EXPORT_THEME)
    html = TERMINAL.replace("COMMAND", f"framehound tag {CLIP.name}")
    (folder / "terminal.html").write_text(html.replace("OUTPUT", body.rstrip()), "utf-8")
    shown = opened(chromium, folder / "terminal.html", 700, "dark")
    shown.locator("body").screenshot(path=DOCS / "terminal.png")


async def make_reply(folder: Path) -> tuple[Report, list[str]]:
    """Return the bot's report on the clip, and the labels of its buttons."""
    config = Config(_env_file=None, data_dir=folder / "data", tagger="local")  # type: ignore[call-arg]  # pydantic-settings' own argument
    settings = GuildSettings(0)
    async with wiring.opened(config) as app:
        request = TagRequest(Clip(CLIP.name, str(CLIP)))
        tagging = await app.services.clip_tagger.tag_file(request)
        outcome = Tagged(CLIP.name, tagging.info.fingerprint)
        clips = await app.services.reports.clips([outcome], settings)
        report = await app.services.reports.report(clips, settings)
    view = report_buttons("message-1", report.threshold or 0, ENGLISH)
    return report, [str(getattr(item, "label", "")) for item in view.children]


def make_mock_up(
    chromium: Browser, folder: Path, theme: str, report: Report, buttons: list[str]
) -> None:
    """Draw the reply roughly as Discord shows it on a phone."""
    pictures = "".join(
        f'<img alt="" src="data:image/png;base64,{base64.b64encode(file.content).decode()}">'
        for file in report.files
        if file.name.endswith(".png")
    )
    row = "".join(f"<span>{escape(words)}</span>" for words in buttons)
    html = REPLY.replace("CLIP", CLIP.name).replace("CONTENT", marked_up(report.content))
    html = html.replace("PICTURE", pictures).replace("BUTTONS", row)
    (folder / "reply.html").write_text(html, "utf-8")
    shown = opened(chromium, folder / "reply.html", PHONE, theme)
    shown.locator("body").screenshot(path=DOCS / f"reply-{theme}.png")


def marked_up(content: str) -> str:
    """Convert the few kinds of Markdown that a reply uses to HTML."""
    html = escape(content)
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", html)
    html = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", html)
    html = re.sub(r"^-# (.+)$", r"<small>\1</small>", html, flags=re.MULTILINE)
    return re.sub(r"\\([^\w\s])", r"\1", html)


def make_page(chromium: Browser, folder: Path) -> None:
    """Draw the HTML page, playing from a tag."""
    shown = opened(chromium, folder / "page.html", 1000, "dark")
    shown.locator("#rows .name").nth(2).click()
    shown.wait_for_function("() => document.querySelector('video').currentTime > 4.4")
    shown.evaluate("document.querySelector('video').pause()")
    shown.mouse.move(0, 0)
    shown.wait_for_timeout(3500)  # until the player's own controls are out of the way
    shown.screenshot(path=DOCS / "page.png", full_page=True)


def opened(chromium: Browser, file: Path, width: int, theme: str) -> Page:
    """Open a file in a browser window of a given width."""
    shown = chromium.new_page(
        viewport={"width": width, "height": 760},
        device_scale_factor=2 if width == PHONE else 1.2,
        color_scheme="dark" if theme == "dark" else "light",
    )
    shown.goto(file.as_uri())
    shown.wait_for_load_state("load")
    return shown


if __name__ == "__main__":
    main()
