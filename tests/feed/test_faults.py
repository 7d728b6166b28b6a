"""What the feed must survive: connections that die or fall silent, writers that tarry, readers that stop, restarts.

Every client here is a real one that comes back when it is closed. An API client goes on from its cursor, and its events
are then compared with the record; a board applies frames by the ids of the cells, as the page does, and is compared
with parking.board. Negative controls take one mechanism from a service of their own before it starts, or from a
function of a database of their own. Figures are printed (`pytest -s`).
"""

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import statistics
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode

import asyncpg
import pytest
import websockets
from websockets.asyncio.client import connect as connect_to

from tests.conftest import Connect
from tests.feed.test_boards import a_day, slot
from tests.feed.test_events import ANNOUNCE_MANY, LIMIT
from tests.support import (
    ROOT,
    Cluster,
    Database,
    Service,
    issue_token,
    new_database,
    planted_cluster,
    template_database,
)
from tests.support.service import SERVERS, Server
from tests.support.sql import BOOK, COMPLETE, DRIVER_1, DRIVER_2, edit_function, one_row

EACH_SERVER = pytest.mark.parametrize("server", SERVERS)

WITHIN = 2.0
"""Seconds after the end of the work and of the faults in which every board is to be right."""


def morning() -> datetime:
    """Ten o'clock of the day that the boards show."""
    return slot(10)[0]


# --- clients ---------------------------------------------------------------------------------------------------------


class Client(ABC):
    """Somebody who connects again whenever the socket closes, until the end of the `async with`."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.connections = 0
        self.headers: dict[str, str] = {}
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    @abstractmethod
    def path(self) -> str:
        """Where it connects."""

    @abstractmethod
    def take(self, frame: str) -> None:
        """What it makes of a frame."""

    async def _run(self) -> None:
        address = self.service.ws_url
        while True:
            with contextlib.suppress(websockets.exceptions.WebSocketException, OSError, TimeoutError):
                async with connect_to(
                    address + self.path, additional_headers=self.headers, proxy=None, open_timeout=5
                ) as socket:
                    self.connections += 1
                    async for frame in socket:
                        assert isinstance(frame, str)
                        self.take(frame)
                        self._ready.set()
            await asyncio.sleep(0.05)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        await asyncio.wait_for(self._ready.wait(), LIMIT)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        # It ends only by a fault of its own, which then comes out here.
        if not self._task.done():
            self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


class Listener(Client):
    """An API client of /ws; `forgetful` is the control that comes back without its cursor."""

    def __init__(self, service: Service, *, forgetful: bool = False) -> None:
        super().__init__(service)
        self.events: list[dict[str, Any]] = []
        self.times: dict[int, float] = {}
        self.resets = 0
        self._forgetful = forgetful
        self._cursor: str | None = None

    @property
    def path(self) -> str:
        return "/ws" if self._cursor is None or self._forgetful else f"/ws?after={quote(self._cursor)}"

    def take(self, frame: str) -> None:
        message = json.loads(frame)
        self._cursor = message["cursor"]
        if "id" in message:
            self.events.append(message)
            self.times.setdefault(message["id"], time.perf_counter())
        self.resets += message["type"] == "reset"

    @property
    def ids(self) -> list[int]:
        return [event["id"] for event in self.events]


class Watcher(Client):
    """A board of `a_day()` as the page keeps it: cell -> (what it says, what its button sends)."""

    CELL = re.compile(r'<button class="cell" id="([^"]+)" data-status="(\w+)"(?:[^>]* value="([\d-]+)")?')

    def __init__(self, service: Service, person: int | None = None) -> None:
        super().__init__(service)
        self.person = person
        self.cells: dict[str, tuple[str, str]] = {}
        self.latest = ""
        self.path_ = f"/ws/board?lot=1&date={a_day()}"
        if person is not None:
            token = issue_token(service, person)
            self.headers = {"Cookie": f"session={token}"}

    @property
    def path(self) -> str:
        return self.path_

    def take(self, frame: str) -> None:
        self.latest = frame
        if 'id="board"' in frame:
            self.cells = {}
        self.cells |= {cell: (status, value) for cell, status, value in self.CELL.findall(frame)}


async def board(connection: asyncpg.Connection, person: int | None) -> dict[str, tuple[str, str]]:
    """What a Watcher should have now."""
    cells = {}
    for row in await connection.fetch("select * from parking.board(1, $1, $2)", a_day(), person):
        starts, ends = int(row["starts"].timestamp()), int(row["ends"].timestamp())
        status, value = row["status"], ""
        if status == "available":
            value = f"{row['spot_id']}-{starts}-{ends}"
        elif row["reservation_id"] is not None and status == "booked":
            status, value = "yours", str(row["reservation_id"])
        cells[f"cell-{row['spot_id']}-{starts}"] = (status, value)
    return cells


async def until(condition: Callable[[], Coroutine[Any, Any, bool]], seconds: float = LIMIT) -> float | None:
    """How long it took to become true, in seconds; None when it did not."""
    began = time.perf_counter()
    while not await condition():
        if time.perf_counter() - began > seconds:
            return None
        await asyncio.sleep(0.02)
    return time.perf_counter() - began


async def until_right(connection: asyncpg.Connection, watchers: list[Watcher], seconds: float = LIMIT) -> float | None:
    """How long until every board is the database's."""

    async def right() -> bool:
        boards = {person: await board(connection, person) for person in {watcher.person for watcher in watchers}}
        return all(watcher.cells == boards[watcher.person] for watcher in watchers)

    return await until(right, seconds)


