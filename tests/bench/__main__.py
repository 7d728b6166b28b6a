"""`make bench`: what live updates, tenants and HTTP cost, and how late news are, against the bars to keep to.

On a cluster of its own with fsync and synchronous_commit on, gone afterwards; everything is on this machine, the
clients too. Compare the ratios, and each figure with its floor; the absolute ones belong to the machine. BENCH_SECONDS
is the length of one measurement (8; all of it takes a quarter of an hour), BENCH_OUT the file that gets the report as
well; `python -m tests.bench booking tenants reading sweep crowd rest page sockets garage` takes the
names of parts. Only a run of all of them writes its summary into the README.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from tests.bench import booking, garage, one_spot, page, reading, rest, sockets, sweeping, tenants
from tests.bench.load import SECONDS, prepare
from tests.bench.report import Report
from tests.support import ROOT, Cluster, deploy, new_database
from tests.support.cluster import run

IN_DATABASES_OF_THEIR_OWN = {
    "sweep": sweeping.measure,
    "crowd": one_spot.measure,
    "rest": rest.measure,
    "page": page.measure,
    "sockets": sockets.measure,
}
PARTS = ["booking", "tenants", "reading", *IN_DATABASES_OF_THEIR_OWN, "garage"]
OPEN_FILES = 20_000
MEMORY = "/dev/shm"  # noqa: S108 (gone with the bench)
README = ROOT / "README.md"
OUT = Path(os.environ.get("BENCH_OUT") or ROOT / ".data" / "bench.md")


async def measure(cluster: Cluster, parts: list[str], report: Report) -> None:
    """These parts, one after the other."""
    report.note(
        f"PostgreSQL {cluster.psql('show server_version')}, fsync {cluster.psql('show fsync')},"
        f" synchronous_commit {cluster.psql('show synchronous_commit')}."
    )
    readings = []
    if {"booking", "tenants", "reading"} & {*parts}:
        with new_database(cluster) as database:
            deploy(database)
            book = await prepare(database)
            if "booking" in parts:
                await booking.measure(database, book, report)
            if "tenants" in parts:
                await tenants.measure(database, book, report)
            if "reading" in parts:
                readings.append(await reading.measure(database, book, "data on the disk"))
    if "reading" in parts:
        with cluster_in_memory() as in_memory, new_database(in_memory) as database:
            deploy(database)
            readings.append(await reading.measure(database, await prepare(database), "data in memory"))
        reading.tell(readings, report)
    for part, measure_part in IN_DATABASES_OF_THEIR_OWN.items():
        if part in parts:
            with new_database(cluster) as database:
                deploy(database)
                await measure_part(database, report)
    if "garage" in parts:
        await garage.measure(cluster, report)


@contextmanager
def cluster_in_memory() -> Iterator[Cluster]:
    """A cluster like the other one, whose data have been moved to where a flush costs nothing."""
    cluster = Cluster("bench-memory")
    try:
        cluster.start("--cron-database", "postgres")
        reading.remember_commits(cluster)
        data = Path(cluster.psql("show data_directory"))
        cluster.stop()
        with TemporaryDirectory(dir=MEMORY, prefix="bench-") as folder:
            Path(folder).chmod(0o711)
            run("cp", "-a", data, folder)
            shutil.rmtree(data)
            data.symlink_to(Path(folder) / data.name)
            cluster.start("--cron-database", "postgres")
            yield cluster
            cluster.stop()
    finally:
        cluster.command("reset")


def main() -> int:
    """The exit status: 1 when a bar is missed."""
    # The service and the clients inherit it.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, OPEN_FILES), hard))
    parts = sys.argv[1:] or PARTS
    report = Report(f"BENCH_SECONDS={SECONDS} make bench")
    cluster = Cluster("bench")
    cluster.start("--cron-database", "postgres")
    try:
        reading.remember_commits(cluster)
        cluster.stop()
        cluster.start("--cron-database", "postgres")
        # The loop that the service runs on: one of the parts runs its feed in here.
        uvloop.run(measure(cluster, parts, report))
    finally:
        cluster.command("reset")
    status = report.finish(OUT)
    if not sys.argv[1:]:
        report.publish(README, "make bench")
    return status


if __name__ == "__main__":
    sys.exit(main())
