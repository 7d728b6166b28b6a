"""The live feed: from a doorbell in PostgreSQL to every open socket.

One connection of the feed's own listens. The bell carries nothing: when it rings, and every POLL_SECONDS without a
bell, the feed reads parking.events_after(its cursor), so that nothing is lost while the connection was, and nothing
comes twice. Each event goes to the followers of its lot as JSON, and every board of that lot that somebody
has open is read anew, compared with what was sent last, and sent as the cells that changed.

All that a socket has to do with it is an Outbox. Nobody waits for a slow reader.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import asyncpg
import msgspec
from asyncpg import Record

from service.database import Database
from service.pages import Cell, Lot, render_board, render_cell
from service.problems import Problem
from service.zones import zone_of

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.25
# How soon, how seldom and how long to look again for the transactions that were still running when the bell rang.
STRAGGLER_SECONDS: Final = (0.005, 0.1, 1.0)
# A listening connection that does not answer for so long is dead, whatever TCP believes.
SILENCE_SECONDS: Final = 2.0
LONGEST_RECONNECT_SECONDS: Final = 2.0
REFRESH_SECONDS: Final = 5.0
# Events that are read at a time for one reader who comes back.
PAGE: Final = 1000
# Changes within this time of one another reach a board together.
WINDOW_SECONDS: Final = 0.05
# A board changes by the clock alone when a slot or a reservation ends; names and settings change without an event.
LONGEST_BOARD_AGE_SECONDS: Final = 60.0
# Frames that may wait for one reader. Events are small and shared by all readers, and one sweep releases a thousand
# spots in one commit; a board's frames are larger, and sixty-four of them are three seconds at least.
LARGEST_EVENT_BACKLOG: Final = 8192
LARGEST_BOARD_BACKLOG: Final = 64
# Different ones, that is lots and days; how many look at each does not matter.
MOST_BOARDS: Final = 2000
# After so many events the senders get their turn.
EVENTS_AT_A_TIME: Final = 256

POLICY_VIOLATION: Final = 1008
SERVICE_RESTART: Final = 1012
TRY_AGAIN_LATER: Final = 1013

# What is further behind than this is not worth telling one by one: boards are read anew, and whoever follows the
# events may come back with a cursor and read at leisure.
LONGEST_CATCH_UP: Final = 10_000

READ = """
select s.cursor as now, s.snapshot::text as snapshot,
       pg_snapshot_xmin(s.snapshot)::text::bigint as oldest_running,
       pg_snapshot_xmax(s.snapshot)::text::bigint as first_unstarted,
       e.cursor, e.id, e.type, e.lot_id, e.spot_id, e.starts, e.ends, e.at, e.time_zone
from (select parking.event_cursor() as cursor, pg_current_snapshot() as snapshot) s
left join parking.events_after($1, at_most => $2) e on $1 is not null
"""

MISSED = """
select e.cursor, e.id, e.type, e.lot_id, e.spot_id, e.starts, e.ends, e.at, e.time_zone
from parking.events_after($1, $2, $3::text::pg_snapshot, $4) e
"""

WATCH = """
select w.spot_id, w.spot, w.type, w.slot, w.starts, w.ends, w.status, w.holder_ids, w.reservation_ids, w.changes_in
from parking.watch($1, $2) w
"""


class Event(msgspec.Struct, frozen=True):
    """What happened to a spot; `type` is booked, completed, released or overridden. It does not say who did it.

    overridden: somebody said what state the spot is in, perhaps without an end, or took it back; ask for the state.

    `cursor` stands behind it: whoever comes back with `?after=<cursor>` goes on with the next one.
    """

    id: int
    type: Literal["booked", "completed", "released", "overridden"]
    spot_id: int
    lot_id: int
    start_time: dt.datetime
    end_time: dt.datetime | None
    at: dt.datetime
    cursor: str

    @classmethod
    def of(cls, row: Record) -> Event:
        """From a row of parking.events_after; times get the lot's own offset."""
        zone = zone_of(row["time_zone"])
        return cls(
            id=row["id"],
            type=row["type"],
            spot_id=row["spot_id"],
            lot_id=row["lot_id"],
            start_time=row["starts"].astimezone(zone),
            end_time=None if row["ends"] is None else row["ends"].astimezone(zone),
            at=row["at"].astimezone(zone),
            cursor=row["cursor"],
        )

    @property
    def frame(self) -> str:
        """The event as it goes over a socket."""
        return msgspec.json.encode(self).decode()


