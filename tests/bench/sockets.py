"""The service with very many sockets open: how late a booking reaches the last of them, and what they cost.

The clients live in one process of their own (crowd.py), on the same machine. Beside each figure of the live feed stands
the floor: an empty broadcast of as many bytes to as many clients of the same server (floor.py).
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from asyncpg import Connection

from service.boards import WINDOW_SECONDS
from tests.bench.floor import PER_SECOND
from tests.bench.load import SECONDS
from tests.bench.report import Report, milliseconds, percentile, progress
from tests.support import ROOT, Database, Service, free_port

CROWD = 1000
RUSH = 2000
SPOTS = 50
SLOTS = (8, 12, 16)
ZONE = ZoneInfo("Europe/Berlin")
TODAY = datetime.now(ZONE).date()

MEDIAN_AT_MOST = 60.0
P99_AT_MOST = 120.0
P99_BESIDE_A_FORGOTTEN_SESSION_AT_MOST = 100.0
MEGABYTES_AT_MOST = 150.0
SECONDS_AT_MOST = 30.0

DRIVER = 1
SETTLE_SECONDS = 1.0
# Sessions that have nothing to do report what they called after ten seconds.
STATISTICS_SECONDS = 11.0
LONGEST_LINE = 1 << 26

# The demo's large lot makes way, so that the spots of the first one are 1 to 50 by number as well as by name.
MORE_SPOTS = f"""
    delete from parking.spots where lot_id <> 1;
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value
    select 1, 1, 1, n, 'Spot ' || n, n from generate_series(6, {SPOTS}) n"""
CELL = re.compile(r'id="cell-(\d+)-(\d+)"')
BOOK = "select b.booked_at from parking.book($1, $2, $3, $4) b"


class Delays(NamedTuple):
    """Seconds to the last of the clients: from each commit, and from before it; and the bytes of a frame."""

    seconds: list[float]
    with_commit: list[float]
    size: int

    def row(self, name: str, *judgements: str) -> tuple[str, ...]:
        """The figures as cells of a table."""
        shares = (milliseconds(percentile(self.seconds, share)) for share in (0.5, 0.99, 1))
        before = milliseconds(percentile(self.with_commit, 0.5)) if self.with_commit else ""
        return name, *shares, before, str(self.size), *judgements


class Crowd:
    """The clients' process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, do: str, **details: object) -> Any:  # noqa: ANN401 (JSON)
        """Give an order and wait for the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **details}).encode() + b"\n")
        line = await self._process.stdout.readline()
        assert line, "the clients' process has ended"
        return json.loads(line)

    async def open(self, port: int, path: str, clients: int) -> list[float]:
        """Leave, and open so many at once; the seconds after which each had its first frame."""
        answer = await self.ask("open", port=port, path=path, clients=clients)
        progress(f"{answer['served']} clients of {path}: {answer['refused']} refusals, {answer['bytes']} bytes")
        assert answer["served"] == clients, answer["served"]
        seconds: list[float] = answer["seconds"]
        return seconds

    async def all_still_there(self, clients: int) -> None:
        """Nobody has been let go."""
        assert await self.ask("count") == {"open": clients, "lost": 0}


@asynccontextmanager
async def a_crowd() -> AsyncIterator[Crowd]:
    """The clients, gone afterwards."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.crowd"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
    )
    try:
        yield Crowd(process)
    finally:
        process.kill()
        await process.wait()


async def measure(database: Database, report: Report) -> None:
    """Print the tables of the live feed and of the sockets' cost."""
    database.psql(MORE_SPOTS)
    database.psql("vacuum analyze")
    database.psql(f"alter database {database.name} set track_functions = 'pl'")
    async with a_crowd() as crowd:
        await measure_delays(database, crowd, report)
        await measure_memory(database, crowd, report)
        await measure_rush(database, crowd, report)


# --- How late ---------------------------------------------------------------------------------------------------------


