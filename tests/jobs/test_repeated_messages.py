"""A message that comes in again, as after an edit or a lost connection; on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.jobs.recorder import Recorder, job, until_recorded

if TYPE_CHECKING:
    from bot.domain.clip import Clip
    from bot.jobs.queue import JobQueue
    from bot.runtime.app import App


async def test_a_message_whose_reply_was_removed_leaves_no_record_when_it_is_edited(
    queue: JobQueue, app: App, missing_clip: Clip
) -> None:
    records, posted = app.services.job_records, job(1, missing_clip, author_id=51)
    async with queue.accepting(records.begin) as intake:
        await intake.submit(posted)
        async with queue.working(app.services.answerer, Recorder()):
            await until_recorded(posted.id)
        await records.erase(posted)  # as the button Remove does
        await intake.submit(posted)
        assert not await records.exists(posted)
        assert await intake._jobs.contains(posted.id)
