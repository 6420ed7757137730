"""``/find query:``: words of all kinds, why a clip was found, and what stays hidden."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import discord
import pytest
from PIL import Image

from bot.domain.concepts import Concept, Frame
from bot.domain.cooldown import Cooldown
from bot.domain.erasure import Person
from bot.domain.tagging import Thumbnail
from bot.domain.text_lines import TextLine
from bot.storage.posted_clips import PostedClip
from cogs.suggestions import split_last_word
from tests.cogs.searchable_clips import DAY, post, tagging
from tests.cogs.test_search import messages, shut

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot

CAT, DOG, PIANO = {"cat": 0.97}, {"dog": 0.9}, {"piano": 0.81}


@pytest.fixture
def channel_and_alice(simcord_env: Any, simcord_bot: FramehoundBot) -> tuple[Any, Any]:
    allow_many_searches(simcord_bot)
    guild = simcord_env.create_guild()
    channel = guild.create_text_channel("general")
    return channel, guild.add_member(simcord_env.create_user("alice"))


def allow_many_searches(bot: FramehoundBot) -> None:
    """Let a person search more often than in a real server."""
    cog: Any = bot.get_cog("Search")
    cog._persons = Cooldown(at_once=100, pause=3.0)


async def find(asker: Any, here: Any, query: str, **options: Any) -> str:
    answered = await asker.slash(here, "find", query=query, **options)
    assert answered.ephemeral
    return str(answered.response.content)


async def found(asker: Any, here: Any, query: str, **options: Any) -> list[int]:
    return messages(await find(asker, here, query, **options))


async def suggested(person: Any, channel: Any, typed: str = "") -> list[str]:
    choices = await person.autocomplete(channel, "find", "query", typed)
    return [choice["value"] for choice in choices]


async def post_text(
    bot: FramehoundBot, message: int, channel: Any, *lines: str, **more: Any
) -> None:
    clip = await post(bot, message, channel, {"screen": 0.9}, {}, {}, **more)
    read = tuple(TextLine(line, 1, 3, 0.9) for line in lines)
    await bot.app.stores.senses.text.save(clip.fingerprint, read)


async def test_several_words_are_found_together_first(
    channel_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_alice
    await post(simcord_bot, 1, channel, {}, {**CAT, **PIANO}, CAT)
    await post(simcord_bot, 2, channel, CAT, PIANO)
    await post(simcord_bot, 3, channel, CAT)
    page = await find(alice, channel, "cat piano")
    assert messages(page) == [1, 2]
    assert "[0:01–0:02](" in page
    assert "cat .97 and piano .81 ·" in page
    assert "cat .97 · 0:01–0:02 piano .81 ·" in page
    assert await found(alice, channel, "cat piano", sort="newest") == [2, 1]
    assert await found(alice, channel, "cat -piano") == [3]
    assert await found(alice, channel, "piano or dog") == [2, 1]
    assert await found(alice, channel, "cat", tag="piano") == [1, 2]


async def test_synonyms_kinds_and_languages(
    channel_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_alice
    words = {
        "cat": ("cats", "kitty", "Katze", "chats", "gato", "pet", "Haustier"),
        "car": ("automobile", "voiture", "coches", "Autos"),
        "polar bear": ("polar bear", "Eisbär", "ours polaire", "oso polar", '"polar bear'),
    }
    for number, tag in enumerate(words, start=1):
        await post(simcord_bot, number, channel, {tag: 0.9})
    for number, queries in enumerate(words.values(), start=1):
        for query in queries:
            assert await found(alice, channel, query) == [number], query
    for query in ("tag:polar", '"kitty"', "piano"):
        assert await found(alice, channel, query) == []


async def test_text_on_the_screen_is_found_by_its_parts_and_with_a_typo(
    channel_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_alice
    await post_text(simcord_bot, 1, channel, "VICTORYROYALE", "Kills: 12")
    await post(simcord_bot, 2, channel, {"victory": 0.9})
    page = await find(alice, channel, '"victory royale"')
    assert messages(page) == [1]
    assert "[0:01–0:03](" in page
    assert "text: VICTORYROYALE ·" in page
    for query in ("text:victory", "royale", "victory royale", "viktory royale", "orydoyal"):
        assert await found(alice, channel, query) == [1], query
    assert await found(alice, channel, '"viktory royale"') == []
    assert await found(alice, channel, "victory", sort="best") == [2, 1]
    assert await found(alice, channel, "screen text:kills") == [1]
    assert await found(alice, channel, "victory -text:royale") == [2]


async def test_people_channels_and_days_can_be_written_in_the_query(
    channel_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot, simcord_env: Any
) -> None:
    channel, alice = channel_and_alice
    other = channel.guild.create_text_channel("other-one")
    bob = channel.guild.add_member(simcord_env.create_user("bob"))
    by_bob = (await post(simcord_bot, 1, channel, CAT, author_id=bob.id)).message_id
    elsewhere = (await post(simcord_bot, 2, other, CAT)).message_id
    assert await found(alice, channel, f"cat by:<@{bob.id}>") == [by_bob]
    assert await found(alice, channel, f"von:{alice.id}") == []
    assert await found(alice, channel, f"cat in:<#{other.id}>") == [elsewhere]
    assert await found(alice, channel, "in:#Other-One") == [elsewhere]
    assert await found(alice, channel, "cat before:2015-01-01") == []
    assert await found(alice, channel, "gato antes:2016") == [elsewhere, by_bob]
    assert await found(alice, channel, "cat before:9999-12-31 after:0001") == [elsewhere, by_bob]
    assert await found(alice, channel, "cat", to="9999-12-31") == [elsewhere, by_bob]
    assert await found(alice, channel, "cat by:9999999999999999999") == []


REFUSALS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"query": "cat after:soon"}, "Write dates as year-month-day, such as 2026-11-24."),
    ({"query": "cat", "to": "soon"}, "Write dates as year-month-day, such as 2026-11-24."),
    ({"query": "cat", "min_score": "90"}, "Use a score from 0 to just below 1, such as"),
    ({"query": '"" -'}, "Write what I should look for."),
    ({}, "Write what I should look for."),
    ({"query": "cat by:nobody"}, "I don't know anybody called nobody here."),
    ({"query": "cat in:staff"}, "I couldn't find a channel called staff that you can see."),
    ({"query": "cat in:none"}, "I couldn't find a channel called none that you can see."),
    ({"query": "a1 " * 13}, "I can look for 12 words at once."),
)


@pytest.mark.simcord(check_errors=False)  # refusals are errors of the command
async def test_what_cannot_be_understood_is_answered_with_a_sentence(
    channel_and_alice: tuple[Any, Any],
) -> None:
    channel, alice = channel_and_alice
    channel.guild.create_text_channel("staff", overwrites=shut(channel.guild))
    for options, said in REFUSALS:
        answered = await alice.slash(channel, "find", **options)
        assert said in answered.response.content, options


async def test_a_still_of_the_moment_is_shown_if_the_server_shows_pictures(
    channel_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice = channel_and_alice
    jpeg = io.BytesIO()
    Image.new("RGB", (64, 36), "teal").save(jpeg, "JPEG")
    stills = tuple(Thumbnail(second, jpeg.getvalue()) for second in (0, 2))
    clip = tagging("sha256:s", {}, {}, CAT, CAT)
    stores = simcord_bot.app.stores
    await stores.taggings.save(type(clip)(clip.info, clip.frames, clip.tagger, stills))
    posted = PostedClip(1, "sha256:s", channel.guild.id, channel.id, 51, DAY)
    await stores.posted_clips.add([posted])
    await post(simcord_bot, 2, channel, CAT)
    response = (await alice.slash(channel, "find", query="cat")).response
    assert response.content == "**cat** in 2 clips"
    without, with_still = response.embeds
    assert "0:00–0:01" in without.description
    assert "0:02–0:04" in with_still.description
    assert not without.thumbnail.url
    assert with_still.thumbnail.url.partition("?")[0].endswith("still-1.jpg")
    await stores.settings.update(channel.guild.id, nudity=True)  # the clip wasn't checked
    assert not (await alice.slash(channel, "find", query="cat")).response.embeds
    frames = (Frame(2000, (Concept("nudity", 0.1),)),)
    await stores.senses.nudity.save("sha256:s", frames)
    assert (await alice.slash(channel, "find", query="cat")).response.embeds
    await stores.senses.nudity.save("sha256:s", (Frame(0, (Concept("nudity", 0.99),)),))
    assert not (await alice.slash(channel, "find", query="cat")).response.embeds
    await stores.settings.update(channel.guild.id, nudity=False, picture=False)
    response = (await alice.slash(channel, "find", query="cat")).response
    assert not response.embeds
    assert messages(response.content) == [2, 1]


async def test_texts_and_suggestions_come_only_from_visible_channels(
    simcord_env: Any, simcord_bot: FramehoundBot
) -> None:
    allow_many_searches(simcord_bot)
    guild = simcord_env.create_guild()
    role = guild.create_role("staff")
    allowed = {role: discord.PermissionOverwrite(view_channel=True)}
    general = guild.create_text_channel("general")
    secret = guild.create_text_channel("secret", overwrites={**shut(guild), **allowed})
    no_past = guild.create_text_channel(
        "no-past", overwrites=shut(guild, read_message_history=False)
    )
    late = guild.create_text_channel("late")
    simcord_bot.get_channel(late.id).nsfw = True  # type: ignore[union-attr]
    alice = guild.add_member(simcord_env.create_user("alice"))
    staff = guild.add_member(simcord_env.create_user("staff"), roles=[role])
    await post_text(simcord_bot, 1, general, "launch party")
    await post_text(simcord_bot, 2, secret, "launch plan")
    await post_text(simcord_bot, 3, no_past, "launch past")
    inside = {"channel_id": 99, "parent_id": secret.id}
    await post_text(simcord_bot, 4, secret, "launch thread", **inside)
    await post_text(simcord_bot, 5, late, "launch late")
    private = {"channel_id": 98, "parent_id": general.id, "private": True}
    await post_text(simcord_bot, 6, general, "launch private", **private)
    other_guild = simcord_env.create_guild().create_text_channel("general")
    await post_text(simcord_bot, 7, other_guild, "launch elsewhere")
    for query in ("launch", "text:launch", "screen", "launhc", f"in:<#{general.id}>"):
        assert await found(alice, general, query) == [1], query
    for query in ("plan", "past", "thread", "late", "private", "elsewhere", f"in:<#{secret.id}>"):
        assert "couldn't find any clips" in await find(alice, general, query)
    assert await suggested(alice, general, "launch") == ["launch", 'text:"launch party"']
    assert set(await found(staff, general, "launch")) == {1, 2, 4}
    assert await suggested(staff, general, "plan") == ['text:"launch plan"']
    assert await suggested(alice, general, "plan") == ["plan"]  # what she searched for herself


async def test_suggestions_mix_own_searches_tags_and_texts(
    channel_and_alice: tuple[Any, Any], simcord_bot: FramehoundBot, simcord_env: Any
) -> None:
    channel, alice = channel_and_alice
    bob = channel.guild.add_member(simcord_env.create_user("bob"))
    await post(simcord_bot, 1, channel, {**CAT, "car": 0.9})
    await post_text(simcord_bot, 2, channel, "CATCH ME", 'SAY "CATS"')
    await find(bob, channel, "cat video of bob")
    await find(alice, channel, "cat piano")
    assert await suggested(alice, channel, "ca") == [
        *("cat piano", "car", "cat"),
        *('text:"CATCH ME"', 'text:"SAY CATS"'),
    ]
    assert await suggested(alice, channel, "dog ca") == [
        *("dog car", "dog cat"),
        *('dog text:"CATCH ME"', 'dog text:"SAY CATS"'),
    ]
    assert await suggested(alice, channel, "text:say") == ['text:"SAY CATS"']
    assert await found(alice, channel, 'text:"SAY CATS"') == [2]
    await simcord_bot.app.stores.recent_searches.erase(Person(alice.id))
    assert "cat piano" not in await suggested(alice, channel, "ca")


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("", ("", "")),
        ("cat", ("", "cat")),
        ("cat ", ("cat ", "")),
        ("cat pi", ("cat ", "pi")),
        ('cat "pi an', ("cat ", '"pi an')),
        ('text:"pi an', ("", 'text:"pi an')),
        ('"a b" text:c', ('"a b" ', "text:c")),
    ],
)
def test_the_last_word_is_completed(typed: str, parts: tuple[str, str]) -> None:
    assert split_last_word(typed) == parts
