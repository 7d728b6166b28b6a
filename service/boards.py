"""Every board that somebody has open: read when something may have changed it, sent whole once and then by difference.

Boards are keyed by lot and day, and each is read by one task, at most once a window, however many look at it and
however often they come and go.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import datetime as dt
import logging
import random
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, Final

import asyncpg
import msgspec
from asyncpg import Record

from service.database import Database
from service.outbox import POLICY_VIOLATION, SERVICE_RESTART, Outbox
from service.pages.cells import Cell, Lot, render_board, render_cell
from service.problems import Problem

log = logging.getLogger(__name__)

# Changes within this time of one another reach a board together.
WINDOW_SECONDS: Final = 0.05
# A board changes by the clock alone when a slot or a reservation ends, and nobody announces what a DBA writes by hand.
LONGEST_AGE_SECONDS: Final = 60.0
# After a reading that failed; doubled each time.
RETRY_SECONDS: Final = (0.05, 2.0)
# A window has one frame at most, so these are three seconds at least.
LARGEST_BACKLOG: Final = 64
# Different ones, that is lots and days; how many look at each does not matter.
MOST_BOARDS: Final = 2000

WATCH = """
select w.spot_id, w.spot, w.type, w.slot, w.starts, w.ends, w.status, w.holder_ids, w.reservation_ids, w.changes_in
from parking.watch($1, $2) w
"""


class Tile(msgspec.Struct, frozen=True):
    """A cell as everybody sees it, and whose reservations are behind it: person -> reservation."""

    public: Cell
    holders: Mapping[int, int]

    @classmethod
    def of(cls, row: Record, day: dt.date) -> Tile:
        """From a row of parking.watch."""
        # Of several reservations of one person the first counts, as in parking.board.
        pairs = list(zip(row["holder_ids"], row["reservation_ids"], strict=True))
        return cls(Cell.of(row, day), dict(reversed(pairs)))

    def seen_by(self, person: int | None) -> Cell:
        """The cell for this person's eyes."""
        mine = None if person is None else self.holders.get(person)
        return self.public if mine is None else msgspec.structs.replace(self.public, reservation_id=mine)


class Viewer(msgspec.Struct, frozen=True, eq=False):
    """Somebody who has a board open; `person` is None for a stranger."""

    person: int | None
    outbox: Outbox


class Board:
    """One lot's board of one day: what was sent last, and to whom."""

    def __init__(self, lot: Lot, day: dt.date) -> None:
        self.lot = lot
        self.day = day
        self.viewers: set[Viewer] = set()
        self.tiles: dict[str, Tile] | None = None
        self.refused = False
        self.stale = asyncio.Event()
        self.keeper: asyncio.Task[None] | None = None
        self._whole: str | None = None

    def may_show(self, starts: dt.datetime, ends: dt.datetime | None) -> bool:
        """Whether a period, which may have no end, can lie on this board, whatever the time zone.

        A slot may end on the day after.
        """
        return starts.date() - dt.timedelta(days=2) <= self.day and (
            ends is None or self.day <= ends.date() + dt.timedelta(days=1)
        )

    def join(self, person: int | None) -> Viewer:
        """A viewer, who gets the whole board: at once, or with its first reading."""
        viewer = Viewer(person, Outbox(LARGEST_BACKLOG, lambda: self._whole_for(person)))
        self.viewers.add(viewer)
        if self.refused:
            viewer.outbox.close(POLICY_VIOLATION)
        elif self.tiles is not None:
            viewer.outbox.put(self._whole_for(person))
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """One viewer less."""
        self.viewers.discard(viewer)
        if not self.viewers:
            # Let the keeper see that it is not needed.
            self.stale.set()

    def refuse(self) -> None:
        """There is no such board."""
        self.refused = True
        for viewer in self.viewers:
            viewer.outbox.close(POLICY_VIOLATION)

    def show(self, rows: Iterable[Record]) -> None:
        """Send what has changed since the last reading: the same frame to all but those who hold a changed cell."""
        tiles = {tile.public.id: tile for tile in (Tile.of(row, self.day) for row in rows)}
        before, self.tiles, self._whole = self.tiles, tiles, None
        if before is None or list(before) != list(tiles):
            for viewer in self.viewers:
                viewer.outbox.put(self._whole_for(viewer.person))
            return

        changed = [(before[key], tile) for key, tile in tiles.items() if before[key] != tile]
        if not changed:
            return
        public = self._changes(changed, None)
        involved = {person for pair in changed for tile in pair for person in tile.holders}
        own = {
            person: self._changes(changed, person) for person in involved & {viewer.person for viewer in self.viewers}
        }
        for viewer in self.viewers:
            if frame := own.get(viewer.person, public) if viewer.person is not None else public:
                viewer.outbox.put(frame)

    def _whole_for(self, person: int | None) -> str:
        tiles = (self.tiles or {}).values()
        if person is not None and any(person in tile.holders for tile in tiles):
            return render_board([tile.seen_by(person) for tile in tiles], self.lot, self.day)
        if self._whole is None:
            self._whole = render_board([tile.public for tile in tiles], self.lot, self.day)
        return self._whole

    def _changes(self, changed: list[tuple[Tile, Tile]], person: int | None) -> str:
        """The cells that look different to this person now; empty when none does."""
        pairs = ((old.seen_by(person), new.seen_by(person)) for old, new in changed)
        return "".join(render_cell(new, self.lot) for old, new in pairs if old != new)


