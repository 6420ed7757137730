"""Billing: frames are reserved in the budget before a paid tagger is called, and settled after."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from bot.domain.budget import Budget, month_of
from bot.errors import BudgetExhausted
from bot.storage.database import retry_storage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.domain.budget import Payer
    from bot.storage.usage import UsageStore


class BillingAccount:
    """The budget of taggers that bill frames, and where they are counted."""

    def __init__(self, usage: UsageStore, budget: Budget) -> None:
        self._usage = usage
        self._budget = budget
        self._warned: set[tuple[str, str]] = set()
        self._log = structlog.get_logger("framehound.budget")

    async def reserve(self, payer: Payer, frames: Mapping[str, int]) -> None:
        """Reserve frames for the models that a clip is sent to, each under its own reference.

        All of them or none: several clips share the budget at once. Raises ``BudgetExhausted``.
        """
        total = sum(frames.values())
        if not self._budget.allows(payer, total, models=len(frames)):
            raise BudgetExhausted.of(total, "job")
        payer.tally.frames += total
        budget = self._budget
        limit = await retry_storage(lambda: self._usage.reserve_all(payer, frames, budget))
        if limit:
            payer.tally.frames -= total
            raise BudgetExhausted.of(total, limit)
        await self._warn(payer)

    async def settle(self, payer: Payer, reference: str, *, reserved: int, billed: int) -> None:
        """Replace a reservation by the frames that were really billed."""
        payer.tally.frames += billed - reserved
        await retry_storage(lambda: self._usage.settle(payer, reference, billed))

    async def _warn(self, payer: Payer) -> None:
        """Log once a month that most of a budget is used."""
        if self._budget == Budget():
            return
        used = await retry_storage(lambda: self._usage.used(payer.name))
        overall = await retry_storage(self._usage.used)
        if self._budget.is_nearly_used_up(used):
            self._warn_once(payer.name, self._budget.server)
        if self._budget.is_nearly_used_up_overall(overall):
            self._warn_once("all servers", self._budget.overall)

    def _warn_once(self, payer: str, limit: int | None) -> None:
        warning = payer, month_of(datetime.now(UTC))
        if warning not in self._warned:
            self._warned.add(warning)
            self._log.warning("most of this month's frames are used", payer=payer, limit=limit)
