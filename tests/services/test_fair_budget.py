"""What one person's clips may use of a server's month, from the job to the refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.domain.clip import Clip
from bot.domain.job import Job
from bot.domain.outcome import Failed, Tagged
from tests.jobs.recorder import Recorder
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_judge import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.domain.outcome import Outcome
    from tests.conftest import ClipHost

ANN, BOB = 51, 52


async def test_a_person_who_posts_much_leaves_frames_to_others(
    make_config: Callable[..., Any], open_app: Callable[..., Any], clip_host: ClipHost
) -> None:
    async with LoopbackClarifai() as clarifai:
        billed = {
            "clarifai_pat": TOKEN,
            "clarifai_api_url": clarifai.url,
            "recognize_copies": "off",
        }
        app = await open_app(make_config(server_monthly_frames=1000, person_share=1, **billed))

        async def posted(number: int, person: int, name: str, **more: Any) -> Outcome:
            clips = (Clip(name, clip_host.url(name)),)
            job = Job(f"message-{number}", 7, clips, 1, number, person, **more)
            (outcome,) = await app.services.answerer.tag(job, Recorder(), again=False)
            found: Outcome = outcome
            return found

        assert isinstance(await posted(1, ANN, "montage.gif"), Tagged)
        refused = await posted(2, ANN, "montage.mp4")
        assert isinstance(refused, Failed)
        assert "more than one person may use here for now" in str(refused.error.restore())
        assert isinstance(await posted(3, BOB, "montage.mp4"), Tagged)
        assert isinstance(await posted(4, ANN, "montage.mp4"), Tagged)  # a repost costs nothing
        # A manager saw the price of older clips.
        assert isinstance(await posted(5, ANN, "montage.mkv", quiet=True), Tagged)
