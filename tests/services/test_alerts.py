"""Alerts about watched tags: one per message, in the right server, despite crashes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import discord
import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from bot.chat.responder import DiscordResponder
from bot.domain.alerts import Watch
from bot.domain.clip import Clip
from bot.domain.job import Interaction, Job, RecordState
from bot.domain.outcome import Tagged
from bot.domain.query import Order, ResolvedQuery, parse
from bot.storage.database import Database
from bot.storage.tables import posted_clips
from loopback_discord import LoopbackDiscord, Permission, server_error
from loopback_discord.discord_py import redirect_discord_py
from tests.cogs.searchable_clips import tagging
from tests.processes.programs import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bot.runtime.app import App
    from loopback_discord import Channel, Message

SEEN: tuple[tuple[dict[str, float], ...], ...] = (
    ({"cat": 0.9}, {"cat": 0.97}, {}, {}, {"knife": 0.7}),
    ({"knife": 0.6}, {"*_<@1>": 0.95}),
)


class Chat:
    """A server with a channel for clips and one for moderators, and a job with tagged clips."""

    def __init__(self, app: App, loopback: LoopbackDiscord, client: discord.Client) -> None:
        self.app = app
        self.discord = loopback
        self.responder = DiscordResponder(client)
        self.guild = loopback.add_guild("Cats")
        self.channel = self.guild.add_text_channel("videos")
        self.mods = self.guild.add_text_channel("mods")
        self.ann = self.guild.add_member("ann")

    async def watch(self, *watches: Watch) -> None:
        await self.app.stores.watches.replace(self.guild.id, watches)

    async def post(self, *seen: tuple[dict[str, float], ...]) -> Job:
        """Return the job of a message whose clips were tagged and recorded."""
        message = await self.ann.post(self.channel, "clips")
        clips = tuple(
            Clip(f"{number}.mp4", "", message_id=message.id, author_id=self.ann.user.id)
            for number, _ in enumerate(seen or SEEN)
        )
        self.job = Job(
            f"message-{message.id}",
            self.channel.id,
            clips,
            self.guild.id,
            message.id,
            self.ann.user.id,
        )
        await self.note(self.job, *(seen or SEEN))
        return self.job

    async def note(self, job: Job, *seen: tuple[dict[str, float], ...]) -> None:
        identity = self.app.services.clip_tagger.tagger.identity
        self.outcomes: list[Tagged] = []
        for number, seconds in enumerate(seen):
            fingerprint = f"sha256:{job.id}-{number}"
            await self.app.stores.taggings.save(
                replace(tagging(fingerprint, *seconds), tagger=identity)
            )
            self.outcomes.append(Tagged(f"{number}.mp4", fingerprint))
        await self.app.services.job_records.save_outcomes(
            job, self.outcomes, None, RecordState.NONE
        )

    async def answer(self, job: Job, *, again: bool = False) -> str:
        return await self.app.services.answerer.answer(
            job, self.outcomes, self.responder, again=again
        )

    def alerts(self, channel: Channel | None = None) -> list[Message]:
        sent = (channel or self.mods).messages.values()
        return [message for message in sent if message.author is self.discord.bot]


@pytest.fixture
async def chat(
    make_config: Callable[..., Any],
    open_app: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Chat]:
    app = await open_app(make_config())
    async with LoopbackDiscord(TOKEN) as loopback:
        redirect_discord_py(loopback, monkeypatch)
        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login(TOKEN)
            opened = Chat(app, loopback, client)
            await app.stores.settings.update(opened.guild.id, picture=False)
            yield opened
        assert loopback.unknown_routes == []


async def test_one_alert_names_every_watched_tag_its_second_and_score(chat: Chat) -> None:
    watched = ("Cat", "knife", "*_<@1>", "dog")
    await chat.watch(*(Watch(tag, chat.mods.id) for tag in watched))
    job = await chat.post()
    await chat.answer(job)
    (alert,) = chat.alerts()
    assert alert.content == (
        f"I spotted watched tags in https://discord.com/channels/{chat.guild.id}/{chat.channel.id}/"
        f"{job.message_id}, posted by <@{chat.ann.user.id}>:\n"
        "`0:00–0:02` Cat .97 · clip 1 of 2\n"
        "`0:01–0:02` \\*\\_\\<\\@1\\> .95 · clip 2 of 2\n"
        "`0:04–0:05` knife .70 · clip 1 of 2\n"
        "`0:00–0:01` knife .60 · clip 2 of 2"
    )
    assert alert.allowed_mentions == {"parse": []}
    assert alert.mentions == []
    assert not alert.silent


async def test_a_watch_uses_its_own_threshold_or_the_servers(chat: Chat) -> None:
    await chat.watch(Watch("knife", chat.mods.id, 0.65), Watch("cat", chat.mods.id))
    await chat.answer(await chat.post(({"knife": 0.65}, {"cat": 0.5})))
    assert chat.alerts() == []
    await chat.answer(await chat.post(({"knife": 0.66},)))
    assert "knife .66" in chat.alerts()[0].content
    identity = str(chat.app.services.clip_tagger.tagger.identity)
    await chat.app.stores.settings.set_threshold(chat.guild.id, identity, 0.3)
    await chat.answer(await chat.post(({"knife": 0.6}, {"cat": 0.4})))
    assert "knife" not in chat.alerts()[1].content
    assert "cat .40" in chat.alerts()[1].content


async def test_a_server_without_replies_is_alerted_too(chat: Chat) -> None:
    await chat.app.stores.settings.update(
        chat.guild.id, only_when_found=True, shortest=5, hidden_tags=frozenset({"knife"})
    )
    await chat.watch(Watch("knife", chat.mods.id))
    assert await chat.answer(await chat.post(({"knife": 0.9},))) == "marked"
    assert chat.alerts(chat.channel) == []
    assert "`0:00–0:01` knife .90" in chat.alerts()[0].content


async def test_each_channel_is_alerted_of_its_own_tags_in_the_servers_language(chat: Chat) -> None:
    police = chat.guild.add_text_channel("police")
    await chat.watch(Watch("cat", chat.mods.id), Watch("knife", police.id))
    await chat.answer(await chat.post())
    assert "knife" not in chat.alerts()[0].content
    assert "cat" not in chat.alerts(police)[0].content


async def test_a_message_causes_one_alert_only(chat: Chat) -> None:
    await chat.watch(Watch("cat", chat.mods.id))
    job = await chat.post()
    await chat.answer(job)
    await chat.answer(job, again=True)
    chat.discord.expire_nonces()
    await chat.answer(job, again=True)
    # Somebody later uses a command on the same message.
    asked = replace(job, id="interaction-5", requested=True)
    await chat.answer(asked)
    assert len(chat.alerts()) == 1


async def test_a_crash_after_sending_sends_nothing_twice(chat: Chat, data_path: str) -> None:
    await chat.watch(Watch("cat", chat.mods.id))
    job = await chat.post()
    await chat.answer(job)
    async with Database.open(data_path) as database, database.writing() as connection:
        await connection.execute(update(posted_clips).values(alerted=False))
    await chat.answer(job, again=True)
    assert len(chat.alerts()) == 1


@pytest.fixture
def data_path(chat: Chat) -> str:
    return chat.app.config.database


async def test_an_outage_delays_an_alert_and_repeats_no_answer(chat: Chat) -> None:
    await chat.watch(Watch("cat", chat.mods.id))
    job = await chat.post()
    sending = rf"/channels/{chat.mods.id}/messages"
    chat.discord.faults.add("POST", sending, server_error(503))
    with pytest.raises(discord.DiscordServerError):
        await chat.answer(job)
    await chat.answer(job, again=True)
    assert len(chat.alerts()) == len(chat.alerts(chat.channel)) == 1


def hide(channel: Channel, *allowed: Any) -> None:
    """Let only these roles and members see a channel."""
    everyone = channel.guild.roles[channel.guild.id]  # type: ignore[union-attr]  # it is in a server
    channel.set_overwrite(everyone, deny=Permission.VIEW_CHANNEL)
    for each in allowed:
        channel.set_overwrite(each, allow=Permission.VIEW_CHANNEL)


async def test_an_alert_reaches_only_people_who_can_see_the_clip(chat: Chat) -> None:
    """A manager who can't see #staff sets a watch for a public channel."""
    staff = chat.guild.add_role("staff")
    announcements, office = (chat.guild.add_text_channel(name) for name in ("news", "office"))
    hide(chat.channel, staff)
    hide(office, staff)
    await chat.watch(Watch("cat", announcements.id), Watch("knife", office.id))
    with capture_logs() as logged:
        await chat.answer(await chat.post())
    assert chat.alerts(announcements) == []
    assert len(chat.alerts(office)) == 1
    (warning,) = (line["event"] for line in logged if line["log_level"] == "warning")
    assert warning == "alert not sent: some people in its channel can't see the clip's channel"