class Boards:
    """All of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: dict[tuple[int, dt.date], Board] = {}

    @contextlib.contextmanager
    def watching(self, lot: Lot, day: dt.date, person: int | None) -> Iterator[Outbox]:
        """An Outbox that gets the whole board of a lot and day as HTML, and then each change of it."""
        board = self._open.get((lot.id, day))
        if board is None:
            if len(self._open) == MOST_BOARDS:
                log.warning("%d different boards are open; no more can be opened", MOST_BOARDS)
                raise Problem.of("try-again")
            board = self._open[lot.id, day] = Board(lot, day)
            # It outlives whoever opens the board first, so it says nothing in that request's name.
            board.keeper = asyncio.create_task(
                self._keep(board), name=f"board of lot {lot.id} on {day}", context=contextvars.Context()
            )
        viewer = board.join(person)
        try:
            yield viewer.outbox
        finally:
            board.leave(viewer)

    def outboxes(self) -> list[Outbox]:
        """Of all viewers."""
        return [viewer.outbox for board in self._open.values() for viewer in board.viewers]

    def spoil(self, events: Iterable[Record | Mapping[str, Any]] | None = None) -> None:
        """Have the boards read anew that these events may change; all of them, without any."""
        if events is None:
            spoilt = set(self._open.values())
        else:
            spoilt = {
                board
                for lot, starts, ends in {place for row in events for place in _places(row)}
                for board in self._open.values()
                if board.lot.id == lot and board.may_show(starts, ends)
            }
        for board in spoilt:
            board.stale.set()

    def spoil_lots(self, lots: Set[int]) -> None:
        """Have every board of these lots read anew: what they consist of has changed, or when they are open."""
        for board in self._open.values():
            if board.lot.id in lots:
                board.stale.set()

    async def stop(self) -> None:
        """Let every viewer go and read nothing more."""
        for outbox in self.outboxes():
            outbox.close(SERVICE_RESTART)
        keepers = [board.keeper for board in self._open.values() if board.keeper is not None]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)

    async def _keep(self, board: Board) -> None:
        """Read a board when something happened in its lot, and when time alone changes it; at most once a window.

        A board that nobody looks at any more stays until its window is over: whoever comes back sooner than that finds
        it, and its changes, without another reading.
        """
        soonest, seldom = RETRY_SECONDS
        pause = soonest
        while True:
            board.stale.clear()
            try:
                rows = await self._database.rows(WATCH, board.lot.id, board.day, pool="boards")
                board.show(rows)
            except Exception as error:
                if isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith("PK"):
                    # A refusal: there is no such board, and trying again would not make one.
                    board.refuse()
                    await asyncio.sleep(WINDOW_SECONDS)
                    break
                log.warning("The board of lot %d on %s cannot be shown", board.lot.id, board.day, exc_info=error)
                await asyncio.sleep(jittered(pause))
                pause = min(pause * 2, seldom)
                if not board.viewers:
                    break
                continue
            pause = soonest
            await asyncio.sleep(WINDOW_SECONDS)
            if board.viewers:
                changes_in = (row["changes_in"].total_seconds() for row in rows if row["changes_in"] is not None)
                # Jittered, so that boards that were opened together are not all read together for ever.
                age = min([*changes_in, LONGEST_AGE_SECONDS * random.uniform(0.5, 1)])  # noqa: S311 (no secret)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(age, WINDOW_SECONDS)):
                        await board.stale.wait()
            if not board.viewers:
                break
        # Nothing has been awaited since: nobody can have joined.
        del self._open[board.lot.id, board.day]


def _places(event: Record | Mapping[str, Any]) -> Iterator[tuple[int, dt.datetime, dt.datetime | None]]:
    """The lot and the periods that an event is about: what is rescheduled leaves one and takes another."""
    yield event["lot_id"], event["starts"], event["ends"]
    if event["former_starts"] is not None:
        yield event["lot_id"], event["former_starts"], event["former_ends"]


def jittered(seconds: float) -> float:
    """Somewhere around this time, so that many do not come back at once."""
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311 (no secret)
