"""Use case: personal alerts. A new clip is compared with the queries that people saved."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from bot.domain import term_names
from bot.domain.personal_alerts import PersonalAlert
from bot.domain.query import parse
from bot.domain.query_match import NewClip, match, tags_of
from bot.domain.search import link_to, moment_of
from bot.i18n import Translator
from bot.render.personal_alerts import alert_line
from bot.render.summary import TaggedClip
from bot.services.lexicon import load_lexicon

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bot.domain.job import Job, Reply
    from bot.domain.personal_alerts import SavedQuery
    from bot.domain.query import MatchKind, Query, Term
    from bot.domain.query_match import Found
    from bot.render.summary import ReportedClip
    from bot.storage.personal_alerts import PersonalAlertStore
    from bot.storage.saved_queries import SavedQueryStore

Matches = dict[int, tuple["SavedQuery", tuple["Found", ...]]]
"""The first of each person's queries that matches a message, and why."""


class PersonalAlerts:
    """Finds who is looking for a new clip. Whether they may see it is decided at delivery."""

    def __init__(self, queries: SavedQueryStore, alerts: PersonalAlertStore) -> None:
        self._queries = queries
        self._alerts = alerts

    async def matches(self, job: Job, clips: Sequence[ReportedClip]) -> Matches:
        """Return the people whose queries match a job's clips; never their posters."""
        if job.guild_id is None or job.quiet:
            return {}
        queries = await self._queries.of_guild(job.guild_id)
        tagged = [_new_clip(clip) for clip in clips if isinstance(clip, TaggedClip)]
        if not queries or not tagged:
            return {}
        return await asyncio.to_thread(_matches, job, queries, tagged)

    async def save(self, job: Job, matches: Matches, reply: Reply | None) -> None:
        """Keep the alerts about a job's message until they are delivered, once for a message."""
        people = await self._queries.recipients(matches)
        by_command = job.interaction is not None and job.subject_id == job.snowflake
        linked = reply.message_id if reply and by_command else job.subject_id
        link = link_to(job.guild_id, job.channel_id, linked)
        alerts = [
            PersonalAlert(
                message_id=job.subject_id,
                user_id=user_id,
                query_id=query.id,
                guild_id=query.guild_id,
                channel_id=job.channel_id,
                parent_id=job.parent_id,
                text=alert_line(
                    Translator(people[user_id].language), query.text, why, link, job.channel_id
                ),
            )
            for user_id, (query, why) in matches.items()
            if user_id in people and not people[user_id].is_off
        ]
        await self._alerts.add(job.subject_id, alerts)


def _matches(job: Job, queries: Iterable[SavedQuery], clips: Sequence[NewClip]) -> Matches:
    found: Matches = {}
    known: dict[str, tuple[Found, ...] | None] = {}
    for query in queries:
        if query.user_id in found or query.user_id in job.people or not _is_about(query, job):
            continue
        if query.text not in known:
            known[query.text] = _first(query.text, clips)
        if (why := known[query.text]) is not None:
            found[query.user_id] = query, why
    return found


def _first(text: str, clips: Sequence[NewClip]) -> tuple[Found, ...] | None:
    query = _parsed(text)
    every = (match(query, clip, names_of) for clip in clips)
    return next((why for why in every if why is not None), None)


@lru_cache(maxsize=1000)
def names_of(term: Term) -> Mapping[str, MatchKind]:
    """Return the names of tags that a term means: its own, and its synonyms and kinds."""
    names: dict[str, MatchKind] = {}
    for name, kind in term_names.names_of(term, load_lexicon()):
        names.setdefault(name, kind)
    return names


@lru_cache(maxsize=1000)
def _parsed(text: str) -> Query:
    """Read a query; words that are a name together, such as *polar bear*, become one term."""
    query = parse(text)
    names = set(filter(load_lexicon().knows, term_names.phrases(query.clauses)))
    return replace(query, clauses=term_names.join_names(query.clauses, names))


def _is_about(query: SavedQuery, job: Job) -> bool:
    """Return whether the filters of a query let a job's message pass."""
    parsed, moment = _parsed(query.text), moment_of(job.subject_id)
    posters = {job.poster_of(clip) for clip in job.clips}
    return (
        (query.author_id is None or query.author_id in posters)
        and (query.channel_id is None or query.channel_id in {job.channel_id, job.parent_id})
        and (parsed.since is None or moment >= parsed.since)
        and (parsed.until is None or moment < parsed.until)
    )


def _new_clip(clip: TaggedClip) -> NewClip:
    return NewClip(
        clip.name,
        tags_of(clip.timeline.segments),
        clip.game,
        clip.tagging.text or (),
        clip.tagging.description,
    )
