from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.domain import timeline
from bot.domain.concepts import Concept, Frame
from bot.domain.outcome import Tagged
from bot.domain.settings import GuildSettings
from bot.domain.text_lines import TextLine
from bot.i18n import ENGLISH, LANGUAGES, Translator
from bot.render import exports
from bot.render.description import GENERAL_TAGS, describe_clip
from bot.render.report import make_report
from bot.render.summary import Style, TaggedClip
from bot.services.reports import ReportBuilder
from bot.taggers.local.labels import CLASS_LABELS, KIND_LABELS, read_labels
from tests.storage.samples import make_tagging

if TYPE_CHECKING:
    from bot.domain.tagging import Tagging

CAT, COFFEE, ROCKET = (
    {"animal": 0.99, "cat": 0.9},
    {"drink": 0.95, "coffee": 0.7},
    {"rocket": 0.8, "person": 0.6},
)
STORY = (*[CAT] * 4, *[COFFEE] * 4, *[ROCKET] * 8)
TITLE = (TextLine("VICTORY ROYALE", 4, 8, 0.97), TextLine("ok", 9, 10, 0.9))


def tagging_of(*seconds: dict[str, float], text: tuple[TextLine, ...] | None = None) -> Tagging:
    frames = tuple(
        Frame(second * 1000, tuple(Concept(*scored) for scored in scores.items()))
        for second, scores in enumerate(seconds)
    )
    made = make_tagging(frames)
    return replace(made, info=replace(made.info, duration=len(seconds) * 1000), text=text)


def clip_of(tagging: Tagging, game: str | None = None) -> TaggedClip:
    built = timeline.build(tagging.frames, tagging.info.duration, 0.5)
    return TaggedClip("a.mp4", built, tagging, game=game)


def said(clip: TaggedClip, language: str = "en") -> str:
    return describe_clip(clip.tagging, clip.timeline, clip.game, Translator(language))


@pytest.mark.parametrize(
    ("language", "story", "game", "nothing"),
    [
        (
            "en",
            '16 s: cat, then coffee, then rocket. Text on the screen: "VICTORY ROYALE".',
            "Fortnite, 1 s.",
            "A clip of 16 s in which nothing was recognized.",
        ),
        (
            "de",
            "16 s: cat, dann coffee, dann rocket. Text im Bild: „VICTORY ROYALE“.",
            "Fortnite, 1 s.",
            "Ein Clip von 16 s, in dem nichts erkannt wurde.",
        ),
        (
            "fr",
            "16 s : cat, puis coffee, puis rocket. Texte à l'écran : « VICTORY ROYALE ».",
            "Fortnite, 1 s.",
            "Un clip de 16 s dans lequel rien n'a été reconnu.",
        ),
        (
            "es",
            "16 s: cat, luego coffee, luego rocket. Texto en pantalla: «VICTORY ROYALE».",
            "Fortnite, 1 s.",
            "Un clip de 16 s en el que no se reconoció nada.",
        ),
    ],
)
def test_a_sentence_sums_up_a_clip(language: str, story: str, game: str, nothing: str) -> None:
    known = clip_of(tagging_of(*STORY, text=TITLE))
    assert said(known, language) == story
    assert said(clip_of(tagging_of({}), "Fortnite"), language) == game
    assert said(clip_of(tagging_of(*[{"cat": 0.4}] * 16)), language) == nothing


def test_the_strongest_scenes_are_named_once_in_order_of_time() -> None:
    seconds = [{f"tag {number}": 0.9} for number in range(6)]
    one_is_long = [*seconds, *[seconds[5]] * 3, seconds[0], {"animal": 0.9, "tag 4": 0.6}]
    assert (
        said(clip_of(tagging_of(*one_is_long)))
        == "11 s: tag 0, then tag 1, then tag 4, then tag 5."
    )
    assert said(clip_of(tagging_of({"animal": 0.9}))) == "1 s: animal."


def test_a_narrow_name_is_preferred_to_every_broad_one_of_the_local_tagger() -> None:
    rows = [row[1:] for row in read_labels(CLASS_LABELS)]
    rows += [row[2:] for row in read_labels(KIND_LABELS)]
    narrower: dict[str, set[str]] = {}
    for broad, *narrow in rows:
        narrower.setdefault(broad, set()).update(narrow)
    assert {name for name, names in narrower.items() if len(names) > 10} <= GENERAL_TAGS


def test_a_description_is_in_every_export_in_the_language_of_the_server() -> None:
    german, clip = Translator("de"), clip_of(tagging_of(*STORY, text=TITLE), "Tom & Jerry")
    sentence = "Tom & Jerry, 16 s: cat, dann coffee, dann rocket. Text im Bild: „VICTORY ROYALE“."
    written, _csv, _vtt, page = exports.export_files([clip], {}, GuildSettings(1), german)
    assert json.loads(written.content)["description"] == sentence
    (line,) = [line for line in page.content.decode().splitlines() if 'id="description"' in line]
    assert line == f'<p id="description" dir="auto">{sentence.replace("&", "&amp;")}</p>'
    (picture,) = make_report([clip], Style(german)).files
    assert str(picture.description).startswith(f"{sentence} Zeitleiste von a.mp4, 16 s: ")


def test_the_sentence_of_a_model_is_kept() -> None:
    tagging = replace(tagging_of(*STORY), description="A cat\u202e drinks coffee.")
    assert said(clip_of(tagging)) == "A cat drinks coffee."


async def test_a_description_names_no_hidden_tag_or_game_and_no_text_if_that_is_off() -> None:
    reports = ReportBuilder(*cast("Any", (None, None, None)))
    hiding = GuildSettings(1, hidden_tags=frozenset({"Cat", "fortnite"}), text=False)
    tagging = replace(tagging_of(*STORY, text=TITLE), description="A cat plays Fortnite.")
    outcome = Tagged("a", "", spoiler=True, game="Fortnite")
    shown = await reports.clip(outcome, tagging, hiding, 0.5)
    for written in (said(shown), exports.export_files([shown], {}, hiding, ENGLISH)[0].content):
        assert "animal, then coffee, then rocket." in str(written)
        assert not any(word in str(written).lower() for word in ('"cat"', "fortnite", "victory"))


@settings(max_examples=50)
@example([f"{number}\u202e{'w' * 80}" for number in range(6)], "w" * 90, "w" * 90)
@given(st.lists(st.text(max_size=90), max_size=6), st.text(max_size=90), st.text(max_size=90))
def test_no_hostile_text_breaks_a_sentence(names: list[str], text: str, game: str) -> None:
    lines = (TextLine(text, 0, 1, 0.9),)
    clip = clip_of(tagging_of(*({name: 0.9} for name in names), {"{0}": 0.9}, text=lines), game)
    for language in LANGUAGES:
        sentence = said(clip, language)
        assert 0 < len(sentence) <= 300
        assert all(each.isprintable() or each in "\u200c\u200d" for each in sentence)
