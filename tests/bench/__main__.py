"""`make bench`: what booking through the function costs, beside the bare insert that it cannot beat, in one run.

Both run through pgbench on a cluster of their own with fsync and synchronous_commit on. Compare the ratio; the rates
belong to the machine.
"""

import os
import platform
import re
import sys

from tests.support import Cluster, Database, deploy, new_database
from tests.support.cluster import run

CLIENTS = 32
SECONDS = int(os.environ.get("BENCH_SECONDS", "15"))
ROUNDS = 3
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


def rate(database: Database, statement: str, seconds: int = SECONDS) -> float:
    """Transactions a second of this statement, as parking_service."""
    output = run(
        *("pgbench", "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds)),
        *("-f", "/dev/stdin", "-U", "parking_service", database.name),
        environ=database.cluster.environ,
        stdin=statement + ";\n",
        seconds=seconds + 60,
    )
    assert re.search(r"number of failed transactions: 0 ", output), output
    found = re.search(r"^tps = ([0-9.]+)", output, re.MULTILINE)
    assert found, output
    return float(found[1])


def main() -> None:
    """Measure on a cluster that is gone afterwards."""
    cluster = Cluster("bench")
    cluster.start("--cron-database", "postgres")
    try:
        measure(cluster)
    finally:
        cluster.command("reset")


def measure(cluster: Cluster) -> None:
    """Print the table."""
    with new_database(cluster) as database:
        deploy(database)
        database.psql(PREPARE)
        first = int(database.psql("select min(spot_id) from parking.places where spot like 'Bench %'"))
        statements = [statement.format(first=first) for statement in (BARE, BOOK)]
        # Tables with rows and statistics in them, as a database has them that is more than a minute old.
        for statement in statements:
            rate(database, statement, seconds=3)
        database.psql("vacuum analyze")
        rounds = []
        for number in range(ROUNDS):
            bare, book = (rate(database, statement) for statement in statements)
            rounds.append((book / bare, bare, book))
            print(f"round {number + 1} of {ROUNDS}: {book / bare:.2f}", file=sys.stderr)  # noqa: T201
        version = database.psql("show server_version")
    ratio, bare, book = sorted(rounds)[ROUNDS // 2]
    print(  # noqa: T201
        f"PostgreSQL {version}, {os.cpu_count()} cores, {platform.machine()}; {CLIENTS} connections, {SECONDS} s,"
        f" the median of {ROUNDS} rounds\n\n"
        "| statement                                          | a second | ratio |\n"
        "|----------------------------------------------------|---------:|------:|\n"
        f"| insert of two columns with an exclusion constraint | {bare:8.0f} |  1.00 |\n"
        f"| parking.book                                       | {book:8.0f} | {ratio:5.2f} |"
    )


main()
