"""The live feed: from a doorbell in PostgreSQL to every open socket.

One connection of the feed's own listens. The bell carries nothing: when it rings, and every POLL_SECONDS without a
bell, the feed reads parking.events_after(its cursor), so that nothing is lost while the connection was, and nothing
comes twice. Each event goes to the followers of its lot as JSON, and every board of that lot that somebody has open
(boards.py) is read anew.

Or the bell carries the number of a lot that was itself changed: its boards are read anew, and its followers are told.

All that a socket has to do with it is an Outbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import math
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Final, Literal

import asyncpg
import msgspec
from asyncpg import Record
from msgspec import UNSET, UnsetType

from service.boards import Boards, jittered
from service.database import Database
from service.lists import Lists
from service.outbox import SERVICE_RESTART, TRY_AGAIN_LATER, Outbox
from service.problems import Problem
from service.zones import zone_of

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.25
# When to look again for the transactions that were still running when the bell rang: soon, then so often as long as the
# writers of one wave take to commit, then ever more seldom, and for how long at all.
SOON_SECONDS: Final = 0.005
OFTEN_SECONDS: Final = 0.01
WAVE_SECONDS: Final = 0.05
SELDOM_SECONDS: Final = 0.1
PATIENCE_SECONDS: Final = 1.0
# A listening connection that does not answer for so long is dead, whatever TCP believes.
SILENCE_SECONDS: Final = 2.0
LONGEST_RECONNECT_SECONDS: Final = 2.0
REFRESH_SECONDS: Final = 5.0
# A socket that has had nothing for so long gets a heartbeat.
HEARTBEAT_SECONDS: Final = 20.0
# Events that are read at a time for one reader who comes back.
PAGE: Final = 1000
# Events that may wait for one reader. They are small and shared by all readers, and one sweep releases a thousand
# spots in one commit.
LARGEST_BACKLOG: Final = 8192
# After so many events the senders get their turn.
EVENTS_AT_A_TIME: Final = 256

# What is further behind than this is not worth telling one by one: boards are read anew, and whoever follows the
# events may come back with a cursor and read at leisure.
LONGEST_CATCH_UP: Final = 10_000

# Of digits in a lot's number; every role of the database may ring, and with anything.
LONGEST_NUMBER: Final = 19

BOARD_HEARTBEAT: Final = '{"type":"heartbeat"}'

READ = """
select s.cursor as now,
       pg_snapshot_xmin(s.snapshot)::text::bigint as oldest_running,
       pg_snapshot_xmax(s.snapshot)::text::bigint as first_unstarted,
       e.cursor, e.id, e.type, e.lot_id, e.spot_id, e.starts, e.ends, e.at, e.time_zone, e.former_starts, e.former_ends
