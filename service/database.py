"""The way into PostgreSQL: pools, bounded in time, and lanes in front of them.

Nothing here waits for long. Connecting, waiting for a connection and a statement each have a limit, so that a database
that is away or stuck becomes a 503 or 504, and the next request tries anew: recovery needs no restart.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager, suppress
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final, Literal

import asyncpg
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from service.problems import Problem
from service.settings import Settings
from service.telemetry import span_of_statement

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 2.0
ACQUIRE_SECONDS: Final = 3.0
# Above the role's own statement_timeout of 5 s, which tells more; this one is for a server that no longer answers.
STATEMENT_SECONDS: Final = 7.0
CLOSE_SECONDS: Final = 2.0

# A sign-in holds its connection and a database core for some 55 ms of bcrypt. More at once would only be slower.
SIGN_IN_POOL_SIZE: Final = 2

# Whoever a deadlock's end has let through has to wake up first: a second try at once takes the row from under its
# hands, and meets it again. By chance, so that two who try again do not meet each other either.
SECOND_TRY_SECONDS: Final = (0.02, 0.12)

# Enough for the next request to be under way while one commits; see Database.rows.
LANE_WIDTH = 2
# What is said of a lane that does not move, by what it leads to; of all others, that somebody is at the spot.
SPOT_BUSY: Final = "spot-busy"
BUSY: Final = {"ticket": "desk-busy", "garage": "desk-busy"}
# So that nobody, however busy, has both of the connections for sign-ins.
SIGN_IN_LANE_WIDTH = 1
# A lane in which no statement has got its turn for so long is blocked; one that moves may take longer.
LANE_SECONDS: Final = 2.0
LONGEST_QUEUE_SECONDS: Final = 6.0

# What anybody may ask for without an account and what costs more than a booking gets pools of its own, so that it
# cannot take the drivers' connections, nor the feed's: figures, whole lots, strangers' pages; the boards of the feed.
PUBLIC_POOL_SIZE: Final = 3
BOARDS_POOL_SIZE: Final = 2
# Whoever asks whether the service is well gets an answer however many drivers wait.
OPERATIONS_POOL_SIZE: Final = 1

LARGEST_FILE_IN_MEMORY: Final = 1024 * 1024

PoolName = Literal["main", "sign_in", "public", "boards", "operations"]


class Database:
    """Runs statements. Opening it never fails: connections are made when they are needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pools: dict[PoolName, asyncpg.Pool[Record]] = {}
        self._lanes: dict[Hashable, _Lane] = {}

    async def open(self) -> None:
        """Make the pools."""
        sizes: dict[PoolName, int] = {
            "main": self._settings.pool_size,
            "sign_in": SIGN_IN_POOL_SIZE,
            "public": PUBLIC_POOL_SIZE,
            "boards": BOARDS_POOL_SIZE,
            "operations": OPERATIONS_POOL_SIZE,
        }
        for name, size in sizes.items():
            self._pools[name] = await asyncpg.create_pool(
                min_size=0,
                max_size=size,
                connect=self.connect,
                # The default costs a second round trip and would undo what we never do on a pooled connection:
                # LISTEN, session locks, session settings.
                reset=_no_reset,
            )

    async def close(self) -> None:
        """Let running statements end, but not for long."""
        for pool in self._pools.values():
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    def connections(self) -> Iterator[tuple[PoolName, str, int]]:
        """How many connections each pool has, by state: idle or busy; and how many more it may make: unopened."""
        for name, pool in self._pools.items():
            size, idle = pool.get_size(), pool.get_idle_size()
            yield name, "idle", idle
            yield name, "busy", size - idle
            yield name, "unopened", pool.get_max_size() - size

    async def connect(self, *_: object, **options: Any) -> asyncpg.Connection[Record]:  # noqa: ANN401 (asyncpg's own options)
        """A connection of the caller's own, in no pool; the problem database-unavailable when there is none."""
        try:
            return await asyncpg.connect(
                self._settings.database_url,
                password=self._settings.database_password,
                timeout=CONNECT_SECONDS,
                command_timeout=STATEMENT_SECONDS,
                server_settings={"application_name": "parking service"},
                **options,
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("The database cannot be reached: %s", error)
            raise Problem.of("database-unavailable") from error

    async def row(self, sql: str, *args: object, lane: Hashable = None, pool: PoolName = "main") -> Record:
        """The one row of a statement that gives exactly one."""
        (record,) = await self.rows(sql, *args, lane=lane, pool=pool)
        return record

    async def rows(self, sql: str, *args: object, lane: Hashable = None, pool: PoolName = "main") -> list[Record]:
        """The rows of one statement, which is a transaction of its own.

        Statements of one lane queue up outside of the pool and use LANE_WIDTH connections at most, so that all the
        requests that wait for one row, held by somebody's forgotten psql, cannot take the pool from everybody else.
        Sign-ins, of which each takes its time, have lanes by the caller's network, SIGN_IN_LANE_WIDTH wide.
        Problems: spot-busy when the lane does not move (desk-busy where it is a garage's, try-again for a sign-in),
        try-again when the pool is exhausted, database-unavailable, timed-out; whatever else the statement raises comes
        through as it is.
        """
        with span_of_statement(sql, pool):
            return await self._rows(sql, *args, lane=lane, pool=pool)

    async def copy(self, sql: str, *args: object, pool: PoolName = "main") -> IO[bytes]:
        """What a statement gives as CSV with a line of names, written by COPY into a file that the caller closes.

        It lies in memory as long as it is small, and on the disk from then on. Problems: as of rows.
        """
        file = SpooledTemporaryFile(max_size=LARGEST_FILE_IN_MEMORY)  # noqa: SIM115 (the caller closes it)

        async def write(chunk: bytes) -> None:
            file.write(chunk)

        try:
            with span_of_statement(sql, pool):
                async with self._connection(pool) as connection:
                    await connection.copy_from_query(sql, *args, output=write, format="csv", header=True)
        except TimeoutError:
            file.close()
            raise Problem.of("timed-out") from None
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file

    async def _rows(self, sql: str, *args: object, lane: Hashable, pool: PoolName) -> list[Record]:
        async with self._turn(lane, pool), self._connection(pool) as connection:
            try:
                return await _fetch(connection, sql, *args)
            except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError) as error:
                log.info("SQLSTATE %s, once more", error.sqlstate)
                await _let_others_on()
                return await _fetch(connection, sql, *args)

    @asynccontextmanager
    async def _turn(self, name: Hashable, pool: PoolName) -> AsyncIterator[None]:
        if name is None:
            yield
            return
        key = (pool, name)
        if (lane := self._lanes.get(key)) is None:
            sign_in = pool == "sign_in"
            lane = _Lane(SIGN_IN_LANE_WIDTH, "try-again") if sign_in else _Lane(LANE_WIDTH, _busy(name))
            self._lanes[key] = lane
        lane.users += 1
        try:
            await lane.enter()
            blocked = False
            try:
                yield
            except asyncpg.LockNotAvailableError as error:
                blocked = True
                if (busy := _busy(name)) != SPOT_BUSY:
                    raise Problem.of(busy) from error
                raise
            finally:
                lane.leave(blocked=blocked)
        finally:
            lane.users -= 1
            if not lane.users:
                del self._lanes[key]

    @asynccontextmanager
    async def _connection(self, name: PoolName) -> AsyncIterator[PoolConnectionProxy[Record]]:
        pool = self._pools[name]
        try:
            # Not the pool's own timeout, which takes a task each time.
            async with asyncio.timeout(ACQUIRE_SECONDS):
                connection = await pool.acquire()
        except TimeoutError:
            log.warning("All connections of the pool %s are in use", name)
            raise Problem.of("try-again") from None
        try:
            yield connection
        finally:
            await pool.release(connection)


