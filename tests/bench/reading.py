"""How long an event takes to the service's reader while the database books as fast as it can.

An event's time is taken before the commit, which waits for the disk, together with all commits that wait for the same
flush. So the bar is judged on a cluster whose data lie in memory, with fsync on as ever; what the disk adds stands
beside it.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import NamedTuple

import msgspec

from service.database import Database as Pool
from service.feed import Feed
from service.settings import Settings
from tests.bench.load import SECONDS, full_load
from tests.bench.report import Report, milliseconds, percentile, progress
from tests.support import Database

LONGEST = 0.025
PATIENCE = 10.0
LOT = "select min(lot_id) from parking.places where lot = 'Bench'"
SHARES = (0.5, 0.9, 0.99, 1)


class Told(msgspec.Struct):
    """What of an event's frame matters here."""

    id: int
    at: datetime


class Reading(NamedTuple):
    """Seconds from each booking's own time to the reader, and each booking's whole transaction."""

    where: str
    rate: float
    delays: list[float]
    latencies: list[float]


async def measure(database: Database, book: str, where: str) -> Reading:
    """Follow the events with the service's own feed, in this process, and compare their times with the clock."""
    pool = Pool(Settings(database_url=database.url(), jwt_secret="of no use here" * 3))
    await pool.open()
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

            reader = asyncio.create_task(read())
            load = await full_load(database, book, 2 * SECONDS)
            async with asyncio.timeout(PATIENCE):
                while len(arrivals) < load.transactions:
                    assert not follower.outbox.closed.done(), "the reader was too slow and has been let go"
                    await asyncio.sleep(0.05)
            reader.cancel()
    finally:
        await feed.stop()
        await pool.close()

    told = [(moment, msgspec.json.decode(frame, type=Told)) for moment, frame in arrivals]
    assert len({event.id for _, event in told}) == len(told) == load.transactions, "each booking comes once"
    delays = [moment - event.at.timestamp() for moment, event in told]
    progress(f"reading, {where}: p99 {milliseconds(percentile(delays, 0.99))}")
    return Reading(where, load.rate, delays, load.latencies)


def tell(readings: list[Reading], report: Report) -> None:
    """Print the table; the last of the readings is the one that is judged."""
    rows = []
    for reading in readings:
        bar = ""
        if reading is readings[-1]:
            p99 = percentile(reading.delays, 0.99)
            bar = report.judge("reading at full load", p99 * 1000, at_most=LONGEST * 1000, unit="ms")
        for name, seconds, judgement in (
            (f"until the reader has it, {reading.where}", reading.delays, bar),
            ("… beside it, the booking's own transaction", reading.latencies, ""),
        ):
            shares = (milliseconds(percentile(seconds, share)) for share in SHARES)
            rows.append((name, f"{reading.rate:.0f}", str(len(reading.delays)), *shares, judgement))
    report.table(
        f"Reading: from the booking's own time, before its commit, to the feed's reader, at full load for"
        f" {2 * SECONDS} s; no event lost, none twice. The bar is for the feed, so it is judged without the disk",
        ("", "bookings a second", "events", "median", "p90", "p99", "most", "bar"),
        rows,
    )
