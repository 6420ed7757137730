"""Detecting a file's format from its first bytes; names and content types do not count.

Sources of the signatures:
    ISO BMFF  ISO/IEC 14496-12 section 4.3 (ftyp); brands are registered at https://mp4ra.org
    QuickTime https://developer.apple.com/documentation/quicktime-file-format
    Matroska  RFC 8794 (EBML), RFC 9559 (document types)
    AVI       https://learn.microsoft.com/windows/win32/directshow/avi-riff-file-reference
    Ogg       RFC 3533 section 6
    GIF       https://www.w3.org/Graphics/GIF/spec-gif89a.txt section 17
    others    https://mimesniff.spec.whatwg.org section 6, RFC 8216 (HLS), RFC 8866 (SDP)
"""

from __future__ import annotations

import re
from types import MappingProxyType

from bot.domain.clip import ClipFormat
from bot.i18n import Sentence

HEAD = 4096  # bytes to read; enough for an EBML header or a long list of brands

EBML_HEADER, EBML_DOCUMENT_TYPE = 0x1A45DFA3, 0x4282
DOCUMENT_TYPES = {b"matroska": ClipFormat.MKV, b"webm": ClipFormat.WEBM}

# QuickTime files from before 2001 begin with one of these atoms instead of ftyp
OLD_QUICKTIME = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
# Smaller than an atom's own header. 0 means up to the end of the file, 1 means a 64-bit size.
IMPOSSIBLE_SIZES = range(2, 8)
# HEIF and related formats: pictures, or bursts of pictures, in the container that MP4 uses.
PICTURE_BRANDS = frozenset(
    b"heic heix heim heis hevc hevx hevm hevs mif1 mif2 msf1 miaf avif avis jpeg jpgs crx ".split(
        b" "
    )
)

WEB_PAGES = Sentence("web pages")

