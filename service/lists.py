"""Every driver's list of bookings that is open in some window: read when something has happened to one of theirs.

The record does not say whose a reservation is. So the database is asked for the holders of those that events are about,
in one statement for all events of a window, and only while a list is open at all. A list is sent whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import datetime as dt
import logging
import random
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from asyncpg import Record

from service.boards import LONGEST_AGE_SECONDS, RETRY_SECONDS, WINDOW_SECONDS, jittered
from service.database import Database
from service.outbox import POLICY_VIOLATION, SERVICE_RESTART, Outbox
from service.pages.language import speaking
from service.pages.stays import LIST, Stays, next_change, render_stays
from service.problems import Problem, to_problem

log = logging.getLogger(__name__)

LARGEST_BACKLOG: Final = 16
MOST_LISTS: Final = 2000
# More events than this in a window, and all lists that are open are read anew without asking whose they are.
MOST_PLACES: Final = 1000

HOLDERS = "select parking.holders($1, $2, $3) as person"

Place = tuple[int, int, dt.datetime]


class Reader(msgspec.Struct, frozen=True, eq=False):
    """A window that shows a list, and its language."""

    language: str
    outbox: Outbox


class OwnList:
    """One person's list, and the windows in which it is open."""

    def __init__(self, person: int) -> None:
        self.person = person
        self.readers: set[Reader] = set()
        self.stays: Stays | None = None
        self.stale = asyncio.Event()
        self.keeper: asyncio.Task[None] | None = None

    def join(self, language: str) -> Reader:
        """A window, which gets the list at once, or with its first reading."""
        reader = Reader(language, Outbox(LARGEST_BACKLOG, lambda: self.frame(language)))
        self.readers.add(reader)
        if self.stays is not None:
            reader.outbox.put(self.frame(language))
        return reader

    def leave(self, reader: Reader) -> None:
        """One window less."""
        self.readers.discard(reader)
        if not self.readers:
            self.stale.set()

    def show(self, stays: Stays) -> None:
        """Send the list to every window, if it has changed; once for all windows of a language."""
        before, self.stays = self.stays, stays
        if before == stays:
            return
        frames = {language: self.frame(language) for language in {reader.language for reader in self.readers}}
        for reader in self.readers:
            reader.outbox.put(frames[reader.language])

    def frame(self, language: str) -> str:
        """The list in this language; nothing before its first reading."""
        if self.stays is None:
            return ""
        with speaking(language):
            return render_stays(self.stays)


class Lists:
    """All of them. `start` and `stop` it with the feed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: dict[int, OwnList] = {}
        self._places: set[Place] = set()
        self._rung = asyncio.Event()
        self._asker: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to ask whose lists have changed."""
        self._asker = asyncio.create_task(self._ask(), name="lists")

    async def stop(self) -> None:
        """Let every window go and read nothing more."""
        for outbox in self.outboxes():
            outbox.close(SERVICE_RESTART)
        tasks = [task for task in (self._asker, *(one.keeper for one in self._open.values())) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @contextlib.contextmanager
    def watching(self, person: int, language: str) -> Iterator[Outbox]:
        """An Outbox that gets the person's list as HTML, and again whenever it changes."""
        own = self._open.get(person)
        if own is None:
            if len(self._open) == MOST_LISTS:
                log.warning("%d lists are open; no more can be opened", MOST_LISTS)
                raise Problem.of("try-again")
            own = self._open[person] = OwnList(person)
            # It outlives whoever opens the list first, so it says nothing in that request's name.
            own.keeper = asyncio.create_task(
                self._keep(own), name=f"list of person {person}", context=contextvars.Context()
            )
        reader = own.join(language)
        try:
            yield reader.outbox
        finally:
            own.leave(reader)

    def outboxes(self) -> list[Outbox]:
        """Of all windows."""
        return [reader.outbox for own in self._open.values() for reader in own.readers]

    def spoil(self, events: Iterable[Record | Mapping[str, Any]] | None = None) -> None:
        """Have the lists read anew that these events concern; all of them, without any."""
        if not self._open:
            return
        if events is None:
            self._spoil_all()
            return
        self._places |= {
            (row["lot_id"], row["spot_id"], row["starts"])
            for row in events
            if row["type"] != "overridden" and row["spot_id"] is not None
        }
        if self._places:
            self._rung.set()

    def _spoil_all(self) -> None:
        self._places.clear()
        for own in self._open.values():
            own.stale.set()

    async def _ask(self) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            places, self._places = self._places, set()
            if len(places) > MOST_PLACES:
                self._spoil_all()
            elif places:
                try:
                    for row in await self._database.rows(HOLDERS, *map(list, zip(*places, strict=True)), pool="boards"):
                        if own := self._open.get(row["person"]):
                            own.stale.set()
                except Exception as error:
                    # Nobody can be told whose they are, so everybody looks.
                    log.warning("Whose bookings have changed cannot be told", exc_info=error)
                    self._spoil_all()
            await asyncio.sleep(WINDOW_SECONDS)

    async def _keep(self, own: OwnList) -> None:
        """Read a list when something has happened to it, and when time alone changes it; at most once a window."""
        soonest, seldom = RETRY_SECONDS
        pause = soonest
        while own.readers:
            own.stale.clear()
            try:
                rows = await self._database.rows(LIST, own.person, pool="boards")
                own.show(Stays.of(rows))
            except Exception as error:
                if to_problem(error).status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    # There is no such person any more.
                    for reader in own.readers:
                        reader.outbox.close(POLICY_VIOLATION)
                    break
                log.warning("The list of person %d cannot be shown", own.person, exc_info=error)
                await asyncio.sleep(jittered(pause))
                pause = min(pause * 2, seldom)
                continue
            pause = soonest
            await asyncio.sleep(WINDOW_SECONDS)
            if own.readers:
                ages = [next_change(rows), LONGEST_AGE_SECONDS * random.uniform(0.5, 1)]  # noqa: S311 (no secret)
                age = min(age for age in ages if age is not None)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(age, WINDOW_SECONDS)):
                        await own.stale.wait()
        # Nothing has been awaited since: nobody can have joined.
        del self._open[own.person]
