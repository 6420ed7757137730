"""Files: what somebody uploads, and the attachment Discord makes of it."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.stand_ins.discord.refusals import Json

_LINK_SECONDS = 24 * 3600
_SPOILER = 1 << 3


@dataclass(frozen=True)
class Upload:
    """A file on its way in; everything beyond its name and bytes may be missing."""

    filename: str
    content: bytes = field(repr=False)
    content_type: str | None = None
    description: str | None = None
    width: int | None = None
    height: int | None = None
    duration_secs: float | None = None


File = Upload | tuple[str, bytes] | tuple[str, bytes, str]


def as_upload(file: File) -> Upload:
    return file if isinstance(file, Upload) else Upload(*file)


@dataclass(frozen=True)
class Refuse:
    """Answer with a status and no file."""

    status: int


@dataclass(frozen=True)
class Stall:
    """Send this many bytes, then nothing more, holding the connection."""

    after: int


@dataclass(frozen=True)
class Cut:
    """Promise the whole file, send this many bytes, hang up."""

    after: int


@dataclass(frozen=True)
class Claim:
    """Give this Content-Length, whatever the file's size."""

    length: int


@dataclass(frozen=True)
class Trickle:
    """Send a byte every so many seconds, for ever, promising no length."""

    interval: float = 0.01


Delivery = Refuse | Stall | Cut | Claim | Trickle


@dataclass(eq=False)
class Attachment:
    """A stored file; set ``delivery`` to have the CDN misbehave."""

    id: int
    channel_id: int
    upload: Upload
    root: str
    ephemeral: bool = False
    delivery: Delivery | None = None
    gone: bool = False
    downloads: int = 0
    _expired_status: int = HTTPStatus.FORBIDDEN
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)

    @property
    def filename(self) -> str:
        return re.sub(r"[^\w.-]", "_", self.upload.filename)

    @property
    def content(self) -> bytes:
        return self.upload.content

    @property
    def description(self) -> str | None:
        return self.upload.description

    @property
    def content_type(self) -> str | None:
        return self.upload.content_type

    @property
    def url(self) -> str:
        """A fresh signed link, as every answer of the API carries."""
        issued = int(time.time())
        until = issued + _LINK_SECONDS
        signature = self._sign(f"{until:x}", f"{issued:x}")
        return f"{self.root}{self.path}?ex={until:x}&is={issued:x}&hm={signature}&"

    @property
    def path(self) -> str:
        return f"/attachments/{self.channel_id}/{self.id}/{quote(self.filename)}"

    def expire(self, status: int = HTTPStatus.FORBIDDEN) -> None:
        """Let every link given so far answer ``status``; messages fetched anew have fresh ones."""
        self._key = secrets.token_bytes(16)
        self._expired_status = status

    def refuses(self, query: Mapping[str, str]) -> int | None:
        """Return the status a link is refused with, None for one that is good."""
        if self.gone:
            return HTTPStatus.NOT_FOUND
        until, issued = query.get("ex", "0"), query.get("is", "0")
        expected = self._sign(until, issued)
        good = hmac.compare_digest(expected, query.get("hm", "")) and int(until, 16) > time.time()
        return None if good else self._expired_status

    def as_json(self) -> Json:
        optional = {
            "content_type": self.content_type,
            "description": self.description,
            "duration_secs": self.upload.duration_secs,
            "width": self.upload.width,
            "height": self.upload.height,
            "title": PurePosixPath(self.upload.filename).stem
            if self.filename != self.upload.filename
            else None,
            "ephemeral": True if self.ephemeral else None,
        }
        return {
            "id": str(self.id),
            "filename": self.filename,
            "size": len(self.content),
            "url": self.url,
            "proxy_url": self.url,
            "flags": _SPOILER if self.filename.startswith("SPOILER_") else 0,
        } | {name: value for name, value in optional.items() if value is not None}

    def _sign(self, until: str, issued: str) -> str:
        text = f"{self.path}?{until}&{issued}".encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()
