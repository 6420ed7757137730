"""What was erased lately: messages that came in before may be handed in after it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.domain.erasure import Channel, Guild, Person
    from bot.domain.job import Job

_MESSAGES, _SCOPES = 10_000, 1_000
_NEVER_AGAIN = 1 << 63
"""Later than any snowflake: a deleted channel never comes back."""


class RecentErasures:
    """Remembers erased messages, channels, servers and people, the latest of them.

    A message may be deleted, or its channel, while the bot still waits for its previews. There is
    nothing to erase yet then.
    """

    def __init__(self) -> None:
        self._messages: deque[int] = deque(maxlen=_MESSAGES)
        self._scopes: deque[tuple[Channel | Guild | Person, int]] = deque(maxlen=_SCOPES)

    def add_messages(self, message_ids: Collection[int]) -> None:
        """Remember deleted messages."""
        self._messages.extend(message_ids)

    def add(self, scope: Channel | Guild | Person, until: int = _NEVER_AGAIN) -> None:
        """Remember a scope; only its jobs with a snowflake before ``until`` are erased."""
        self._scopes.append((scope, until))

    def discard(self, scope: Guild) -> None:
        """Forget that a server was erased: the bot is there again."""
        kept = [each for each in self._scopes if each[0] != scope]
        self._scopes = deque(kept, maxlen=_SCOPES)

    def messages_of(self, job: Job) -> frozenset[int]:
        """Return those messages of a job that were erased after they came in."""
        if any(job.snowflake < until and job.is_about(scope) for scope, until in self._scopes):
            return job.message_ids
        return job.message_ids.intersection(self._messages)
