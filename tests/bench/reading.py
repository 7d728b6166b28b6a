"""How long an event takes to the service's reader while the database books as fast as it can."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

import msgspec

from service.database import Database as Pool
from service.feed import Feed
from service.settings import Settings
from tests.bench.load import SECONDS, full_load
from tests.bench.report import Report, milliseconds, percentile
from tests.support import Database

LONGEST = 0.025
PATIENCE = 10.0
SHARES = (0.5, 0.9, 0.99, 1)


class Told(msgspec.Struct):
    """What of an event's frame matters here."""

    id: int
    at: datetime


async def measure(database: Database, book: str, report: Report) -> None:
    """Follow the events with the service's own feed, in this process, and compare their times with the clock."""
    pool = Pool(Settings(database_url=database.url(), jwt_secret="of no use here" * 3))
    await pool.open()
    feed = Feed(pool)
    await feed.start()
    arrivals: list[tuple[float, str]] = []
    try:
        await feed.refresh()
        with feed.following(1) as follower:

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
    p99 = percentile(delays, 0.99)
    report.table(
        "Reading: from the booking's own time, before its commit, to the feed's reader;"
        f" {load.rate:.0f} bookings a second for {2 * SECONDS} s, {len(told)} events, none lost, none twice",
        ("", "median", "p90", "p99", "most", "bar"),
        [
            (
                "until the reader has it",
                *(milliseconds(percentile(delays, share)) for share in SHARES),
                report.judge("reading at full load", p99 * 1000, at_most=LONGEST * 1000),
            ),
            (
                "beside it, the booking's own transaction",
                *(milliseconds(percentile(load.latencies, share)) for share in SHARES),
                "",
            ),
        ],
    )
