"""`make bench`: what live updates, tenants and HTTP cost, and how late news are, against the bars to keep to.

On a cluster of its own with fsync and synchronous_commit on, gone afterwards; everything is on this machine, the
clients too. Compare the ratios, and each figure with its floor; the absolute ones belong to the machine. The migrations
are deployed once, and what books at full load is prepared once; each part has a copy. BENCH_SECONDS
is the length of one measurement (8; all of it takes ten minutes), BENCH_OUT the file that gets the report as
well; `python -m tests.bench booking tenants reading sweep crowd rest page sockets garage` takes the
names of parts. Only a run of all of them writes its summary into the README.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from tests.bench import booking, garage, one_spot, page, reading, rest, sockets, sweeping, tenants
from tests.bench.load import SECONDS, booking_statement, prepare
from tests.bench.report import Report
from tests.support import ROOT, Cluster, Database, new_database, template_database
from tests.support.cluster import DATA, PSQL, run

IN_DATABASES_OF_THEIR_OWN = {
    "sweep": sweeping.measure,
    "crowd": one_spot.measure,
    "rest": rest.measure,
    "page": page.measure,
    "sockets": sockets.measure,
}
AT_FULL_LOAD = {"booking", "tenants", "reading", "sweep", "rest"}
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
    template = template_database(cluster)
    readings = []
    with new_database(cluster, template=template) as prepared:
        if AT_FULL_LOAD & {*parts}:
            await prepare(prepared)
        if {"booking", "tenants", "reading"} & {*parts}:
            with copy(prepared) as database:
                book = booking_statement(database)
                if "booking" in parts:
                    await booking.measure(database, book, report)
                if "tenants" in parts:
                    await tenants.measure(database, book, report)
                if "reading" in parts:
                    readings.append(await reading.measure(database, book, "data on the disk"))
        if "reading" in parts:
            with data_in_memory(cluster), copy(prepared) as database:
                readings.append(await reading.measure(database, booking_statement(database), "data in memory"))
            reading.tell(readings, report)
        for part, measure_part in IN_DATABASES_OF_THEIR_OWN.items():
            if part in parts:
                with copy(prepared if part in AT_FULL_LOAD else Database(cluster, template)) as database:
                    await measure_part(database, report)
    if "garage" in parts:
        await garage.measure(cluster, template, report)


@contextmanager
def copy(original: Database) -> Iterator[Database]:
    """A copy with the jobs that a deployed database has, which a database that is copied must not have."""
    with new_database(original.cluster, template=original.name) as database:
        schedule = ROOT / "db" / "deploy" / "schedule.sql"
        words = (PSQL, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database.name, "-f", schedule)
        run(*words, environ=original.cluster.environ)
        yield database


@contextmanager
def data_in_memory(cluster: Cluster) -> Iterator[None]:
    """For a while the cluster works on a copy of its data where a flush costs nothing."""
    data = Path(cluster.psql("show data_directory"))
    on_disk = data.with_name("data-on-disk")
    cluster.stop()
    with TemporaryDirectory(dir=MEMORY, prefix="bench-") as folder:
        Path(folder).chmod(0o711)
        run("cp", "-a", data, folder)
        data.rename(on_disk)
        data.symlink_to(Path(folder) / data.name)
        try:
            cluster.start("--cron-database", "postgres")
            yield
        finally:
            cluster.stop()
            data.unlink()
            on_disk.rename(data)
            cluster.start("--cron-database", "postgres")


def main() -> int:
    """The exit status: 1 when a bar is missed."""
    # The service and the clients inherit it.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, OPEN_FILES), hard))
    parts = sys.argv[1:] or PARTS
    report = Report(f"BENCH_SECONDS={SECONDS} make bench")
    DATA.mkdir(exist_ok=True)
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
