"""How long an event takes from its commit to the service's reader while the database books as fast as it can.

The clock of an event runs from the moment that PostgreSQL notes for its commit, which is before the commit is flushed:
what the flush takes is part of the figure, what the booking did before is not.

Beside it stands the floor: how late the answer to an empty statement is that was due at a given moment, asked from the
same process at the same time. Reader and backend have to get their turn on cores on which 32 others always want to run,
and no reader can be quicker than that.
"""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

import asyncpg
import msgspec

from service.__main__ import collect_seldom
from service.database import Database as Pool
from service.feed import Feed
from service.settings import Settings
from tests.bench.load import SECONDS, sessions
from tests.bench.report import Report, milliseconds, percentile, progress
from tests.support import Cluster, Database

LONGEST = 0.025
PATIENCE = 10.0
FLOOR_EVERY = 0.02
LOT = "select min(lot_id) from parking.places where lot = 'Bench'"
COMMITS = """
    select e.id, extract(epoch from pg_xact_commit_timestamp(e.xid::xid)) from parking.events e where e.id >= {first}"""
SHARES = (0.5, 0.9, 0.99, 1)


class Told(msgspec.Struct):
    """What of an event's frame matters here."""

    id: int


class Reading(NamedTuple):
    """Seconds: from each commit to the reader, of each empty statement from when it was due, of each booking."""

    where: str
    rate: float
    delays: list[float]
    floor: list[float]
    latencies: list[float]


def remember_commits(cluster: Cluster) -> None:
    """Have PostgreSQL note the moment of each commit, after a restart."""
    cluster.psql("alter system set track_commit_timestamp = on")


async def measure(database: Database, book: str, where: str) -> Reading:
    """Follow the events with the service's own feed, in this process, and compare the clock with their commits."""
    collect_seldom()  # as the service does
    pool = Pool(Settings(database_url=database.url(), jwt_secret="of no use here" * 3))
    await pool.open()
    empty = await database.connect()
    feed = Feed(pool)
    await feed.start()
    arrivals: list[tuple[float, str]] = []
    try:
        await feed.refresh()
        with feed.following(int(database.psql(LOT))) as follower:

            async def read() -> None:
                while True:
                    frame = await follower.outbox.get()
                    arrivals.append((time.time(), frame))

            floor: list[tuple[float, float]] = []
            tasks = [asyncio.create_task(read()), asyncio.create_task(ask_nothing(empty, floor))]
            async with sessions(database, book) as load:
                await load.turn(2 * SECONDS)
            async with asyncio.timeout(PATIENCE):
                while len(arrivals) < load.transactions:
                    assert not follower.outbox.closed.done(), "the reader was too slow and has been let go"
                    await asyncio.sleep(0.05)
            for task in tasks:
                task.cancel()
    finally:
        await feed.stop()
        await pool.close()
        empty.terminate()

    told = [(moment, msgspec.json.decode(frame, type=Told).id) for moment, frame in arrivals]
    first = min(event for _, event in told)
    assert len({event for _, event in told}) == len(told) == load.transactions, "each booking comes once"
    lines = (line.split("|") for line in database.psql(COMMITS.format(first=first)).splitlines())
    commits = {int(event): float(moment) for event, moment in lines}
    # As with the rate: neither sessions that warm up nor those that end are what is measured.
    (turn,) = load.turns
    delays = [moment - commits[event] for moment, event in told if turn.began < commits[event] < turn.ended]
    empties = [late for due, late in floor if turn.began < due < turn.ended]
    progress(
        f"reading, {where}: p99 {milliseconds(percentile(delays, 0.99))}, an empty statement's"
        f" {milliseconds(percentile(empties, 0.99))}"
    )
    return Reading(where, turn.rate, delays, empties, turn.latencies)


async def ask_nothing(connection: asyncpg.Connection, floor: list[tuple[float, float]]) -> None:
    """Ask for 1 whenever it is due, until cancelled; when each was due, and how late the answer was."""
    due = time.time()
    while True:
        due = max(due + FLOOR_EVERY, time.time())
        await asyncio.sleep(due - time.time())
        await connection.fetchval("select 1")
        floor.append((due, time.time() - due))


def tell(readings: list[Reading], report: Report) -> None:
    """Print the table; the first of the readings is the one that is judged."""
    rows = []
    for reading in readings:
        bar = ""
        if reading is readings[0]:
            p99 = percentile(reading.delays, 0.99)
            bar = report.judge("reading at full load", p99 * 1000, at_most=LONGEST * 1000, unit="ms")
        for name, seconds, judgement in (
            (f"from the commit to the reader, {reading.where}", reading.delays, bar),
            ("… the floor: an empty statement, from when it was due", reading.floor, ""),
            ("… beside it, the booking's own transaction", reading.latencies, ""),
        ):
            shares = (milliseconds(percentile(seconds, share)) for share in SHARES)
            rows.append((name, f"{reading.rate:.0f}", str(len(seconds)), *shares, judgement))
    report.table(
        f"Reading: from the commit of a booking to the feed's reader, at full load for {2 * SECONDS} s; no event lost,"
        " none twice. Judged as a database is run, on the disk; in memory only the cores hold the bookings back",
        ("", "bookings a second", "number", "median", "p90", "p99", "most", "bar"),
        rows,
    )