class Mark(msgspec.Struct, frozen=True):
    """A message that is no event: where the record stands. `type` is hello, heartbeat or reset."""

    type: Literal["hello", "heartbeat", "reset"]
    cursor: str

    @property
    def frame(self) -> str:
        """The mark as it goes over a socket."""
        return msgspec.json.encode(self).decode()


class Outbox:
    """What waits to be sent over one socket, so many frames at most; a reader that far behind is let go."""

    def __init__(self, largest_backlog: int) -> None:
        self._largest_backlog = largest_backlog
        self._frames: deque[str] = deque()
        self._ready = asyncio.Event()
        self.closed = asyncio.Event()
        self.code = SERVICE_RESTART
        self.reason = ""

    def put(self, frame: str) -> None:
        """Add a frame, or close the box of a reader who does not keep up."""
        if self.closed.is_set():
            return
        if len(self._frames) == self._largest_backlog:
            self.close(TRY_AGAIN_LATER)
            return
        self._frames.append(frame)
        self._ready.set()

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._frames

    def close(self, code: int, reason: str = "") -> None:
        """Forget what waits; the socket is to be closed with this code (RFC 6455, 7.4) and reason."""
        if not self.closed.is_set():
            self.code, self.reason = code, reason
            self._frames.clear()
            self.closed.set()

    async def get(self) -> str:
        """The next frame, in order."""
        while not self._frames:
            self._ready.clear()
            await self._ready.wait()
        return self._frames.popleft()


class Follower(msgspec.Struct, frozen=True, eq=False):
    """Somebody who follows the events of a lot. What `snapshot` saw is behind `cursor` and does not come any more."""

    lot: int
    outbox: Outbox
    cursor: str
    snapshot: str


class Viewer:
    """Somebody who has a board open; `person` is None for a stranger."""

    def __init__(self, person: int | None) -> None:
        self.person = person
        self.outbox = Outbox(LARGEST_BOARD_BACKLOG)


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


class Board:
    """One lot's board of one day while somebody has it open: what was sent last, and to whom."""

    def __init__(self, lot: Lot, day: dt.date) -> None:
        self.lot = lot
        self.day = day
        self.viewers: set[Viewer] = set()
        self.tiles: dict[str, Tile] | None = None
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

    def greet(self, viewer: Viewer) -> None:
        """Send the whole board, if it has been read; else its first reading will."""
        if self.tiles is not None:
            viewer.outbox.put(self._whole_for(viewer.person))

    def show(self, rows: Iterable[Record]) -> None:
        """Send what has changed since the last reading: the same bytes to all but those who hold a changed cell."""
        tiles = {tile.public.id: tile for tile in (Tile.of(row, self.day) for row in rows)}
        before, self.tiles, self._whole = self.tiles, tiles, None
        if before is None or before.keys() != tiles.keys():
            for viewer in self.viewers:
                self.greet(viewer)
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


