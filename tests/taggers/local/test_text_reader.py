from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont

from bot.domain.clip import ClipFile, ClipFormat, ClipInfo, ClipLimits
from bot.domain.progress import ignore_progress
from bot.domain.senses import Sense
from bot.domain.text_lines import MAX_LINE_LENGTH, MAX_LINES, MAX_LINES_A_FRAME
from bot.errors import Damaged, TaggerUnavailable
from bot.media.sandbox.pool import Sandbox, SandboxLimits
from bot.taggers.local.looks import Moment
from bot.taggers.local.sense_reader import SenseReader
from bot.taggers.local.tagger import LocalTagger
from bot.taggers.local.text_models import RECOGNIZER, cut_out, load_text_models
from bot.taggers.local.text_reader import ClipText
from tests.conftest import CLIPS
from tests.media.text_clips import FONT, SIZE, make_text_clip, page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from bot.domain.text_lines import TextLine
    from bot.media.decode.scaling import Picture
    from bot.taggers.local.text_boxes import TextBox
    from bot.taggers.local.text_models import TextModels


TEXT = frozenset({Sense.TEXT})


@asynccontextmanager
async def opened(
    folder: Path, custom: Path | None = None
) -> AsyncIterator[tuple[LocalTagger, SenseReader]]:
    readable = [custom] if custom else []
    limits = SandboxLimits()
    async with Sandbox(
        workers=1, folder=folder / "box", limits=limits, readable=readable
    ) as sandbox:
        text = SenseReader(sandbox, custom)
        yield LocalTagger(sandbox, ClipLimits(), None, text), text


def as_clip(path: Path, seconds: int) -> ClipFile:
    info = ClipInfo(ClipFormat.MP4, path.stat().st_size, seconds * 1000, "sha256:0")
    return ClipFile(path, info, senses=TEXT)


async def read(senses: SenseReader, clip: ClipFile) -> tuple[TextLine, ...]:
    text = (await senses.observe(clip, TEXT)).text
    assert text is not None
    return text


def made(folder: Path, pictures: Sequence[Image.Image]) -> ClipFile:
    return as_clip(make_text_clip(folder / "clip.mp4", pictures), len(pictures))


async def test_lines_are_read_with_their_seconds(tmp_path: Path) -> None:
    blank, title = page(), page("Déjà vu in Zürich", "with 3 friends!")
    clip = made(tmp_path, [blank, blank, title, title, title, blank, page("THE END", size=60)])
    async with opened(tmp_path) as (tagger, text):
        tagged = await tagger.tag(clip, ignore_progress)
        alone = await read(text, clip)
    assert tagged.senses.text == alone
    assert [(line.text, line.start, line.end) for line in alone] == [
        ("Déjà vu in Zürich", 2, 5),
        ("with 3 friends!", 2, 5),
        ("THE END", 6, 7),
    ]
    assert min(line.score for line in alone) > 0.9
    assert [frame.second for frame in tagged.frames] == list(range(7))


async def test_a_caption_over_moving_foliage_is_found_with_all_its_seconds(tmp_path: Path) -> None:
    noise = Image.effect_noise(SIZE, 120).convert("RGB")
    shifted = [ImageChops.offset(noise, 7 * second, 0) for second in range(9)]
    caption = page("A walk in the woods", size=44).crop((0, 40, SIZE[0], 130))
    for picture in shifted[2:7]:
        picture.paste(caption, (0, 40))
    async with opened(tmp_path) as (_, text):
        lines = await read(text, made(tmp_path, shifted))
    assert [(line.text, line.start, line.end) for line in lines] == [("A walk in the woods", 2, 7)]


async def test_a_server_without_text_reads_none(tmp_path: Path) -> None:
    clip = made(tmp_path, [page("Nobody asked")])
    unasked = ClipFile(clip.path, clip.info)
    async with opened(tmp_path) as (tagger, _):
        assert (await tagger.tag(unasked, ignore_progress)).senses.text is None


async def test_photographs_have_no_text(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, text):
        assert await read(text, as_clip(CLIPS / "montage.mp4", 16)) == ()
        assert await read(text, as_clip(CLIPS / "city.mp4", 8)) == ()


