"""Several of Clarifai's models tag the same clip: merged, billed and chosen by server."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from bot.domain.budget import Payer
from bot.domain.clip import Clip
from bot.domain.outcome import Tagged
from bot.domain.settings import GuildSettings
from bot.domain.tagging import TagRequest
from bot.errors import BudgetExhausted, QuotaExhausted
from bot.i18n import ENGLISH
from bot.render import exports
from bot.render.page import page
from bot.render.summary import TaggedClip, heading_facts
from bot.storage.taggings import TaggingStore
from tests.conftest import CLIPS
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_judge import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bot.domain.tagging import Tagging
    from bot.runtime.app import App
    from tests.stand_ins.clarifai_replies import Reply

GENERAL, FOOD = "general-image-recognition", "food-item-recognition"
CITY = CLIPS / "city.mp4"
SECONDS = 8


@pytest.fixture
async def clarifai() -> AsyncIterator[LoopbackClarifai]:
    """A Clarifai whose general model sees a cat, and whose food model sees that and a pizza."""
    async with LoopbackClarifai() as clarifai:
        clarifai.serve(seen({"cat": 0.96, "pizza": 0.92}), model=GENERAL)
        clarifai.serve(seen({"cat": 0.99, "pizza": 0.91}), model=FOOD)
        yield clarifai
    assert clarifai.violations == []


@pytest.fixture
def open_models(
    clarifai: LoopbackClarifai, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> Callable[..., Any]:
    """Return a function that opens an app with both models."""

    async def open_one(**more: Any) -> App:
        models = {"clarifai_models": f"{GENERAL}, {FOOD}:0.9"}
        account = {"clarifai_pat": TOKEN, "clarifai_api_url": clarifai.url}
        opened: App = await open_app(make_config(**{**account, **models, **more}))
        return opened

    return open_one


def seen(concepts: dict[str, float]) -> Reply:
    return replies.frames(dict.fromkeys(range(SECONDS), concepts))


def request(message: str = "message-1", **more: Any) -> TagRequest:
    return TagRequest(Clip("a.mp4", str(CITY)), payer=Payer("guild-1", message), **more)


async def written(app: App, tagging: Tagging, **settings: Any) -> dict[str, Any]:
    """Return what a server's JSON says about a clip."""
    clip = await shown(app, tagging, **settings)
    return exports.tagged("a.mp4", clip.tagging, clip.timeline)


async def shown(app: App, tagging: Tagging, **settings: Any) -> TaggedClip:
    outcome = Tagged("a.mp4", tagging.info.fingerprint)
    (clip,) = await app.services.reports.clips([outcome], GuildSettings(1, **settings))
    assert isinstance(clip, TaggedClip)
    return clip


def segments(exported: dict[str, Any]) -> list[tuple[str, float, str]]:
    return [(each["tag"], each["score"], each.get("model", "")) for each in exported["segments"]]


async def test_each_models_tags_pass_its_own_threshold_and_say_who_saw_them(
    open_models: Callable[..., Any], clarifai: LoopbackClarifai
) -> None:
    app = await open_models()
    tagging = await app.services.clip_tagger.tag_file(request())
    exported = await written(app, tagging)
    assert segments(exported) == [("cat", 0.99, FOOD), ("pizza", 0.91, FOOD)]
    assert exported["models"] == [
        {"tagger": f"clarifai:{GENERAL}", "threshold": 0.94},
        {"tagger": f"clarifai:{FOOD}", "threshold": 0.9},
    ]
    assert exported["seconds"][3]["tags"][1] == {"name": "pizza", "score": 0.91, "model": FOOD}
    own = {f"clarifai:{each}": 0.98 for each in (GENERAL, FOOD)}
    assert segments(await written(app, tagging, thresholds=own)) == [("cat", 0.99, FOOD)]
    clip = await shown(app, tagging)
    assert heading_facts(clip.timeline) == "8 s · tags above 0.9–0.94"
    outcome = Tagged("a.mp4", tagging.info.fingerprint)
    for pressed, names in ((0.94, ["cat", "pizza"]), (0.95, ["cat"]), (0.9, ["cat", "pizza"])):
        (drawn,) = await app.services.reports.clips([outcome], GuildSettings(1), pressed)
        assert isinstance(drawn, TaggedClip)
        assert [each.tag for each in drawn.timeline.segments] == names
    html = page("a.mp4", clip.tagging, clip.timeline, None, ENGLISH)
    assert f"clarifai:{GENERAL}, clarifai:{FOOD}" in html
    assert [clarifai.calls_of(each) for each in (GENERAL, FOOD)] == [1, 1]


