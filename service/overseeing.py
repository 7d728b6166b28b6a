"""The views that those who run a lot have open, operators and attendants of a garage: read when something has happened
in it, sent by difference.

A view shows who did what, so each is read in the name of the session that has it open: whoever loses the permission, or
signs out, is told by the next reading. They are few, and each is read at most once a window, however much happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Final, Protocol

import asyncpg
from asyncpg import Record
from msgspec import Struct

from service.boards import jittered
from service.database import Database
from service.feed import BOARD_HEARTBEAT, HEARTBEAT_SECONDS, Follower
from service.forwarding import Address
from service.outbox import POLICY_VIOLATION, TRY_AGAIN_LATER, Outbox
from service.pages.language import speaking
from service.problems import Problem, to_problem

log = logging.getLogger(__name__)

# What happens within this time of one another reaches a view together.
WINDOW_SECONDS: Final = 0.4
# Time alone changes a view when a reservation begins or ends; and it is how long a lost permission may go unnoticed.
LONGEST_AGE_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 1.0
LARGEST_BACKLOG: Final = 16
MOST_VIEWS: Final = 200
# Windows of one person, who may have several screens on the wall and yet not all that there are.
MOST_VIEWS_ALONE: Final = MOST_VIEWS // 10


class Place(Protocol):
    """What a window shows, and how: the statement, what it takes behind who asks, and the parts to send."""

    @property
    def lot(self) -> int | None: ...

    @property
    def statement(self) -> str: ...

    def arguments(self) -> tuple[object, ...]: ...

    def draw(self, record: Record, /) -> dict[str, str]:
        """Every part, in the language that is spoken."""


class Window(Struct, frozen=True):
    """Whose window it is, what it shows, and in which language."""

    session: uuid.UUID
    person: int
    address: Address | None
    where: Place
    language: str


class Overseers:
    """All who have a view open."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: Counter[int] = Counter()

    @property
    def views(self) -> int:
        """How many are open, each of which follows the events of its lot as well."""
        return self._open.total()

    @contextlib.asynccontextmanager
    async def watching(self, window: Window, follower: Follower) -> AsyncIterator[Outbox]:
        """An Outbox that gets the whole view as HTML, and then each part of it that changes.

        Who may not see it learns so from the first reading: not-permitted, unknown-lot, unknown-spot, no-garage,
        unknown-ticket. Problems besides: too-many-requests when this person has many open already, try-again when all
        have.
        """
        if self._open[window.person] >= MOST_VIEWS_ALONE:
            raise Problem.of("too-many-requests")
        if self._open.total() >= MOST_VIEWS:
            log.warning("%d views of lots are open; no more can be opened", MOST_VIEWS)
            raise Problem.of("try-again")
        self._open[window.person] += 1
        try:
            view = _View(window, await self._read(window))
            closing = follower.outbox
            # The service stops, or the feed has lost its way: the window comes back and has everything anew.
            closing.closed.add_done_callback(lambda _: view.outbox.close(closing.code or TRY_AGAIN_LATER))
            tasks = [asyncio.create_task(view.listen(follower)), asyncio.create_task(view.keep(self._read))]
            try:
                yield view.outbox
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self._open[window.person] -= 1
            self._open += Counter()  # which forgets who has none left

    async def _read(self, window: Window) -> Record:
        where = window.where
        return await self._database.row(
            where.statement, window.session, window.address, *where.arguments(), pool="boards"
        )


class _View:
    """One window: what it has been sent, by part."""

    def __init__(self, window: Window, record: Record) -> None:
        self.outbox = Outbox(LARGEST_BACKLOG, lambda: "".join(self._parts.values()))
        self._window = window
        self._stale = asyncio.Event()
        self._parts: dict[str, str] = {}
        self._show(record)

    async def listen(self, follower: Follower) -> None:
        """What an event says does not matter here, only that there is one."""
        while True:
            await follower.outbox.get()
            self._stale.set()

    async def keep(self, read: Callable[[Window], Awaitable[Record]]) -> None:
        """Read again when something has happened, and when time alone may have changed something."""
        while True:
            await asyncio.sleep(WINDOW_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(jittered(LONGEST_AGE_SECONDS)):
                    await self._stale.wait()
            self._stale.clear()
            try:
                self._show(await read(self._window))
            except (asyncpg.PostgresError, asyncpg.InterfaceError, Problem, OSError) as error:
                problem = to_problem(error)
                if problem.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    self.outbox.close(POLICY_VIOLATION, problem.slug)
                    return
                log.warning("A view of lot %s cannot be shown (%s)", self._window.where.lot, problem.slug)
                self._stale.set()
                await asyncio.sleep(jittered(RETRY_SECONDS))
            except Exception:
                # A fault of ours. A window that no longer follows must not look as if it did.
                log.exception("A view of lot %s stumbled", self._window.where.lot)
                self.outbox.close(TRY_AGAIN_LATER)
                return

    def _show(self, record: Record) -> None:
        with speaking(self._window.language):
            parts = self._window.where.draw(record)
        before, self._parts = self._parts, parts
        if frame := "".join(html for name, html in parts.items() if before.get(name) != html):
            self.outbox.put(frame)
        else:
            self.outbox.put_if_quiet(BOARD_HEARTBEAT, HEARTBEAT_SECONDS)