async def until_told(connection: asyncpg.Connection, listeners: list[Listener], seconds: float = LIMIT) -> float | None:
    """How long until nobody has fewer events than the record."""

    async def told() -> bool:
        number = await connection.fetchval("select count(*) from parking.events")
        return all(len(set(listener.ids)) >= number for listener in listeners)

    return await until(told, seconds)


async def assert_told_once(connection: asyncpg.Connection, listeners: list[Listener]) -> None:
    """Each has got every event once, in an order in which they can have happened."""
    recorded = {row["id"] for row in await connection.fetch("select id from parking.events")}
    active = await connection.fetch("select spot_id, starts, ends from parking.reservations where status = 'active'")
    for listener in listeners:
        assert not listener.resets
        told = Counter(listener.ids)
        assert not [event for event, times in told.items() if times > 1], "told twice"
        assert told.keys() == recorded, f"lost: {sorted(recorded - told.keys())}"
        # A spot's bookings wait for one another, so that their ids say in which order they were made.
        for spot in range(1, 6):
            of_spot = [event for event in listener.events if event["spot_id"] == spot]
            bookings = [event["id"] for event in of_spot if event["type"] == "booked"]
            assert bookings == sorted(bookings)
        held = replay(listener.events)
        assert held == {(row["spot_id"], row["starts"], row["ends"]) for row in active}


Period = tuple[int, datetime, datetime]


def replay(events: list[dict[str, Any]]) -> set[Period]:
    """Which periods of which spots are held after these events; nothing is held twice, and only what is held ends."""
    held: set[Period] = set()
    for event in events:
        starts, ends = (datetime.fromisoformat(event[name]) for name in ("start_time", "end_time"))
        spot = event["spot_id"]
        if event["type"] == "booked":
            assert not [other for other in held if other[0] == spot and other[1] < ends and starts < other[2]], event
            held.add((spot, starts, ends))
        else:
            assert (spot, starts, ends) in held, event
            held.remove((spot, starts, ends))
    return held


def say(text: str) -> None:
    """Print a figure."""
    print(f"  {text}")  # noqa: T201


# --- faults ----------------------------------------------------------------------------------------------------------


class Line:
    """One connection through a Proxy."""

    def __init__(self) -> None:
        self.listens = False
        self.holed = False