async def test_a_clip_costs_its_seconds_once_for_each_model(
    open_models: Callable[..., Any], clarifai: LoopbackClarifai
) -> None:
    app = await open_models(server_monthly_frames=2 * SECONDS)
    for message in ("message-1", "message-2"):
        await app.services.clip_tagger.tag_file(request(message))
    assert await app.stores.usage.used("guild-1") == clarifai.billed_frames == 2 * SECONDS
    montage = replace(request("message-3"), clip=Clip("b.gif", str(CLIPS / "montage.gif")))
    with pytest.raises(BudgetExhausted, match="needs 32"):
        await app.services.clip_tagger.tag_file(montage)
    assert len(clarifai.calls) == 2


async def test_a_language_costs_only_the_models_that_speak_it(
    open_models: Callable[..., Any], clarifai: LoopbackClarifai
) -> None:
    app = await open_models()
    for number, language in enumerate(("en", "de", "de", "fr", "en")):
        asked = request(f"message-{number}", language=language)
        await app.services.clip_tagger.tag_file(asked)
    assert clarifai.calls_of(GENERAL) == 3
    assert clarifai.calls_of(FOOD) == 1
    assert await app.stores.usage.used("guild-1") == clarifai.billed_frames == 4 * SECONDS


async def test_a_model_that_is_added_costs_only_what_it_sees(
    open_models: Callable[..., Any], clarifai: LoopbackClarifai
) -> None:
    alone = await open_models(clarifai_models=GENERAL)
    first = await alone.services.clip_tagger.tag_file(request())
    assert segments(await written(alone, first)) == [("cat", 0.96, "")]
    app = await open_models()
    tagging = await app.services.clip_tagger.tag_file(request("message-2"))
    assert segments(await written(app, tagging))[1] == ("pizza", 0.91, FOOD)
    assert [clarifai.calls_of(each) for each in (GENERAL, FOOD)] == [1, 1]
    assert await app.stores.usage.used("guild-1") == 2 * SECONDS


