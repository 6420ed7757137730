from __future__ import annotations

import pytest

from bot.render.text_drawing import TextRenderer

RENDERER = TextRenderer(27)


def fonts(text: str) -> list[tuple[str, str]]:
    return [(run, font.file.partition(".")[0]) for run, font in RENDERER.runs(text)]


@pytest.mark.parametrize(
    "name",
    [
        "cat",
        "猫の写真",
        "собака",
        "قطة",
        "παραλία",
        "고양이",
        "แมว",
        "बिल्ली",
        "বিড়াল",
        "பூனை",
        "పిల్లి",
        "חתול",
        "🔥👍",
    ],
)
def test_a_name_in_any_script_is_drawn_in_one_good_font(name: str) -> None:
    ((run, font),) = RENDERER.runs(name)
    assert run == name
    assert font.has(name)
    assert font.file != "unifont.otf"


def test_rare_characters_come_from_the_font_with_the_most() -> None:
    assert fonts("ᚠ") == [("ᚠ", "unifont")]


def test_a_character_that_no_font_has_is_drawn_in_the_first() -> None:
    assert fonts("\U000e0041") == [("\U000e0041", "DejaVuSans")]


def test_a_mark_needs_a_font_that_has_it() -> None:
    assert fonts("א\u0591") == [("א\u0591", "unifont")]


def test_each_run_of_a_mixed_name_has_a_font_for_it() -> None:
    assert fonts("cat 猫 dog") == [
        ("cat ", "DejaVuSans"),
        ("猫 ", "DroidSansFallbackFull"),
        ("dog", "DejaVuSans"),
    ]


def test_text_that_starts_right_to_left_is_drawn_right_to_left() -> None:
    assert [run for run, _ in fonts("قطة 猫 dog")] == ["dog", "猫 ", "قطة "]


def test_marks_and_joiners_stay_with_their_character() -> None:
    assert fonts("👨\u200d👩") == [("👨\u200d👩", "Symbola")]
    assert fonts("❤\ufe0f") == [("❤", "DejaVuSans")]
    assert fonts("क्\u200dष") == [("क्\u200dष", "NotoSansDevanagari-Regular")]


def test_text_that_is_too_wide_is_shortened() -> None:
    fitted = RENDERER.fitted("a very long name that goes on", 200)
    assert fitted.endswith("…")
    assert RENDERER.width(fitted) <= 200
    assert RENDERER.fitted("cat", 200) == "cat"