async def measure_delays(database: Database, crowd: Crowd, report: Report) -> None:
    """From a booking to the last client, over both kinds of sockets, and the floor of each."""
    paths = {f"/ws/board of {SPOTS} spots": "/ws/board?date={day}", "/ws": "/ws"}
    rows = []
    async with Service(database) as service:
        driver, forgotten = await database.connect(), await database.connect("parking_dba")
        try:
            for number, (name, path) in enumerate(paths.items()):
                delays = await live(service, crowd, driver, path, days_ahead=2 + number)
                median, p99 = (percentile(delays.seconds, share) * 1000 for share in (0.5, 0.99))
                rows.append(
                    delays.row(
                        name,
                        report.judge(f"{name}, median", median, at_most=MEDIAN_AT_MOST, unit="ms"),
                        report.judge(f"{name}, p99", p99, at_most=P99_AT_MOST, unit="ms"),
                    )
                )
                rows.append((await floor(crowd, delays.size)).row("… the floor", "", ""))

            # Whoever rings and goes to lunch holds the bell of that moment only, and an unfinished transaction.
            async with forgotten.transaction():
                await forgotten.fetch(BOOK, DRIVER, SPOTS, *slot(0, 6))
                delays = await live(service, crowd, driver, paths[next(iter(paths))], days_ahead=5)
                assert not forgotten.is_closed()
            p99 = percentile(delays.seconds, 0.99) * 1000
            name = "beside a session that has booked and not committed"
            rows.append(
                delays.row(
                    f"/ws/board {name}",
                    "",
                    report.judge(name, p99, at_most=P99_BESIDE_A_FORGOTTEN_SESSION_AT_MOST, unit="ms"),
                )
            )
        finally:
            await driver.close()
            forgotten.terminate()
    report.table(
        f"Live: {CROWD} sockets, {PER_SECOND} bookings a second; from the commit to the last of the sockets",
        ("sockets", "median", "p99", "most", "median with the commit", "bytes", "median's bar", "p99's bar"),
        rows,
    )


def slot(index: int, days_ahead: int) -> tuple[datetime, datetime]:
    """The slot of this number on a day from today, by the lot's wall clock."""
    day = TODAY + timedelta(days=days_ahead)
    starts = datetime(day.year, day.month, day.day, SLOTS[index % len(SLOTS)], tzinfo=ZONE).astimezone(UTC)
    return starts, starts + timedelta(hours=4)


