"""Finding links to clips in messages."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection

EXTENSIONS = frozenset({"mp4", "m4v", "mov", "mkv", "webm", "avi", "ogg", "ogv", "gif"})
"""Extensions of the supported containers; the bytes of the file decide later."""

_MEDIA_HOST = re.compile(
    r"(c|media\d*)\.tenor\.com|(i|media\d*)\.giphy\.com|i\.imgur\.com"
    r"|cdn\.discordapp\.com|media\.discordapp\.net"
)
PREVIEWED = frozenset({"tenor.com", "giphy.com", "klipy.com", "imgur.com"})
"""Sites whose pages are not clips, but Discord's previews of them are."""
DISCORD_CDN = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
"""The hosts that serve attachments: fast, and only Discord decides what they send."""
# Other paths of these hosts lead to files of other hosts.
_ATTACHMENTS = ("/attachments/", "/ephemeral-attachments/")
_SIGNATURE = {"ex", "is", "hm"}
# Their links may end like files, but lead to pages.
_PAGES_ALONE = re.compile(r"(www\.)?(tenor|giphy)\.com")
# Discord shows no preview of a link in code.
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_SPOILER = re.compile(r"\|\|.+?\|\|", re.DOTALL)
_LINK = re.compile(r"<?https?://(?:(?!\|\|)[^\s<>])+>?", re.IGNORECASE)
# Longer queries are signatures, not part of a page's address.
_MAX_QUERY_LENGTH = 40
_TRAILING = ".,;:!?'\"*_~`|)]}"


def find_links(text: str, *, left_alone: bool = False) -> list[str]:
    """Return the links in a text, each once, in order.

    Links in angle brackets or in code have no preview; people write them so to be left alone. They
    count only if ``left_alone`` is set, as for links given to a command.
    """
    found: dict[str, None] = {}
    if "://" not in text:  # as in most of what people write
        return []
    for match in _LINK.finditer(text if left_alone else _CODE.sub(" ", text)):
        written = match.group()
        if written.startswith("<") and written.endswith(">"):
            if left_alone:
                found[written.strip("<>")] = None
        else:
            found[written.strip("<>").rstrip(_TRAILING)] = None
    return list(found)


def hidden_links(text: str) -> set[str]:
    """Return the links inside spoilers."""
    spoilers = _SPOILER.findall(text)
    return {link for spoiler in spoilers for link in find_links(spoiler, left_alone=True)}


def is_media(link: str) -> bool:
    """Return whether a link leads to a clip itself, by its path or a host of media only."""
    host, path = _host(link), PurePosixPath(_path(link))
    if _PAGES_ALONE.fullmatch(host):
        return False
    return promises_clip(link) or bool(
        path.name and not path.suffix and _MEDIA_HOST.fullmatch(host)
    )


def is_signed_attachment(link: str) -> bool:
    """Return whether a link leads to a file on Discord, which sends everybody the same bytes."""
    parts = urlsplit(link)
    return (
        parts.scheme == "https"
        and parts.netloc in DISCORD_CDN
        and parts.path.startswith(_ATTACHMENTS)
        and parse_qs(parts.query).keys() >= _SIGNATURE
    )


def is_page(link: str, sites: Collection[str]) -> bool:
    """Return whether a link leads to a page of one of these sites, except its front page."""
    host = _host(link)
    if is_media(link) or not _path(link).strip("/"):
        return False
    return any(host == site or host.endswith(f".{site}") for site in sites)


def is_same_clip(one: str, other: str) -> bool:
    """Return whether two links lead to the same clip of a site, perhaps in different formats."""
    return one == other or _identity(one) == _identity(other)


def promises_clip(name: str) -> bool:
    """Return whether a file name or the path of a link has the extension of a container."""
    return PurePosixPath(_path(name)).suffix.lstrip(".").lower() in EXTENSIONS


def name_of(link: str) -> str:
    """Return a name for the clip of a link: its file name, else a short form of the link."""
    path = PurePosixPath(_path(link))
    if path.suffix:
        return path.name
    _, _, query = link.partition("?")
    shown = f"?{query}" if 0 < len(query) <= _MAX_QUERY_LENGTH else ""
    return f"{_host(link).removeprefix('www.')}{_path(link).rstrip('/')}{shown}" or link


def _identity(link: str) -> tuple[list[str], str]:
    """Return the site's and the file's names without extension: a.gif and a.mp4 are one clip."""
    return _host(link).split(".")[-2:-1], PurePosixPath(_path(link)).stem


def _host(link: str) -> str:
    try:
        return urlsplit(link).hostname or ""
    except ValueError:
        return ""


def _path(link: str) -> str:
    try:
        return unquote(urlsplit(link).path)
    except ValueError:
        return ""
