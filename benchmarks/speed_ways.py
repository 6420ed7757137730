"""One way of tagging one clip, measured in its own process, which ``speed.py`` starts.

Every way gives the same two models one picture per second; all but ours run them with onnxruntime's
defaults, one batch at a time on every core. The clock starts after the imports, loading the models
and a first batch. Prints one JSON object: ``wall`` and ``cpu`` seconds, ``memory`` in bytes at the
peak above that of the loaded models, the pictures' ``times`` in milliseconds, and each second's
``tags``.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import onnxruntime
import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

sys.path.insert(0, str(Path(__file__).parent.parent))

from bot.domain.clip import ClipFile, ClipFormat, ClipInfo, ClipLimits
from bot.domain.concepts import Frame
from bot.domain.progress import ignore_progress
from bot.media.decode.sampling import sample
from bot.media.decode.scaling import FrameScaler, View
from bot.media.decode.source import SampledFrame
from bot.media.sandbox.pool import Sandbox
from bot.taggers.local.bundled_models import CLASSIFIER, DETECTOR
from bot.taggers.local.kinds import Recognized, load_kind_head
from bot.taggers.local.label_mapping import load_label_mapping
from bot.taggers.local.pipeline import map_batches
from bot.taggers.local.recognizer import ClassifierAndDetector, Recognizer, load_recognizer
from bot.taggers.local.smoothing import smooth
from bot.taggers.local.tagger import LocalTagger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

BATCH = 8
WARM_UP = Path(__file__).parent.parent / "tests" / "clips" / "montage.mp4"
LIMITS = ClipLimits(by_url=1 << 40, as_bytes=1 << 40, duration=1 << 40)


@dataclass(frozen=True, slots=True)
class Job:
    """A clip of whole seconds."""

    path: Path
    seconds: int

    @property
    def format(self) -> ClipFormat:
        """The container, from the file's name."""
        return ClipFormat.WEBM if self.path.suffix == ".webm" else ClipFormat.MP4


def opencv(job: Job, recognizer: Recognizer) -> Iterator[SampledFrame]:
    """Read every picture, keep those in the middle of a second."""
    cv2: Any = importlib.import_module("cv2")
    reader = cv2.VideoCapture(str(job.path))
    rate = reader.get(cv2.CAP_PROP_FPS)
    second = 0
    for number in count():
        more, picture = reader.read()
        if not more or second >= job.seconds:
            return
        if number >= (second + 0.5) * rate:
            rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            yield _resized(second, round(number / rate * 1000), rgb, recognizer)
            second += 1


def opencv_grabbing(job: Job, recognizer: Recognizer) -> Iterator[SampledFrame]:
    """Decode every picture, convert only those in the middle of a second."""
    cv2: Any = importlib.import_module("cv2")
    reader = cv2.VideoCapture(str(job.path))
    rate = reader.get(cv2.CAP_PROP_FPS)
    second = 0
    for number in count():
        if not reader.grab() or second >= job.seconds:
            return
        if number >= (second + 0.5) * rate:
            rgb = cv2.cvtColor(reader.retrieve()[1], cv2.COLOR_BGR2RGB)
            yield _resized(second, round(number / rate * 1000), rgb, recognizer)
            second += 1