class _Lane:
    """A queue in front of the pool. It is blocked when nothing moves in it, not when it is long."""

    def __init__(self, width: int, blocked: str) -> None:
        self.users = 0
        self._blocked = blocked
        self._gate = asyncio.Semaphore(width)
        self._clock = asyncio.get_running_loop().time
        self._moved_at = self._clock()

    async def enter(self) -> None:
        """Wait for one's turn; the lane's problem when it is blocked."""
        if not self._gate.locked():
            # At once, and so without a clock that is set and put away again.
            await self._gate.acquire()
            return
        arrived_at = self._clock()
        while True:
            give_up_at = min(max(arrived_at, self._moved_at) + LANE_SECONDS, arrived_at + LONGEST_QUEUE_SECONDS)
            if give_up_at <= self._clock():
                raise Problem.of(self._blocked)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(give_up_at):
                    await self._gate.acquire()
                    return

    def leave(self, *, blocked: bool) -> None:
        """Let the next one in. Whoever has waited for a lock in vain has moved nothing."""
        if not blocked:
            self._moved_at = self._clock()
        self._gate.release()


def ticket_lane(number: str) -> tuple[str, str]:
    """The lane of a garage's ticket: the same however its number is written."""
    return "ticket", number.strip().upper()


def _busy(lane: Hashable) -> str:
    return BUSY.get(lane[0], SPOT_BUSY) if isinstance(lane, tuple) else SPOT_BUSY


async def _let_others_on() -> None:
    await asyncio.sleep(random.uniform(*SECOND_TRY_SECONDS))  # noqa: S311 (no secret)


async def _fetch(connection: PoolConnectionProxy[Record], sql: str, *args: object) -> list[Record]:
    try:
        return await connection.fetch(sql, *args)
    except TimeoutError:
        raise Problem.of("timed-out") from None
    except asyncpg.InternalClientError as error:
        # The server has said farewell and not yet hung up: the driver expects no statement then, and no message.
        log.warning("The connection to the database failed: %s", error)
        connection.terminate()
        raise Problem.of("database-unavailable") from error


async def _no_reset(_: object) -> None:
    """Nothing to undo."""
