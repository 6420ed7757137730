"""Personal alerts: who gets them, that each arrives once, and that they never tell of a secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.chat.personal_alerts import PersonalAlertSender
from bot.domain.alerts import Watch
from bot.domain.erasure import Messages
from bot.domain.personal_alerts import MAX_FAILURES, QuietHours, SavedQuery
from loopback_discord import Disconnect, Permission
from tests.services.test_alerts import Chat as AlertChat
from tests.services.test_alerts import chat as alert_chat

if TYPE_CHECKING:
    from collections.abc import Callable

    import discord

    from bot.domain.job import Job
    from loopback_discord import Channel, Member

__all__ = ["alert_chat"]  # a fixture
CAT = ({"cat": 0.97},)


class Chat:
    """A server where Bob looks for cats, and Ann posts clips of them."""

    def __init__(self, opened: AlertChat) -> None:
        self.opened = opened
        self.app, self.discord, self.guild = opened.app, opened.discord, opened.guild
        client: discord.Client = opened.responder._client
        self.sender = PersonalAlertSender(client, self.app.stores, self.app.locks)
        self.bob = self.guild.add_member("bob")
        self.later = datetime.now(UTC)

    async def look_for(self, text: str, who: Member | None = None, **narrowed: Any) -> None:
        user = (who or self.bob).user
        query = SavedQuery(user.id, self.guild.id, text, **narrowed)
        assert await self.app.stores.saved_queries.add(query, user.locale[:2])

    async def post(self, channel: Channel | None = None, *seen: Any, **others: Any) -> Job:
        """Post a clip and answer its job."""
        self.opened.channel = channel or self.opened.channel
        job = await self.opened.post(*(seen or (CAT,)))
        return await self.answer(job, **others)

    async def answer(self, job: Job) -> Job:
        await self.opened.answer(job)
        return job

    async def send(self) -> None:
        """Send what is due, an hour after the last time."""
        self.later += timedelta(hours=1)
        await self.sender.send_due(self.later)

    def told(self, who: Member | None = None) -> list[str]:
        """Return the private messages to a person."""
        channel = self.discord.state.dm_channel((who or self.bob).user)
        return [message.content for message in channel.messages.values()]

    async def waiting(self) -> int:
        return len(await self.app.stores.personal_alerts.due(self.later + timedelta(days=9), 99))


@pytest.fixture
def chat(alert_chat: AlertChat) -> Chat:
    return Chat(alert_chat)


async def test_a_person_is_told_once_of_a_clip_they_look_for(chat: Chat) -> None:
    zoe, ann = chat.guild.add_member("zoe", locale="de"), chat.opened.ann
    await chat.look_for("cat -dog")
    await chat.look_for("*_<@1>", zoe)
    await chat.look_for("cat", ann)
    job = await chat.post(None, ({"cat": 0.9}, {"cat": 0.97}), ({"*_<@1>": 0.95},))
    await chat.opened.answer(job, again=True)
    await chat.send()
    await chat.send()
    link = f"https://discord.com/channels/{chat.guild.id}/{job.channel_id}/{job.message_id}"
    (told,) = chat.told()
    assert told == (
        "A new clip in **Cats** matches your alert:\n"
        f"**cat -dog** · `0:00` cat .97 · <#{job.channel_id}>\n{link}"
    )
    (german,) = chat.told(zoe)
    assert german.startswith("Ein neuer Clip auf **Cats** passt zu deiner Benachrichtigung:\n")
    assert "`0:00` \\*\\_\\<\\@1\\> .95" in german
    assert chat.told(ann) == []
    await chat.look_for("Katze", zoe)
    await chat.post(None, ({"cat": 0.9, "dog": 0.9},))
    await chat.post(None, ({"cat": 0.4},))
    await chat.send()
    assert len(chat.told()) == 1
    assert "**Katze** · `0:00` cat .90" in chat.told(zoe)[1]
    assert await chat.waiting() == 0


async def test_an_alert_arrives_once_although_the_bot_dies_after_sending_it(chat: Chat) -> None:
    await chat.look_for("cat")
    await chat.post()
    dm = chat.discord.state.dm_channel(chat.bob.user)
    # Discord sends it, but nobody hears of that.
    chat.discord.faults.add("POST", f"/channels/{dm.id}/messages", Disconnect(), times=9)
    await chat.send()
    await chat.post()  # comes between: it must not be lost
    chat.discord.faults.clear()
    await chat.send()
    assert len(chat.told()) == 1
    await chat.send()
    assert len(chat.told()) == 2
    assert await chat.waiting() == 0


async def test_many_clips_make_one_message(chat: Chat) -> None:
    await chat.look_for("cat")
    for _ in range(3):
        await chat.post()
    await chat.send()
    (told,) = chat.told()
    assert told.startswith("3 new posts in **Cats** match your alerts:\n")


def deny(channel: Channel, permissions: Permission) -> None:
    channel.set_overwrite(channel.guild.roles[channel.guild.id], deny=permissions)  # type: ignore[union-attr]  # it is in a server


# How a channel may be closed to Bob after the clip was posted.
CLOSING: dict[str, Callable[[Chat, Channel], object]] = {
    "no View Channel": lambda _chat, channel: deny(channel, Permission.VIEW_CHANNEL),
    "no Read Message History": lambda _chat, channel: deny(
        channel, Permission.READ_MESSAGE_HISTORY
    ),
    "an overwrite of his own": lambda chat, channel: channel.set_overwrite(
        chat.bob, deny=Permission.VIEW_CHANNEL
    ),
    "left or banned": lambda chat, _channel: chat.guild.members.pop(chat.bob.user.id),
    "the channel is deleted": lambda _chat, channel: channel.delete(),
    "the bot can't see it": lambda _chat, channel: channel.deny_bot(Permission.VIEW_CHANNEL),
    "the bot left": lambda chat, _channel: chat.guild.kick_bot(),
    "the message is erased": lambda _chat, _channel: None,
    "the poster opted out": lambda _chat, _channel: None,
}


@pytest.mark.parametrize("way", CLOSING)
async def test_a_person_is_never_told_of_what_they_may_not_see(chat: Chat, way: str) -> None:
    await chat.look_for("cat")
    channel = chat.guild.add_text_channel("closing")
    job = await chat.post(channel)
    CLOSING[way](chat, channel)
    if way == "the message is erased":
        await chat.app.stores.posted_clips.erase(Messages(frozenset({job.subject_id})))
    if way == "the poster opted out":
        await chat.app.stores.opt_outs.add(chat.opened.ann.user.id)
    await chat.send()
    assert chat.told() == []
    assert await chat.waiting() == 0
    if way in {"left or banned", "the bot left"}:
        assert await chat.app.stores.saved_queries.of_person(chat.bob.user.id) == []


async def test_roles_threads_voice_and_age_restriction_count_as_they_are_now(chat: Chat) -> None:
    await chat.look_for("cat")
    guild, bob = chat.guild, chat.bob
    role = guild.add_role("vip")
    vip, voice, adults = (
        guild.add_text_channel("vip"),
        guild.add_voice_channel("voice"),
        guild.add_text_channel("adults", nsfw=True),
    )
    deny(vip, Permission.VIEW_CHANNEL)
    vip.set_overwrite(role, allow=Permission.VIEW_CHANNEL)
    bob.roles.append(role)
    thread = vip.add_thread("secret", private=True)
    public = vip.add_thread("open")
    for place in (voice, adults, thread):
        await chat.post(place)
    await chat.send()
    assert chat.told() == []

    thread.thread_members.append(bob.user)
    for place in (thread, public, vip):
        await chat.post(place)
    bob.roles.remove(role)  # taken before the alerts are sent
    await chat.send()
    assert chat.told() == []
    for place in (thread, public, vip):
        await chat.post(place)
    bob.roles.append(role)
    await chat.send()
    (told,) = chat.told()
    assert all(f"<#{place.id}>" in told for place in (thread, public, vip))


async def test_alerts_wait_for_the_end_of_quiet_hours(chat: Chat) -> None:
    await chat.look_for("cat")
    minute = (chat.later + timedelta(hours=1)).hour * 60
    quiet = QuietHours(minute, (minute + 120) % (24 * 60))
    await chat.app.stores.saved_queries.save_quiet_hours(chat.bob.user.id, quiet, "en")
    await chat.post()
    await chat.send()
    await chat.send()
    assert chat.told() == []
    await chat.send()
    assert len(chat.told()) == 1


async def test_alerts_are_switched_off_if_private_messages_are_closed(chat: Chat) -> None:
    queries, user = chat.app.stores.saved_queries, chat.bob.user
    await chat.look_for("cat")
    user.accepts_dms = False
    for _ in range(MAX_FAILURES):
        await chat.post()
        await chat.send()
    assert (await queries.recipients([user.id]))[user.id].is_off
    user.accepts_dms = True
    await chat.post()
    await chat.send()
    assert chat.told() == []
    await chat.look_for("cat")
    await chat.post()
    await chat.send()
    assert len(chat.told()) == 1


async def test_a_query_may_be_about_a_channel_or_a_person(chat: Chat) -> None:
    other = chat.guild.add_text_channel("other")
    await chat.look_for("cat in:other", channel_id=other.id)
    zoe = chat.guild.add_member("zoe")
    await chat.look_for("cat by:ann", zoe, author_id=chat.opened.ann.user.id)
    await chat.post()
    await chat.send()
    assert (len(chat.told()), len(chat.told(zoe))) == (0, 1)
    await chat.post(other)
    await chat.send()
    assert (len(chat.told()), len(chat.told(zoe))) == (1, 2)


async def test_a_tag_that_is_wrong_alerts_nobody(chat: Chat) -> None:
    await chat.look_for("cat")
    await chat.opened.watch(Watch("Cat", chat.opened.mods.id))
    job = await chat.opened.post(CAT)
    (outcome,) = chat.opened.outcomes
    corrections = chat.app.stores.tag_corrections
    assert await corrections.hide(chat.guild.id, outcome.fingerprint, "cat")
    await chat.answer(job)
    await chat.send()
    assert (chat.told(), chat.opened.alerts()) == ([], [])
