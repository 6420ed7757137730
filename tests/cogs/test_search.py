"""``/find``: its results, pages and filters, and what stays hidden."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import discord
import pytest
from sqlalchemy import event

from bot.chat.buttons import without_timeout
from cogs.search import PageButton
from cogs.search_state import PageOfSearch
from tests.cogs.searchable_clips import DAY, message_at, post

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot
    from tests.cogs.conftest import RecordedJobs

CAT = {"cat": 0.97}


@pytest.fixture
def channel_and_alice(simcord_env: Any) -> tuple[Any, Any]:
    guild = simcord_env.create_guild()
    channel = guild.create_text_channel("general")
    return channel, guild.add_member(simcord_env.create_user("alice"))


def shut(guild: Any, **denied: bool) -> dict[Any, discord.PermissionOverwrite]:
    everyone = guild.roles["@everyone"]
    return {everyone: discord.PermissionOverwrite(**(denied or {"view_channel": False}))}


async def find(asker: Any, here: Any, tag: str = "cat", **options: Any) -> str:
    answered = await asker.slash(here, "find", tag=tag, **options)
    assert answered.ephemeral
    return str(answered.response.content)


async def suggested(person: Any, channel: Any, typed: str = "") -> list[str]:
    choices = await person.autocomplete(channel, "find", "tag", typed)
    return [choice["value"] for choice in choices]


def messages(content: str) -> list[int]:
    """Return the IDs of the linked messages."""
    return [int(number) for number in re.findall(r"/(\d+)>\)", content)]


async def test_a_result_names_the_seconds_and_links_to_the_message(
    channel_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_alice
    seconds = [{}, CAT, {"cat": 0.9}, {}, {}, {"Cat": 0.6}]
    message = message_at(0)
    await post(simcord_bot, message, channel, *seconds, position=2, clips=3)
    link = f"https://discord.com/channels/{channel.guild.id}/{channel.id}/{message}"
    assert await find(alice, channel, "CÄT") == (
        "**cat** in one clip\n"
        f"[0:01–0:03, 0:05–0:06](<{link}>) cat .97 · clip 2 of 3 · <#{channel.id}> · "
        f"<t:{int(DAY.timestamp())}:d> by <@51>"
    )


async def test_searches_follow_the_settings_of_the_server(
    channel_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_alice
    settings, guild = simcord_bot.app.stores.settings, channel.guild.id
    seconds = [{"cat": 0.6, "dog": 0.9}, *[{"cat": 0.4}] * 2, *[{"cat": 0.9}] * 2]
    await post(simcord_bot, 7, channel, *seconds)
    assert "[0:00–0:01, 0:03–0:05]" in await find(alice, channel)
    await settings.update(guild, gap=2)
    assert "[0:00–0:05]" in await find(alice, channel)
    await settings.update(guild, gap=1, shortest=2)
    assert "[0:03–0:05]" in await find(alice, channel)
    await settings.update(guild, shortest=3)
    assert "[0:00–0:01, 0:03–0:05]" in await find(alice, channel)
    await settings.set_threshold(guild, "local:net", 0.7)
    assert "[0:03–0:05]" in await find(alice, channel)
    assert "[0:00–0:01, 0:03–0:05]" in await find(alice, channel, min_score="50%")
    assert "couldn't find any clips" in await find(alice, channel, min_score="0.9")
    await settings.update(guild, hidden_tags=frozenset({"CAT"}))
    assert await find(alice, channel) == (
        "I couldn't find any clips with **cat** here. You could try: dog."
    )
    assert await suggested(alice, channel) == ["dog"]


async def test_a_page_loads_settings_once(
    channel_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_alice
    statements: list[str] = []
    engine = simcord_bot.app.stores.settings._database._reader.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    counts = []
    await find(alice, channel)  # the first search also looks up what the database can
    for number in range(6):
        await post(simcord_bot, message_at(0, number), channel, CAT)
        statements.clear()
        assert len(messages(await find(alice, channel))) == number + 1
        counts.append(sum(each.startswith("SELECT") for each in statements))
    # Each further hit takes one statement: its tagging. The first search also asks whether there
    # is an index of texts.
    assert [count - counts[1] for count in counts[1:]] == list(range(5))


async def test_results_are_newest_first_and_can_be_filtered(
    channel_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot, simcord_env: Any
) -> None:
    channel, alice = channel_and_alice
    other = channel.guild.create_text_channel("other")
    first, second, third = (message_at(days) for days in (1, 2, 3))
    for message in (first, second, third):
        await post(simcord_bot, message, channel, CAT)
    bob = simcord_env.create_user("bob")
    by_bob, inside = message_at(0, 1), message_at(0, 2)
    await post(simcord_bot, by_bob, other, CAT, author_id=bob.id)
    await post(simcord_bot, inside, other, CAT, channel_id=99, parent_id=other.id)
    assert messages(await find(alice, channel)) == [third, second, first, inside, by_bob]
    assert messages(await find(alice, channel, channel=other)) == [inside, by_bob]
    assert messages(await find(alice, channel, person=bob)) == [by_bob]
    days = {"from": "2026-11-25", "to": "2026-11-26"}
    assert messages(await find(alice, channel, **days)) == [second, first]
    assert messages(await find(alice, channel, to="2026-11-24")) == [inside, by_bob]


async def test_page_buttons_work_after_a_restart(
    channel_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_alice
    for number in range(1, 14):
        await post(simcord_bot, number, channel, CAT)
    answered = await alice.slash(channel, "find", tag="cat")
    response = answered.response
    assert response.content.startswith("**cat** in 13 clips · Page 1 of 3\n")
    assert messages(response.content) == list(range(13, 7, -1))

    async def turn(label: str) -> Any:
        shown = (await alice.slash(channel, "find", tag="cat")).response
        buttons = shown.components[0]["components"]
        return next(button for button in buttons if button["emoji"]["name"] == label)

    # The reloaded cog remembers nothing of the first answer: it has only the button.
    await simcord_bot.reload_extension("cogs.search")
    following = (await turn("▶️"))["custom_id"]
    assert (await turn("◀️"))["disabled"]
    turned = await alice.click(response.message, custom_id=following)
    assert not turned.followups
    assert messages(answered.response.content) == list(range(7, 1, -1))
    last = answered.response.components[0]["components"][1]["custom_id"]
    await alice.click(answered.response.message, custom_id=last)
    assert messages(answered.response.content) == [1]
    assert "Page 3 of 3" in answered.response.content
    # Deleted clips are no longer counted; beyond the end, the last page is shown.
    await simcord_bot.erasure.messages(range(1, 8))
    back = answered.response.components[0]["components"][0]["custom_id"]
    await alice.click(answered.response.message, custom_id=back)
    assert messages(answered.response.content) == list(range(13, 7, -1))
    assert answered.response.components == []


@pytest.mark.simcord(check_errors=False)
async def test_turning_pages_is_rate_limited_like_searching(
    channel_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_alice
    for number in range(1, 14):
        await post(simcord_bot, number, channel, CAT)
    for _ in range(9):
        await alice.slash(channel, "find", tag="cat")
    answered = await alice.slash(channel, "find", tag="cat")
    page = answered.response.content
    following = answered.response.components[0]["components"][1]["custom_id"]
    refused = await alice.click(answered.response.message, custom_id=following)
    assert answered.response.content == page
    assert "Try again in" in refused.response.content


@pytest.mark.parametrize("custom_id", ["find:1::::::1", "search1:1::::::1", "search2:99:1"])
async def test_a_button_of_an_older_search_asks_for_a_new_one(
    channel_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot, custom_id: str
) -> None:
    channel, alice = channel_and_alice
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="next", custom_id=custom_id))
    known = simcord_bot.get_channel(channel.id)
    assert isinstance(known, discord.TextChannel)
    await known.send("**cat** in 7 clips", view=without_timeout(view))
    await alice.click(channel.last_message, custom_id=custom_id)
    said = "This button is from an older search. Use `/find` again."
    assert channel.last_message.content == said
    assert channel.last_message.components == []


def test_the_id_of_a_button_names_a_stored_search() -> None:
    template = PageButton.__discord_ui_compiled_template__
    for each in (PageOfSearch(10**9 - 1, 10**6), PageOfSearch(1, 0)):
        assert len(str(each)) <= 100
        match = template.fullmatch(str(each))
        assert match is not None
        assert PageOfSearch.read(match) == each


async def test_search_results_come_only_from_visible_channels(
    simcord_env: Any, simcord_bot: FramehoundBot
) -> None:
    guild = simcord_env.create_guild()
    role = guild.create_role("staff")
    allowed = {role: discord.PermissionOverwrite(view_channel=True)}
    open_channel = guild.create_text_channel("general")
    secret = guild.create_text_channel("staff", overwrites={**shut(guild), **allowed})
    no_past = guild.create_text_channel(
        "no-past", overwrites=shut(guild, read_message_history=False)
    )
    alice = guild.add_member(simcord_env.create_user("alice"))
    staff = guild.add_member(simcord_env.create_user("staff"), roles=[role])
    await post(simcord_bot, 1, open_channel, CAT)
    await post(simcord_bot, 2, secret, {**CAT, "plan": 0.9})
    await post(simcord_bot, 3, no_past, {**CAT, "party": 0.9})
    inside = {"channel_id": 99, "parent_id": secret.id}
    await post(simcord_bot, 4, secret, {**CAT, "thread": 0.9}, **inside)
    assert messages(await find(alice, open_channel)) == [1]
    assert "in one clip" in await find(alice, open_channel)
    assert await suggested(alice, open_channel) == ["cat"]
    # A hidden tag and an unknown tag get the same answer.
    for tag in ("plan", "thread", "party", "unheard of"):
        said = await find(alice, open_channel, tag)
        assert said == f"I couldn't find any clips with **{tag}** here. You could try: cat."
    assert messages(await find(staff, open_channel)) == [4, 2, 1]
    assert await suggested(staff, open_channel) == ["cat", "plan", "thread"]


async def test_a_lost_role_hides_its_channels_at_once(
    simcord_env: Any, simcord_bot: FramehoundBot
) -> None:
    guild = simcord_env.create_guild()
    role = guild.create_role("staff")
    allowed = {role: discord.PermissionOverwrite(view_channel=True)}
    general = guild.create_text_channel("general")
    secret = guild.create_text_channel("staff", overwrites={**shut(guild), **allowed})
    staff = guild.add_member(simcord_env.create_user("staff"), roles=[role])
    for number in range(1, 20):
        await post(simcord_bot, number, secret, CAT)
    answered = await staff.slash(general, "find", tag="cat")
    following = answered.response.components[0]["components"][1]["custom_id"]
    simcord_env.backend.get_guild(guild.id).members[staff.id].role_ids.remove(role.id)
    await staff.click(answered.response.message, custom_id=following)
    assert answered.response.content == "I couldn't find any clips with **cat** here."
    assert answered.response.components == []


async def test_private_threads_are_visible_to_members_only(
    simcord_env: Any, simcord_bot: FramehoundBot
) -> None:
    guild = simcord_env.create_guild()
    general = guild.create_text_channel("general")
    role = guild.create_role("mod", permissions=discord.Permissions(manage_threads=True))
    alice, bob = (guild.add_member(simcord_env.create_user(name)) for name in ("alice", "bob"))
    mod = guild.add_member(simcord_env.create_user("mod"), roles=[role])
    channel = simcord_bot.get_channel(general.id)
    assert isinstance(channel, discord.TextChannel)
    private = await channel.create_thread(name="us", type=discord.ChannelType.private_thread)
    public = await channel.create_thread(name="all", type=discord.ChannelType.public_thread)
    await private.add_user(discord.Object(alice.id))
    thread = {"parent_id": general.id}
    await post(simcord_bot, 1, general, CAT, channel_id=private.id, private=True, **thread)
    await post(simcord_bot, 2, general, CAT, channel_id=public.id, **thread)
    await post(
        simcord_bot, 3, general, {"plan": 0.9}, channel_id=private.id, private=True, **thread
    )
    assert messages(await find(alice, general)) == [2, 1]
    assert messages(await find(bob, general)) == [2]
    assert messages(await find(mod, general)) == [2, 1]
    assert await suggested(mod, general) == ["cat", "plan"]
    assert await suggested(bob, general) == ["cat"]
    await private.remove_user(discord.Object(alice.id))
    assert messages(await find(alice, general)) == [2]


async def test_a_job_records_its_thread(
    channel_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot, jobs: RecordedJobs
) -> None:
    general, alice = channel_and_alice
    channel = simcord_bot.get_channel(general.id)
    assert isinstance(channel, discord.TextChannel)
    private = await channel.create_thread(name="us", type=discord.ChannelType.private_thread)
    public = await channel.create_thread(name="all", type=discord.ChannelType.public_thread)
    await private.add_user(discord.Object(alice.id))
    link = "https://cdn.example/cat.mp4"
    for thread in general.threads:
        await alice.send(thread, link)
        await alice.slash(thread, "tags", url=link)
    await alice.send(general, link)
    recorded = [(job.channel_id, job.parent_id, job.private) for job in jobs.recorded]
    assert recorded == [
        *[(private.id, general.id, True)] * 2,
        *[(public.id, general.id, False)] * 2,
        (general.id, None, False),
    ]


async def test_age_restricted_channels_are_searched_from_such_channels_only(
    simcord_env: Any, simcord_bot: FramehoundBot
) -> None:
    guild = simcord_env.create_guild()
    general, grown_up = guild.create_text_channel("general"), guild.create_text_channel("late")
    simcord_bot.get_channel(grown_up.id).nsfw = True  # type: ignore[union-attr]
    alice = guild.add_member(simcord_env.create_user("alice"))
    await post(simcord_bot, 1, general, CAT)
    await post(simcord_bot, 2, grown_up, {**CAT, "wine": 0.9})
    assert messages(await find(alice, general)) == [1]
    assert await suggested(alice, general) == ["cat"]
    assert messages(await find(alice, grown_up)) == [2, 1]


async def test_servers_and_private_channels_are_searched_separately(
    simcord_env: Any, simcord_bot: FramehoundBot
) -> None:
    user = simcord_env.create_user("alice")
    channels = [simcord_env.create_guild().create_text_channel("general") for _ in range(2)]
    people = [channel.guild.add_member(user) for channel in channels]
    for number, channel in enumerate(channels, start=1):
        await post(simcord_bot, number, channel, CAT)
    assert messages(await find(people[0], channels[0])) == [1]
    message = await user.send_dm("hello")
    await post(simcord_bot, 3, message.channel, CAT, guild_id=None)
    await post(simcord_bot, 4, message.channel, CAT, guild_id=None, channel_id=12)
    answered = await user.slash("find", tag="cat")
    assert f"https://discord.com/channels/@me/{message.channel.id}/3" in answered.response.content
    assert messages(answered.response.content) == [3]


async def test_names_of_tags_are_escaped(
    channel_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_alice
    await post(simcord_bot, 1, channel, {"@everyone **[x](https://evil.example)": 0.9})
    content = await find(alice, channel, "@everyone **[x](https://evil.example)")
    assert content.startswith(
        "**\\@everyone \\*\\*\\[x\\]\\(https\\:\\/\\/evil.example\\)** in one"
    )


@pytest.mark.simcord(check_errors=False)  # the refusal is an error of the command
async def test_searches_of_a_person_are_rate_limited(channel_and_alice: tuple[Any, Any]) -> None:
    channel, alice = channel_and_alice
    for _ in range(10):
        await find(alice, channel)
    answered = await alice.slash(channel, "find", tag="cat")
    assert "Try again in 3 s" in answered.response.content