async def test_people_with_an_overwrite_of_their_own_must_see_the_clip_too(chat: Chat) -> None:
    bob = chat.guild.add_member("bob")
    staff = chat.guild.add_role("staff")
    hide(chat.channel, staff)
    hide(chat.mods, staff, bob)
    await chat.watch(Watch("cat", chat.mods.id))
    await chat.answer(await chat.post())
    assert chat.alerts() == []
    bob.roles.append(staff)
    await chat.answer(await chat.post())
    assert len(chat.alerts()) == 1


async def test_a_clip_in_a_private_thread_causes_no_alert(chat: Chat) -> None:
    await chat.watch(Watch("cat", chat.mods.id))
    job = await chat.post()
    await chat.answer(replace(job, private=True))
    thread = chat.channel.add_thread("ours", private=True)
    await chat.answer(replace(job, channel_id=thread.id))  # as Discord says now
    assert chat.alerts() == []
    public = chat.channel.add_thread("everybody's")
    await chat.answer(replace(await chat.post(), channel_id=public.id, parent_id=chat.channel.id))
    assert len(chat.alerts()) == 1


async def test_an_age_restricted_clip_causes_alerts_in_such_channels_only(chat: Chat) -> None:
    chat.channel.nsfw = True
    await chat.watch(Watch("cat", chat.mods.id))
    await chat.answer(await chat.post())
    assert chat.alerts() == []
    chat.mods.nsfw = True
    await chat.answer(await chat.post())
    assert len(chat.alerts()) == 1


