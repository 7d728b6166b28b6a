"""Watches the sessions for which sockets are open, and closes those sockets when a session has ended.

A request asks `parking.session()` each time. A socket asks nothing once it is open, so one statement a second asks for
all of them: after a sign-out somewhere else, a changed password or a closed account they end within about that time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Final
from uuid import UUID

import asyncpg

from service.database import Database
from service.outbox import POLICY_VIOLATION, Outbox
from service.problems import SESSION_OVER, Problem

log = logging.getLogger(__name__)

CHECK_SECONDS: Final = 1.0


class OpenSessions:
    """The sessions that hold sockets open, and the outboxes of these."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._outboxes: dict[UUID, set[Outbox]] = {}
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to watch."""
        self._watcher = asyncio.create_task(self._watch(), name="open sessions")

    async def stop(self) -> None:
        """Watch no longer."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)

    @contextlib.contextmanager
    def holding(self, session: UUID | None, outbox: Outbox) -> Iterator[None]:
        """Close the outbox when the session ends, as long as this lasts; nobody's session never does."""
        if session is None:
            yield
            return
        outboxes = self._outboxes.setdefault(session, set())
        outboxes.add(outbox)
        try:
            yield
        finally:
            outboxes.discard(outbox)
            if not outboxes and self._outboxes.get(session) is outboxes:
                del self._outboxes[session]

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self._close_what_has_ended()
            except (Problem, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                # Whoever acts is asked by the database itself; a socket only hears what is public, and their own cells.
                log.warning("Whether sessions have ended cannot be told (%s); trying again", type(error).__name__)
            except Exception:
                # Whatever it is, it must not leave every socket open until the next restart.
                log.exception("The watch over open sessions stumbled; trying again")

    async def _close_what_has_ended(self) -> None:
        if not self._outboxes:
            return
        for row in await self._database.rows("select parking.ended_sessions($1) as id", list(self._outboxes)):
            for outbox in self._outboxes.get(row["id"], ()):
                outbox.close(POLICY_VIOLATION, SESSION_OVER)
