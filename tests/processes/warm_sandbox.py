"""Sandboxes whose fork servers are forked from one that has loaded their modules already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.media.sandbox import process, spawn

if TYPE_CHECKING:
    import socket

    from bot.media.sandbox.spawn import ChildFolder, ChildSettings
    from tests.processes.forking import ForkedProcess, ForkServer

_MAX_LINE = 2**16


def fork_sandboxes(server: ForkServer) -> None:
    """Have every sandbox of this process forked by ``server`` from now on."""

    async def forked(
        settings: ChildSettings, own: ChildFolder, control: socket.socket
    ) -> ForkedProcess:
        command = spawn._command(settings)
        chosen = command[command.index(spawn._BOOT) + 1]
        environment = spawn._environment(str(own.work), settings.limits.threads)
        streams = [control.fileno()] * 2
        return await server.fork([chosen], environment, own.work, _MAX_LINE, streams)

    setattr(process, "spawn", forked)  # noqa: B010 - mypy knows the type that it has otherwise