from (select parking.event_cursor() as cursor, pg_current_snapshot() as snapshot offset 0) s
-- Without a cursor from now on, and not from the beginning of the record.
left join lateral parking.events_after(coalesce($1, s.cursor), until => s.cursor, at_most => $2) e on true
"""

MISSED = """
select e.cursor, e.id, e.type, e.lot_id, e.spot_id, e.starts, e.ends, e.at, e.time_zone, e.former_starts, e.former_ends
from parking.events_after($1, $2, $3, $4) e
"""


class Event(msgspec.Struct, frozen=True):
    """What happened to a spot: it was booked, its booking rescheduled, cancelled, completed or released, or a state
    overridden; or to a garage: a vehicle without a booking entered or left it, or its ticket was voided. It does not
    say who did it, nor which vehicle.

    rescheduled: `former_start_time` and `former_end_time`, which no other event has, are the period that it had before.

    overridden: somebody said what state the spot is in, perhaps without an end, or took it back; ask for the state.

    entered, left, voided: there is no spot, and of who entered no end; the garage has one vehicle more, or one less.

    `cursor` stands behind it: whoever comes back with `?after=<cursor>` goes on with the next one.
    """

    id: int
    type: Literal[
        "booked", "rescheduled", "cancelled", "completed", "released", "overridden", "entered", "left", "voided"
    ]
    spot_id: int | None
    lot_id: int
    start_time: dt.datetime
    end_time: dt.datetime | None
    at: dt.datetime
    cursor: str
    former_start_time: dt.datetime | UnsetType = UNSET
    former_end_time: dt.datetime | UnsetType = UNSET

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
            former_start_time=UNSET if row["former_starts"] is None else row["former_starts"].astimezone(zone),
            former_end_time=UNSET if row["former_ends"] is None else row["former_ends"].astimezone(zone),
        )

    @property
    def frame(self) -> str:
        """The event as it goes over a socket."""
        return msgspec.json.encode(self).decode()


class Mark(msgspec.Struct, frozen=True):
    """A message that is no event: where the record stands. `type` is hello, heartbeat, reset or changed."""

    type: Literal["hello", "heartbeat", "reset", "changed"]
    cursor: str

    @property
    def frame(self) -> str:
        """The mark as it goes over a socket."""
        return msgspec.json.encode(self).decode()


class Follower(msgspec.Struct, frozen=True, eq=False):
    """Somebody who follows the events of a lot; those that stand before `cursor` do not come any more."""

    lot: int
    outbox: Outbox
    cursor: str


class Feed:
    """Everything that is live. `start` and `stop` it with the service."""

    def __init__(self, database: Database) -> None:
        self.boards = Boards(database)
        self.lists = Lists(database)
        self._database = database
        self._bell = asyncio.Event()
        self._cursor: str | None = None
        self._told: str | None = None
        self._changed: set[int] = set()
        self._waiting: list[asyncio.Future[None]] = []
        self._followers: dict[int, set[Outbox]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._read_at = -math.inf

    @property
    def lag(self) -> float:
        """How old what the sockets know can be, in seconds: the time since the record was last read; at first inf."""
        return asyncio.get_running_loop().time() - self._read_at

    @property
    def followers(self) -> int:
        """How many sockets follow the events."""
        return sum(map(len, self._followers.values()))

    async def start(self) -> None:
        """Begin to listen; it does not wait for the database."""
        self._tasks = [asyncio.create_task(self._listen(), name="feed"), asyncio.create_task(self._beat(), name="beat")]
        self.lists.start()

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
            rows = await self._database.rows(MISSED, after, follower.lot, follower.cursor, PAGE, pool="boards")
            for row in rows:
                yield Event.of(row)
            if len(rows) < PAGE:
                return
            after = rows[-1]["cursor"]

    async def stop(self) -> None:
        """Stop listening and let every socket go."""
        for outbox in self._outboxes():
            outbox.close(SERVICE_RESTART)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, self.boards.stop(), self.lists.stop(), return_exceptions=True)

    @contextlib.contextmanager
    def following(self, lot: int) -> Iterator[Follower]:
        """Somebody whose outbox gets every event of a lot as JSON, from now on. Call refresh() first."""
        if self._cursor is None:
            raise Problem.of("database-unavailable")
        follower = Follower(lot, Outbox(LARGEST_BACKLOG), self._cursor)
        followers = self._followers.setdefault(lot, set())
        followers.add(follower.outbox)
        try:
            yield follower
        finally:
            followers.discard(follower.outbox)
            if not followers and self._followers.get(lot) is followers:
                del self._followers[lot]

    def _outboxes(self) -> list[Outbox]:
        return [outbox for followers in self._followers.values() for outbox in followers]

    async def _beat(self) -> None:
        """One clock for all sockets: a timer for each would cost more than what it is for."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS / 20)
            # It stands behind everything that every follower has been told.
            if self._told is not None:
                frame = Mark("heartbeat", self._told).frame
                for outbox in self._outboxes():
                    outbox.put_if_quiet(frame, HEARTBEAT_SECONDS)
            for outbox in (*self.boards.outboxes(), *self.lists.outboxes()):
                outbox.put_if_quiet(BOARD_HEARTBEAT, HEARTBEAT_SECONDS)

    async def _listen(self) -> None:
        pause = 0.05
        while True:
            try:
                connection = await self._database.connect()
                try:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        await connection.add_listener("parking", self._hear)
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
            await asyncio.sleep(jittered(pause))
            pause = min(pause * 2, LONGEST_RECONNECT_SECONDS)

    def _ring(self, *_: object) -> None:
        self._bell.set()

    def _hear(self, _connection: object, _pid: int, _channel: str, lot: object) -> None:
        """The bell carries nothing, or the number of a lot that was changed itself."""
        if isinstance(lot, str) and lot.isascii() and lot.isdigit() and len(lot) <= LONGEST_NUMBER:
            self._changed.add(int(lot))
        self._bell.set()

    async def _follow(self, connection: asyncpg.Connection[Record]) -> None:
        """Read on each bell, soon again while a transaction that ran at the bell still runs, and else now and then."""
        loop = asyncio.get_running_loop()
        try:
            await self._read(connection)
        except TimeoutError:
            # Silence, or more to catch up with than can be read in time; with the same cursor that would never end.
            self._begin_anew()
            raise
        self.boards.spoil()
        self.lists.spoil()
        # And which lots were changed while nobody listened, nobody knows.
        self._tell_changed(self._followers)
        goal, rung_at, pause = 0, 0.0, POLL_SECONDS
        while True:
            rung = await self._wait(pause)
            oldest_running, first_unstarted = await self._read(connection)
            now = loop.time()
            if rung:
                goal, rung_at = first_unstarted, now
            if oldest_running >= goal or now > rung_at + PATIENCE_SECONDS:
                pause = POLL_SECONDS
            elif rung:
                pause = SOON_SECONDS
            elif now < rung_at + WAVE_SECONDS:
                pause = OFTEN_SECONDS
            else:
                pause = min(pause * 2, SELDOM_SECONDS)

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
        # Whoever comes from here on reads up to this cursor for himself.
        self._cursor = now["now"]
        if len(events) == LONGEST_CATCH_UP:
            log.warning("%d events behind, or more", LONGEST_CATCH_UP)
            self._let_followers_go()
            self.boards.spoil()
            self.lists.spoil()
        else:
            self.boards.spoil(events)
            self.lists.spoil(events)
            await self._pass_on(events)
        self._told = self._cursor
        changed, self._changed = self._changed, set()
        self.boards.spoil_lots(changed)
        self._tell_changed(changed)
        self._read_at = asyncio.get_running_loop().time()
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

    def _tell_changed(self, lots: Iterable[int]) -> None:
        if self._told is not None:
            frame = Mark("changed", self._told).frame
            for outbox in [outbox for lot in lots for outbox in self._followers.get(lot, ())]:
                outbox.put(frame)

    def _begin_anew(self) -> None:
        """Forget how far the reading was. Nobody misses anything: followers come back with their own cursors."""
        self._cursor = None
        self._let_followers_go()
        self.boards.spoil()
        self.lists.spoil()

    def _let_followers_go(self) -> None:
        for outbox in self._outboxes():
            outbox.close(TRY_AGAIN_LATER)