@pytest.mark.parametrize("way", ["forbidden", "gone", "elsewhere"])
async def test_an_alert_that_cannot_be_sent_is_logged(chat: Chat, way: str) -> None:
    channel = chat.mods
    if way == "forbidden":
        channel.deny_bot(Permission.SEND_MESSAGES)
    if way == "elsewhere":  # settings from a file may name any channel
        channel = chat.discord.add_guild("Others").add_text_channel("mods")
    await chat.watch(Watch("cat", 12345 if way == "gone" else channel.id))
    with capture_logs() as logged:
        assert await chat.answer(await chat.post()) == "answered"
    (warning,) = (line["event"] for line in logged if line["log_level"] == "warning")
    assert warning.startswith("alert not sent")
    assert chat.alerts(channel) == []
    assert len(chat.alerts(chat.channel)) == 1


async def test_an_alert_about_a_command_links_to_its_answer(chat: Chat) -> None:
    await chat.watch(Watch("cat", chat.mods.id))
    clip = Clip("a.mp4", "https://cdn.example/a.mp4")
    job = Job(
        *("interaction-7", chat.channel.id, (clip,), chat.guild.id),
        author_id=chat.ann.user.id,
        requested=True,
        interaction=Interaction(1, "run-out"),
    )
    await chat.note(job, SEEN[0])
    await chat.answer(job)
    (reply,) = chat.alerts(chat.channel)
    assert (
        f"/{chat.channel.id}/{reply.id}, posted by <@{chat.ann.user.id}>:\n"
        in chat.alerts()[0].content
    )


async def test_clips_of_private_channels_and_other_servers_cause_no_alert(chat: Chat) -> None:
    await chat.watch(Watch("cat", chat.mods.id))
    job = await chat.post()
    await chat.answer(replace(job, guild_id=None))
    await chat.answer(replace(job, guild_id=chat.discord.add_guild("Others").id))
    assert chat.alerts() == []


async def test_each_clip_of_an_answer_is_found_by_search(chat: Chat) -> None:
    job = await chat.post()
    finder = chat.app.services.search
    search = await finder.prepare(parse("knife"), ResolvedQuery((), guild_id=chat.guild.id))
    page = await finder.page(search, "knife", Order.NEWEST, 0)
    found = [(find.hit.message_id, find.hit.position, find.hit.clips) for find in page.results]
    assert found == [(job.message_id, 1, 2), (job.message_id, 2, 2)]
    assert [moment.start for find in page.results for moment in find.together] == [4, 0]


async def test_a_long_list_is_cut(chat: Chat) -> None:
    tags = [f"tag {number}" for number in range(20)]
    await chat.watch(*(Watch(tag, chat.mods.id) for tag in tags))
    await chat.answer(await chat.post((dict.fromkeys(tags, 0.9),)))
    lines = chat.alerts()[0].content.splitlines()
    assert (len(lines), lines[-1]) == (14, "… and 8 more")
