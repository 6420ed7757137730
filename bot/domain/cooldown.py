"""Rate limits for the requests of one person or one server."""

from __future__ import annotations

from dataclasses import dataclass, field

_MAX_KEPT = 10_000


@dataclass(slots=True)
class Cooldown:
    """A rate limit for each key: ``at_once`` requests, and one more every ``pause`` seconds."""

    at_once: int
    pause: float
    _full_again: dict[int, float] = field(default_factory=dict)

    def wait(self, key: int, now: float) -> float:
        """Count a request and return 0, or return how many seconds it is too early."""
        full_again = max(self._full_again.get(key, now), now)
        early = full_again + self.pause - now - self.at_once * self.pause
        if early > 0:
            return early
        if len(self._full_again) >= _MAX_KEPT:
            self._drop_unused(now)
        self._full_again[key] = full_again + self.pause
        return 0.0

    def _drop_unused(self, now: float) -> None:
        self._full_again = {key: full for key, full in self._full_again.items() if full > now}
