from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.clip import ClipFormat
from bot.media.decode import formats
from tests.media.made_clips import WAYS, Recipe, gif, make_clip, old_quicktime


def ftyp(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0isom" + b"mp42"


def ebml(*elements: bytes) -> bytes:
    body = b"".join(elements)
    return b"\x1a\x45\xdf\xa3" + bytes([0x80 | len(body)]) + body


DOCUMENT_WEBM = b"\x42\x82\x84webm"
VERSION = b"\x42\x86\x81\x01"


@pytest.mark.parametrize("clip_format", list(WAYS))
def test_every_supported_container_is_recognized_by_its_first_bytes(
    clip_format: ClipFormat, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = make_clip(tmp_path_factory.mktemp("clips") / "clip", Recipe(clip_format))
    head = path.read_bytes()[: formats.HEAD]
    assert formats.detect(head) is clip_format


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (ftyp(b"qt  "), ClipFormat.MOV),
        (ftyp(b"isom"), ClipFormat.MP4),
        (ftyp(b"3gp5"), ClipFormat.MP4),
        (ftyp(b"M4V "), ClipFormat.MP4),
        (ftyp(b"heic"), None),
        (ftyp(b"mif1"), None),
        (ftyp(b"avif"), None),
        (ftyp(b"avis"), ClipFormat.AVIF),
        (old_quicktime(ftyp(b"qt  ")), ClipFormat.MOV),
        (b"\0\0\0\x08wide\0\0\0\0mdat", ClipFormat.MOV),
        (b"\0\0\0\x01mdat\0\0\0\0\0\x10\0\0", ClipFormat.MOV),
        (b"\0\0\0\x00mdat", ClipFormat.MOV),
        (b"\0\0\0\x04mdat", None),
        (b"skipmoov", ClipFormat.MOV),
        (b"\0\0\0\x18moof", None),
        (b"RIFF\0\0\0\0AVI LIST", ClipFormat.AVI),
        (b"RIFF\0\0\0\0WEBPVP8 ", None),
        (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x10", None),
        (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x12", ClipFormat.WEBP),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(17) + b"\0\0\0\x08acTL", ClipFormat.APNG),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(17) + b"\0\0\1\0IDATacTL", None),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"OggS\0\x02", ClipFormat.OGG),
        (b"Ogg", None),
        (gif([1]), ClipFormat.GIF),
        (b"GIF87a", ClipFormat.GIF),
        (b"GIF88a", None),
        (ebml(VERSION, DOCUMENT_WEBM), ClipFormat.WEBM),
        (ebml(VERSION, b"\x42\x82\x88matroska"), ClipFormat.MKV),
        (ebml(VERSION, b"\x42\x82\x8amatroska\0\0"), ClipFormat.MKV),
        (ebml(b"\x42\x82\x40\x04webm"), ClipFormat.WEBM),
        (ebml(b"\x42\x82\x84game"), None),
        (ebml(VERSION), None),
        (ebml(VERSION) + DOCUMENT_WEBM, None),
        (ebml(b"\xec\x84\x42\x82\x84w" + DOCUMENT_WEBM), ClipFormat.WEBM),
        (b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff" + DOCUMENT_WEBM, ClipFormat.WEBM),
        (b"\x1a\x45\xdf\xa3", None),
        (b"", None),
    ],
)
def test_the_first_bytes_decide_the_format(head: bytes, expected: ClipFormat | None) -> None:
    assert formats.detect(head) is expected


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", "empty files"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG images"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG images"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP images"),
        (ftyp(b"heic"), "HEIF or AVIF images"),
        (ftyp(b"avif"), "HEIF or AVIF images"),
        (b"RIFF\0\0\0\0WAVEfmt ", "WAV audio files"),
        (b"ID3\x04\0", "MP3 audio files"),
        (b"\xff\xfb\x90\x64\0", "MP3 audio files"),
        (b"\xff\xf1\x50\x80\0", "AAC audio files"),
        (b"%PDF-1.7\n", "PDFs"),
        (b"PK\x03\x04\x14\0", "ZIP archives"),
        (b"G" + bytes(187) + b"G" + bytes(187), "MPEG transport streams"),
        (b"\n <!DOCTYPE html><html>", "web pages"),
        (b"<!-- hello -->\n<HTML lang=en>", "web pages"),
        (b"\xef\xbb\xbf#EXTM3U\n#EXT-X-VERSION:3", "HLS playlists"),
        (b"ffconcat version 1.0\nfile /etc/passwd", "ffconcat playlists"),
        (b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash">', "DASH playlists"),
        (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1", "SDP stream descriptions"),
        (b'<svg xmlns="http://www.w3.org/2000/svg">', "SVG images"),
        (b"Good morning", "text files"),
        ("Grüß Gott".encode()[:3], "text files"),
        (b"v=0.5 is not a session", "text files"),
        (b"Good\0morning", "this format"),
        (b"\x80\x81\x82 latin", "this format"),
        (ebml(b"\x42\x82\x84game"), "this format"),
    ],
)
def test_unsupported_formats_are_named(head: bytes, name: str) -> None:
    assert formats.detect(head) is None
    assert formats.describe(head) == name


MAGIC = [b"", b"\x1a\x45\xdf\xa3", b"RIFF", b"\0\0\0\x18ftyp", b"<?xml", b"\xff"]


@given(st.sampled_from(MAGIC), st.binary(max_size=200))
def test_detecting_a_format_never_raises(magic: bytes, rest: bytes) -> None:
    formats.detect(magic + rest)
    assert formats.describe(magic + rest)
