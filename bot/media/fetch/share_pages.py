"""Share pages of file hosts, and the direct links to the same files."""

from __future__ import annotations

import re

# A page's address without its scheme, and the file's. Only sites whose direct links follow from the
# page's address; SITES reads others with yt-dlp.
_DIRECT = (
    # https://help.dropbox.com/share/force-download
    (
        r"(?:www\.)?dropbox\.com/(s|scl)/([^?#]+)(?:\?([^#]*))?",
        "https://www.dropbox.com/{0}/{1}?{2}",
    ),
    (
        r"drive\.google\.com/(?:file/d/|open\?id=|uc\?(?:export=\w+&)?id=)([\w-]+).*",
        "https://drive.usercontent.google.com/download?id={0}&export=download&confirm=t",
    ),
    (r"(?:www\.|m\.)?imgur\.com/(\w{5,8})/?", "https://i.imgur.com/{0}.mp4"),
    (r"i\.imgur\.com/(\w+)\.gifv", "https://i.imgur.com/{0}.mp4"),
    (
        r"(?:www\.)?giphy\.com/(?:gifs|clips)/(?:[\w-]*-)?(\w+)/?(?:\?.*)?",
        "https://media.giphy.com/media/{0}/giphy.mp4",
    ),
    (
        r"(?:www\.)?github\.com/([\w.-]+/[\w.-]+)/blob/([^?#]+)(?:\?[^#]*)?(?:#.*)?",
        "https://raw.githubusercontent.com/{0}/{1}",
    ),
)
# https://help.dropbox.com/share/force-download
_DROPBOX = re.compile(r"(?:www\.)?(dropbox\.com/(?:s|scl)/[^?#]+)(?:\?([^#]*))?(?:#.*)?")


def direct_link(link: str) -> str:
    """Return the direct link to the file of a known share page; any other link as it is."""
    scheme, _, rest = link.partition("://")
    if scheme.lower() not in {"http", "https"}:
        return link
    if dropbox := _DROPBOX.fullmatch(rest):
        return f"https://www.{dropbox[1]}?{_downloading(dropbox[2] or '')}"
    for page, file in _DIRECT:
        if found := re.fullmatch(page, rest):
            return file.format(*found.groups())
    return link


def _downloading(query: str) -> str:
    """Ask Dropbox for the file instead of its page; the rest of the query is a key."""
    kept = [each for each in query.split("&") if each and not each.startswith(("dl=", "raw="))]
    return "&".join([*kept, "dl=1"])