async def live(service: Service, crowd: Crowd, driver: Connection, path: str, days_ahead: int) -> Delays:
    """Book the cells of a day's board one after the other while everybody watches it."""
    await crowd.open(service.port, path.format(day=TODAY + timedelta(days=days_ahead)), CROWD)
    await asyncio.sleep(SETTLE_SECONDS)
    await crowd.ask("heard")
    loop = asyncio.get_running_loop()
    began = loop.time()
    bookings: dict[tuple[int, int], tuple[float, float]] = {}
    for number in range(min(SPOTS * len(SLOTS), 5 * SECONDS * PER_SECOND // 2)):
        await asyncio.sleep(began + number / PER_SECOND - loop.time())
        spot, (starts, ends) = 1 + number // len(SLOTS), slot(number, days_ahead)
        booked_at = await driver.fetchval(BOOK, DRIVER, spot, starts, ends)
        # A commit waits for the disk, which is not the feed's time; it is over when the driver has the answer.
        bookings[spot, int(starts.timestamp())] = booked_at.timestamp(), time.time()
    await asyncio.sleep(SETTLE_SECONDS)

    heard = {
        cell: (last, clients, len(text)) for text, clients, _, last in await crowd.ask("heard") for cell in cells(text)
    }
    assert {clients for _, clients, _ in heard.values()} == {CROWD}, "everybody hears of every booking once"
    assert heard.keys() == bookings.keys()
    return Delays(
        [last - bookings[cell][1] for cell, (last, _, _) in heard.items()],
        [last - bookings[cell][0] for cell, (last, _, _) in heard.items()],
        max(size for _, _, size in heard.values()),
    )


def cells(text: str) -> list[tuple[int, int]]:
    """The cells that a frame is about, as spot and start."""
    if text.startswith("{"):
        event = json.loads(text)
        if "spot_id" not in event:
            return []
        return [(event["spot_id"], int(datetime.fromisoformat(event["start_time"]).timestamp()))]
    return [(int(spot), int(starts)) for spot, starts in CELL.findall(text)]


@asynccontextmanager
async def empty_server(crowd: Crowd, size: int) -> AsyncIterator[tuple[int, int]]:
    """The floor's server: its port and its process."""
    port = free_port()
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.floor", str(port), str(size)), cwd=ROOT
    )
    try:
        await crowd.open(port, "/", 1)  # which it does as soon as the server is there
        yield port, server.pid
    finally:
        server.kill()
        await server.wait()


async def floor(crowd: Crowd, size: int) -> Delays:
    """The same without a database, a board and a framework."""
    async with empty_server(crowd, size) as (port, _):
        await crowd.open(port, "/", CROWD)
        await asyncio.sleep(SETTLE_SECONDS)
        await crowd.ask("heard")
        await asyncio.sleep(2 * SECONDS)
        heard = await crowd.ask("heard")
    # The frame of this very moment has not reached everybody.
    return Delays([last - float(text.split()[0]) for text, clients, _, last in heard if clients == CROWD], [], size)


# --- What they cost ---------------------------------------------------------------------------------------------------


async def measure_memory(database: Database, crowd: Crowd, report: Report) -> None:
    """The service's resident memory before and with the crowd, and an empty server's."""
    rows = []
    for path in ("/ws/board", "/ws"):
        async with Service(database) as service:
            before, after = await memory(crowd, service.port, service.pid, path)
        bar = report.judge(f"memory of {path}", after - before, at_most=MEGABYTES_AT_MOST, unit="MB")
        rows.append((path, f"{after - before:.1f}", f"{before:.1f}", f"{after:.1f}", bar))
    async with empty_server(crowd, 1) as (port, pid):
        before, after = await memory(crowd, port, pid, "/")
    rows.append(
        ("the floor: uvicorn with an empty application", f"{after - before:.1f}", f"{before:.1f}", f"{after:.1f}", "")
    )
    report.table(
        f"Memory: {CROWD} idle sockets, MB resident in the server",
        ("sockets", "more", "before", "with them", "bar"),
        rows,
    )


async def memory(crowd: Crowd, port: int, pid: int, path: str) -> tuple[float, float]:
    """Megabytes before and with the crowd."""
    # What the first sockets bring about, such as connections to the database, is not theirs.
    await crowd.open(port, path, 10)
    await asyncio.sleep(SETTLE_SECONDS)
    before = megabytes(pid)
    await crowd.open(port, path, CROWD)
    await asyncio.sleep(SETTLE_SECONDS)
    await crowd.all_still_there(CROWD)
    return before, megabytes(pid)


def megabytes(pid: int) -> float:
    """Of a process, resident."""
    found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return int(found[1]) / 1024


async def measure_rush(database: Database, crowd: Crowd, report: Report) -> None:
    """All come back at once: after the service was gone, and while it still has to clean up behind them."""
    rows = []
    for name, restarts in (("the service is killed and starts again", True), ("all connections break", False)):
        async with Service(database) as service:
            await crowd.open(service.port, "/ws/board", RUSH)
            if restarts:
                await service.kill()
                await service.start()
            else:
                await asyncio.sleep(STATISTICS_SECONDS)
            before = board_reads(database)
            seconds = await crowd.open(service.port, "/ws/board", RUSH)
            await asyncio.sleep(SETTLE_SECONDS)
            await crowd.all_still_there(RUSH)
        reads = board_reads(database) - before
        last = seconds[-1]
        allowed = 1 + int(last / WINDOW_SECONDS)
        rows.append(
            (
                name,
                f"{percentile(seconds, 0.5):.2f} s",
                f"{last:.2f} s",
                str(reads),
                report.judge(f"time until all are served when {name}", last, at_most=SECONDS_AT_MOST, unit="s"),
                report.judge(f"board reads when {name}", reads, at_most=allowed, unit="reads"),
            )
        )
    report.table(
        f"Rush: {RUSH} clients of one board of {SPOTS} spots come back at once; until each has the whole board",
        ("", "median", "last", "board reads", "seconds", "reads, one a window"),
        rows,
    )


def board_reads(database: Database) -> int:
    """How often parking.watch_section has been called so far. A session reports some seconds later, or when it ends."""
    calls = "select coalesce(sum(calls), 0) from pg_stat_user_functions where funcname = 'watch_section'"
    return int(database.psql(calls))