class Proxy:
    """Stands between the service and PostgreSQL, on a Unix socket of its own."""

    def __init__(self, database: Database, *, first_goes_unheard: bool = False) -> None:
        self.database = database
        self.first_goes_unheard = first_goes_unheard
        self.lines: list[Line] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        # Sockets want short paths.
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="proxy-", dir="/tmp"))
        environ = self.database.cluster.environ
        name = f".s.PGSQL.{environ['PGPORT']}"
        self._behind = f"{environ['PGHOST']}/{name}"
        self._server = await asyncio.start_unix_server(self._accept, f"{folder}/{name}")
        where = urlencode({"host": folder, "port": environ["PGPORT"]}, safe="/")
        self.environ = {"PARKING_DATABASE_URL": f"postgresql://parking_service@/{self.database.name}?{where}"}
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    def black_hole(self) -> None:
        """Forward nothing more over the listening connection, and close nothing."""
        [line for line in self.lines if line.listens][-1].holed = True

    @property
    def listened(self) -> int:
        """How many connections have begun to listen."""
        return sum(line.listens for line in self.lines)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line()
        self.lines.append(line)
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(self._behind)
        except OSError:
            writer.close()
            return
        for source, target in ((reader, server_writer), (server_reader, writer)):
            task = asyncio.create_task(self._forward(line, source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, line: Line, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                if b"LISTEN" in data:
                    line.listens = True
                    line.holed = self.first_goes_unheard and self.listened == 1
                if not line.holed:
                    target.write(data)
                    await target.drain()
        except ConnectionError:
            pass
        finally:
            target.close()


async def listening_backends(superuser: asyncpg.Connection, number: int, but: set[int]) -> list[int]:
    """The backends of so many services' listening connections, none of those that are over."""
    async with asyncio.timeout(LIMIT):
        while True:
            pids = await superuser.fetchval(
                """select coalesce(array_agg(pid), '{}') from pg_stat_activity
                   where datname = current_database() and application_name = 'parking service'
                     and query like '%parking.event_cursor()%' and pid <> all ($1::int[])""",
                but,
            )
            if len(pids) == number:
                return list(pids)
            await asyncio.sleep(0.02)


async def change_unheard(superuser: asyncpg.Connection, number: int, ended: set[int]) -> None:
    """Terminate the listening connections and change a cell of spot 5 in one commit: its bell rings for nobody."""
    pids = await listening_backends(superuser, number, ended)
    ended.update(pids)
    booked = await superuser.fetchval("select id from parking.reservations where spot_id = 5 and status = 'active'")
    async with superuser.transaction():
        assert await superuser.fetchval("select bool_and(pg_terminate_backend(pid)) from unnest($1::int[]) pid", pids)
        if booked:
            await superuser.fetch(COMPLETE, DRIVER_1, booked)
        else:
            await superuser.fetch(BOOK, DRIVER_1, 5, *slot(12))


async def keep_morning(superuser: asyncpg.Connection) -> None:
    """It is ten in the morning of `a_day()`; the first slot has begun."""
    await superuser.execute("update parking_private.clock_shift set shift = $1 - clock_timestamp()", morning())


def without(folder: Path, change: str) -> dict[str, str]:
    """The environment of a service whose module `feed` is changed like this before it starts."""
    lines = ["import sys", f"sys.path.insert(0, {str(ROOT)!r})", "from service import feed", change]
    lines += ["print('Changed.', flush=True)"]
    (folder / "sitecustomize.py").write_text("\n".join(lines))
    return {"PYTHONPATH": str(folder)}


NO_POLL = "feed.POLL_SECONDS = 3600.0"
NO_HEARTBEAT = "feed.SILENCE_SECONDS = 3600.0"
NO_LIMIT = "from service import boards; feed.LARGEST_BACKLOG = boards.LARGEST_BACKLOG = 10**9"
NO_RESYNC = """
from service.boards import Boards
follow = feed.Feed._follow
async def forget(self, connection):
    boards, self._cursor = self.boards, None
    boards.spoil = lambda events=None: events and Boards.spoil(boards, events)
    await follow(self, connection)
feed.Feed._follow = forget
"""


@asynccontextmanager
async def changed_service(database: Database, folder: Path, change: str, **environ: str) -> AsyncIterator[Service]:
    async with Service(database, environ=without(folder, change) | environ) as service:
        assert "Changed." in service.output()
        yield service


# --- the listening connection ----------------------------------------------------------------------------------------


class Traffic:
    """Writers who book and complete on spots 1 to 4, some of them slowly, some in vain, and a stale checker."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.written = 0
        self.rolled_back = 0
        self.faults_over = False

    @property
    def over(self) -> bool:
        return self.faults_over and self.written >= self.wanted

    async def write(self, connection: asyncpg.Connection, seed: int) -> None:
        """Spots and times at random; what is to end by itself is left to the stale checker."""
        random_ = random.Random(seed)  # noqa: S311 (no secret)
        own: list[tuple[int, int]] = []
        while not self.over:
            transaction = connection.transaction()
            await transaction.start()
            person, booked, completed = random_.choice([DRIVER_1, DRIVER_2]), 0, None
            try:
                if len(own) > 6 or (own and random_.random() < 0.4):
                    completed = random_.choice(own)
                    await connection.fetch(COMPLETE, *completed)
                else:
                    booked = await self._book(connection, random_, person)
            except asyncpg.PostgresError as refusal:
                await transaction.rollback()
                # Taken, or over before its turn came.
                if refusal.sqlstate not in ("PK409", "PK422"):
                    raise
                continue
            if random_.random() < 0.3:
                await asyncio.sleep(random_.random() * 0.15)
            if random_.random() < 0.1:
                await transaction.rollback()
                self.rolled_back += 1
                continue
            await transaction.commit()
            self.written += 1
            if completed:
                own.remove(completed)
            if booked:
                own.append((person, booked))
            await asyncio.sleep(random_.random() * 0.04)

    @staticmethod
    async def _book(connection: asyncpg.Connection, random_: random.Random, person: int) -> int:
        """The reservation's number, or 0 for one that will be over in a moment."""
        spot = random_.randrange(1, 5)
        if random_.random() < 0.4:
            now = await connection.fetchval("select parking.clock()")
            ends = now + timedelta(seconds=0.05 + random_.random() / 2)
            await connection.fetch(BOOK, person, spot, morning() - timedelta(hours=1), ends)
            return 0
        starts = morning() + timedelta(hours=random_.randrange(1, 10))
        booking = await one_row(connection, BOOK, person, spot, starts, starts + timedelta(hours=1))
        return int(booking["id"])

    async def check(self, connection: asyncpg.Connection) -> None:
        while not self.over:
            async with connection.transaction():
                self.written += len(await connection.fetch("select * from parking.release_stale()"))
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.05)


async def fall_silent(proxies: list[Proxy]) -> float:
    """Black-hole every listening connection; how long until the last service listens over a new one."""
    began, before = time.perf_counter(), [proxy.listened for proxy in proxies]
    for proxy in proxies:
        proxy.black_hole()

    async def noticed() -> bool:
        return all(proxy.listened > listened for proxy, listened in zip(proxies, before, strict=True))

    assert await until(noticed) is not None, "silence goes unnoticed"
    return time.perf_counter() - began


async def test_a_storm_of_changes_while_the_listening_connection_dies_and_falls_silent(
    database: Database, connect: Connect
) -> None:
    superuser, checker = await connect("postgres"), await connect("postgres")
    await keep_morning(superuser)
    traffic, ended = Traffic(500), set[int]()
    async with AsyncExitStack() as stack:
        proxies, services, watchers, listeners = [], [], list[Watcher](), []
        for server in SERVERS:
            proxies.append(proxy := await stack.enter_async_context(Proxy(database)))
            service = await stack.enter_async_context(Service(database, environ=proxy.environ, server=server))
            services.append(service)
            for person in (None, None, DRIVER_1, DRIVER_2):
                watchers.append(await stack.enter_async_context(Watcher(service, person)))
            listeners += [await stack.enter_async_context(Listener(service)) for _ in range(2)]
        work = [asyncio.create_task(traffic.write(await connect(), seed)) for seed in range(4)]
        work.append(asyncio.create_task(traffic.check(checker)))

        for number in range(9):
            await asyncio.sleep(0.25)
            await change_unheard(superuser, len(services), ended)
            if number == 4:
                ended.update(await listening_backends(superuser, len(services), ended))
                # Who falls silent in the first reading has followers come back with their cursors; that is not meant.
                await asyncio.sleep(0.2)
                say(f"silence noticed after {await fall_silent(proxies):.2f} s")
        traffic.faults_over = True
        await asyncio.gather(*work)
        # The last word comes while nobody listens, and nothing after it.
        await change_unheard(superuser, len(services), ended)

        right, told = await asyncio.gather(until_right(superuser, watchers), until_told(checker, listeners))
        say(f"boards right after {right or -1:.2f} s, everything told after {told or -1:.2f} s")
        say(f"{traffic.written} writes, {traffic.rolled_back} rolled back")
        assert right is not None, "a board stays wrong"
        await assert_told_once(superuser, listeners)
        assert right < WITHIN
        assert len(ended) == 11 * len(services)
        assert min(proxy.listened for proxy in proxies) >= 12
        assert {client.connections for client in (*watchers, *listeners)} == {1}, "right without connecting anew"
        assert {event["type"] for event in listeners[0].events} == {"booked", "completed", "released"}
        assert not [service.server for service in services if "stumbled" in service.output()]


async def test_without_beginning_where_it_left_off(database: Database, connect: Connect, tmp_path: Path) -> None:
    """The negative control of the terminations: a feed that only goes on from now."""
    superuser = await connect("postgres")
    await keep_morning(superuser)
    async with (
        changed_service(database, tmp_path, NO_RESYNC) as service,
        Watcher(service) as watcher,
        Listener(service) as listener,
    ):
        await superuser.fetch(BOOK, DRIVER_1, 1, *slot(12))
        assert await until_right(superuser, [watcher]) is not None
        assert await until_told(superuser, [listener]) is not None
        await change_unheard(superuser, 1, set())
        assert await until_told(superuser, [listener], seconds=1.5) is None
        assert await until_right(superuser, [watcher], seconds=0.1) is None


async def test_without_a_limit_to_silence(database: Database, connect: Connect, tmp_path: Path) -> None:
    """The negative control of the black hole."""
    superuser = await connect("postgres")
    async with (
        Proxy(database) as proxy,
        changed_service(database, tmp_path, NO_HEARTBEAT, **proxy.environ) as service,
        Listener(service) as listener,
    ):
        proxy.black_hole()
        await superuser.fetch(BOOK, DRIVER_1, 1, *slot(12))
        assert await until_told(superuser, [listener], seconds=4) is None
        assert proxy.listened == 1


async def test_silence_in_answer_to_listen(database: Database, connect: Connect, tmp_path: Path) -> None:
    """The feed's own limit holds from the first statement on; the pools' limit, which is longer, is taken away."""
    superuser = await connect("postgres")
    patient = "from service import database; database.STATEMENT_SECONDS = 3600.0"
    async with (
        Proxy(database, first_goes_unheard=True) as proxy,
        changed_service(database, tmp_path, patient, **proxy.environ),
    ):

        async def listens_again() -> bool:
            return proxy.listened > 1

        assert await until(listens_again) is not None
        assert await listening_backends(superuser, 1, set())


# --- writers ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def idle_elsewhere(cluster: Cluster, connect: Connect) -> AsyncIterator[None]:
    """Another database of the cluster, in which somebody has written and does nothing more."""
    with new_database(cluster) as elsewhere:
        idler = await connect("postgres", elsewhere)
        async with idler.transaction():
            await idler.execute("create table notes ()")
            yield
        await idler.close()


@asynccontextmanager
async def psql_gone_to_lunch(database: Database) -> AsyncIterator[None]:
    """A real psql that has booked spot 5 and commits only in the end."""
    psql = await asyncio.create_subprocess_exec(
        *("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "dba", "-d", database.name),
        env={**os.environ, **database.cluster.environ},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert psql.stdin is not None
    assert psql.stdout is not None
    try:
        starts, ends = slot(12)
        psql.stdin.write(f"begin;\nselect spot_id from parking.book({DRIVER_1}, 5, '{starts}', '{ends}');\n".encode())
        assert await asyncio.wait_for(psql.stdout.readline(), LIMIT) == b"5\n"
        yield
        psql.stdin.write(b"commit;\n")
        psql.stdin.write_eof()
        assert await asyncio.wait_for(psql.wait(), LIMIT) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            psql.kill()
        await psql.wait()


async def hold_the_bell(ringer: asyncpg.Connection, superuser: asyncpg.Connection, seconds: int) -> None:
    """Ring as the first of every wave in the coming seconds, but in a transaction that will be rolled back."""
    await ringer.fetch(BOOK, DRIVER_2, 4, *slot(12))
    (bell,) = await superuser.fetch(
        """select classid::bigint::int as key, objid::bigint::int as wave from pg_locks
           where locktype = 'advisory' and pid = $1""",
        ringer.get_server_pid(),
    )
    statement = "select pg_try_advisory_xact_lock($1, $2 + n) from generate_series(1, $3) n"
    await ringer.fetch(statement, bell["key"], bell["wave"], 20 * seconds)


async def change(driver: asyncpg.Connection, spot: int) -> tuple[float, int]:
    """Book it and end that again in one commit; when, and how many events."""
    async with driver.transaction():
        booking = await one_row(driver, BOOK, DRIVER_2, spot, *slot(8))
        await driver.fetch(COMPLETE, DRIVER_2, booking["id"])
    return time.perf_counter(), 2


NEVER = float("inf")


async def delay(driver: asyncpg.Connection, listener: Listener, spot: int, seconds: float = LIMIT) -> float:
    """How long after its commit the change of a spot has been told; NEVER when it has not been."""
    had = len(listener.events)
    committed, number = await change(driver, spot)

    async def told() -> bool:
        return len([event for event in listener.events[had:] if event["spot_id"] == spot]) >= number

    if await until(told, seconds) is None:
        return NEVER
    return max(0.0, max(listener.times.values()) - committed)


@EACH_SERVER
async def test_writers_who_tarry_keep_nobodys_change(
    server: Server, cluster: Cluster, database: Database, connect: Connect
) -> None:
    superuser, ringer, driver = [await connect("postgres") for _ in range(3)]
    async with (
        Service(database, server=server) as service,
        Listener(service) as listener,
        idle_elsewhere(cluster, connect),
    ):
        async with psql_gone_to_lunch(database):
            delays = [await delay(driver, listener, 1 + number % 3) for number in range(30)]
            transaction = ringer.transaction()
            await transaction.start()
            await hold_the_bell(ringer, superuser, 4)
            # Until the feed no longer looks again and again because somebody has not committed.
            await asyncio.sleep(1.2)
            unheard = await delay(driver, listener, 1)
            await change(driver, 2)
            await transaction.rollback()
            assert await until(partial(have, [listener], 64)) is not None
            assert not [event for event in listener.events if event["spot_id"] in (4, 5)]
        assert await until_told(superuser, [listener]) is not None
        assert 5 in {event["spot_id"] for event in listener.events}
        say(f"{server}: told after {ms(statistics.median(delays))}, at most {ms(max(delays))}; unheard {ms(unheard)}")
        await asyncio.sleep(0.3)
        await assert_told_once(superuser, [listener])
        assert statistics.median(delays) < 0.5
        assert max(delays) < 2
        assert unheard < 2
        assert listener.connections == 1


async def have(listeners: list[Listener], number: int) -> bool:
    return all(len(listener.events) >= number for listener in listeners)


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


async def test_the_bell_alone_without_the_poll(database: Database, connect: Connect, tmp_path: Path) -> None:
    """What the poll is for, and what it is not needed for: somebody who does not commit holds one wave's bell only.

    The first half is the negative control of a ringer that rolls back; the last one, of the waves.
    """
    superuser, ringer, driver = [await connect("postgres") for _ in range(3)]
    async with changed_service(database, tmp_path, NO_POLL) as service, Listener(service) as listener:
        async with psql_gone_to_lunch(database):
            await asyncio.sleep(0.06)
            assert await delay(driver, listener, 1) < NEVER
        transaction = ringer.transaction()
        await transaction.start()
        await hold_the_bell(ringer, superuser, 4)
        assert await delay(driver, listener, 2, seconds=1.5) == NEVER
        await transaction.rollback()
        assert await delay(driver, listener, 3) < NEVER, "the next bell tells of it"

        announce = (
            "parking_private.announce(bigint,text,bigint,bigint,bigint,bigint,timestamptz,timestamptz,timestamptz,"
            "timestamptz,timestamptz)"
        )
        await edit_function(superuser, announce, "(c_bell, v_window)", "(c_bell, 0)")
        await superuser.fetch(BOOK, DRIVER_1, 4, *slot(16))
        async with ringer.transaction():
            await ringer.fetch(BOOK, DRIVER_1, 5, *slot(16))
            assert await delay(driver, listener, 1, seconds=1.5) == NEVER


EVENTS_BETWEEN = "parking_private.events_between(integer,pg_snapshot,pg_snapshot)"


async def test_with_a_horizon_an_idle_writer_elsewhere_keeps_everything(
    cluster: Cluster, service: Service, connect: Connect
) -> None:
    """A negative control: read only what is older than every transaction that runs."""
    superuser, driver = await connect("postgres"), await connect("postgres")
    await edit_function(
        superuser,
        EVENTS_BETWEEN,
        "pg_visible_in_snapshot(e.xid, events_between.batch)",
        "e.xid < pg_snapshot_xmin(pg_current_snapshot())",
    )
    async with Listener(service) as listener, idle_elsewhere(cluster, connect):
        assert await delay(driver, listener, 1, seconds=1.5) == NEVER


async def late_commit(listener: Listener, connect: Connect) -> float | None:
    """One books, another books and commits, the first one commits; when everything has been told, if it has."""
    superuser, early, late = await connect("postgres"), await connect(), await connect("postgres")
    async with early.transaction():
        await early.fetch(BOOK, DRIVER_1, 1, *slot(8))
        assert await delay(late, listener, 2) < NEVER
    return await until_told(superuser, [listener], seconds=1.5)


async def test_a_late_commit_is_told(service: Service, connect: Connect) -> None:
    async with Listener(service) as listener:
        assert await late_commit(listener, connect) is not None


async def test_with_an_id_for_a_cursor_a_late_commit_is_lost(service: Service, connect: Connect) -> None:
    """The negative control of the one above, and of the storm's late commits."""
    superuser = await connect("postgres")
    newest = "(select max(o.id) from parking.events o where pg_visible_in_snapshot(o.xid, events_between.before))"
    await edit_function(
        superuser,
        EVENTS_BETWEEN,
        "e.xid >= ( SELECT pg_snapshot_xmax(events_between.before) AS pg_snapshot_xmax)",
        f"e.id > coalesce({newest}, 0)",
    )
    # Nor is anything of what was still running then looked up.
    await edit_function(superuser, EVENTS_BETWEEN, "SELECT pg_snapshot_xip(events_between.before)", "SELECT '0'::xid8")
    async with Listener(service) as listener:
        assert await late_commit(listener, connect) is None


async def test_what_one_reading_tells_is_in_the_order_in_which_it_happened(service: Service, connect: Connect) -> None:
    """A transaction that has a number already books what another one, with a later number, has just ended."""
    early, late, superuser = await connect(), await connect(), await connect("postgres")
    async with Listener(service) as listener:
        booking = await one_row(late, BOOK, DRIVER_2, 1, *slot(12))
        assert await until_told(superuser, [listener]) is not None
        await service.kill()
        async with early.transaction():
            await early.fetch(BOOK, DRIVER_1, 2, *slot(8))
            await late.fetch(COMPLETE, DRIVER_2, booking["id"])
            await early.fetch(BOOK, DRIVER_1, 1, *slot(12))
        await service.start()
        assert await until_told(superuser, [listener]) is not None
        await assert_told_once(superuser, [listener])


# --- readers ---------------------------------------------------------------------------------------------------------

READER = """
import socket, sys
from websockets.sync.client import connect
from websockets.exceptions import ConnectionClosed
client = socket.socket()
client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
client.connect(("127.0.0.1", int(sys.argv[1])))
# Uncompressed, or all of it would fit into the kernel's buffers.
options = {"compression": None, "proxy": None, "ping_interval": None}
with connect(f"ws://127.0.0.1:{sys.argv[1]}{sys.argv[2]}", sock=client, **options) as socket:
    socket.recv()
    print("ready", flush=True)
    number, patience = 0, 2  # the time in which it is stopped counts as one
    while patience:
        try:
            socket.recv(timeout=2)
            number, patience = number + 1, 2
        except TimeoutError:
            patience -= 1
        except ConnectionClosed as end:
            print(number, end.rcvd.code if end.rcvd else "cut")
            break
    else:
        print(number, "open")
"""


def memory(service: Service) -> float:
    """What all processes of the service hold, in MB."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            session = (folder / "stat").read_text().rsplit(")", 1)[1].split()[3]
            if int(session) == service.pid:
                (resident,) = re.findall(r"VmRSS:\s+(\d+) kB", (folder / "status").read_text())
                total += int(resident)
    return total / 1024


AT_ONCE = 500


async def announce(
    services: list[Service], superuser: asyncpg.Connection, listeners: list[Listener], events: int
) -> tuple[float, list[float]]:
    """The median time until all have been told of a commit of five hundred events, and each service's most memory."""
    delays, memories = [], []
    for _ in range(events // AT_ONCE):
        number = len(listeners[0].events) + AT_ONCE
        await superuser.execute(ANNOUNCE_MANY.format(number=AT_ONCE))
        took = await until(partial(have, listeners, number))
        assert took is not None
        delays.append(took)
        memories.append([memory(service) for service in services])
    return statistics.median(delays), [max(of_one) for of_one in zip(*memories, strict=True)]


def largest_buffer() -> int:
    """How many bytes the kernel keeps for somebody who does not read."""
    return int(Path("/proc/sys/net/ipv4/tcp_wmem").read_text().split()[2])


@asynccontextmanager
async def reader(service: Service, path: str = "/ws") -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of its own that reads slowly enough for the kernel not to hide it when it stops."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", READER, str(service.port), path, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), LIMIT) == b"ready\n"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def fate(process: asyncio.subprocess.Process) -> tuple[int, str]:
    """How many events it got in the end, and how its connection ended, in its own words."""
    assert process.stdout is not None
    number, end = (await asyncio.wait_for(process.stdout.readline(), 3 * LIMIT)).decode().split()
    return int(number), end


async def test_a_stopped_reader_costs_nobody_anything(database: Database, connect: Connect, tmp_path: Path) -> None:
    """10,000 events, and then as many as the kernel may hold in its buffers for the one who is stopped.

    The third service is the negative control: for want of a limit everything waits there, however much it is.
    """
    superuser = await connect("postgres")
    more = largest_buffer() // 300 // AT_ONCE * AT_ONCE
    async with AsyncExitStack() as stack:
        services = [await stack.enter_async_context(Service(database, server=server)) for server in SERVERS]
        services.append(await stack.enter_async_context(changed_service(database, tmp_path, NO_LIMIT)))
        listeners = [await stack.enter_async_context(Listener(service)) for service in services]
        before, resting = await announce(services, superuser, listeners, 5_000)
        readers = [await stack.enter_async_context(reader(service)) for service in services]
        for process in readers:
            process.send_signal(signal.SIGSTOP)
        during, most = await announce(services, superuser, listeners, 10_000)
        _, later = await announce(services, superuser, listeners, more)
        for process in readers:
            process.send_signal(signal.SIGCONT)
        fates = await asyncio.gather(*(fate(process) for process in readers))

        say(f"{AT_ONCE} events told to all after {ms(before)}, with a stopped reader after {ms(during)}")
        for at, service in enumerate(services):
            say(f"{service.server}: {resting[at]:.1f} MB, then {most[at]:.1f}, {later[at]:.1f} MB; {fates[at]}")
        for listener in listeners:
            assert len(listener.events) == len(set(listener.ids)) == 15_000 + more
            assert listener.connections == 1
        assert during < 5 * before + 0.2
        for at in range(len(SERVERS)):
            number, end = fates[at]
            assert number < 10_000 + more
            assert end in ("1013", "cut")
            assert max(most[at], later[at]) < resting[at] + 40
        assert fates[-1] == (10_000 + more, "open")


MORE_SPOTS = """
    insert into parking.spots (tenant_id, lot_id, row_id, name, position)
    select 1, 1, 1, 'Spot ' || n, n from generate_series(6, 60) n"""
RENAME = "update parking.spots set name = 'Spot ' || position || ' of round ' || $1::int where lot_id = 1"
SPOIL = "select parking_private.announce(1, 'released', 1, 1, 1, null, $1, $2, now())"


async def test_a_stopped_viewer_costs_nobody_anything(database: Database, connect: Connect, tmp_path: Path) -> None:
    """Every cell of a board changes again and again, for longer than the kernel and two backlogs hold.

    The last service is the negative control: for want of a limit everything waits there, however much it is.
    """
    superuser = await connect("postgres")
    await superuser.execute(MORE_SPOTS)
    path = f"/ws/board?lot=1&date={a_day()}"
    async with AsyncExitStack() as stack:
        services = [await stack.enter_async_context(Service(database, server=server)) for server in SERVERS]
        services.append(await stack.enter_async_context(changed_service(database, tmp_path, NO_LIMIT)))
        watchers = [await stack.enter_async_context(Watcher(service)) for service in services]
        readers = [await stack.enter_async_context(reader(service, path)) for service in services]
        resting = [memory(service) for service in services]
        for process in readers:
            process.send_signal(signal.SIGSTOP)

        async def seen(number: int) -> bool:
            return all(f"of round {number}, " in watcher.latest for watcher in watchers)

        most, delays, sent = resting, list[float](), 0
        while sent < largest_buffer() + 160 * len(watchers[0].latest):
            async with superuser.transaction():
                await superuser.execute(RENAME, len(delays))
                await superuser.fetch(SPOIL, *slot(8))
            took = await until(partial(seen, len(delays)))
            assert took is not None
            delays.append(took)
            sent += len(watchers[0].latest)
            most = [max(pair) for pair in zip(most, map(memory, services), strict=True)]
        for process in readers:
            process.send_signal(signal.SIGCONT)
        fates = await asyncio.gather(*(fate(process) for process in readers))

        say(f"{len(delays)} frames, {sent / 2**20:.0f} MB; told after {ms(statistics.median(delays))}")
        for at, service in enumerate(services):
            say(f"{service.server}: {resting[at]:.1f} MB, then {most[at]:.1f} MB; {fates[at]}")
        assert {watcher.connections for watcher in watchers} == {1}
        assert statistics.median(delays) < 0.5
        for at in range(len(SERVERS)):
            number, end = fates[at]
            assert number < len(delays)
            assert end in ("1013", "cut")
            assert most[at] < resting[at] + 40
        assert fates[-1] == (len(delays), "open")


# --- restarts --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def audience(services: list[Service]) -> AsyncIterator[tuple[list[Listener], list[Watcher], list[Listener]]]:
    """Of each service: API clients, boards of all three kinds, and a client that forgets its cursor."""
    async with AsyncExitStack() as stack:
        listeners, watchers, forgetful = [], list[Watcher](), []
        for service in services:
            listeners += [await stack.enter_async_context(Listener(service)) for _ in range(2)]
            forgetful.append(await stack.enter_async_context(Listener(service, forgetful=True)))
            for person in (None, DRIVER_1, DRIVER_2):
                watchers.append(await stack.enter_async_context(Watcher(service, person)))
        yield listeners, watchers, forgetful


async def book_and_complete(superuser: asyncpg.Connection, hour: int) -> None:
    """Four events and two more cells that are taken, of both drivers."""
    first = await one_row(superuser, BOOK, DRIVER_1, 1, *slot(hour))
    await superuser.fetch(BOOK, DRIVER_2, 2, *slot(hour))
    await superuser.fetch(COMPLETE, DRIVER_1, first["id"])
    await superuser.fetch(BOOK, DRIVER_1, 3, *slot(hour))


async def all_are_right(
    what: str, superuser: asyncpg.Connection, listeners: list[Listener], watchers: list[Watcher]
) -> None:
    told = await until_told(superuser, listeners, seconds=3 * LIMIT)
    right = await until_right(superuser, watchers)
    assert told is not None
    assert right is not None
    say(f"{what}: everything told after {told:.2f} s, boards right {right:.2f} s later")
    await assert_told_once(superuser, listeners)


@EACH_SERVER
async def test_a_killed_service(server: Server, database: Database, connect: Connect) -> None:
    superuser = await connect("postgres")
    async with Service(database, server=server) as service, audience([service]) as (listeners, watchers, forgetful):
        await book_and_complete(superuser, 8)
        await all_are_right(f"{server}, before", superuser, listeners, watchers)
        # What is on its way when it dies, and what happens while it is dead.
        await asyncio.gather(book_and_complete(superuser, 12), service.kill())
        await superuser.fetch(BOOK, DRIVER_2, 4, *slot(8))
        await service.start()
        await superuser.fetch(BOOK, DRIVER_1, 5, *slot(8))
        await all_are_right(f"{server}, restarted", superuser, listeners, watchers)
        assert all(client.connections > 1 for client in (*listeners, *watchers))
        # The negative control: only the cursor brings back what happened meanwhile.
        assert len(forgetful[0].events) < len(listeners[0].events)


async def test_a_restarted_postgresql() -> None:
    options = ("--cron-database", "postgres", "--without-fsync")
    with (
        planted_cluster(*options) as cluster,
        new_database(cluster, template=template_database(cluster)) as database,
    ):
        async with AsyncExitStack() as stack:
            services = [await stack.enter_async_context(Service(database, server=server)) for server in SERVERS]
            listeners, watchers, _ = await stack.enter_async_context(audience(services))
            before = await database.connect("postgres")
            await book_and_complete(before, 8)
            await all_are_right("before", before, listeners, watchers)
            # On its way when it goes down, or not at all.
            stopping = asyncio.create_task(asyncio.to_thread(cluster.stop))
            await book_until_it_ends(before)
            await stopping
            await asyncio.sleep(0.5)
            await asyncio.to_thread(cluster.start, *options)
            after = await database.connect("postgres")
            stack.callback(after.terminate)
            await book_and_complete(after, 12)
            await all_are_right("restarted", after, listeners, watchers)
            say(f"/ws connections {[client.connections for client in listeners]}")
            assert all(watcher.connections == 1 for watcher in watchers), "a board is right without connecting anew"
            assert not [service.server for service in services if "stumbled" in service.output()]


async def book_until_it_ends(connection: asyncpg.Connection) -> None:
    spot = 0
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
        while True:
            spot = spot % 5 + 1
            await change(connection, spot)
