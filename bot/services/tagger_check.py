"""Use case: trying a tagger. A paid one is billed for it, so that counts in the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from bot.domain.budget import Payer
from bot.errors import BudgetExhausted, FramehoundError

if TYPE_CHECKING:
    from bot.taggers import Tagger
    from bot.taggers.billing import BillingAccount


async def check_tagger(tagger: Tagger, account: BillingAccount | None) -> str:
    """Return a line about a tagger that works; raises ``TaggerError`` if it does not.

    With an ``account``, the one picture it is shown is billed to the operator.
    """
    if account is None:
        return await tagger.check()
    payer = Payer(reference=f"check {uuid4()}")
    try:
        await account.reserve(payer, {payer.reference: 1})
    except BudgetExhausted:
        return "not tried, as it costs a frame, and this month's frames are used up"
    billed = 1
    try:
        return await tagger.check()
    except FramehoundError as error:
        billed = error.billed
        raise
    finally:
        await account.settle(payer, payer.reference, reserved=1, billed=billed)
