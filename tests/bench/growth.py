"""`make bench-growth`: does a booking, a board or a search take longer when there is a long history behind it?

One city is filled up to each of the sizes and copied, so that the databases differ only in how much lies in the past.
Then each is asked the same questions in turns, and what is compared are neighbours in time. The filling takes its time
(an hour or so for 10 million) and may be interrupted: started again it goes on where it was. The cluster `growth`
stays, stopped; `db/cluster --name growth reset` removes it. GROWTH_SIZES are the numbers of reservations, from the
smallest on.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import asyncpg

from tests.bench import city
from tests.bench.report import Report, milliseconds, percentile, progress
from tests.support import ROOT, Cluster, Database

SIZES = [int(size) for size in os.environ.get("GROWTH_SIZES", "10000,1000000,10000000").split(",")]
ROUNDS = int(os.environ.get("GROWTH_ROUNDS", "9"))
OUT = Path(os.environ.get("BENCH_OUT") or ROOT / ".data" / "bench-growth.md")
MOST = 1.5
OVERDUE = 1000

# Whom and what the questions are about.
PLACES = """
    create table if not exists bench.places as
    select (select l.lot from bench.lots l order by l.share desc limit 1) as largest,
           (select l.lot from bench.lots l order by l.share
            offset (select count(*) / 2 from bench.lots) limit 1) as typical,
           (select d.person from bench.drivers d
            where d.number = (select count(*) / 2 from bench.drivers)) as now_and_then,
           (select r.person_id from parking.reservations r
            group by r.person_id order by count(*) desc limit 1) as regular,
           (date_trunc('day', c.now at time zone 'Europe/Berlin') + interval '1 day 8 hours')
               at time zone 'Europe/Berlin' as morning
    from bench.city c;
    create sequence if not exists bench.turn"""
# Another spot each time, far from the last one, and an hour of it that nobody has.
BOOKINGS = """
    with city as materialized (
        select min(l.first_spot) as first_spot, sum(l.spots) as spots, (select count(*) from bench.drivers) as drivers
        from bench.lots l
    )
    select d.person, c.first_spot + (t * 15485863) % c.spots, h.starts, h.starts + interval '1 hour'
    from city c
    cross join lateral (select nextval('bench.turn') as t from generate_series(1, $1)) t
    join bench.drivers d on d.number = 1 + (t * 7919) % c.drivers
    cross join lateral (
        select p.morning + interval '192 hours' + interval '1 hour' * (t / c.spots)::integer as starts
        from bench.places p
    ) h"""
BOOK = "select id from parking.book($1, $2, $3, $4)"
BOARD = "select count(*) from parking.board($1, ($2::timestamptz at time zone 'Europe/Berlin')::date)"
FREE = "select count(*) from parking.free_spots($2::timestamptz, $2::timestamptz + interval '4 hours', $1)"
MINE = "select count(*) from parking.list_reservations($1)"
STATS = "select total_reservations from parking.stats($1)"
LATE = f"""
    insert into parking.reservations (tenant_id, lot_id, spot_id, person_id, starts, ends, booked_at)
    select s.tenant_id, s.lot_id, s.id, d.person, c.now - interval '3 hours', c.now - interval '2 hours',
           c.now - interval '4 hours'
    from bench.city c
    join parking.spots s on s.tenant_id = c.tenant
    join bench.lots l on l.lot = s.lot_id
    cross join (select person from bench.drivers where number = 1) d
    where s.id % 50 = 0 and not exists (
        select from parking.reservations r where r.tenant_id = s.tenant_id and r.spot_id = s.id and r.status = 'active')
    limit {OVERDUE}"""


class Asked(NamedTuple):
    """A statement, about whom or what (a column of bench.places), how often in a turn, and whether it has a bar."""

    statement: str
    about: str
    times: int
    judged: bool


ASKED = {
    "booking": Asked(BOOK, "", 150, judged=True),
    "booking, not waiting for the disk": Asked(BOOK, "", 150, judged=True),
    "board of a typical lot": Asked(BOARD, "typical", 20, judged=True),
    "board of the largest lot": Asked(BOARD, "largest", 20, judged=True),
    "free spots of a typical lot": Asked(FREE, "typical", 20, judged=True),
    "free spots of the largest lot": Asked(FREE, "largest", 20, judged=True),
    "my bookings": Asked(MINE, "now_and_then", 20, judged=False),
    "my bookings, a regular's": Asked(MINE, "regular", 20, judged=False),
    "stats of a typical lot": Asked(STATS, "typical", 5, judged=False),
    "stats of the largest lot": Asked(STATS, "largest", 3, judged=False),
}
SWEEP = f"stale checker, {OVERDUE:,} lapsed"
WITHOUT_DISK = "not waiting for the disk"


def grow(cluster: Cluster, sizes: list[int], size: city.Size) -> list[Database]:
    """The city at each of these sizes; what is there already stays."""
    growing = Database(cluster, "city")
    databases = [Database(cluster, f"city_{total}") for total in sizes]
    there = set(cluster.psql("select datname from pg_database").split())
    if growing.name not in there:
        cluster.psql(f"create database {growing.name}")
    # Nobody waits for these commits; a day that is lost is made again.
    cluster.psql(f"alter database {growing.name} set synchronous_commit = off")
    city.found(growing, size)
    for total, copy in zip(sizes, databases, strict=True):
        if copy.name in there:
            continue
        if city.filled(growing) > total:
            raise SystemExit("the city has outgrown this size; db/cluster --name growth reset, and begin anew")
        city.fill(growing, size, total)
        city.patiently(growing, "checkpoint")
        copying = f"create database {copy.name} template {growing.name} strategy file_copy"
        city.patiently(Database(cluster, "postgres"), copying)
    return databases


async def measure(databases: list[Database], report: Report) -> None:
    """Ask in turns; every other round goes backwards, so that a drift of the machine cancels out."""
    seconds: dict[str, list[list[float]]] = {name: [[] for _ in databases] for name in (*ASKED, SWEEP)}
    everything: dict[str, list[list[float]]] = {name: [[] for _ in databases] for name in (*ASKED, SWEEP)}
    for database in databases:
        city.set_clock(database)
        city.patiently(database, PLACES)
        # What lies in the past has been counted, as it is where there was a present before.
        for _ in range(3):
            city.patiently(database, "select parking.tally_reservations()")
    # What takes too long is to be told, not cut off.
    waiting = [await database.connect(statement_timeout="0") for database in databases]
    hasty = [await database.connect(statement_timeout="0", synchronous_commit="off") for database in databases]
    try:
        for number in range(-1, ROUNDS):
            for name, asked in ASKED.items():
                connections = hasty if WITHOUT_DISK in name else waiting
                for place in in_turn(databases, number):
                    took = [
                        await timed(connections[place], asked.statement, *about)
                        for about in await arguments(databases[place], asked)
                    ]
                    if number >= 0:  # the first round only fills the caches
                        seconds[name][place].append(median(took))
                        everything[name][place] += took
            for place in in_turn(databases, number):
                took = [await asyncio.to_thread(sweep, databases[place])]
                if number >= 0:
                    seconds[SWEEP][place] += took
                    everything[SWEEP][place] += took
            progress(f"round {number + 1} of {ROUNDS}")
    finally:
        for connection in (*waiting, *hasty):
            connection.terminate()
    tell(databases, seconds, everything, report)


def in_turn(databases: list[Database], number: int) -> list[int]:
    """Forwards and backwards."""
    return list(range(len(databases)))[:: 1 if number % 2 == 0 else -1]


async def arguments(database: Database, asked: Asked) -> list[Sequence[object]]:
    """Of each of a turn's calls."""
    looking = await database.connect("postgres")
    try:
        if asked.statement == BOOK:
            return [tuple(row) for row in await looking.fetch(BOOKINGS, asked.times)]
        ((about, morning),) = await looking.fetch(f"select {asked.about}, morning from bench.places")
        return [(about, morning) if "$2" in asked.statement else (about,)] * asked.times
    finally:
        await looking.close()


