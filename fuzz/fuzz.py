"""Fuzzes the code that parses untrusted input: ``python fuzz/fuzz.py TARGET``.

Run a target for a few minutes after changing what it parses (see ``TARGETS``). With atheris (``uv
pip install atheris``; not a dependency, as it has wheels only for some Pythons on Linux), libFuzzer
guides the inputs by the coverage of ``bot``; without it, Hypothesis mutates the same seeds.
``--seconds`` sets the duration. ``--folder`` is where interesting inputs are kept for the next run,
and the one that failed (``crash-…``), which ``--replay FILE`` runs alone. Turn every failure into a
test, with its smallest input. The target ``container`` runs FFmpeg in this process without a
sandbox, so don't feed it files from strangers.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import itertools
import json
import math
import re
import sys
import tempfile
import time
import types
import unicodedata
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent))

from bot.domain.alerts import Watch
from bot.domain.clip import ClipFile, ClipFormat, ClipInfo, ClipLimits
from bot.domain.concepts import Concept, Frame
from bot.domain.links import (
    find_links,
    hidden_links,
    is_media,
    is_page,
    is_same_clip,
    name_of,
    promises_clip,
)
from bot.domain.progress import ignore_progress
from bot.domain.setting_kinds import ServerContext
from bot.domain.settings import GuildSettings
from bot.domain.settings_file import InvalidSettingsFile, read_file, write_file
from bot.errors import ClipError, TaggerError
from bot.media.decode import formats, probe_child
from bot.media.decode.probe import MAX_PACKETS, Probe, probe
from bot.media.decode.sampling import sample
from bot.media.decode.scaling import View
from bot.media.fetch import sites
from bot.media.sandbox import process
from bot.render import filmstrip
from bot.render.sanitize import clean, for_discord
from bot.storage import frame_codec
from bot.taggers.clarifai.response import read_frames, read_model
from bot.taggers.failures import CallFailed
from bot.taggers.local.tagger import LocalTagger
from bot.taggers.vision.response import read_answer
from bot.taggers.vision.status import failure_of
from tests.media.made_clips import WAYS, Recipe, gif, make_clip

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from bot.domain.tagging import Observations
    from bot.media.fetch.download import Request

LENGTH = 3000  # the length of the clip that answers are about, in milliseconds
LIMITS = ClipLimits(by_url=1, as_bytes=1)
AROUND = ServerContext(channel_ids={5}, role_ids={7}, max_days=365)
MAX_NAME_LENGTH = 100  # characters of a concept's name that are kept
DISCORD_SYNTAX = re.compile(r"[*_~`|<>@#\[\]()/:\\]")
# what decoding may raise if the database stored other bytes than we gave it
NO_FRAMES = (zlib.error, ValueError, TypeError, LookupError)


@dataclass(frozen=True, slots=True)
class Target:
    """A function to fuzz, and the first inputs."""

    one: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


def try_formats(content: bytes) -> None:
    """Detect a file's format by its first bytes."""
    head = content[: formats.HEAD]
    formats.detect(head)
    assert formats.describe(head)


def try_container(content: bytes) -> None:
    """Probe and sample a file, as a sandboxed child does."""
    path = Path(tempfile.gettempdir()) / "clip"
    path.write_bytes(content)
    try:
        request = {"path": str(path), "longest": LENGTH, "packets": MAX_PACKETS}
        found = probe_child.probe(request, lambda _: None)
        assert 0 < found["duration"] <= LENGTH
        for frame in sample(path, ClipFormat(found["format"]), seconds=3, views=[View(32)]):
            assert frame.pictures[0].size
    except ClipError:
        return


def try_clarifai(content: bytes) -> None:
    """Parse a response of Clarifai's; the first byte chooses the HTTP status."""
    http = (200, 400, 500)[content[0] % 3] if content else 200
    with contextlib.suppress(CallFailed):
        read_model(http, content[1:])
    try:
        frames = read_frames(http, content[1:], LENGTH)
    except CallFailed:
        return
    assert frames == tuple(sorted(frames, key=lambda frame: frame.time))
    for frame in frames:
        assert 0 <= frame.time < LENGTH
        for concept in frame.concepts:
            assert 0 <= concept.score <= 1
            assert concept.name.isprintable()
            assert 0 < len(concept.name) <= MAX_NAME_LENGTH


def try_child(content: bytes) -> None:
    """Parse the answers of a child that a clip has taken over."""
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return
    sandbox: Any = _TakenOver(said)
    clip = ClipFile(Path("clip"), ClipInfo(ClipFormat.GIF, 1, LENGTH, "sha256:0"))
    tagger = LocalTagger(sandbox, LIMITS)
    found: Probe | None = _unless_refused(probe(sandbox, Path("clip"), longest=LENGTH))
    assert found is None or 0 < found.duration <= LENGTH
    seen: Observations | None = _unless_refused(tagger.tag(clip, ignore_progress))
    assert seen is None or all(frame.time >= 0 for frame in seen.frames)
    page: Request | None = _unless_refused(_read_page(said))
    assert page is None or not {name.lower() for name in page.headers} & {"host", "connection"}
    raised = process._restored(said)  # noqa: SLF001 - private: otherwise only reached through a process
    assert isinstance(raised, ClipError | TaggerError)


