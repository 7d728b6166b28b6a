"""Migrating a database that is in use: drivers notice nothing, whatever else is going on."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.support import ROOT, Cluster, CommandFailed, Database, new_database, run, sqitch
from tests.tooling.test_migrations import acts, planned_changes

# A deployment takes its time on a slow machine.
pytestmark = pytest.mark.timeout(600)

DRIVERS = 4
BOOK = "select id from parking.book(1, $1, $2, $3)"
# What a change of the heart of the system takes, and what everybody who books stands behind while it waits.
WIDEN = """
-- Deploy parking:widen to pg

begin;
set local role parking_owner;
alter table parking.reservations add column plate text;
commit;
"""


def migrate(project: Path, database: Database, *, options: str = "") -> str:
    """That project's db/migrate."""
    environ = {**database.cluster.environ, **({"PGOPTIONS": options} if options else {})}
    return run(project / "db" / "migrate", database.name, environ=environ, cwd=project)


def copy_of_the_project(folder: Path) -> Path:
    """The migrations with what deploys them."""
    for file in ("sqitch.plan", "sqitch.conf"):
        shutil.copy(ROOT / file, folder / file)
    shutil.copytree(ROOT / "db", folder / "db")
    return folder


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    """The project with one more change, which needs the table of reservations for itself."""
    project = copy_of_the_project(tmp_path)
    with (project / "sqitch.plan").open("a") as plan:
        plan.write("widen 2030-01-01T00:00:00Z The tests <tests@localhost> # One more column.\n")
    (project / "db" / "deploy" / "widen.sql").write_text(WIDEN)
    (project / "db" / "revert" / "widen.sql").write_text("alter table parking.reservations drop column plate;")
    (project / "db" / "verify" / "widen.sql").write_text("select plate from parking.reservations where false;")
    return project


class Drivers:
    """Book one hour after the other, each a spot of their own; `booked` are the reservations' numbers."""

    def __init__(self) -> None:
        self.booked: list[int] = []
        self.failed: list[Exception] = []

    async def drive(self, connection: asyncpg.Connection, spot: int) -> None:
        starts = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        while True:
            starts += timedelta(hours=1)
            try:
                self.booked.append(await connection.fetchval(BOOK, spot, starts, starts + timedelta(hours=1)))
            except asyncpg.PostgresError as problem:
                self.failed.append(problem)
                return

    async def more(self, *, seconds: float = 60) -> None:
        """Return when each of them could have booked once more, or somebody has failed."""
        wanted = len(self.booked) + 2 * DRIVERS
        async with asyncio.timeout(seconds):
            while len(self.booked) < wanted and not self.failed:  # noqa: ASYNC110 (the database's progress)
                await asyncio.sleep(0.02)


@asynccontextmanager
async def traffic(database: Database, *, patience: str) -> AsyncIterator[Drivers]:
    """Bookings all the time; `patience` is how long a driver waits for a lock."""
    drivers = Drivers()
    connections = [await database.connect(lock_timeout=patience, statement_timeout="0") for _ in range(DRIVERS)]
    tasks = [asyncio.create_task(drivers.drive(connection, 1 + n)) for n, connection in enumerate(connections)]
    try:
        await drivers.more()
        yield drivers
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for connection in connections:
            connection.terminate()


@asynccontextmanager
async def somebody_reads(database: Database) -> AsyncIterator[None]:
    """A psql that has looked at the reservations and then gone to lunch, its transaction open."""
    reader = await database.connect("postgres")
    await reader.execute("begin; select from parking.reservations limit 1")
    try:
        yield
    finally:
        reader.terminate()
        await reader.close()


async def test_a_migration_gives_up_instead_of_making_everybody_wait(database: Database, next_release: Path) -> None:
    async with traffic(database, patience="60s") as drivers:
        async with somebody_reads(database):
            with pytest.raises(CommandFailed, match="lock timeout") as refused:
                await asyncio.to_thread(migrate, next_release, database)
            assert "db/migrate" in refused.value.output  # what to do now
            # Nobody stands behind it any more, though the reader has not come back.
            await drivers.more()
        await asyncio.to_thread(migrate, next_release, database)
        await drivers.more()
    assert not drivers.failed
    assert database.psql("select count(*) from sqitch.changes where change = 'widen'") == "1"
    numbers = ",".join(map(str, drivers.booked))
    assert database.psql(f"select count(*) from parking.reservations where id in ({numbers})") == str(
        len(drivers.booked)
    )


async def test_without_the_timeout_everybody_waits(database: Database, next_release: Path) -> None:
    """The negative control: a migration that waits for as long as it takes, and drivers who wait for two seconds."""
    async with traffic(database, patience="2s") as drivers, somebody_reads(database):
        deploying = asyncio.create_task(asyncio.to_thread(migrate, next_release, database, options="-c lock_timeout=0"))
        async with asyncio.timeout(60):
            while len(drivers.failed) < DRIVERS:  # noqa: ASYNC110 (the database's progress)
                await asyncio.sleep(0.05)
        assert {type(problem) for problem in drivers.failed} == {asyncpg.LockNotAvailableError}
        database.psql("""
            select pg_terminate_backend(pid, 5000) from pg_locks
            where relation = 'parking.reservations'::regclass and mode = 'AccessExclusiveLock'""")
        with pytest.raises(CommandFailed):
            await deploying


async def test_the_last_functions_again_while_everybody_books(database: Database) -> None:
    """What is released mostly: functions that are made anew."""
    plan = planned_changes()
    last = [name for name in plan if acts((ROOT / "db" / "deploy" / f"{name}.sql").read_text())][-1]
    async with traffic(database, patience="2s") as drivers:
        await asyncio.to_thread(sqitch, database, "revert", "--to", plan[plan.index(last) - 1], "-y")
        assert database.psql(f"select count(*) from sqitch.changes where change = '{last}'") == "0"
        await drivers.more()
        await asyncio.to_thread(migrate, ROOT, database)
        await drivers.more()
    assert not drivers.failed
    sqitch(database, "verify", "--from", last)


def released() -> list[str]:
    """The tags of all releases; none where this is no clone, as in a container."""
    return run("git", "tag", "--list", "v*").split() if (ROOT / ".git").exists() else []


async def test_from_each_release_while_everybody_books(cluster: Cluster, tmp_path: Path) -> None:
    for tag in released():
        project = tmp_path / tag
        project.mkdir()
        run("git", "archive", f"--output={tmp_path / tag}.tar", tag, "sqitch.plan", "sqitch.conf", "db")
        run("tar", "-xf", f"{tmp_path / tag}.tar", "-C", project)
        with new_database(cluster) as database:
            await one_release_to_the_next(project, ROOT, database)


async def test_the_way_from_release_to_release(empty_database: Database, next_release: Path) -> None:
    """The same where there is no tag yet: from this one to one that will change a table."""
    await one_release_to_the_next(ROOT, next_release, empty_database)
    assert empty_database.psql("select count(*) from sqitch.changes where change = 'widen'") == "1"


async def one_release_to_the_next(old: Path, new: Path, database: Database) -> None:
    """Deploy the one, let drivers in, and deploy the other."""
    run(old / "db" / "migrate", "--demo", database.name, environ=database.cluster.environ, cwd=old)
    async with traffic(database, patience="2s") as drivers:
        await asyncio.to_thread(migrate, new, database)
        await drivers.more()
    assert not drivers.failed
    run("sqitch", "verify", f"db:pg:{database.name}", environ=database.cluster.environ, cwd=new)
    assert int(database.psql("select count(*) from parking.reservations")) >= len(drivers.booked)
