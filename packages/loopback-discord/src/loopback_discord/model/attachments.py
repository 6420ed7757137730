"""Files that are uploaded, and the attachments that Discord makes of them.

https://docs.discord.com/developers/resources/message#attachment-object
"""

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

    from loopback_discord.api import Json
    from loopback_discord.faults import DownloadFault

MAX_FILE_BYTES = 10 * 1024 * 1024
_URL_LIFETIME_S = 24 * 3600
_CLIP_FLAG, _SPOILER_FLAG = 1 << 0, 1 << 3


@dataclass(frozen=True)
class Upload:
    """A file to upload; everything but name and content is optional.

    With the name of a ``game``, it is a clip that Discord's app recorded.
    """

    filename: str
    content: bytes = field(repr=False)
    content_type: str | None = None
    description: str | None = None
    width: int | None = None
    height: int | None = None
    duration_secs: float | None = None
    game: str | None = None


File = Upload | tuple[str, bytes] | tuple[str, bytes, str]
"""A file as tests give it: name, content and, if they like, content type."""


def as_upload(file: File) -> Upload:
    return file if isinstance(file, Upload) else Upload(*file)


@dataclass(eq=False)
class Attachment:
    """A stored file; set ``fault`` to have its downloads fail."""

    id: int
    channel_id: int
    upload: Upload
    cdn_url: str
    ephemeral: bool = False
    fault: DownloadFault | None = None
    deleted: bool = False
    downloads: int = 0
    _expired_status: int = HTTPStatus.FORBIDDEN
    _signing_key: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)

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
        """A new signed URL; every API response contains one."""
        issued = int(time.time())
        expires = issued + _URL_LIFETIME_S
        signature = self._sign(f"{expires:x}", f"{issued:x}")
        return f"{self.cdn_url}{self.path}?ex={expires:x}&is={issued:x}&hm={signature}&"

    @property
    def path(self) -> str:
        return f"/attachments/{self.channel_id}/{self.id}/{quote(self.filename)}"

    def expire(self, status: int = HTTPStatus.FORBIDDEN) -> None:
        """Answer all earlier URLs with ``status``; a message fetched again has a new URL."""
        self._signing_key = secrets.token_bytes(16)
        self._expired_status = status

    def error_status(self, query: Mapping[str, str]) -> int | None:
        """Return the status to refuse a download with, or None if its URL is valid."""
        if self.deleted:
            return HTTPStatus.NOT_FOUND
        expires, issued = query.get("ex", "0"), query.get("is", "0")
        is_signed = hmac.compare_digest(self._sign(expires, issued), query.get("hm", ""))
        is_valid = is_signed and int(expires, 16) > time.time()
        return None if is_valid else self._expired_status

    def to_json(self) -> Json:
        is_renamed = self.filename != self.upload.filename
        optional = {
            "content_type": self.content_type,
            "description": self.description,
            "duration_secs": self.upload.duration_secs,
            "width": self.upload.width,
            "height": self.upload.height,
            "title": PurePosixPath(self.upload.filename).stem if is_renamed else None,
            "ephemeral": True if self.ephemeral else None,
            "application": self._application(),
        }
        return {
            "id": str(self.id),
            "filename": self.filename,
            "size": len(self.content),
            "url": self.url,
            "proxy_url": self.url,
            "flags": self._flags(),
        } | {name: value for name, value in optional.items() if value is not None}

    def _flags(self) -> int:
        spoiler = _SPOILER_FLAG if self.filename.startswith("SPOILER_") else 0
        return spoiler | (_CLIP_FLAG if self.upload.game else 0)

    def _application(self) -> Json | None:
        game = self.upload.game
        return {"id": str(self.id), "name": game, "icon": None, "description": ""} if game else None

    def _sign(self, expires: str, issued: str) -> str:
        text = f"{self.path}?{expires}&{issued}".encode()
        return hmac.new(self._signing_key, text, hashlib.sha256).hexdigest()