def ffmpeg(job: Job, recognizer: Recognizer) -> Iterator[SampledFrame]:
    """Have the program ffmpeg write one small picture per second to a pipe."""
    program = importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    with av.open(str(job.path)) as container:
        track = container.streams.video[0]
        width, height = recognizer.views[0].size(track.width, track.height)
    command = [program, "-loglevel", "error", "-i", str(job.path)]
    command += ["-vf", f"fps=1,scale={width}:{height}", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:  # noqa: S603 - our own files
        pipe = running.stdout
        for second in range(job.seconds):
            if pipe is None or not (raw := pipe.read(width * height * 3)):
                return
            picture = np.frombuffer(raw, np.uint8).reshape(height, width, 3)
            yield _resized(second, second * 1000 + 500, picture, recognizer)


def pyav(job: Job, recognizer: Recognizer) -> Iterator[SampledFrame]:
    """Decode every picture on all cores, keep those in the middle of a second."""
    yield from _at(job, recognizer, [second * 1000 + 500 for second in range(job.seconds)])


def our_moments(job: Job, recognizer: Recognizer) -> Iterator[SampledFrame]:
    """Decode every picture, keep those that we choose: to compare tags, not speed."""
    yield from _at(job, recognizer, _our_moments(job))


def unfiltered(job: Job, recognizer: Recognizer) -> Iterator[SampledFrame]:
    """Do the same without the loop filter, to see what it saves and changes."""
    yield from _at(job, recognizer, _our_moments(job), skip_loop_filter="all")


def _our_moments(job: Job) -> list[int]:
    views = (View(64),)  # the smallest that shows where scenes change
    return [frame.time for frame in sample(job.path, job.format, seconds=job.seconds, views=views)]


def pyav_seeking(job: Job, recognizer: Recognizer) -> Iterator[SampledFrame]:
    """For each second, seek to the keyframe before its middle and decode up to there."""
    with av.open(str(job.path)) as container:
        track = container.streams.video[0]
        track.thread_type = "AUTO"
        scaler = FrameScaler(recognizer.views, track.width, track.height)
        for second in range(job.seconds):
            middle = second + 0.5
            container.seek(round(middle / float(track.time_base or 1)), stream=track)
            frame = next(each for each in container.decode(track) if each.time + 1 / 60 > middle)
            yield SampledFrame(second, round(frame.time * 1000), scaler.scale(frame))


def keyframes(job: Job, recognizer: Recognizer) -> Iterator[SampledFrame]:
    """Decode only keyframes, at most one per second."""
    with av.open(str(job.path)) as container:
        track = container.streams.video[0]
        track.thread_count = 1
        scaler = FrameScaler(recognizer.views, track.width, track.height)
        second = 0
        for frame in _keyframes(track):
            if second >= job.seconds:
                return
            if frame.time >= second:
                second = int(frame.time)
                yield SampledFrame(second, round(frame.time * 1000), scaler.scale(frame))
                second += 1


def _keyframes(track: VideoStream) -> Iterator[VideoFrame]:
    for packet in track.container.demux(track):  # type: ignore[attr-defined]  # a container to read
        if packet.is_keyframe or not packet.size:
            yield from packet.decode()


def _at(
    job: Job, recognizer: Recognizer, moments: Sequence[int], **options: str
) -> Iterator[SampledFrame]:
    """Decode everything; yield the pictures shown at these moments, in milliseconds."""
    with av.open(str(job.path)) as container:
        track = container.streams.video[0]
        track.thread_type = "AUTO"
        track.codec_context.options = options
        scaler = FrameScaler(recognizer.views, track.width, track.height)
        shown: VideoFrame | None = None
        second = 0
        for frame in container.decode(track):
            while shown and second < len(moments) and round(frame.time * 1000) > moments[second]:
                yield SampledFrame(second, round(shown.time * 1000), scaler.scale(shown))
                second += 1
            shown = frame
        for last in range(second, len(moments)):
            if shown:
                yield SampledFrame(last, round(shown.time * 1000), scaler.scale(shown))


def _resized(second: int, moment: int, picture: Any, recognizer: Recognizer) -> SampledFrame:
    cv2: Any = importlib.import_module("cv2")
    height, width, _ = picture.shape
    sizes = [view.size(width, height) for view in recognizer.views]
    pictures = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for size in sizes]
    return SampledFrame(second, moment, tuple(pictures))


WAYS: dict[str, Callable[[Job, Recognizer], Iterator[SampledFrame]]] = {
    "keyframes": keyframes,
    "opencv": opencv,
    "opencv-grab": opencv_grabbing,
    "ffmpeg": ffmpeg,
    "pyav": pyav,
    "pyav-seek": pyav_seeking,
    "our-moments": our_moments,
    "unfiltered": unfiltered,
}
OURS = "framehound"


def _with_defaults() -> Recognizer:
    """Load the same models with onnxruntime's own settings."""
    sessions = [
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        for path in (CLASSIFIER, DETECTOR)
    ]
    return ClassifierAndDetector(sessions[0], sessions[1], load_label_mapping(), load_kind_head())


