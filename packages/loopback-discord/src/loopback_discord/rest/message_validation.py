"""The limits of messages: content, embeds, files and components.

https://docs.discord.com/developers/resources/message
https://docs.discord.com/developers/components/reference
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from loopback_discord.api import empty_message, invalid_form_body, request_too_large
from loopback_discord.model.attachments import MAX_FILE_BYTES
from loopback_discord.model.messages import BUTTON, COMPONENTS_V2, SELECT, walk_components

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from loopback_discord.api import Json
    from loopback_discord.model.attachments import Upload

_MAX_CONTENT, _MAX_NONCE = 2000, 25
_MAX_FILES = 10
_MAX_EMBEDS, _MAX_EMBED_TEXT, _MAX_EMBED_FIELDS = 10, 6000, 25
_MAX_EMBED_PARTS = {"title": 256, "description": 4096}
_MAX_EMBED_FIELD_PARTS = {"name": 256, "value": 1024}
_MAX_ROWS, _MAX_BUTTONS_IN_ROW, _MAX_CUSTOM_ID, _MAX_BUTTON_LABEL = 5, 5, 100, 80
_MAX_PLACEHOLDER, _MAX_OPTIONS, _MAX_OPTION_PART = 150, 25, 100
_MAX_V2_COMPONENTS, _MAX_V2_TEXT, _MAX_GALLERY_ITEMS = 40, 4000, 10
_ACTION_ROW, _TEXT_DISPLAY, _MEDIA_GALLERY = 1, 10, 12
_LINK_STYLE = 5
_NONEMPTY_FIELDS = (
    "content",
    "embeds",
    "components",
    "sticker_ids",
    "poll",
    "message_reference",
)


def check_message(
    body: Json, files: Collection[Upload], *, new: bool, was_v2: bool = False
) -> None:
    """Raise an ApiError if a message exceeds a limit.

    ``was_v2`` says whether an edited message already consists of Components V2.
    """
    _check_max("content", body.get("content") or "", _MAX_CONTENT)
    _check_max("nonce", str(body.get("nonce") or ""), _MAX_NONCE)
    _check_files(files)
    _check_embeds(body.get("embeds") or ())
    components = body.get("components") or ()
    if was_v2 or (body.get("flags") or 0) & COMPONENTS_V2:
        _check_v2(body, components)
    else:
        _check_action_rows(components)
    _check_controls(components)
    if new and not files and not any(body.get(name) for name in _NONEMPTY_FIELDS):
        raise empty_message()


def _check_files(files: Collection[Upload]) -> None:
    if len(files) > _MAX_FILES:
        message = f"Must be {_MAX_FILES} or fewer."
        raise invalid_form_body("attachments", "BASE_TYPE_MAX_LENGTH", message)
    if any(len(file.content) > MAX_FILE_BYTES for file in files):
        raise request_too_large()


def _check_embeds(embeds: Sequence[Json]) -> None:
    _check_max("embeds", embeds, _MAX_EMBEDS)
    for number, embed in enumerate(embeds):
        path = f"embeds.{number}"
        for part, limit in _MAX_EMBED_PARTS.items():
            _check_max(f"{path}.{part}", embed.get(part) or "", limit)
        fields = embed.get("fields") or ()
        _check_max(f"{path}.fields", fields, _MAX_EMBED_FIELDS)
        for index, field in enumerate(fields):
            for part, limit in _MAX_EMBED_FIELD_PARTS.items():
                _check_max(f"{path}.fields.{index}.{part}", field[part], limit)
    if sum(map(_embed_length, embeds)) > _MAX_EMBED_TEXT:
        message = f"Embed size exceeds maximum size of {_MAX_EMBED_TEXT}"
        raise invalid_form_body("embeds", "MAX_EMBED_SIZE_EXCEEDED", message)


def _embed_length(embed: Json) -> int:
    texts = [embed.get("title"), embed.get("description")]
    texts += [embed.get("footer", {}).get("text"), embed.get("author", {}).get("name")]
    texts += [f[part] for f in embed.get("fields") or () for part in _MAX_EMBED_FIELD_PARTS]
    return sum(len(text or "") for text in texts)


def _check_action_rows(rows: Sequence[Json]) -> None:
    _check_range("components", len(rows), 0, _MAX_ROWS)
    for number, row in enumerate(rows):
        path = f"components.{number}"
        if row["type"] != _ACTION_ROW:
            raise invalid_form_body(path, "UNION_TYPE_CHOICES", "Must be an action row.")
        buttons = sum(part["type"] == BUTTON for part in row["components"])
        # A select takes the space of five buttons.
        width = buttons + _MAX_BUTTONS_IN_ROW * (len(row["components"]) - buttons)
        _check_range(f"{path}.components", width, 1, _MAX_BUTTONS_IN_ROW)


def _check_v2(body: Json, components: Sequence[Json]) -> None:
    if body.get("content") or body.get("embeds"):
        code = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
        message = "The 'content' and 'embeds' fields cannot be used with components V2"
        raise invalid_form_body("content", code, message)
    parts = list(walk_components(components))
    _check_max("components", parts, _MAX_V2_COMPONENTS)
    text = "".join(part["content"] for part in parts if part["type"] == _TEXT_DISPLAY)
    _check_max("components", text, _MAX_V2_TEXT)
    for gallery in (part for part in parts if part["type"] == _MEDIA_GALLERY):
        _check_range("components", len(gallery["items"]), 1, _MAX_GALLERY_ITEMS)


def _check_controls(components: Sequence[Json]) -> None:
    """Check buttons and select menus; no custom id may occur twice."""
    parts = list(walk_components(components))
    for button in (part for part in parts if part["type"] == BUTTON):
        _check_range("label", len(button.get("label") or ""), 0, _MAX_BUTTON_LABEL)
        if not button.get("label") and not button.get("emoji"):
            raise invalid_form_body("label", "BUTTON_EMPTY", "Needs a label or an emoji.")
        if button.get("style") != _LINK_STYLE:
            _check_range("custom_id", len(button.get("custom_id") or ""), 1, _MAX_CUSTOM_ID)
    for menu in (part for part in parts if part["type"] == SELECT):
        _check_options(menu)
    custom_ids = Counter(part["custom_id"] for part in parts if part.get("custom_id"))
    duplicates = [custom_id for custom_id, uses in custom_ids.items() if uses > 1]
    if duplicates:
        code = "COMPONENT_CUSTOM_ID_DUPLICATED"
        raise invalid_form_body("components", code, f"Duplicated: {duplicates}")


def _check_options(menu: Json) -> None:
    _check_range("custom_id", len(menu.get("custom_id") or ""), 1, _MAX_CUSTOM_ID)
    _check_max("placeholder", menu.get("placeholder") or "", _MAX_PLACEHOLDER)
    _check_range("options", len(menu["options"]), 1, _MAX_OPTIONS)
    for option in menu["options"]:
        for part in ("label", "value"):
            _check_range(f"options.{part}", len(option.get(part) or ""), 1, _MAX_OPTION_PART)
    if len({option["value"] for option in menu["options"]}) < len(menu["options"]):
        message = "The specified option value is already used"
        raise invalid_form_body("options", "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message)


def _check_max(field: str, value: Sequence[object], limit: int) -> None:
    if len(value) > limit:
        message = f"Must be {limit} or fewer in length."
        raise invalid_form_body(field, "BASE_TYPE_MAX_LENGTH", message)


def _check_range(field: str, length: int, low: int, high: int) -> None:
    if not low <= length <= high:
        message = f"Must be between {low} and {high} in length."
        raise invalid_form_body(field, "BASE_TYPE_BAD_LENGTH", message)
