"""Reading links without changing them: a signature covers every byte of a signed link."""

from __future__ import annotations

from urllib.parse import quote, urljoin, urlsplit

from yarl import URL

# Everything that may stand in a link, with "%": RFC 3986 sections 2.2 and 2.3. And what browsers
# leave as it is although it should be encoded.
_KEPT = "%:/?#[]@!$&'()*+,;=-._~" + "|^`{}"


def read_link(link: str) -> URL:
    """Return a link whose path and query are sent byte for byte; raises ``ValueError``.

    Only what can't be sent at all is percent-encoded, such as letters beyond ASCII. The fragment is
    left out.
    """
    read = URL(link)
    if not read.raw_authority:
        raise ValueError("a link without a host")
    parts = urlsplit(link)
    path, query = _sendable(parts.path) or "/", _sendable(parts.query)
    marked = f"?{query}" if query else ""
    return URL(f"{read.scheme}://{read.raw_authority}{path}{marked}", encoded=True)


def next_link(url: URL, location: str) -> str:
    """Return the link that a redirect leads to, given its ``Location``."""
    return urljoin(str(url), location.strip().replace(" ", "%20"))


def _sendable(text: str) -> str:
    return quote(text, safe=_KEPT, errors="surrogateescape")
