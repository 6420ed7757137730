"""``/library`` with real clips: what is in it, and what never is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot.storage.tag_corrections import TagCorrectionStore
from loopback_discord import Permission
from tests.chat.test_report_buttons import CAT, CITY, Chat, bot, chat
from tests.render.test_library import content_of

if TYPE_CHECKING:
    from bot.storage.database import Database
    from loopback_discord import Channel, Member
    from tests.processes.running_bot import RunningBot

__all__ = ["bot", "chat"]  # fixtures
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def library(chat: Chat, who: Member, here: Channel | None = None) -> dict[str, Any] | str:
    """Return what is in the page that somebody gets, or else what they are told."""
    asked = await who.slash(here or chat.channel, "library")
    sent = await asked.wait_for_response(30)
    assert sent.ephemeral
    if not sent.attachments:
        return sent.content
    (file,) = sent.attachments
    assert file.filename == "library.html"
    return content_of(file.content.decode())


async def test_the_library_has_what_its_reader_can_see_and_nothing_else(
    chat: Chat, bot: tuple[RunningBot, Database]
) -> None:
    guild, ann = chat.guild, chat.ann
    manager = guild.add_member("manager", Permission.MANAGE_GUILD)
    assert "I don't know any clips" in str(await library(chat, manager))
    zoe = guild.add_member("zoe")
    closed, adults = guild.add_text_channel("closed"), guild.add_text_channel("adults", nsfw=True)
    thread = chat.channel.add_thread("secret", private=True)
    everyone = guild.roles[guild.id]
    closed.set_overwrite(everyone, deny=Permission.VIEW_CHANNEL)
    closed.set_overwrite(guild.me, allow=Permission.VIEW_CHANNEL)
    shown, reply = await chat.posted()
    for place, who in ((closed, ann), (adults, ann), (thread, ann), (chat.channel, zoe)):
        await chat.reply_to(await who.post(place, files=[CAT]))
    gone, its_reply = await chat.posted(CITY)
    await ann.delete(gone)
    await chat.discord.wait_until(
        lambda: its_reply.id not in chat.channel.messages, "end of the reply"
    )
    await (await zoe.slash(chat.channel, "privacy optout")).wait_for_response()
    await chat.choose(hidden_tags=frozenset({"coffee"}))
    record = await chat.records.find(f"message-{shown.id}")
    assert record
    fingerprint = record.outcomes[0].fingerprint  # type: ignore[union-attr]  # it was tagged
    await TagCorrectionStore(bot[1]).hide(guild.id, fingerprint, "drink")
    del reply

    page = await library(chat, manager)
    assert isinstance(page, dict)
    (clip,) = page["clips"]
    assert clip["link"].endswith(f"/{guild.id}/{chat.channel.id}/{shown.id}")
    assert (clip["name"], clip["channel"]) == ("cat.gif", "#videos")
    assert {"cat", "animal"} <= set(page["names"])
    assert not {"coffee", "drink"} & set(page["names"])
    assert clip["stills"]

    thread.thread_members.append(manager.user)
    page = await library(chat, manager, adults)
    assert isinstance(page, dict)
    places = {clip["channel"] for clip in page["clips"]}
    assert places == {"#videos", "#adults", "#secret"}
