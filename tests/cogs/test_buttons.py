from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot.chat.buttons import Action, report_buttons
from bot.domain.outcome import Failed
from bot.errors import Damaged
from bot.i18n import ENGLISH
from bot.services.reports import ReportBuilder
from bot.storage.job_records import JobRecord

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot
    from bot.domain.settings import GuildSettings
    from bot.render.report import Report

JOB = "message-1"


async def send_replies(env: Any, bot: FramehoundBot) -> tuple[Any, Any]:
    """Send two replies with buttons for one job; return them, and two people who see them."""
    guild = env.create_guild()
    channel = guild.create_text_channel("general")
    people = [guild.add_member(env.create_user(name)) for name in ("alice", "bob")]
    outcomes = (Failed("a.mp4", Damaged().record()),)
    record = JobRecord(JOB, channel.id, guild_id=guild.id, outcomes=outcomes)
    await bot.app.stores.job_records.add(record)
    replies = []
    for _ in range(2):
        view = report_buttons(JOB, 0.5, ENGLISH)
        await bot.get_partial_messageable(channel.id).send("x", view=view)
        replies.append(channel.last_message)
    return replies, people


async def press(person: Any, reply: Any, action: Action) -> Any:
    (row,) = reply.components
    (custom_id,) = (b.custom_id for b in row.children if f":{action}:" in b.custom_id)
    return await person.click(reply, custom_id=custom_id)


@pytest.mark.simcord(check_errors=False)
async def test_a_person_has_one_press_at_a_time_under_a_report(
    simcord_env: Any, simcord_bot: FramehoundBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    (reply, other_reply), (alice, bob) = await send_replies(simcord_env, simcord_bot)
    cog: Any = simcord_bot.get_cog("ReportButtons")
    drawn_during: list[set[tuple[str, int]]] = []
    draw = ReportBuilder.report

    async def spy(builder: ReportBuilder, clips: Any, settings: GuildSettings) -> Report:
        drawn_during.append(set(cog._drawing))
        return await draw(builder, clips, settings)

    monkeypatch.setattr(ReportBuilder, "report", spy)
    cog._drawing.add((JOB, alice.id))  # as while her first press is drawn
    refused = await press(alice, reply, Action.RAISE)
    assert "I'm still working on the last button" in refused.followups[0].content
    await press(bob, reply, Action.RAISE)
    cog._drawing.discard((JOB, alice.id))
    await press(alice, other_reply, Action.RAISE)
    assert drawn_during == [{(JOB, alice.id), (JOB, bob.id)}]  # once, for both
    assert cog._drawing == set()
