"""Who is told of nudity: age-restricted channels, others, and moderators who watch for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bot.domain.alerts import Watch
from bot.domain.concepts import Concept, Frame, TaggerIdentity
from bot.domain.job import Job
from bot.domain.nudity import MODERATION_MODEL, NUDITY
from bot.domain.outcome import Tagged
from bot.domain.settings import GuildSettings
from bot.domain.tagging import Tagging, Thumbnail, combine
from bot.i18n import ENGLISH
from bot.render import exports
from bot.render.page import page
from bot.render.summary import TaggedClip, summarize
from bot.services.alerts import AlertService
from tests.cogs.searchable_clips import tagging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bot.runtime.app import App

FINGERPRINT = "sha256:ab"
PEOPLE = replace(
    tagging(FINGERPRINT, {"person": 0.97}, {"person": 0.97}, {"person": 0.96}),
    thumbnails=(Thumbnail(0, b"\xff\xd8\xff"), Thumbnail(1, b"\xff\xd8\xff")),
    description="A person lies on a bed.",
    text=(),
)
BARE = (Frame(1000, (Concept(NUDITY, 0.7), Concept("suggestive", 0.2))),)
ON = GuildSettings(1, nudity=True)


@pytest.fixture
async def app(make_config: Callable[..., Any], open_app: Callable[..., Any]) -> App:
    opened: App = await open_app(make_config())
    return opened


async def shown(
    app: App, seen: Tagging, settings: GuildSettings = ON, threshold: float = 0.5, **more: Any
) -> TaggedClip:
    outcome = Tagged("clip.mp4", FINGERPRINT)
    return await app.services.reports.clip(outcome, seen, settings, threshold, **more)


def tags(clip: TaggedClip) -> list[tuple[str, int, int]]:
    return [(each.tag, each.start, each.end) for each in clip.timeline.segments]


def written(clip: TaggedClip) -> Iterable[str]:
    """Yield everything that people can get of a clip."""
    yield summarize([clip]).content
    for file in exports.export_files([clip], {}, ON, ENGLISH):
        yield file.content.decode()
    yield exports.to_json(exports.tagged("clip.mp4", clip.tagging, clip.timeline))
    yield page("clip.mp4", clip.tagging, clip.timeline, None, ENGLISH)


async def test_nobody_in_an_ordinary_channel_is_shown_or_told_of_nudity(app: App) -> None:
    clip = await shown(app, replace(PEOPLE, nudity=BARE), threshold=0.1)
    assert tags(clip) == [("person", 0, 3)]
    assert (clip.tagging.thumbnails, clip.spoiler) == ((), False)
    for text in written(clip):
        assert not any(word in text for word in (NUDITY, "suggestive", "bed"))


async def test_nudity_is_tagged_and_spoilered_in_an_age_restricted_channel(app: App) -> None:
    clip = await shown(app, replace(PEOPLE, nudity=BARE), age_restricted=True)
    assert tags(clip) == [("person", 0, 3), (NUDITY, 1, 2)]
    assert clip.spoiler
    assert clip.tagging.thumbnails == PEOPLE.thumbnails
    assert all(NUDITY in text for text in written(clip))


@pytest.mark.parametrize("pressed", [0.1, 0.5, 0.95])
async def test_nudity_has_its_own_threshold_whatever_that_of_tags_is(
    app: App, pressed: float
) -> None:
    seen = replace(PEOPLE, nudity=BARE)
    for percent, found in ((69, True), (71, False)):
        settings = replace(ON, nudity_threshold=percent)
        clip = await shown(app, seen, settings, pressed, age_restricted=True)
        assert ((NUDITY, 1, 2) in tags(clip), clip.spoiler) == (found, found)


async def test_a_clip_without_nudity_is_shown_as_ever(app: App) -> None:
    for age_restricted in (False, True):
        clip = await shown(app, replace(PEOPLE, nudity=()), age_restricted=age_restricted)
        assert clip.tagging == replace(PEOPLE, nudity=())
        assert not clip.spoiler


async def test_a_clip_that_could_not_be_checked_is_shown_without_scenes(app: App) -> None:
    assert (await shown(app, PEOPLE)).tagging.thumbnails == ()
    assert (await shown(app, PEOPLE, age_restricted=True)).tagging.thumbnails


async def test_nothing_changes_for_a_server_that_does_not_want_it(app: App) -> None:
    for age_restricted in (False, True):
        seen = replace(PEOPLE, nudity=BARE)
        clip = await shown(app, seen, GuildSettings(1), age_restricted=age_restricted)
        assert (clip.tagging, clip.spoiler, tags(clip)) == (PEOPLE, False, [("person", 0, 3)])


async def test_what_clarifais_model_for_moderation_sees_counts_alike(app: App) -> None:
    general, moderation = (
        TaggerIdentity("clarifai", name, 0.94) for name in ("general", MODERATION_MODEL)
    )
    explicit = tagging(FINGERPRINT, {"safe": 0.9}, {"explicit": 0.8}, {"safe": 0.9})
    seen = combine([replace(PEOPLE, tagger=general), replace(explicit, tagger=moderation)])
    clip = await shown(app, seen)
    assert clip.tagging.thumbnails == ()
    assert not any("explicit" in text for text in written(clip))
    assert await alerts(app, clip, Watch("explicit", 7)) == [("explicit", 1, 2)]
    restricted = await shown(app, seen, age_restricted=True)
    assert restricted.spoiler
    assert ("explicit", 1, 2) in tags(restricted)


async def test_a_tag_that_was_marked_as_wrong_hides_nothing(app: App) -> None:
    clip = await shown(app, replace(PEOPLE, nudity=BARE), corrected=["Nudity"])
    assert clip.tagging.thumbnails == PEOPLE.thumbnails


async def alerts(app: App, clip: TaggedClip, *watches: Watch) -> list[tuple[str, int, int]]:
    await app.stores.watches.replace(1, watches)
    job = Job("message-5", 2, (), 1, 5)
    found = await AlertService(app.stores.watches, app.services.reports).alerts(job, [clip], ON)
    return [
        (match.tag, segment.start, segment.end)
        for alert in found
        for match in alert.matches
        for segment in match.segments
    ]


@pytest.mark.parametrize("age_restricted", [False, True])
async def test_a_watch_tells_moderators_in_any_channel(app: App, age_restricted: bool) -> None:  # noqa: FBT001
    clip = await shown(app, replace(PEOPLE, nudity=BARE), age_restricted=age_restricted)
    watches = Watch("Nudity", 7), Watch("suggestive", 7), Watch("person", 7)
    assert await alerts(app, clip, *watches) == [("person", 0, 3), ("Nudity", 1, 2)]
    assert await alerts(app, clip, Watch("suggestive", 7, 0.1)) == [("suggestive", 1, 2)]
