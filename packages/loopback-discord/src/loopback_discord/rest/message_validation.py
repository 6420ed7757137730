"""What Discord refuses in a message: https://docs.discord.com/developers/resources/message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.stand_ins.discord.component_rules import check_parts, check_rows, walk
from tests.stand_ins.discord.messages import COMPONENTS_V2
from tests.stand_ins.discord.refusals import empty_message, invalid_form, too_large

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tests.stand_ins.discord.attachments import Upload
    from tests.stand_ins.discord.refusals import Json

CONTENT, NONCE, FILES, FILE_BYTES = 2000, 25, 10, 10 * 1024 * 1024
EMBEDS, EMBED_SUM = 10, 6000
V2_COMPONENTS, V2_TEXT, GALLERY = 40, 4000, 10
_EMBED_PARTS = {"title": 256, "description": 4096}
_EMBED_FIELDS, _FIELD_PARTS = 25, {"name": 256, "value": 1024}
_TEXT_DISPLAY, _MEDIA_GALLERY = 10, 12


def check_message(body: Json, files: Collection[Upload], *, new: bool, v2: bool = False) -> None:
    """Raise the refusal of such a body; ``v2`` for the edit of a message that is so already."""
    _at_most("content", body.get("content") or "", CONTENT)
    _at_most("nonce", str(body.get("nonce") or ""), NONCE)
    _check_files(files)
    _check_embeds(body.get("embeds") or ())
    if v2 or (body.get("flags") or 0) & COMPONENTS_V2:
        _check_v2(body)
    else:
        check_rows(body.get("components") or ())
    if new and not files and not any(body.get(name) for name in _SUBSTANCE):
        raise empty_message()


_SUBSTANCE = ("content", "embeds", "components", "sticker_ids", "poll", "message_reference")


def _check_files(files: Collection[Upload]) -> None:
    if len(files) > FILES:
        raise invalid_form("attachments", "BASE_TYPE_MAX_LENGTH", f"Must be {FILES} or fewer.")
    if any(len(file.content) > FILE_BYTES for file in files):
        raise too_large()


def _check_embeds(embeds: Sequence[Json]) -> None:
    _at_most("embeds", embeds, EMBEDS)
    for number, embed in enumerate(embeds):
        for part, limit in _EMBED_PARTS.items():
            _at_most(f"embeds.{number}.{part}", embed.get(part) or "", limit)
        fields = embed.get("fields") or ()
        _at_most(f"embeds.{number}.fields", fields, _EMBED_FIELDS)
        for index, field in enumerate(fields):
            for part, limit in _FIELD_PARTS.items():
                _at_most(f"embeds.{number}.fields.{index}.{part}", field[part], limit)
    if sum(map(_embed_length, embeds)) > EMBED_SUM:
        sentence = f"Embed size exceeds maximum size of {EMBED_SUM}"
        raise invalid_form("embeds", "MAX_EMBED_SIZE_EXCEEDED", sentence)


def _embed_length(embed: Json) -> int:
    texts = [embed.get("title"), embed.get("description")]
    texts += [embed.get("footer", {}).get("text"), embed.get("author", {}).get("name")]
    texts += [field[part] for field in embed.get("fields") or () for part in _FIELD_PARTS]
    return sum(len(text or "") for text in texts)


def _check_v2(body: Json) -> None:
    if body.get("content") or body.get("embeds"):
        sentence = "The 'content' and 'embeds' fields cannot be used with components V2"
        raise invalid_form(
            "content", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", sentence
        )
    found = list(walk(body.get("components") or ()))
    _at_most("components", found, V2_COMPONENTS)
    texts = "".join(part["content"] for part in found if part["type"] == _TEXT_DISPLAY)
    _at_most("components", texts, V2_TEXT)
    check_parts(body.get("components") or ())
    for gallery in (part for part in found if part["type"] == _MEDIA_GALLERY):
        if not 1 <= len(gallery["items"]) <= GALLERY:
            raise invalid_form("components", "BASE_TYPE_BAD_LENGTH", f"Must be 1 to {GALLERY}.")


def _at_most(field: str, value: Sequence[object], limit: int) -> None:
    if len(value) > limit:
        sentence = f"Must be {limit} or fewer in length."
        raise invalid_form(field, "BASE_TYPE_MAX_LENGTH", sentence)
