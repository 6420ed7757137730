"""Deleting the replies of erased jobs on Discord."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from bot.runtime.tasks import in_background
from bot.storage.database import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.chat.messages import Messages
    from bot.storage.reply_deletions import ReplyDeletionStore

_AT_ONCE = 10
# Seconds until replies that could not be deleted, and those of other processes, are tried again.
_PAUSE = 300.0


class ReplyDeleter:
    """Deletes the replies in ``reply_deletions``, the newest first, in the background.

    A person may have thousands of replies, and Discord lets a bot delete few a second. Meanwhile
    the reply to a message that was deleted just now need not wait for them.
    """

    def __init__(self, messages: Messages, store: ReplyDeletionStore) -> None:
        self._messages = messages
        self._store = store
        self._woken = asyncio.Event()
        self._log = structlog.get_logger("framehound.reply")

    def wake(self) -> None:
        """Look for replies to delete now: something was erased."""
        self._woken.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Delete replies while the block runs, beginning with those an earlier process left."""
        async with in_background(self._delete_repeatedly()):
            yield

    async def delete_all(self) -> None:
        """Delete replies until none is left, or Discord can't be reached.

        Raises ``StorageUnavailable``.
        """
        while replies := await self._store.newest(_AT_ONCE):
            gone = await asyncio.gather(*map(self._messages.withdraw, replies))
            await self._store.remove(
                [reply for reply, deleted in zip(replies, gone, strict=True) if deleted]
            )
            await self._store.overwrite_deleted()
            if not all(gone):
                return

    async def _delete_repeatedly(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self.delete_all()
            except StorageUnavailable as error:
                self._log.warning("replies not deleted yet", detail=error.detail)
            except Exception:  # noqa: BLE001 - logged with its traceback; the next attempt may work
                self._log.exception("deleting replies failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE):
                    await self._woken.wait()