async def timed(connection: asyncpg.Connection, statement: str, *about: object) -> float:
    """Seconds until the answer is there; asyncpg prepares what it has been asked before."""
    begun = time.perf_counter()
    answer = await connection.fetchval(statement, *about)
    took = time.perf_counter() - begun
    assert answer is not None
    return took


def sweep(database: Database) -> float:
    """Let so many bookings lapse, and release them."""
    database.psql(LATE)
    begun = time.perf_counter()
    database.psql("call parking.sweep()", role="parking_dba")
    took = time.perf_counter() - begun
    left = database.psql(
        "select count(*) from parking.reservations where status = 'active' and ends <= parking.clock()"
    )
    assert left == "0", left
    return took


def tell(
    databases: list[Database],
    seconds: dict[str, list[list[float]]],
    everything: dict[str, list[list[float]]],
    report: Report,
) -> None:
    """Each against the smallest, then the times themselves."""
    names = [f"{int(database.name.removeprefix('city_')):,}" for database in databases]
    rows = []
    for name, turns in seconds.items():
        cells = []
        for place in range(1, len(databases)):
            shares = [large / small for large, small in zip(turns[place], turns[0], strict=True)]
            low, middle, high = quantiles(shares, n=4)
            cells += [f"{middle:.2f}", f"{low:.2f}–{high:.2f}"]
            if place == len(databases) - 1:
                judged = name in ASKED and ASKED[name].judged
                cells.append(report.judge(f"{name}, {names[-1]} / {names[0]}", middle, at_most=MOST) if judged else "")
        rows.append((name, *cells))
    head = [cell for name in names[1:] for cell in (f"{name} / {names[0]}", "middle half")]
    report.table(
        f"Growth: how much longer it takes with more behind it; {ROUNDS} rounds in turns, medians",
        ("", *head, "bar"),
        rows,
    )
    report.table(
        "The same in milliseconds, median and p99",
        ("reservations", *(cell for name in names for cell in (name, "p99"))),
        [
            (
                name,
                *(
                    cell
                    for took in turns
                    for cell in (milliseconds(median(took)), milliseconds(percentile(took, 0.99)))
                ),
            )
            for name, turns in everything.items()
        ],
    )
    sizes = [
        database.psql("select pg_size_pretty(pg_database_size(current_database()))").replace("bytes", "B")
        for database in databases
    ]
    report.note(
        "The databases: "
        + ", ".join(f"{name} reservations {size}" for name, size in zip(names, sizes, strict=True))
        + f"; {databases[-1].psql('select sum(spots) from bench.lots')} spots in"
        f" {databases[-1].psql('select count(*) from bench.lots')} lots,"
        f" {databases[-1].psql('select count(*) from parking.events')} events in the largest."
    )


def main() -> int:
    """The exit status: 1 when a bar is missed."""
    cluster = Cluster("growth")
    cluster.start("--cron-database", "postgres", "--without-cron")
    try:
        cluster.psql("alter system set max_wal_size = '4GB'")
        cluster.psql("alter system set checkpoint_timeout = '15min'")
        cluster.psql("select pg_reload_conf()")
        databases = grow(cluster, SIZES, city.Size())
        report = Report("make bench-growth")
        report.note(
            f"PostgreSQL {cluster.psql('show server_version')}, fsync {cluster.psql('show fsync')},"
            f" shared_buffers {cluster.psql('show shared_buffers')}."
        )
        asyncio.run(measure(databases, report))
        status = report.finish(OUT)
        report.publish(ROOT / "README.md", "make bench-growth")
        return status
    finally:
        cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
