"""Watches over what the open sockets may still see, and closes those that may not any more.

A request asks `parking.session()` and `parking.find_lot()` each time. A socket asks nothing once it is open, so two
statements a second ask for all of them: after a sign-out somewhere else, a changed password or a closed account, and
when a lot is public no longer, they end within about that time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Hashable, Iterator
from typing import Final, TypeVar
from uuid import UUID

import asyncpg

from service.database import Database
from service.outbox import POLICY_VIOLATION, Outbox
from service.problems import SESSION_OVER, Problem

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)

CHECK_SECONDS: Final = 1.0
UNKNOWN_LOT: Final = "unknown-lot"

LOST_LOTS = "select l.lot, l.actor from parking.lost_lots($1, $2) l"


class OpenSessions:
    """The sessions that hold sockets open, the lots that these look at, and their outboxes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_session: dict[UUID, set[Outbox]] = {}
        self._by_lot: dict[tuple[int, int | None], set[Outbox]] = {}
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
    def holding(self, session: UUID | None, lot: int | None, actor: int | None, outbox: Outbox) -> Iterator[None]:
        """As long as this lasts, close the outbox when the session ends or the actor may not see the lot any more.

        Nobody has no session, and sees lots that are public. Without a lot there is nothing to see but one's own.
        """
        with contextlib.ExitStack() as stack:
            if lot is not None:
                stack.enter_context(_member(self._by_lot, (lot, actor), outbox))
            if session is not None:
                stack.enter_context(_member(self._by_session, session, outbox))
            yield

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self._check()
            except (Problem, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                # Whoever acts is asked by the database itself; what a socket hears meanwhile is what it heard before.
                log.warning("Whether sockets may stay open cannot be told (%s); trying again", type(error).__name__)
            except Exception:
                # Whatever it is, it must not leave every socket open until the next restart.
                log.exception("The watch over open sockets stumbled; trying again")

    async def _check(self) -> None:
        if self._by_session:
            sql = "select parking.ended_sessions($1) as id"
            for row in await self._database.rows(sql, list(self._by_session)):
                _close(self._by_session.get(row["id"]), SESSION_OVER)
        if self._by_lot:
            lots, actors = zip(*self._by_lot, strict=True)
            for row in await self._database.rows(LOST_LOTS, list(lots), list(actors)):
                _close(self._by_lot.get((row["lot"], row["actor"])), UNKNOWN_LOT)


@contextlib.contextmanager
def _member(groups: dict[K, set[Outbox]], key: K, outbox: Outbox) -> Iterator[None]:
    """Belong to a group, which is there as long as somebody does."""
    group = groups.setdefault(key, set())
    group.add(outbox)
    try:
        yield
    finally:
        group.discard(outbox)
        if not group and groups.get(key) is group:
            del groups[key]


def _close(group: set[Outbox] | None, reason: str) -> None:
    for outbox in list(group or ()):
        outbox.close(POLICY_VIOLATION, reason)