async def _read_page(said: object) -> Request:
    """Parse the questions and the answer of a child that reads pages."""
    with contextlib.suppress(ClipError):
        sites._request(said)  # noqa: SLF001 - private: otherwise only reached through a process
    return sites._clip_request(said)  # noqa: SLF001 - see above


def try_links(content: bytes) -> None:
    """Find links in a message."""
    text = _text(content)
    promises_clip(text)
    for link in (*find_links(text), *find_links(text, left_alone=True)):
        assert re.match("https?://", link, re.IGNORECASE)
        assert not re.search(r"[\s<>]", link)
        assert name_of(link)
        promises_clip(link)
        assert not (is_media(link) and is_page(link, {"example"}))
        assert is_same_clip(link, link)
    assert hidden_links(text) <= {*find_links(text, left_alone=True)}


def try_names(content: bytes) -> None:
    """Sanitize a name; the first byte sets the limit."""
    limit = 2 + content[0] if content else 80
    line = clean(_text(content[1:]), limit)
    assert len(line) <= limit
    assert line == " ".join(line.split())
    assert all(c in "\u200c\u200d" or not unicodedata.category(c).startswith("C") for c in line)
    shown = for_discord(_text(content[1:]), limit)
    assert not DISCORD_SYNTAX.search(re.sub(r"\\.", "", shown))


def try_settings(content: bytes) -> None:
    """Parse a settings file, write it again, and parse that: nothing may change."""
    try:
        file = read_file(content, AROUND)
    except InvalidSettingsFile:
        return
    settings = GuildSettings(1, **file.values)
    again = read_file(write_file(settings, file.watches or (), AROUND).encode(), AROUND)
    assert again.watches == (file.watches or ())
    assert file.values.items() <= again.values.items()


def try_frames(content: bytes) -> None:
    """Encode and decode frames; decode arbitrary bytes."""
    words = [line.split(" ") for line in _text(content).split("\n")]
    frames = tuple(
        Frame(place * 250, tuple(Concept(name, _score(name)) for name in names))
        for place, names in enumerate(words)
    )
    assert frame_codec.decode(frame_codec.encode(frames)) == frames
    for payload in (content, zlib.compress(content)):
        with contextlib.suppress(*NO_FRAMES):
            frame_codec.decode(payload)


def try_thumbnail(content: bytes) -> None:
    """Open a thumbnail that came from a child."""
    picture = filmstrip.open_thumbnail(content)
    assert picture is None or picture.height == filmstrip.HEIGHT


class _TakenOver:
    """A sandbox whose child sends anything as its progress and its answer."""

    def __init__(self, said: object) -> None:
        self._said = said

    async def run(self, *_: Any, on_progress: Any = None, **__: Any) -> object:
        if on_progress is not None:
            on_progress(self._said)
        return self._said


def _unless_refused(call: Coroutine[Any, Any, Any]) -> Any:
    """Return the result of a coroutine that never waits; None if it raises a ClipError."""
    try:
        call.send(None)
    except StopIteration as end:
        return end.value
    except ClipError:
        return None
    raise AssertionError("the coroutine waits for something")


def _score(name: str) -> float:
    score = zlib.crc32(name.encode("utf-8", "surrogatepass")) / 2**32
    return math.sqrt(score)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _clips() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip"
        made = [make_clip(path, Recipe(each, pictures=2)).read_bytes() for each in WAYS]
    return [*made, gif([10, 20], loops=0)]


def _thumbnails() -> list[bytes]:
    made = []
    for kind, progressive in (("RGB", False), ("L", True), ("CMYK", False)):
        jpeg = io.BytesIO()
        Image.new(kind, (24, 16)).save(jpeg, "JPEG", progressive=progressive)
        made.append(jpeg.getvalue())
    return made


def try_vision(content: bytes) -> None:
    """Parse a vision model's answer, a response around it, and an error of its server."""
    failure_of(400 + len(content) % 200, content)
    message = {"choices": [{"message": {"content": _text(content)}}]}
    for response in (content, json.dumps(message).encode()):
        with contextlib.suppress(CallFailed):
            answer = read_answer(response, 3)
            assert set(answer.concepts) <= {0, 1, 2}
            for concept in itertools.chain(*answer.concepts.values()):
                assert 0 <= concept.score <= 1
                assert concept.name.isprintable()


def _heads() -> list[bytes]:
    marks = [bytes(offset) + mark for offset, mark, _ in formats.SIGNATURES]
    texts = [b"#EXTM3U", b"v=0\r\n", b"<?xml?><!-- --><MPD ", b"<!-- --><!doctype svg><svg>"]
    return [*(clip[:200] for clip in _clips()), *marks, *texts]


