from __future__ import annotations

import pytest

from bot.render.text_drawing import TextRenderer

LETTERING = TextRenderer(27)


def fonts(text: str) -> list[tuple[str, str]]:
    return [(part, font._file.partition(".")[0]) for part, font in LETTERING.parts(text)]


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
def test_names_in_many_scripts_have_letters_of_their_own(name: str) -> None:
    ((part, font),) = LETTERING.parts(name)
    assert part == name
    assert font.has(name)
    assert font._file != "unifont.otf"


def test_what_no_pretty_font_has_comes_from_the_one_that_has_most() -> None:
    assert fonts("ᚠ") == [("ᚠ", "unifont")]
    assert fonts("\U000e0041") == [("\U000e0041", "DejaVuSans")]


def test_each_part_of_a_mixed_name_has_the_font_for_it() -> None:
    assert fonts("cat 猫 dog") == [
        ("cat ", "DejaVuSans"),
        ("猫 ", "DroidSansFallbackFull"),
        ("dog", "DejaVuSans"),
    ]


def test_what_begins_leftwards_is_written_leftwards() -> None:
    assert [part for part, _ in fonts("قطة 猫 dog")] == ["dog", "猫 ", "قطة "]


def test_marks_and_joiners_stay_with_their_letter() -> None:
    assert fonts("👨\u200d👩") == [("👨\u200d👩", "Symbola")]
    assert fonts("❤\ufe0f") == [("❤", "DejaVuSans")]
    assert fonts("क्\u200dष") == [("क्\u200dष", "NotoSansDevanagari-Regular")]


def test_what_is_too_long_is_cut_short_of_its_room() -> None:
    fitted = LETTERING.fitted("a very long name that goes on", 200)
    assert fitted.endswith("…")
    assert LETTERING.width(fitted) <= 200
    assert LETTERING.fitted("cat", 200) == "cat"
