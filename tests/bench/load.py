"""pgbench at full load: CLIENTS connections as parking_service that do nothing but book, or insert."""

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

PREPARE = f"""
    create schema bench;
    create sequence bench.turn cache 100;
    create table bench.bare (
        spot bigint, during tstzrange,
        exclude using gist (spot with =, during with &&)
    );
    insert into parking.spots (tenant_id, lot_id, row_id, name, position)
    select 1, 1, 1, 'Bench ' || n, n from generate_series(100, 99 + {SPOTS}) n;
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
    parking.book(1, {{first}} + t % {SPOTS}, bench.hour(t), bench.hour(t + {SPOTS})) b"""


class Run(NamedTuple):
    """Transactions a second, how many there were, and what each took, in seconds."""

    rate: float
    transactions: int
    latencies: list[float]


async def full_load(database: Database, statement: str, seconds: int = SECONDS) -> Run:
    """Repeat this statement for so long, over every connection at once; none may fail."""
    return await asyncio.to_thread(_full_load, database, statement, seconds)


def _full_load(database: Database, statement: str, seconds: int) -> Run:
    with TemporaryDirectory() as folder:
        output = run(
            *("pgbench", "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds)),
            *("-l", f"--log-prefix={folder}/log", "-f", "/dev/stdin", "-U", "parking_service", database.name),
            environ=database.cluster.environ,
            stdin=statement + ";\n",
            seconds=seconds + 60,
        )
        lines = [line for log in Path(folder).iterdir() for line in log.read_text(encoding="ascii").splitlines()]
    assert re.search(r"number of failed transactions: 0 ", output), output
    rate = re.search(r"^tps = ([0-9.]+)", output, re.MULTILINE)
    transactions = re.search(r"actually processed: (\d+)", output)
    assert rate, output
    assert transactions, output
    # Client, number, microseconds, ...
    return Run(float(rate[1]), int(transactions[1]), [int(line.split()[2]) / 1e6 for line in lines])


async def prepare(database: Database) -> str:
    """Make what the load needs, and tables as a database has them that is more than a minute old; the booking."""
    database.psql(PREPARE)
    book = BOOK.format(first=database.psql("select min(spot_id) from parking.places where spot like 'Bench %'"))
    for statement in (BARE, book):
        await full_load(database, statement, seconds=3)
    database.psql("vacuum analyze")
    return book
