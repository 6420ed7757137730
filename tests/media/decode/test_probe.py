from __future__ import annotations

import asyncio
import os
import random
import struct
from typing import TYPE_CHECKING, Any

import av
import pytest
import pytest_asyncio
from av.stream import Disposition

from bot.domain.clip import ClipFormat
from bot.errors import (
    Damaged,
    NotAVideo,
    NotFound,
    TooLargePicture,
    TooLong,
    UnsupportedFormat,
)
from bot.media.decode.probe import Probe, probe
from bot.media.sandbox.pool import Sandbox
from tests.media.made_clips import (
    HEIGHT,
    WAYS,
    WIDTH,
    Recipe,
    claim,
    gif,
    make_clip,
    old_quicktime,
    without_picture_length,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEN_MINUTES = 600_000
ISO = (ClipFormat.MP4, ClipFormat.MOV)
FRONT = (("movflags", "+faststart"),)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    """One child for all clips; a clip that kills it gets it replaced."""
    async with Sandbox(workers=1, folder=tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that makes each clip once."""
    folder = tmp_path_factory.mktemp("clips")
    made: dict[Recipe, Path] = {}

    def get(clip_format: ClipFormat, **facts: Any) -> Path:
        recipe = Recipe(clip_format, **facts)
        if recipe not in made:
            made[recipe] = make_clip(folder / f"{len(made)}.{clip_format}", recipe)
        return made[recipe]

    return get


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def put(content: bytes, name: str = "clip.mp4") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return put


async def look(sandbox: Sandbox, path: Path, longest: int = TEN_MINUTES) -> Probe:
    return await probe(sandbox, path, longest=longest)


@pytest.mark.parametrize("clip_format", list(WAYS))
async def test_the_duration_and_size_of_every_container_are_read(
    sandbox: Sandbox, clip: Callable[..., Path], clip_format: ClipFormat
) -> None:
    found = await look(sandbox, clip(clip_format))
    assert found == Probe(clip_format, 1000, WIDTH, HEIGHT)


@pytest.mark.parametrize("clip_format", list(WAYS))
async def test_a_clip_exactly_at_the_limit_passes(
    sandbox: Sandbox, clip: Callable[..., Path], clip_format: ClipFormat
) -> None:
    assert (await look(sandbox, clip(clip_format), longest=1000)).duration == 1000
    with pytest.raises(TooLong, match="at least") as caught:
        await look(sandbox, clip(clip_format), longest=999)
    assert "0.01665" in str(caught.value)


@pytest.mark.parametrize("clip_format", [f for f in WAYS if f is not ClipFormat.GIF])
async def test_sound_that_goes_on_after_the_pictures_counts_as_in_a_player(
    sandbox: Sandbox, clip: Callable[..., Path], clip_format: ClipFormat
) -> None:
    assert 2950 < (await look(sandbox, clip(clip_format, sound=3.0))).duration < 3200
    assert (await look(sandbox, clip(clip_format, sound=1.5))).duration == 1000  # a mere rest
    with pytest.raises(TooLong):
        await look(sandbox, clip(clip_format, sound=3.0), longest=2900)


@pytest.mark.parametrize("clip_format", [f for f in WAYS if f is not ClipFormat.GIF])
async def test_a_file_with_only_sound_is_not_a_video(
    sandbox: Sandbox, clip: Callable[..., Path], clip_format: ClipFormat
) -> None:
    with pytest.raises(NotAVideo):
        await look(sandbox, clip(clip_format, pictures=0, sound=1.0))


@pytest.mark.parametrize("clip_format", [ClipFormat.MKV, ClipFormat.WEBM, ClipFormat.MP4])
async def test_time_before_the_first_picture_counts_but_not_that_of_a_live_stream(
    sandbox: Sandbox, clip: Callable[..., Path], clip_format: ClipFormat
) -> None:
    assert (await look(sandbox, clip(clip_format, start=5))).duration == 6000
    assert (await look(sandbox, clip(clip_format, start=5, sound=1.0))).duration == 6000
    assert (await look(sandbox, clip(clip_format, start=3600))).duration == 1000


@pytest.mark.parametrize("clip_format", list(WAYS))
async def test_a_single_picture_has_a_length(
    sandbox: Sandbox, clip: Callable[..., Path], clip_format: ClipFormat
) -> None:
    found = await look(sandbox, clip(clip_format, pictures=1, rate=25))
    assert 1 <= found.duration <= 100


async def test_a_clip_lasts_at_least_a_millisecond(
    sandbox: Sandbox, clip: Callable[..., Path]
) -> None:
    assert (await look(sandbox, clip(ClipFormat.MP4, pictures=1, rate=2000))).duration == 1


@pytest.mark.parametrize("clip_format", [ClipFormat.MKV, ClipFormat.WEBM])
async def test_pictures_without_a_stated_length_count(
    sandbox: Sandbox,
    clip: Callable[..., Path],
    write: Callable[[bytes], Path],
    clip_format: ClipFormat,
) -> None:
    many, single = [
        await look(sandbox, write(without_picture_length(path.read_bytes())))
        for path in (clip(clip_format), clip(clip_format, pictures=1))
    ]
    assert many.duration == 1000
    assert single.duration >= 1


async def test_the_length_includes_pictures_stored_out_of_order(
    sandbox: Sandbox, clip: Callable[..., Path]
) -> None:
    path = clip(ClipFormat.MP4, pictures=4)
    with av.open(str(path)) as container:
        moments = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert moments[-1] < max(moments)
    assert (await look(sandbox, path)).duration == 400


async def test_parts_removed_by_an_edit_list_do_not_count(
    sandbox: Sandbox, clip: Callable[..., Path]
) -> None:
    path = clip(ClipFormat.MP4, pictures=30, start=-1)
    with av.open(str(path)) as container:
        assert any(packet.is_discard for packet in container.demux(video=0))
    assert (await look(sandbox, path)).duration == 2000


async def test_a_video_track_without_pictures_is_damaged(
    sandbox: Sandbox, clip: Callable[..., Path], write: Callable[[bytes], Path]
) -> None:
    options = (("movflags", "frag_keyframe+empty_moov"),)
    whole = clip(ClipFormat.MP4, options=options).read_bytes()
    with pytest.raises(Damaged) as caught:
        await look(sandbox, write(whole[: whole.index(b"moof") - 4]))
    assert "has no picture" in caught.value.detail


@pytest.mark.parametrize("clip_format", ISO)
async def test_the_index_may_be_at_the_start_or_the_end(
    sandbox: Sandbox, clip: Callable[..., Path], clip_format: ClipFormat
) -> None:
    behind, before = clip(clip_format), clip(clip_format, options=FRONT)
    assert behind.read_bytes().index(b"moov") > behind.read_bytes().index(b"mdat")
    assert before.read_bytes().index(b"moov") < before.read_bytes().index(b"mdat")
    assert await look(sandbox, behind) == await look(sandbox, before)


async def test_a_fragmented_clip_is_read(sandbox: Sandbox, clip: Callable[..., Path]) -> None:
    options = (("movflags", "frag_keyframe+empty_moov"),)
    found = await look(sandbox, clip(ClipFormat.MP4, options=options))
    assert found.duration == 1200  # without an edit list, its first picture appears at 0.2 s


async def test_quicktime_without_a_brand_is_read(
    sandbox: Sandbox, clip: Callable[..., Path], write: Callable[[bytes], Path]
) -> None:
    found = await look(sandbox, write(old_quicktime(clip(ClipFormat.MOV).read_bytes())))
    assert found == Probe(ClipFormat.MOV, 1000, WIDTH, HEIGHT)


@pytest.mark.parametrize("claimed", [0, 60, 2**32 - 1])
async def test_the_duration_in_the_header_is_not_trusted(
    sandbox: Sandbox, clip: Callable[..., Path], write: Callable[[bytes], Path], claimed: int
) -> None:
    short = clip(ClipFormat.MP4).read_bytes()
    assert (await look(sandbox, write(claim(short, duration=claimed)))).duration == 1000
    long = clip(ClipFormat.MP4, pictures=610, rate=1).read_bytes()
    with pytest.raises(TooLong, match="at least 10"):
        await look(sandbox, write(claim(long, duration=claimed)))


async def test_cover_art_is_not_a_video(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=8000, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.rate = 8000
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        container.mux(cover.encode(av.VideoFrame(WIDTH, HEIGHT, "yuvj420p")))
        container.mux(cover.encode(None))
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    with pytest.raises(NotAVideo):
        await look(sandbox, path)


async def test_the_last_frame_of_a_gif_is_shown_for_its_delay(
    sandbox: Sandbox, write: Callable[[bytes], Path]
) -> None:
    assert (await look(sandbox, write(gif([10, 20, 300])))).duration == 3300


async def test_short_delays_of_a_gif_are_those_of_browsers(
    sandbox: Sandbox, write: Callable[[bytes], Path]
) -> None:
    # hundredths of a second; browsers take 0 and 1 for 10
    assert (await look(sandbox, write(gif([0, 1, 1, 2, 3])))).duration == 350


async def test_an_endless_gif_lasts_one_loop(
    sandbox: Sandbox, write: Callable[[bytes], Path]
) -> None:
    assert (await look(sandbox, write(gif([50, 50], loops=0)))).duration == 1000


async def test_a_gif_with_too_many_frames_is_refused(
    sandbox: Sandbox, write: Callable[[bytes], Path]
) -> None:
    frame = gif([2])[19:-1]
    path = write(gif([2])[:-1] + frame * 200_000 + b";")
    with pytest.raises(TooLong):
        await look(sandbox, path)
    with pytest.raises(TooLargePicture, match="more pictures than this bot"):
        await look(sandbox, path, longest=10**9)


@pytest.mark.parametrize("clip_format", list(WAYS))
async def test_a_truncated_clip_is_damaged_or_shorter(
    sandbox: Sandbox,
    clip: Callable[..., Path],
    write: Callable[[bytes], Path],
    clip_format: ClipFormat,
) -> None:
    whole = clip(clip_format).read_bytes()
    try:
        found = await look(sandbox, write(whole[: len(whole) // 2]))
    except Damaged:
        return
    assert clip_format not in ISO
    assert found.duration < 1000


async def test_a_truncated_clip_with_its_index_in_front_is_shorter(
    sandbox: Sandbox, clip: Callable[..., Path], write: Callable[[bytes], Path]
) -> None:
    whole = clip(ClipFormat.MP4, options=FRONT).read_bytes()
    assert 0 < (await look(sandbox, write(whole[:-100]))).duration < 1000


@pytest.mark.parametrize("size", [(15360, 15360), (65535, 65535)])
async def test_a_picture_of_absurd_size_is_too_large(
    sandbox: Sandbox, write: Callable[[bytes], Path], size: tuple[int, int]
) -> None:
    with pytest.raises((TooLargePicture, Damaged)):
        await look(sandbox, write(gif([10], width=size[0], height=size[1])))


async def test_a_jpeg_of_absurd_size_is_too_large(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    with av.open(str(path), "w", format="avi") as container:
        track = container.add_stream("mjpeg", rate=10)
        track.width, track.height, track.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        container.mux(track.encode(av.VideoFrame(WIDTH, HEIGHT, "yuvj420p")))
        container.mux(track.encode(None))
    honest = path.read_bytes()
    in_jpeg, in_avi = struct.pack(">HH", HEIGHT, WIDTH), struct.pack("<ii", WIDTH, HEIGHT)
    assert in_jpeg in honest
    assert in_avi in honest
    path.write_bytes(
        honest.replace(in_jpeg, struct.pack(">HH", 15360, 15360)).replace(
            in_avi, struct.pack("<ii", 15360, 15360)
        )
    )
    with pytest.raises(TooLargePicture):
        await look(sandbox, path)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/x.ts\n", "HLS"),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "ffconcat"),
        (b'<?xml version="1.0"?><MPD></MPD>', "DASH"),
        (b"v=0\r\nc=IN IP4 127.0.0.1\r\n", "SDP"),
        (b"", "empty files"),
        (b"\x89PNG\r\n\x1a\n", "PNG images"),
        (bytes(range(256)) * 40, "this format"),
    ],
)
async def test_unsupported_content_is_refused_by_the_name_of_its_format(
    sandbox: Sandbox, write: Callable[[bytes], Path], content: bytes, name: str
) -> None:
    with pytest.raises(UnsupportedFormat, match="I can read MP4, MOV") as caught:
        await look(sandbox, write(content))
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["concat:a|b.mp4", "%d.mp4", "http:x", "file:y", "-i", "ü\udcff"])
async def test_file_names_have_no_special_meaning(
    sandbox: Sandbox,
    clip: Callable[..., Path],
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / name).write_bytes(clip(ClipFormat.MP4).read_bytes())
    monkeypatch.chdir(tmp_path)
    relative = tmp_path.relative_to(tmp_path) / name
    for path in (tmp_path / name, relative):
        assert (await look(sandbox, path)).duration == 1000


async def test_a_missing_file_is_not_found(sandbox: Sandbox, tmp_path: Path) -> None:
    for path in (tmp_path / "none.mp4", tmp_path):
        with pytest.raises(NotFound):
            await look(sandbox, path)


async def test_a_named_pipe_is_not_a_clip(sandbox: Sandbox, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotFound):
        await probe(sandbox, tmp_path / "pipe", longest=1000)


@pytest.mark.parametrize("clip_format", list(WAYS))
async def test_corrupted_bytes_never_crash_or_hang(
    sandbox: Sandbox, clip: Callable[..., Path], write: Callable[..., Path], clip_format: ClipFormat
) -> None:
    whole = clip(clip_format, sound=0.0 if clip_format is ClipFormat.GIF else 1.0).read_bytes()
    chance = random.Random(clip_format)  # noqa: S311 - the same bytes every time
    for number in range(40):
        broken = bytearray(whole)
        for _ in range(chance.choice((1, 10, 200))):
            broken[chance.randrange(12, len(broken))] = chance.randrange(256)
        try:
            found = await look(sandbox, write(bytes(broken), f"{number}"))
            assert 1 <= found.duration <= TEN_MINUTES
        except (UnsupportedFormat, NotAVideo, TooLong, Damaged) as expected:
            if "Traceback" in expected.detail:
                raise


TRUE = {"format": "mp4", "duration": 1000, "width": 8, "height": 8}


@pytest.mark.parametrize(
    "lie",
    [
        {"format": "exe"},
        {"duration": "long"},
        {"duration": float("inf")},
        {"duration": 0},
        {"duration": -7},
        {"duration": TEN_MINUTES + 1},
        {"width": None},
    ],
)
async def test_invalid_answers_of_a_compromised_child_are_refused(
    lie: dict[str, object], tmp_path: Path
) -> None:
    class Liar:
        def __init__(self, answer: object) -> None:
            self._answer = answer

        async def run(self, *_args: object, **_more: object) -> object:
            await asyncio.sleep(0)
            return self._answer

    honest: Any = Liar(TRUE)
    assert (await look(honest, tmp_path)).duration == 1000
    liar: Any = Liar({**TRUE, **lie})
    with pytest.raises(Damaged):
        await look(liar, tmp_path)
