"""The disk of the database is full: whoever asks is told 503, nothing is half stored, and with room it all goes on."""

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.support import (
    Cluster,
    Database,
    Service,
    issue_token,
    new_database,
    planted_cluster,
    run,
    template_database,
)
from tests.support.bookers import Booker, lost, superuser_of
from tests.support.invariants import broken

served, turned_away = attrgetter("certain"), attrgetter("turned_away")
OPTIONS = ("--without-cron", "--without-fsync", "--in-memory")
ROOM = 100_000_000


@pytest.fixture
def small_disk() -> Iterator[tuple[Cluster, Path]]:
    """A cluster whose data lie on a disk of their own, and where that is."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    with planted_cluster(*OPTIONS) as cluster:
        data = Path(cluster.psql("show data_directory"))
        cluster.stop()
        kept = data.with_name("kept")
        data.rename(kept)
        data.mkdir()
        used = int(run("du", "-sb", kept).split()[0])
        try:
            run("mount", "-t", "tmpfs", "-o", f"size={used + ROOM}", "tmpfs", data)
        except AssertionError as error:
            pytest.skip(f"no disk can be mounted here: {error}")
        try:
            run("cp", "-a", f"{kept}/.", data)
            run("chown", "--reference", kept, data)
            run("chmod", "0700", data)
            cluster.start(*OPTIONS)
            yield cluster, data
            cluster.stop()
        finally:
            subprocess.run(["umount", "--lazy", data], check=True)


def fill(disk: Path) -> Path:
    """Take what is left of a disk; the file that does it."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        space = os.statvfs(disk)
        while space.f_bavail:
            os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), space.f_bavail * space.f_frsize)
            space = os.statvfs(disk)
    return ballast


async def no_more_log(database: Database) -> None:
    """Go on to the next file of the write-ahead log until there is none; PostgreSQL cannot live without."""
    async with asyncio.timeout(60):
        try:
            while True:
                async with superuser_of(database) as superuser:
                    await superuser.execute("select pg_logical_emit_message(true, '', ''), pg_switch_wal()")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return


@pytest.mark.timeout(600)
async def test_a_full_disk(small_disk: tuple[Cluster, Path]) -> None:
    cluster, disk = small_disk
    template = await asyncio.to_thread(template_database, cluster)
    with new_database(cluster, template=template) as database:
        async with (
            Service(database, environ={"PARKING_PERSON_REQUESTS": "0"}) as service,
            httpx.AsyncClient(base_url=service.url, timeout=60, trust_env=False) as client,
        ):
            tokens = [await asyncio.to_thread(issue_token, service, n % 2 + 1) for n in range(4)]
            bookers = [Booker(client, token, n) for n, token in enumerate(tokens)]
            over = asyncio.Event()
            going = [asyncio.create_task(booker.go(over)) for booker in bookers]

            async def each(count: Callable[[Booker], int]) -> None:
                """Until it has grown for each of them."""
                before = [count(booker) for booker in bookers]
                async with asyncio.timeout(120):
                    while any(count(booker) == then for booker, then in zip(bookers, before, strict=True)):
                        for task in going:
                            if task.done():
                                task.result()
                        await asyncio.sleep(0.01)

            await each(served)
            ballast = fill(disk)
            await each(turned_away)
            assert (await client.get("/livez")).status_code == 200
            await no_more_log(database)
            await each(turned_away)
            ballast.unlink()
            # What is left of PostgreSQL may have given up for want of a disk to recover on.
            await asyncio.to_thread(cluster.start, *OPTIONS)
            await each(served)
            over.set()
            await asyncio.gather(*going)
            assert await lost(database, bookers) == []
            async with superuser_of(database) as superuser:
                assert await broken(superuser) == []
            assert "Traceback" not in service.output()