def _one_by_one(frames: Iterator[SampledFrame], recognizer: Recognizer) -> Iterator[Frame]:
    """Take a batch, tag it, take the next: the simplest loop."""
    while batch := list(islice(frames, BATCH)):
        yield from map(_frame, batch, recognizer.recognize(batch))


def _side_by_side(frames: Iterator[SampledFrame], recognizer: Recognizer) -> Iterator[Frame]:
    for batch, found in map_batches(frames, recognizer.recognize):
        yield from map(_frame, batch, found)


def _frame(frame: SampledFrame, seen: Recognized) -> Frame:
    return Frame(max(frame.time, frame.second * 1000), seen.concepts)


def measure_peer(way: str, job: Job) -> dict[str, Any]:
    """Measure a way that runs in this process; keyframes run the models as we do."""
    best = way == "keyframes"
    recognizer = load_recognizer(None) if best else _with_defaults()
    run = _side_by_side if best else _one_by_one
    clock = _Clock(psutil.Process())
    warm_up = Job(WARM_UP, 16)
    list(run(WAYS[way](warm_up, recognizer), recognizer))
    clock.start()
    frames = list(run(WAYS[way](job, recognizer), recognizer))
    return {**clock.read(), **_told(smooth(frames))}


async def measure_ours(job: Job) -> dict[str, Any]:
    """Measure the local tagger from outside, with its child process."""
    with tempfile.TemporaryDirectory() as folder:
        async with Sandbox(workers=1, folder=Path(folder)) as sandbox:
            tagger = LocalTagger(sandbox, LIMITS)
            await tagger.check()
            clock = _Clock(psutil.Process().children()[0], psutil.Process())
            await tagger.tag(_clip(WARM_UP, ClipFormat.MP4, 16), ignore_progress)
            clock.start()
            # The process that decodes is forked for this clip, and gone after it.
            seen = await tagger.tag(
                _clip(job.path, job.format, job.seconds), lambda _progress: clock.look()
            )
            return {**clock.read(), **_told(seen.frames)}


def _clip(path: Path, clip_format: ClipFormat, seconds: int) -> ClipFile:
    info = ClipInfo(clip_format, path.stat().st_size, seconds * 1000, "sha256:0")
    return ClipFile(path, info)


def _told(frames: Iterable[Frame]) -> dict[str, Any]:
    frames = list(frames)
    tags = [sorted(each.name for each in frame.concepts if each.score > 0.5) for frame in frames]  # noqa: PLR2004 - the model's threshold
    return {"times": [frame.time for frame in frames], "tags": tags}


class _Clock:
    """Times processes, including children that ended meanwhile.

    The memory counted is that of the first process, from the moment it has loaded its models: make
    the clock then. A process that it forked counts if it was looked at.
    """

    def __init__(self, *processes: psutil.Process) -> None:
        self._processes = processes
        self._idle = _memory(processes[0].pid, "VmRSS")
        self._peak = 0

    def start(self) -> None:
        """Start the clock."""
        self._cpu = self._used()
        self._start = time.perf_counter()

    def read(self) -> dict[str, float]:
        """Return the measurements."""
        wall, cpu = time.perf_counter() - self._start, self._used() - self._cpu
        peak = max(self._peak, _memory(self._processes[0].pid, "VmHWM"))
        return {"wall": wall, "cpu": cpu, "memory": peak - self._idle}

    def look(self) -> None:
        """Note the memory of the processes that the first one forked."""
        # psutil would look through all processes of the machine, which takes as long as a picture.
        server = self._processes[0].pid
        forked = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        self._peak = max(self._peak, *(_memory(int(each), "VmHWM") for each in forked), 0)

    def _used(self) -> float:
        return sum(sum(process.cpu_times()[:4]) for process in self._processes)


def _memory(process: int, kind: str) -> int:
    """Return a field of proc(5) status: memory now, or at its peak."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(kind)), 0) * 1024


def main(way: str, path: str, seconds: str) -> None:
    """Measure one way on one clip."""
    job = Job(Path(path), int(seconds))
    found = asyncio.run(measure_ours(job)) if way == OURS else measure_peer(way, job)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