def _answers() -> list[bytes]:
    success = {"code": 10000, "description": "Ok"}
    concepts = [{"name": "cat", "value": 0.9}, {"name": "dog", "value": 0.1}]
    frame = {"frame_info": {"index": 0, "time": 0}, "data": {"concepts": concepts}}
    output = {"status": success, "data": {"frames": [frame]}}
    whole = {"status": success, "outputs": [output], "model": {"id": "m"}}
    return [b"\0" + json.dumps(each).encode() for each in (whole, {"status": {"code": 11001}})]


def _answers_of_models() -> list[bytes]:
    tags = [{"name": "cat", "score": 0.9}, {"name": "a_dog.", "score": 90}]
    answer = json.dumps({"pictures": [{"picture": 1, "tags": tags}], "description": "A cat."})
    message = {"choices": [{"message": {"content": answer}, "finish_reason": "length"}]}
    errors = ({"error": {"message": "At most 1 image(s)"}}, {"status": {"code": 21353}})
    return [f"```json\n{answer}```".encode(), *(json.dumps(x).encode() for x in (message, *errors))]


def _words_of_children() -> list[bytes]:
    answers: list[object] = [
        {"format": "gif", "duration": 1, "width": 1, "height": 1},
        {"frames": [{"time": 0, "concepts": [["cat", 0.5]]}], "thumbnails": [[0, "/9j/"]]},
        {"code": "too_long", "message": "m", "facts": {"length": "1"}, "detail": "d"},
        {"frames": [{"time": 1e400, "concepts": []}], "thumbnails": []},
        3,
    ]
    return [json.dumps(answer).encode() for answer in answers]


def _sentences() -> list[bytes]:
    return [
        b"\x50see <https://a.example/x.mp4?a=1#b>, (http://[::1]/%20y.gif)!",
        b"@everyone **x**",
    ]


def _settings_files() -> list[bytes]:
    full = GuildSettings(
        1, {"local:x": 0.5}, retention_days=30, hidden_tags=frozenset({"a", "b"}), gap=2
    )
    return [write_file(full, [Watch("cat", 5, 0.5)], AROUND).encode()]


TARGETS = {
    "settings": Target(try_settings, _settings_files),
    "formats": Target(try_formats, _heads),
    "container": Target(try_container, _clips),
    "clarifai": Target(try_clarifai, _answers),
    "vision": Target(try_vision, _answers_of_models),
    "child": Target(try_child, _words_of_children),
    "links": Target(try_links, _sentences),
    "thumbnail": Target(try_thumbnail, _thumbnails),
    "names": Target(try_names, _sentences),
    "frames": Target(try_frames, lambda: [b'{"names":["a"],"frames":[[0,[0],[0.5]]]}']),
}


def main() -> None:
    """Fuzz one target, or run one input on it."""
    asked = _arguments()
    target = TARGETS[asked.target]
    if asked.replay:
        target.one(asked.replay.read_bytes())
        return
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{asked.target}: {asked.seconds} s, inputs are kept in {folder}")
    tempfile.tempdir = tempfile.mkdtemp()  # parallel runs write clips, too
    run = _with_atheris if importlib.util.find_spec("atheris") else _with_hypothesis
    run(target, asked.seconds, folder)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--folder", type=Path, help="where to keep interesting inputs")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run only this input")
    return parser.parse_args()


def _with_atheris(target: Target, seconds: int, folder: Path) -> None:
    atheris: Any = importlib.import_module("atheris")
    for name, module in list(sys.modules.items()):
        if name.startswith("bot."):
            _watch(atheris, module)
    for number, seed in enumerate(target.seeds()):
        (folder / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-artifact_prefix={folder}/", "-timeout=20"]
    atheris.Setup(["fuzz", *options, "-print_final_stats=1", str(folder)], target.one)
    atheris.Fuzz()


def _watch(atheris: Any, module: types.ModuleType) -> None:
    """Measure the coverage of all functions of a module."""
    for thing in list(vars(module).values()):
        functions = vars(thing).values() if isinstance(thing, type) else [thing]
        for function in functions:
            ours = getattr(function, "__module__", None) == module.__name__
            if isinstance(function, types.FunctionType) and ours:
                atheris.instrument_func(function)


def _with_hypothesis(target: Target, seconds: int, folder: Path) -> None:
    from hypothesis import HealthCheck, given, settings  # noqa: PLC0415 - only one fuzzer is used
    from hypothesis import strategies as st  # noqa: PLC0415 - only one fuzzer is used

    splices = st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=8)), max_size=5)
    broken = st.tuples(st.sampled_from(target.seeds()), splices).map(_broken)
    over = time.monotonic() + seconds

    @settings(
        max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.binary(max_size=4096) | broken)
    def attempt(content: bytes) -> None:
        try:
            target.one(content)
        except BaseException:
            (folder / "crash-smallest").write_bytes(content)  # each one smaller than the last
            raise

    while time.monotonic() < over:
        cast("Callable[[], None]", attempt)()


def _broken(seed: tuple[bytes, list[tuple[int, bytes]]]) -> bytes:
    content, splices = seed
    for place, piece in splices:
        content = content[:place] + piece + content[place + len(piece) :]
    return content


if __name__ == "__main__":
    main()
