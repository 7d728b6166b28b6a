"""The stale checker with a hundred thousand bookings that lapsed at once, while drivers go on booking.

As after a night on which pg_cron was away, which it is here: a sweep of its own would leave nothing to the one that is
measured, or keep it from beginning. The drivers come at a steady rate, whether or not the one before has been
served, so that a wait counts for everybody who stood behind it.
"""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

from tests.bench.load import pgbench
from tests.bench.report import Report, milliseconds, percentile, progress
from tests.support import Database
from tests.support.database import unschedule

LAPSED = 100_000
SPOTS = 20_000
RATE = 100
CLIENTS = 16
BEFORE, AFTER = 5, 5  # seconds for which they book without a sweep
SECONDS_AT_MOST = 10.0
P99_AT_MOST = 100.0
ROUNDS = 3
# Twice as many bookings as there are before the sweep begins, each on another spot.
MOST_FOUND_BY_DRIVERS = 2 * BEFORE * RATE * LAPSED // SPOTS

CITY = f"""
    create sequence bench.driver cache 100;
    grant usage on sequence bench.driver to parking_service;
    insert into parking.spots (tenant_id, lot_id, row_id, name, position)
    select 1, 1, 1, 'Night ' || n, 100000 + n from generate_series(1, {SPOTS}) n"""
LAPSE = f"""
    insert into parking.reservations (tenant_id, lot_id, spot_id, person_id, starts, ends, booked_at)
    select 1, 1, {{first}} + n % {SPOTS}, 1, c.now - interval '1 hour' * (n / {SPOTS} + 2) - interval '2 minutes',
           c.now - interval '1 hour' * (n / {SPOTS} + 1) - interval '2 minutes', c.now - interval '1 day'
    from generate_series(0, {LAPSED - 1}) n, (select parking.clock() as now) c;
    analyze parking.reservations"""
# Any spot, those with lapsed bookings included, and an hour of it that nobody has.
BOOK = f"""
    select b.id from nextval('bench.driver') t,
    parking.book(1, {{first}} + (t * 7919) % {SPOTS},
        date_trunc('hour', current_timestamp) + interval '1 hour' * (t / {SPOTS} + 1),
        date_trunc('hour', current_timestamp) + interval '1 hour' * (t / {SPOTS} + 2)) b"""
OVERDUE = """
    select count(*) from parking.reservations
    where status = 'active' and ends <= parking.clock() - interval '1 minute'"""


class Night(NamedTuple):
    """Seconds that the sweep took; of the bookings, seconds from when each was due to its answer."""

    seconds: float
    meanwhile: list[float]
    otherwise: list[float]


async def measure(database: Database, report: Report) -> None:
    """Print the table of the sweep."""
    database.psql(CITY)
    unschedule(database)
    first = int(database.psql("select min(spot_id) from parking.places where spot like 'Night %'"))
    nights = []
    for number in range(ROUNDS):
        database.psql(LAPSE.format(first=first))
        database.psql("checkpoint")
        nights.append(await night(database, BOOK.format(first=first)))
        assert database.psql(OVERDUE) == "0"
        progress(f"sweep, round {number + 1} of {ROUNDS}: {nights[-1].seconds:.1f} s")
    seconds = [each.seconds for each in nights]
    meanwhile = [took for each in nights for took in each.meanwhile]
    otherwise = [took for each in nights for took in each.otherwise]
    report.table(
        f"Sweep: {LAPSED:,} lapsed bookings at once, {RATE} bookings a second meanwhile; {ROUNDS} rounds",
        ("", "median", "p99 or worst", "bar"),
        [
            (
                "call parking.sweep()",
                f"{percentile(seconds, 0.5):.1f} s",
                f"{max(seconds):.1f} s",
                report.judge("sweep of 100,000, worst", max(seconds), at_most=SECONDS_AT_MOST, unit="s"),
            ),
            (
                f"{len(meanwhile)} bookings meanwhile",
                milliseconds(percentile(meanwhile, 0.5)),
                milliseconds(percentile(meanwhile, 0.99)),
                report.judge(
                    "booking during a sweep, p99", percentile(meanwhile, 0.99) * 1000, at_most=P99_AT_MOST, unit="ms"
                ),
            ),
            (
                f"{len(otherwise)} bookings before and after",
                milliseconds(percentile(otherwise, 0.5)),
                milliseconds(percentile(otherwise, 0.99)),
                "",
            ),
        ],
    )


async def night(database: Database, book: str) -> Night:
    """Drivers from some seconds before the sweep until some seconds after it."""
    async with pgbench(database, book, "-c", str(CLIENTS), "-R", str(RATE)) as drivers:
        await asyncio.sleep(BEFORE)
        # A driver who books a spot releases what is overdue there.
        found = int(await asyncio.to_thread(database.psql, OVERDUE))
        assert found > LAPSED - MOST_FOUND_BY_DRIVERS, f"{found} were left for the sweep"
        begun = time.time()
        await asyncio.to_thread(database.psql, "call parking.sweep()", role="parking_dba")
        ended = time.time()
        left = int(await asyncio.to_thread(database.psql, OVERDUE))
        # Those that a driver had locked, who released them instead.
        assert left <= CLIENTS * LAPSED / SPOTS, f"the sweep has left {left} of {found}"
        await asyncio.sleep(AFTER)
        done = await drivers.finish()
    meanwhile: list[float] = []
    otherwise: list[float] = []
    # Of a steady rate pgbench counts from when each was due.
    for _, _, microseconds, _, at, fraction, _ in done:
        during = begun <= at + fraction / 1e6 and at + fraction / 1e6 - microseconds / 1e6 <= ended
        (meanwhile if during else otherwise).append(microseconds / 1e6)
    assert meanwhile, "nobody booked while the sweep ran"
    return Night(ended - begun, meanwhile, otherwise)
