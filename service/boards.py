"""Every board that somebody has open: read when something may have changed it, sent whole once and then by difference.

Boards are keyed by lot, day and the part of the lot that is looked at, and each is read by one task, at most once a
window, however many look at it and however often they come and go. Of a large lot the board is a summary, the counts of
its rows, and then the cells of one row: nobody is sent what their window does not show. What changes is rendered once
in each language of the viewers.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import datetime as dt
import logging
import random
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Final

import asyncpg
import msgspec
from asyncpg import Record

from service.database import Database
from service.outbox import POLICY_VIOLATION, SERVICE_RESTART, Outbox
from service.pages.cells import Cell, Count, Lot, Shows, count_floors, render_board, render_one
from service.pages.language import FALLBACK, speaking
from service.pages.places import Place, View
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
# Different ones, that is lots, parts of them and days; how many look at each does not matter.
MOST_BOARDS: Final = 2000
# Of those that nobody else looks at, so that one person, or one address, cannot have them all: every day and every part
# of a lot is another one.
MOST_BOARDS_ALONE: Final = MOST_BOARDS // 10

WATCH = """
select w.spot_id, w.spot, w.type, w.slot, w.starts, w.ends, w.status, w.holder_ids, w.reservation_ids, w.changes_in
from parking.watch_section($1, $2, $3, $4, $5, $6) w
"""

WATCH_ROWS = """
select w.floor_id, w.floor_name, w.row_id, w.row_name, w.part, w.first_spot, w.last_spot, w.slot, w.starts,
       w.free, w.total, w.changes_in
from parking.watch_rows($1, $2, $3, $4) w
"""


class Tile(msgspec.Struct, frozen=True):
    """A cell, or a count, as everybody sees it, and whose reservations are behind it: person -> reservation."""

    public: Cell | Count
    holders: Mapping[int, int]

    @classmethod
    def of(cls, row: Record, day: dt.date) -> Tile:
        """From a row of parking.watch_section."""
        # Of several reservations of one person the first counts, as in parking.board_section.
        pairs = list(zip(row["holder_ids"], row["reservation_ids"], strict=True))
        return cls(Cell.of(row, day), dict(reversed(pairs)))

    def seen_by(self, person: int | None) -> Cell | Count:
        """The cell for this person's eyes; a count is the same for all."""
        mine = None if person is None else self.holders.get(person)
        if mine is None or not isinstance(self.public, Cell):
            return self.public
        return msgspec.structs.replace(self.public, reservation_id=mine)


Key = tuple[int, dt.date, View, Shows]


class Viewer(msgspec.Struct, frozen=True, eq=False):
    """Somebody who has a board open, and reads this language; `person` is None for a stranger.

    `who` is whoever the board counts for, as Boards.watching is told.
    """

    person: int | None
    language: str
    who: Hashable
    outbox: Outbox


