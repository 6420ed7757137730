"""``/notify``: what people read when they add, list and stop their alerts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bot.domain.personal_alerts import MAX_FAILURES, MAX_SAVED_QUERIES
from bot.storage.tables import alert_recipients

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot


@pytest.fixture
def here_and_alice(simcord_env: Any, simcord_bot: FramehoundBot) -> tuple[Any, Any]:
    del simcord_bot
    guild = simcord_env.create_guild()
    return guild.create_text_channel("clips"), guild.add_member(simcord_env.create_user("alice"))


async def notify(person: Any, here: Any, command: str, **options: Any) -> str:
    answered = await person.slash(here, f"notify {command}", **options)
    assert answered.ephemeral
    return str(answered.response.content)


async def test_alerts_are_added_listed_and_stopped(
    here_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    here, alice = here_and_alice
    store = simcord_bot.app.stores.saved_queries
    assert "You have no alerts yet" in await notify(alice, here, "list")
    assert "that matches **cat \\*piano**" in await notify(alice, here, "add", query="cat *piano")
    assert (await notify(alice, here, "list")).startswith("- **cat \\*piano** in ")
    (saved,) = await store.of_guild(here.guild.id)
    async with simcord_bot.app.stores.database.writing() as connection:
        await connection.execute(alert_recipients.update().values(failures=MAX_FAILURES))
    assert "I've switched your alerts off" in await notify(alice, here, "list")
    assert "`/notify list`" in (await alice.slash(here, "privacy show")).response.content
    choices = await alice.autocomplete(here, "notify remove", "query", "PIA")
    assert [choice["value"] for choice in choices] == ["cat *piano"]
    assert await notify(alice, here, "remove", query="dog") == "You have no alert about **dog**."
    assert "I've stopped" in await notify(alice, here, "remove", query="Cat *piano")
    for number in range(MAX_SAVED_QUERIES):
        await store.add(replace(saved, text=f"cat {number}"), "en")
    assert "which is the maximum" in await notify(alice, here, "add", query="cat")


async def test_queries_and_times_that_cannot_be_read_are_explained(
    here_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    here, alice = here_and_alice
    mistakes = {
        '"': "Enter what I should look for.",
        "cat by:ben": "Mention the person after `by:`, such as `by:@ben`.",
        "cat in:nowhere": "I don't know that channel.",
        "cat after:soon": "Write dates as year-month-day",
    }
    for query, sentence in mistakes.items():
        assert sentence in await notify(alice, here, "add", query=query), query
    assert await simcord_bot.app.stores.saved_queries.of_guild(here.guild.id) == []
    await notify(alice, here, "add", query="cat in:#clips by:<@123456789012345678>")
    (saved,) = await simcord_bot.app.stores.saved_queries.of_guild(here.guild.id)
    assert (saved.channel_id, saved.author_id) == (here.id, 123456789012345678)
    assert "Write both times" in await notify(alice, here, "quiet", **{"from": "22:00"})
    quiet = await notify(alice, here, "quiet", **{"from": "22:00", "to": "7", "utc_offset": 2})
    assert quiet.startswith("From <t:")
    assert quiet in await notify(alice, here, "list")
    assert "at any time" in await notify(alice, here, "quiet")