async def test_nothing_is_billed_twice_after_a_crash_between_the_models(
    open_models: Callable[..., Any],
    clarifai: LoopbackClarifai,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = await open_models()
    save = TaggingStore.save

    async def save_general(self: TaggingStore, tagging: Tagging) -> None:
        if tagging.tagger.model == FOOD:
            raise RuntimeError("the process dies")
        await save(self, tagging)

    with monkeypatch.context() as patch:
        patch.setattr(TaggingStore, "save", save_general)
        with pytest.raises(RuntimeError):
            await app.services.clip_tagger.tag_file(request())
    assert await app.stores.usage.used("guild-1") == 2 * SECONDS
    await app.services.clip_tagger.tag_file(request())
    assert [clarifai.calls_of(each) for each in (GENERAL, FOOD)] == [1, 2]
    assert await app.stores.usage.used("guild-1") == 2 * SECONDS


@pytest.mark.parametrize(
    ("failing", "refusal"),
    [
        (GENERAL, replies.failure(69001, 402)),
        (FOOD, replies.failure(25903, 400)),
        (FOOD, replies.failure(30101)),
    ],
)
async def test_the_others_answer_if_one_model_fails_and_that_is_said_once(
    failing: str, refusal: Reply, open_models: Callable[..., Any], clarifai: LoopbackClarifai
) -> None:
    app = await open_models(clarifai_fallback="local")
    works = FOOD if failing == GENERAL else GENERAL
    clarifai.serve(refusal, model=failing)
    with capture_logs() as logs:
        for name in ("city.mp4", "montage.mp4"):
            clip = Clip(name, str(CLIPS / name))
            tagging = await app.services.clip_tagger.tag_file(replace(request(name), clip=clip))
            assert (str(tagging.tagger), tagging.models) == (f"clarifai:{works}", ())
    is_trouble = refusal != replies.failure(30101)
    passed = [
        line["without"] for line in logs if line["event"] == "clip tagged without some models"
    ]
    assert passed == [[f"clarifai:{failing}"]] * 2
    said = [line["tagger"] for line in logs if line["event"] == "tagger can't be used"]
    assert said == [f"clarifai:{failing}"] * is_trouble
    found = await app.services.trouble.among(app.services.clip_tagger.models.identities)
    assert [each.model for each in found] == [failing] * is_trouble
    assert await app.stores.usage.used("guild-1") == clarifai.billed_frames == 2 * SECONDS


async def test_no_clip_waits_for_a_model_while_another_works(
    open_models: Callable[..., Any], clarifai: LoopbackClarifai
) -> None:
    app = await open_models()
    clarifai.serve(replies.failure(11001, 401), model=FOOD)
    for number in range(7):
        tag = app.services.clip_tagger.tag_file
        path = CITY.with_name("city.mp4")
        clip = app.config.data_dir / f"{number}.mp4"
        clip.write_bytes(path.read_bytes() + bytes([0, 0, 0, 9]) + b"free" + bytes([number]))
        tagging = await tag(replace(request(f"m-{number}"), clip=Clip("a.mp4", str(clip))))
        assert tagging.tagger.model == GENERAL
    assert clarifai.calls_of(FOOD) == 5  # then the circuit breaker holds its calls back


async def test_a_clip_fails_or_is_tagged_locally_only_if_all_models_fail(
    open_models: Callable[..., Any], clarifai: LoopbackClarifai
) -> None:
    clarifai.serve(replies.failure(69001, 402), model=GENERAL)
    clarifai.serve(replies.failure(25903), model=FOOD)
    app = await open_models()
    with pytest.raises(QuotaExhausted):
        await app.services.clip_tagger.tag_file(request())
    assert await app.stores.usage.used("guild-1") == 0
    local = await open_models(clarifai_fallback="local")
    tagging = await local.services.clip_tagger.tag_file(request())
    assert tagging.tagger.name == "local"


async def test_a_server_is_shown_and_billed_only_the_models_it_chose(
    open_models: Callable[..., Any], clarifai: LoopbackClarifai
) -> None:
    app = await open_models(clarifai_model_choice="servers")
    chosen = frozenset({FOOD})
    tagging = await app.services.clip_tagger.tag_file(request(models=chosen))
    assert [call.model_id for call in clarifai.calls] == [FOOD]
    assert await app.stores.usage.used("guild-1") == SECONDS
    both = await app.services.clip_tagger.tag_file(request("message-2"))
    assert [each.model for each in both.models] == [GENERAL, FOOD]
    exported = await written(app, tagging, models=chosen)
    assert (exported["tagger"], exported["threshold"]) == (f"clarifai:{FOOD}", 0.9)
    assert segments(exported) == [("cat", 0.99, ""), ("pizza", 0.91, "")]
    exported = await written(app, tagging, models=frozenset({GENERAL}))
    assert segments(exported) == [("cat", 0.96, "")]
    gone = await written(app, tagging, models=frozenset({"gone"}))
    assert len(gone["models"]) == 2


async def test_a_choice_made_before_the_operator_took_it_away_counts_no_more(
    open_models: Callable[..., Any], clarifai: LoopbackClarifai
) -> None:
    app = await open_models()
    tagging = await app.services.clip_tagger.tag_file(request(models=frozenset({FOOD})))
    assert len(tagging.models) == len(clarifai.calls) == 2
    assert len((await written(app, tagging, models=frozenset({FOOD})))["models"]) == 2


async def test_the_proxy_of_a_clip_is_made_once_for_all_models(
    open_models: Callable[..., Any],
    clarifai: LoopbackClarifai,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = await open_models(max_bytes_mb=0.15)
    asked: list[str] = []
    run = app.sandbox.run

    async def counted(task: str, *args: Any, **more: Any) -> Any:
        asked.append(task)
        return await run(task, *args, **more)

    monkeypatch.setattr(app.sandbox, "run", counted)
    tagging = await app.services.clip_tagger.tag_file(request())
    assert (tagging.proxied, len(tagging.models)) == (True, 2)
    assert asked.count("bot.media.decode.proxy_child:make") == 1
    assert len({call.sha256 for call in clarifai.calls}) == 1
    work = [path for path in (app.config.data_dir / "work").rglob("*.mp4") if path.is_file()]
    assert work == []
