"""`make bench-growth`: does a booking, a board or a search take longer when there is a long history behind it?

One city is filled up to each of the sizes and copied, so that the databases differ only in how much lies in the past; then
each is asked the same questions in turns, and what is compared are neighbours in time. The filling takes its time (an
hour or so for 10 million) and may be interrupted: started again it goes on where it was. The cluster `growth` stays, stopped;
`db/cluster --name growth reset` removes it. GROWTH_SIZES are the numbers of reservations, from the smallest on.
"""

from __future__ import annotations

import asyncio
import os
import sys

from tests.bench import city
from tests.support import Cluster, Database

SIZES = [int(size) for size in os.environ.get("GROWTH_SIZES", "10000,1000000,10000000").split(",")]


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
        done = int(growing.psql("select coalesce(sum(reservations), 0) from bench.days"))
        if done > total:
            raise SystemExit(
                f"the city has {done} reservations already; db/cluster --name growth reset, and begin anew"
            )
        city.fill(growing, size, total)
        city.patiently(growing, "checkpoint")
        city.patiently(
            Database(cluster, "postgres"), f"create database {copy.name} template {growing.name} strategy file_copy"
        )
    return databases


def main() -> int:
    """The exit status: 1 when a bar is missed."""
    cluster = Cluster("growth")
    cluster.start("--cron-database", "postgres", "--without-cron")
    try:
        cluster.psql("alter system set max_wal_size = '4GB'")
        cluster.psql("alter system set checkpoint_timeout = '15min'")
        cluster.psql("select pg_reload_conf()")
        databases = grow(cluster, SIZES, city.Size())
        for database in databases:
            print(database.name, database.psql("select pg_size_pretty(pg_database_size(current_database()))"))
    finally:
        cluster.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