class Board:
    """The board of one day of a lot, or of a part of it: what was sent last, and to whom."""

    def __init__(self, lot: Lot, day: dt.date, view: View = View(), shows: Shows = "spots") -> None:  # noqa: B008 (frozen)
        self.lot = lot
        self.day = day
        self.view = view
        self.shows = shows
        self.viewers: set[Viewer] = set()
        self.tiles: dict[str, Tile] | None = None
        self.refused = False
        self.opened_by: Hashable = None
        self.stale = asyncio.Event()
        self.keeper: asyncio.Task[None] | None = None
        self._whole: dict[str, str] = {}

    def may_show(self, starts: dt.datetime, ends: dt.datetime | None) -> bool:
        """Whether a period, which may have no end, can lie on this board, whatever the time zone.

        A slot may end on the day after.
        """
        return starts.date() - dt.timedelta(days=2) <= self.day and (
            ends is None or self.day <= ends.date() + dt.timedelta(days=1)
        )

    @property
    def key(self) -> Key:
        """What tells it from the others that are open."""
        return self.lot.id, self.day, self.view, self.shows

    def is_for(self, who: Hashable) -> bool:
        """Whether it is open for nobody else; while nobody looks at it, it is for whoever has opened it."""
        return all(viewer.who == who for viewer in self.viewers) if self.viewers else self.opened_by == who

    def join(self, person: int | None, language: str, who: Hashable = None) -> Viewer:
        """A viewer, who gets the whole board: at once, or with its first reading."""
        viewer = Viewer(person, language, who, Outbox(LARGEST_BACKLOG, lambda: self._whole_for(person, language)))
        self.viewers.add(viewer)
        if self.refused:
            viewer.outbox.close(POLICY_VIOLATION)
        elif self.tiles is not None:
            viewer.outbox.put(self._whole_for(person, language))
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """One viewer less."""
        self.viewers.discard(viewer)
        if not self.viewers:
            # Let the keeper see that it is not needed.
            self.stale.set()

    def name(self, lot: Lot) -> None:
        """The lot as whoever comes now has found it: it may have been renamed since the board was opened."""
        if lot != self.lot:
            self.lot, self._whole = lot, {}

    def refuse(self) -> None:
        """There is no such board."""
        self.refused = True
        for viewer in self.viewers:
            viewer.outbox.close(POLICY_VIOLATION)

    async def read(self, database: Database) -> list[Record]:
        """The rows of parking.watch_section or parking.watch_rows; the problem unknown-lot when it is no more."""
        view = self.view
        if self.shows == "rows":
            return await database.rows(WATCH_ROWS, self.lot.id, self.day, view.floor, view.type, pool="boards")
        return await database.rows(
            WATCH, self.lot.id, self.day, view.floor, view.row, view.part, view.type, pool="boards"
        )

    def show(self, rows: Sequence[Record]) -> None:
        """Send what has changed since the last reading: the same frame to all but those who hold a changed cell."""
        if self.shows == "rows":
            shown = [Tile(count, {}) for count in count_floors(rows, self.view)]
        else:
            shown = [Tile.of(row, self.day) for row in rows]
        tiles = {tile.public.id: tile for tile in shown}
        before, self.tiles, self._whole = self.tiles, tiles, {}
        if before is None or list(before) != list(tiles):
            for viewer in self.viewers:
                viewer.outbox.put(self._whole_for(viewer.person, viewer.language))
            return

        changed = [(before[key], tile) for key, tile in tiles.items() if before[key] != tile]
        if not changed:
            return
        involved = {person for pair in changed for tile in pair for person in tile.holders}
        frames: dict[tuple[int | None, str], str] = {}
        for viewer in self.viewers:
            person = viewer.person if viewer.person in involved else None
            if (person, viewer.language) not in frames:
                frames[person, viewer.language] = self._changes(changed, person, viewer.language)
            if frame := frames[person, viewer.language]:
                viewer.outbox.put(frame)

    def _whole_for(self, person: int | None, language: str) -> str:
        tiles = (self.tiles or {}).values()
        if person is not None and any(person in tile.holders for tile in tiles):
            return self._render([tile.seen_by(person) for tile in tiles], language)
        if language not in self._whole:
            self._whole[language] = self._render([tile.public for tile in tiles], language)
        return self._whole[language]

    def _render(self, all_of_it: Sequence[Cell | Count], language: str) -> str:
        with speaking(language):
            return render_board(all_of_it, self.lot, Place(self.day, self.lot.id, self.view), self.shows)

    def _changes(self, changed: list[tuple[Tile, Tile]], person: int | None, language: str) -> str:
        """What looks different to this person now; empty when nothing does."""
        pairs = ((old.seen_by(person), new.seen_by(person)) for old, new in changed)
        with speaking(language):
            return "".join(render_one(new) for old, new in pairs if old != new)


class Boards:
    """All of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: dict[Key, Board] = {}

    @contextlib.contextmanager
    def watching(  # noqa: PLR0917 (what tells a board from the others, and a viewer)
        self,
        lot: Lot,
        day: dt.date,
        view: View,
        shows: Shows,
        person: int | None,
        language: str = FALLBACK,
        *,
        network: Hashable = None,
    ) -> Iterator[Outbox]:
        """An Outbox that gets the whole board of a place as HTML, and then each change of it.

        Whoever is nobody counts by the network. Problems: try-again, too-many-requests.
        """
        who = network if person is None else person
        if view.row is None:
            # Only rows have parts.
            view = msgspec.structs.replace(view, part=None)
        key = (lot.id, day, view, shows)
        board = self._open.get(key)
        if board is None:
            if len(self._open) == MOST_BOARDS:
                log.warning("%d different boards are open; no more can be opened", MOST_BOARDS)
                raise Problem.of("try-again")
            if sum(each.is_for(who) for each in self._open.values()) >= MOST_BOARDS_ALONE:
                raise Problem.of("too-many-requests")
            board = self._open[key] = Board(lot, day, view, shows)
            board.opened_by = who
            # It outlives whoever opens the board first, so it says nothing in that request's name.
            board.keeper = asyncio.create_task(
                self._keep(board), name=f"board of lot {lot.id} on {day}", context=contextvars.Context()
            )
        board.name(lot)
        viewer = board.join(person, language, who)
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
                rows = await board.read(self._database)
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
        del self._open[board.key]


def _places(event: Record | Mapping[str, Any]) -> Iterator[tuple[int, dt.datetime, dt.datetime | None]]:
    """The lot and the periods that an event is about: what is rescheduled leaves one and takes another.

    A vehicle without a booking stands on no spot in particular, and no board shows it.
    """
    if event["spot_id"] is None:
        return
    yield event["lot_id"], event["starts"], event["ends"]
    if event["former_starts"] is not None:
        yield event["lot_id"], event["former_starts"], event["former_ends"]


def jittered(seconds: float) -> float:
    """Somewhere around this time, so that many do not come back at once."""
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311 (no secret)