# Files often posted instead of a clip: offset of the signature, the signature, and a plain name.
SIGNATURES = (
    (0, b"\x89PNG\r\n\x1a\n", Sentence("PNG images")),
    (0, b"\xff\xd8\xff", Sentence("JPEG images")),
    (8, b"WEBP", Sentence("WebP images")),
    (0, b"BM", Sentence("BMP images")),
    (0, b"II*\x00", Sentence("TIFF images")),
    (0, b"MM\x00*", Sentence("TIFF images")),
    (0, b"\x00\x00\x00\x0cjP  ", Sentence("JPEG 2000 images")),
    (0, b"\xff\x0a", Sentence("JPEG XL images")),
    (0, b"\x00\x00\x00\x0cJXL ", Sentence("JPEG XL images")),
    (0, b"8BPS", Sentence("Photoshop files")),
    (8, b"WAVE", Sentence("WAV audio files")),
    (0, b"ID3", Sentence("MP3 audio files")),
    (0, b"fLaC", Sentence("FLAC audio files")),
    (0, b"FLV\x01", Sentence("Flash videos")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Sentence("Windows Media files")),
    (0, b"\x00\x00\x01\xba", Sentence("MPEG program streams")),
    (0, b"\x00\x00\x01\xb3", Sentence("raw MPEG video")),
    (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", Sentence("MXF files")),
    (0, b"%PDF-", Sentence("PDFs")),
    (0, b"PK\x03\x04", Sentence("ZIP archives")),
    (0, b"\x1f\x8b", Sentence("gzip archives")),
    (0, b"7z\xbc\xaf\x27\x1c", Sentence("7-Zip archives")),
    (0, b"Rar!\x1a\x07", Sentence("RAR archives")),
    (0, b"\x7fELF", Sentence("programs")),
    (0, b"MZ", Sentence("programs")),
)
# The same for text files, after white space and in any case.
TEXT_SIGNATURES = (
    (rb"#EXTM3U", Sentence("HLS playlists")),
    (rb"ffconcat version", Sentence("ffconcat playlists")),
    (rb"v=0\s", Sentence("SDP stream descriptions")),
    (rb"\[playlist\]", Sentence("playlists")),
    (rb"(<\?xml.{0,1000})?(<!--.{0,1000})?<MPD[\s>]", Sentence("DASH playlists")),
    (
        rb"(<\?xml.{0,1000})?(<!--.{0,1000})?(<!doctype svg.{0,1000})?<svg[\s>]",
        Sentence("SVG images"),
    ),
    (rb"(<!--.{0,1000})?<(!doctype html|html|head|body|script)[\s>]", WEB_PAGES),
)
# The same for files that Discord describes by a content type.
CONTENT_TYPES = MappingProxyType(
    {
        "image/png": Sentence("PNG images"),
        "image/jpeg": Sentence("JPEG images"),
        "image/webp": Sentence("WebP images"),
        "image/avif": Sentence("HEIF or AVIF images"),
        "image/heic": Sentence("HEIF or AVIF images"),
        "image/heif": Sentence("HEIF or AVIF images"),
        "image/bmp": Sentence("BMP images"),
        "image/tiff": Sentence("TIFF images"),
        "image/svg+xml": Sentence("SVG images"),
        "audio/mpeg": Sentence("MP3 audio files"),
        "audio/flac": Sentence("FLAC audio files"),
        "audio/x-flac": Sentence("FLAC audio files"),
        "audio/wav": Sentence("WAV audio files"),
        "audio/wave": Sentence("WAV audio files"),
        "audio/x-wav": Sentence("WAV audio files"),
        "audio/aac": Sentence("AAC audio files"),
        "text/html": WEB_PAGES,
    }
)
MEDIA_TYPES = MappingProxyType(
    {
        "image": Sentence("images of this kind"),
        "audio": Sentence("audio files"),
        "text": Sentence("text files"),
    }
)
MP3_FRAME = re.compile(rb"\xff[\xe2-\xef\xf2-\xf7\xfa-\xff][\x10-\xeb]")
AAC_FRAME = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")
TRANSPORT_PACKET = 188  # ISO/IEC 13818-1: each begins with the byte 0x47
AVCHD_PACKET, AVCHD_STAMP = 192, 4  # the same, each after a time stamp of four bytes
# Annex B of ITU-T H.264 and H.265: a start code, then the head of a unit that begins a stream.
RAW_H264 = re.compile(rb"\x00{2,3}\x01[\x06\x09\x27\x47\x67]")
RAW_HEVC = re.compile(rb"\x00{2,3}\x01[\x40\x42\x44\x46\x4e]\x01")
# https://developers.google.com/speed/webp/docs/riff_container#extended_file_format
WEBP_FLAGS, WEBP_ANIMATED = 20, 0x02
NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def detect(head: bytes) -> ClipFormat | None:
    """Return a file's container, given its first ``HEAD`` bytes; None if it is not supported."""
    if head[:4] == b"OggS":
        return ClipFormat.OGG
    if head[:6] in {b"GIF87a", b"GIF89a"}:
        return ClipFormat.GIF
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return ClipFormat.AVI
    return _animated_picture(head) or _iso_or_quicktime(head) or _matroska_or_webm(head)


def describe(head: bytes) -> str:
    """Describe a file, given its first bytes, as a plural noun: ``PNG images``."""
    if not head:
        return Sentence("empty files")
    if _is_picture_brand(head):
        return Sentence("HEIF or AVIF images")
    for offset, signature, name in SIGNATURES:
        if head.startswith(signature, offset):
            return name
    return _describe_stream(head) or _describe_text(head) or Sentence("this format")


def describe_content_type(content_type: str) -> str:
    """Describe files of a content type such as ``image/png``, as a plural noun."""
    media_type = content_type.partition("/")[0]
    general = MEDIA_TYPES.get(media_type, Sentence("this format"))
    return CONTENT_TYPES.get(content_type, general)


def _animated_picture(head: bytes) -> ClipFormat | None:
    """Return the format of a picture that says it is animated."""
    if head[8:16] == b"WEBPVP8X" and len(head) > WEBP_FLAGS and head[WEBP_FLAGS] & WEBP_ANIMATED:
        return ClipFormat.WEBP
    if head[4:12] == b"ftypavis":
        return ClipFormat.AVIF
    if head[:8] == b"\x89PNG\r\n\x1a\n" and b"acTL" in head.partition(b"IDAT")[0]:
        return ClipFormat.APNG
    return None


def _iso_or_quicktime(head: bytes) -> ClipFormat | None:
    kind = head[4:8]
    if kind == b"ftyp":
        if _is_picture_brand(head):
            return None
        return ClipFormat.MOV if head[8:12] == b"qt  " else ClipFormat.MP4
    size = int.from_bytes(head[:4], "big")
    return ClipFormat.MOV if kind in OLD_QUICKTIME and size not in IMPOSSIBLE_SIZES else None


def _is_picture_brand(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in PICTURE_BRANDS


def _matroska_or_webm(head: bytes) -> ClipFormat | None:
    """Read the elements of an EBML header, the first element of a Matroska or WebM file."""
    element_id, start = _element_id(head, 0)
    if element_id != EBML_HEADER:
        return None
    size, position = _element_size(head, start)
    end = min(len(head), position + size)
    while position < end:
        element_id, start = _element_id(head, position)
        size, start = _element_size(head, start)
        if element_id == EBML_DOCUMENT_TYPE:
            return DOCUMENT_TYPES.get(head[start : start + size].rstrip(b"\0"))
        position = start + size
    return None


def _element_id(head: bytes, position: int) -> tuple[int, int]:
    """Read an EBML element ID with its length marker; return it and its end (RFC 8794, 5)."""
    length = _vint_length(head, position)
    return int.from_bytes(head[position : position + length], "big"), position + length


def _element_size(head: bytes, position: int) -> tuple[int, int]:
    """Read an EBML size without its length marker; return it and its end (RFC 8794, 4)."""
    length = _vint_length(head, position)
    whole = int.from_bytes(head[position : position + length], "big")
    return whole & ((1 << 7 * length) - 1), position + length


def _vint_length(head: bytes, position: int) -> int:
    """Return the bytes of a variable-size integer: its leading zero bits plus one."""
    first = head[position] if position < len(head) else 0
    return 9 - first.bit_length()


def _describe_stream(head: bytes) -> str | None:
    """Describe a stream that has no signature but repeats a sync pattern."""
    if _repeats(b"\x47", head, 0, TRANSPORT_PACKET):
        return Sentence("MPEG transport streams")
    if _repeats(b"\x47", head, AVCHD_STAMP, AVCHD_PACKET):
        return Sentence("AVCHD recordings")
    if RAW_H264.match(head):
        return Sentence("raw H.264 video")
    if RAW_HEVC.match(head):
        return Sentence("raw HEVC video")
    if MP3_FRAME.match(head):
        return Sentence("MP3 audio files")
    return Sentence("AAC audio files") if AAC_FRAME.match(head) else None


def _repeats(byte: bytes, head: bytes, start: int, distance: int) -> bool:
    """Return whether a byte stands at ``start`` and at the next place."""
    places = (start, start + distance)
    return all(head[place : place + 1] == byte for place in places)


def _describe_text(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for pattern, name in TEXT_SIGNATURES:
        if re.match(pattern, text, re.IGNORECASE | re.DOTALL):
            return name
    return None if NOT_TEXT.search(head) or not _is_utf8(head) else Sentence("text files")


def _is_utf8(head: bytes) -> bool:
    """Return whether this is UTF-8, apart from a cut-off last character."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and error.end == len(head)
    return True
