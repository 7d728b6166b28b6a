"""pgbench at full load: CLIENTS connections as parking_service that do nothing but book, or insert.

The bookings are those of many drivers on the spots of a lot of their own, which has neither hours nor a price. A new
session spends as much on its first booking as on fifty later ones, and a service's sessions live for days: so the
measuring begins when every session has done WARM of them.
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.support import Database
from tests.support.cluster import run

CLIENTS = 32
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
SPOTS = 1000
DRIVERS = 997  # no divisor of SPOTS, so that nobody always has the same spot
WARM = 50
WARM_SECONDS = 2

PREPARE = f"""
    create schema bench;
    create sequence bench.turn cache 100;
    create table bench.bare (
        spot bigint, during tstzrange,
        exclude using gist (spot with =, during with &&)
    );
    with lot as (
        insert into parking.lots (tenant_id, name, time_zone) values (1, 'Bench', 'Europe/Berlin') returning id
    ), floor as (
        insert into parking.floors (tenant_id, lot_id, name, position)
        select 1, id, 'Bench', 1 from lot returning lot_id, id
    ), line as (
        insert into parking.rows (tenant_id, lot_id, floor_id, name, position)
        select 1, lot_id, id, 'Bench', 1 from floor returning lot_id, id
    )
    insert into parking.spots (tenant_id, lot_id, row_id, name, position)
    select 1, line.lot_id, line.id, 'Bench ' || n, n from line, generate_series(1, {SPOTS}) n;
    with driver as (
        insert into parking.people (tenant_id, email, display_name)
        select 1, 'bench' || n || '@example.org', 'Bench ' || n from generate_series(1, {DRIVERS}) n returning id
    )
    insert into parking.memberships (tenant_id, person_id, role) select 1, id, 'driver' from driver;
    grant usage on schema bench to parking_service;
    grant usage on sequence bench.turn to parking_service;
    grant insert on bench.bare to parking_service;
    -- Every turn is another hour of another spot, so that no booking is refused, and the year holds enough of them.
    create function bench.hour(turn bigint) returns timestamptz language sql stable
    return date_trunc('hour', current_timestamp) + interval '1 hour' * (turn / {SPOTS} + 1);
    grant execute on function bench.hour to parking_service"""

BARE = f"""
    insert into bench.bare select t % {SPOTS}, tstzrange(bench.hour(t), bench.hour(t + {SPOTS}))
    from nextval('bench.turn') t"""
BOOK = f"""
    select b.id from nextval('bench.turn') t,
    parking.book({{driver}} + t % {DRIVERS}, {{spot}} + t % {SPOTS}, bench.hour(t), bench.hour(t + {SPOTS})) b"""


class Run(NamedTuple):
    """Transactions a second from the moment when all sessions were warm, in seconds since 1970; how many there were in
    all, and what each took from that moment on, in seconds.
    """

    rate: float
    transactions: int
    warm: float
    latencies: list[float]


async def full_load(database: Database, statement: str, seconds: int = SECONDS) -> Run:
    """Repeat this statement for so long, once it is warm, over every connection at once; none may fail."""
    return await asyncio.to_thread(_full_load, database, statement, seconds)


def _full_load(database: Database, statement: str, seconds: int) -> Run:
    with TemporaryDirectory() as folder:
        output = run(
            *("pgbench", "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds + WARM_SECONDS)),
            *("-l", f"--log-prefix={folder}/log", "-f", "/dev/stdin", "-U", "parking_service", database.name),
            environ=database.cluster.environ,
            stdin=statement + ";\n",
            seconds=seconds + WARM_SECONDS + 60,
        )
        lines = [line for log in Path(folder).iterdir() for line in log.read_text(encoding="ascii").splitlines()]
    assert re.search(r"number of failed transactions: 0 ", output), output
    transactions = re.search(r"actually processed: (\d+)", output)
    assert transactions, output
    # Client, number, microseconds, script, and the moment of its end in seconds and microseconds.
    words = [[int(word) for word in line.split()] for line in lines]
    ends = sorted((second + micro / 1e6, number, took) for _, number, took, _, second, micro in words)
    warm = max((moment for moment, number, _ in ends if number == WARM), default=ends[0][0])
    measured = [(moment, took) for moment, _, took in ends if moment > warm]
    assert len(measured) > CLIENTS, f"no time was left after the first {WARM} of each session"
    return Run(
        len(measured) / (measured[-1][0] - warm), int(transactions[1]), warm, [took / 1e6 for _, took in measured]
    )


async def prepare(database: Database) -> str:
    """Make what the load needs, and tables as a database has them that is more than a minute old; the booking."""
    database.psql(PREPARE)
    book = BOOK.format(
        spot=database.psql("select min(spot_id) from parking.places where lot = 'Bench'"),
        driver=database.psql("select min(id) from parking.members where email like 'bench%'"),
    )
    for statement in (BARE, book):
        await full_load(database, statement, seconds=3)
    database.psql("vacuum analyze")
    return book