class Feed:
    """Everything that is live. `start` and `stop` it with the service."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._bell = asyncio.Event()
        self._cursor: str | None = None
        self._snapshot: str | None = None
        self._told: str | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._followers: dict[int, set[Outbox]] = {}
        self._boards: dict[tuple[int, dt.date], Board] = {}
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen; it does not wait for the database."""
        self._listener = asyncio.create_task(self._listen(), name="feed")

    @property
    def cursor(self) -> str:
        """Behind everything that every follower has been told."""
        return self._told or ""

    async def refresh(self) -> None:
        """Read now, so that nothing that has been committed before this call is still to be passed on."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._bell.set()
        try:
            async with asyncio.timeout(REFRESH_SECONDS):
                await done
        except TimeoutError:
            raise Problem.of("database-unavailable") from None

    async def missed(self, after: str, follower: Follower) -> AsyncIterator[Event]:
        """The events of the follower's lot between a cursor and those that its outbox gets.

        Problems: not-a-cursor, cursor-too-old.
        """
        while True:
            rows = await self._database.rows(MISSED, after, follower.lot, follower.snapshot, PAGE, pool="boards")
            for row in rows:
                yield Event.of(row)
            if len(rows) < PAGE:
                return
            after = rows[-1]["cursor"]

    async def stop(self) -> None:
        """Stop listening and let every socket go."""
        outboxes = [outbox for followers in self._followers.values() for outbox in followers]
        outboxes += [viewer.outbox for board in self._boards.values() for viewer in board.viewers]
        for outbox in outboxes:
            outbox.close(SERVICE_RESTART)
        tasks = [self._listener, *(board.keeper for board in self._boards.values())]
        for task in filter(None, tasks):
            task.cancel()
        await asyncio.gather(*filter(None, tasks), return_exceptions=True)

    @contextlib.contextmanager
    def following(self, lot: int) -> Iterator[Follower]:
        """Somebody whose outbox gets every event of a lot as JSON, from now on. Call refresh() first."""
        if self._cursor is None or self._snapshot is None:
            raise Problem.of("database-unavailable")
        follower = Follower(lot, Outbox(LARGEST_EVENT_BACKLOG), self._cursor, self._snapshot)
        followers = self._followers.setdefault(lot, set())
        followers.add(follower.outbox)
        try:
            yield follower
        finally:
            followers.discard(follower.outbox)
            if not followers:
                self._followers.pop(lot, None)

    @contextlib.contextmanager
    def watching(self, lot: Lot, day: dt.date, person: int | None) -> Iterator[Outbox]:
        """An Outbox that gets the whole board of a lot and day as HTML, and then each change of it."""
        viewer = Viewer(person)
        board = self._boards.get((lot.id, day))
        if board is None:
            if len(self._boards) == MOST_BOARDS:
                log.warning("%d different boards are open; no more can be opened", MOST_BOARDS)
                raise Problem.of("try-again")
            board = self._boards[lot.id, day] = Board(lot, day)
            board.keeper = asyncio.create_task(self._keep(board), name=f"board of lot {lot.id} on {day}")
        board.viewers.add(viewer)
        board.greet(viewer)
        try:
            yield viewer.outbox
        finally:
            board.viewers.discard(viewer)
            if not board.viewers:
                self._drop(board)

    def _drop(self, board: Board) -> None:
        if self._boards.get((board.lot.id, board.day)) is board:
            del self._boards[board.lot.id, board.day]
        if board.keeper is not None:
            board.keeper.cancel()

    async def _listen(self) -> None:
        pause = 0.05
        while True:
            try:
                connection = await self._database.connect()
                try:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        await connection.add_listener("parking", self._ring)
                    # What ends the connection wakes the reader, who then finds that it has ended.
                    connection.add_termination_listener(self._ring)
                    log.info("Listening")
                    pause = 0.05
                    await self._follow(connection)
                finally:
                    connection.terminate()
            except (
                Problem,
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                # What asyncpg says when the server's farewell arrives between two statements.
                asyncpg.InternalClientError,
                OSError,
            ) as error:
                # Problem is what Database.connect says of a database that cannot be reached; it has logged why.
                log.warning("The listening connection is lost (%s); trying again", type(error).__name__)
            except Exception:
                # A fault of ours. It must not silence the feed until the next restart.
                log.exception("The feed stumbled; trying again")
            await asyncio.sleep(_jittered(pause))
            pause = min(pause * 2, LONGEST_RECONNECT_SECONDS)

    def _ring(self, *_: object) -> None:
        self._bell.set()

    async def _follow(self, connection: asyncpg.Connection[Record]) -> None:
        """Read on each bell, soon again while a transaction that ran at the bell still runs, and else now and then."""
        soonest, seldom, patience = STRAGGLER_SECONDS
        loop = asyncio.get_running_loop()
        try:
            await self._read(connection)
        except TimeoutError:
            # Silence, or more to catch up with than can be read in time; with the same cursor that would never end.
            self._begin_anew()
            raise
        self._spoil_boards()
        goal, deadline, pause = 0, 0.0, POLL_SECONDS
        while True:
            rung = await self._wait(pause)
            oldest_running, first_unstarted = await self._read(connection)
            if rung:
                goal, deadline, pause = first_unstarted, loop.time() + patience, soonest
            if oldest_running >= goal or loop.time() > deadline:
                pause = POLL_SECONDS
            elif not rung:
                pause = min(pause * 2, seldom)

    async def _wait(self, seconds: float) -> bool:
        """Whether the bell rang within this time."""
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            return False
        self._bell.clear()
        return True

    async def _read(self, connection: asyncpg.Connection[Record]) -> tuple[int, int]:
        """Pass on what happened since the last reading; the oldest transaction that runs, and the first to come."""
        waiting, self._waiting = self._waiting, []
        try:
            rows = await connection.fetch(READ, self._cursor, LONGEST_CATCH_UP, timeout=SILENCE_SECONDS)
        except asyncpg.PostgresError as error:
            self._waiting += waiting
            if error.sqlstate != "PK410":
                raise
            log.warning("The record has been restored or shortened")
            self._begin_anew()
            return 0, 0
        except BaseException:
            self._waiting += waiting
            raise
        now = rows[0]
        events = [row for row in rows if row["id"] is not None]
        # Whoever comes from here on reads up to this snapshot for himself.
        self._cursor, self._snapshot = now["now"], now["snapshot"]
        if len(events) == LONGEST_CATCH_UP:
            log.warning("%d events behind, or more", LONGEST_CATCH_UP)
            self._let_followers_go()
            self._spoil_boards()
        else:
            self._spoil_boards(events)
            await self._pass_on(events)
        self._told = self._cursor
        for done in waiting:
            if not done.done():
                done.set_result(None)
        return now["oldest_running"], now["first_unstarted"]

    async def _pass_on(self, events: list[Record]) -> None:
        followers = {lot: list(outboxes) for lot, outboxes in self._followers.items()}
        for number, row in enumerate(events, start=1):
            if outboxes := followers.get(row["lot_id"]):
                frame = Event.of(row).frame
                for outbox in outboxes:
                    outbox.put(frame)
            if number % EVENTS_AT_A_TIME == 0:
                await asyncio.sleep(0)

    def _begin_anew(self) -> None:
        """Forget how far the reading was. Nobody misses anything: followers come back with their own cursors."""
        self._cursor = None
        self._let_followers_go()
        self._spoil_boards()

    def _let_followers_go(self) -> None:
        for followers in self._followers.values():
            for outbox in followers:
                outbox.close(TRY_AGAIN_LATER)

    def _spoil_boards(self, events: Iterable[Record | Mapping[str, Any]] | None = None) -> None:
        """Have the boards read anew that these events may change; all of them, without any."""
        if events is None:
            spoilt = set(self._boards.values())
        else:
            spoilt = {
                board
                for lot, starts, ends in {(row["lot_id"], row["starts"], row["ends"]) for row in events}
                for board in self._boards.values()
                if board.lot.id == lot and board.may_show(starts, ends)
            }
        for board in spoilt:
            board.stale.set()

    async def _keep(self, board: Board) -> None:
        """Read a board when something happened in its lot, and when time alone changes it; at most once a window."""
        pause = 0.05
        while True:
            board.stale.clear()
            try:
                rows = await self._database.rows(WATCH, board.lot.id, board.day, pool="boards")
                board.show(rows)
            except Exception as error:
                if isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith("PK"):
                    # A refusal: there is no such board, and trying again would not make one.
                    for viewer in board.viewers:
                        viewer.outbox.close(POLICY_VIOLATION)
                    self._drop(board)
                    return
                log.warning("The board of lot %d on %s cannot be shown", board.lot.id, board.day, exc_info=error)
                await asyncio.sleep(_jittered(pause))
                pause = min(pause * 2, LONGEST_RECONNECT_SECONDS)
                continue
            pause = 0.05
            await asyncio.sleep(WINDOW_SECONDS)
            changes_in = (row["changes_in"].total_seconds() for row in rows if row["changes_in"] is not None)
            # Jittered, so that boards that were opened together are not all read together for ever.
            age = min([*changes_in, LONGEST_BOARD_AGE_SECONDS * random.uniform(0.5, 1)])  # noqa: S311 (no secret)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(age, WINDOW_SECONDS)):
                    await board.stale.wait()


def _jittered(seconds: float) -> float:
    """Somewhere around this time, so that many processes do not come back at once."""
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311 (no secret)
