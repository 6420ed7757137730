"""Keeping one person, or one server, from asking faster than we answer."""

from __future__ import annotations

from dataclasses import dataclass, field

_MAX_KEPT = 10_000


@dataclass(slots=True)
class Cooldown:
    """So many requests at once, and one more every ``pause`` seconds, for each who asks."""

    at_once: int
    pause: float
    _full_again: dict[int, float] = field(default_factory=dict)

    def wait(self, who: int, now: float) -> float:
        """Return 0 and count the request, or how many seconds too early it is."""
        full_again = max(self._full_again.get(who, now), now)
        early = full_again + self.pause - now - self.at_once * self.pause
        if early > 0:
            return early
        if len(self._full_again) >= _MAX_KEPT:
            self._forget_the_rested(now)
        self._full_again[who] = full_again + self.pause
        return 0.0

    def _forget_the_rested(self, now: float) -> None:
        self._full_again = {who: full for who, full in self._full_again.items() if full > now}