async def test_a_wall_of_small_print_is_read_as_far_as_allowed(tmp_path: Path) -> None:
    wall = page(*["The quick brown fox jumps over the lazy dog. " * 3] * 60, size=9, top=0)
    tiny = page(*["no human reads this at all " * 12] * 200, size=1, top=0)
    async with opened(tmp_path) as (_, text):
        lines = await read(text, made(tmp_path, [wall, tiny, wall, tiny]))
    assert len(lines) <= 2 * MAX_LINES_A_FRAME


class Exhausted:
    """Reads one picture; then memory runs out."""

    def __init__(self, models: TextModels, error: Exception) -> None:
        self._models = models
        self._error = error
        self._calls = 0
        self.read = models.read

    def find(self, picture: Picture) -> list[TextBox]:
        self._calls += 1
        if self._calls > 1:
            raise self._error
        return self._models.find(picture)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("bfc_arena: Failed to allocate memory for requested buffer of 9")],
)
def test_text_read_before_memory_ran_out_is_kept(error: Exception) -> None:
    text = ClipText(cast("TextModels", Exhausted(load_text_models(None), error)))
    for second, line in enumerate(("HELLO", "HELLO", "GOODBYE AND THANKS", "HELLO")):
        picture = np.asarray(page(line, size=60).convert("L").resize((640, 352)))
        text.add([Moment(second, second * 1000)], picture)
    assert [(line.text, line.start, line.end) for line in text.joined()] == [("HELLO", 0, 2)]


class Hijacked:
    """A sandbox whose child was taken over and returns a given answer."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    async def run(self, *_: Any, **__: Any) -> object:
        return self._answer


@pytest.mark.parametrize(
    "answer",
    [
        3,
        [["a"]],
        [["line", 0, 0, 0.5]],
        [["line", 0, 8, 0.5]],
        [["line", -1, 1, 0.5]],
        [["line", 0, 1, 1.5]],
        [["line", 0, 1, float("nan")]],
        [["", 0, 1, 0.5]],
        [["\ud800", 0, 1, 0.5]],
        [["x" * (MAX_LINE_LENGTH + 1), 0, 1, 0.5]],
        [["line", 0, 1, 0.5]] * (MAX_LINES + 1),
    ],
)
async def test_an_answer_of_a_hijacked_child_is_refused(answer: object, tmp_path: Path) -> None:
    clip = made(tmp_path, [page()] * 7)
    with pytest.raises(Damaged):
        await read(SenseReader(cast("Sandbox", Hijacked({"text": answer, "nudity": None}))), clip)


async def test_another_recognizer_is_used_with_its_own_characters(tmp_path: Path) -> None:
    folder = tmp_path / "upside"
    folder.mkdir()
    (folder / "inference.onnx").write_bytes(RECOGNIZER.read_bytes())
    characters = [chr(0x4E00 + number) for number in range(6904)]
    quoted = ["'!'", "''''", '"\\""', *characters[3:]]
    yaml = "Global:\n  name: x\nPostProcess:\n  name: CTC\n  character_dict:\n"
    (folder / "inference.yml").write_text(yaml + "".join(f"  - {each}\n" for each in quoted))
    clip = made(tmp_path, [page("HELLO")] * 2)
    async with opened(tmp_path, folder) as (tagger, text):
        assert "ready" in await tagger.check()
        (line,) = await read(text, clip)
        assert len(line.text) == 5
        assert all("\u4e00" <= character <= "\u7fff" for character in line.text)
    (folder / "characters.txt").write_text("a\nb\n")
    async with opened(tmp_path, folder) as (tagger, _):
        with pytest.raises(TaggerUnavailable) as caught:
            await tagger.check()
    assert "2 characters" in caught.value.detail or "3 characters" in caught.value.detail


def test_narrow_spaces_between_words_are_read() -> None:
    models = load_text_models(None)
    for words in ("MY CAT ON A MONDAY MORNING", "VICTORY ROYALE", "wait for it..."):
        size = 32 if words.islower() else 24
        picture = Image.new("RGB", SIZE, "#507050")
        font = ImageFont.truetype(FONT, size)
        draw = ImageDraw.Draw(picture)
        draw.text((10, 100), words, font=font, stroke_width=4, stroke_fill="black")
        grey = picture.convert("L").resize((640, 352))
        (box,) = models.find(np.asarray(grey))
        assert models.read(cut_out(grey, box)).text == words
