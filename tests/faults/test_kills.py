"""Whoever is killed under load: nothing that was acknowledged is lost, and who asks again is told how it is."""

import asyncio
import itertools
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.support import Cluster, Database, Service, issue_token, new_database, planted_cluster, template_database
from tests.support.bookers import Booker, lost, superuser_of
from tests.support.invariants import broken

KILLS, CLIENTS = 50, 6
OPTIONS = ("--without-cron", "--without-fsync", "--in-memory")
"""Who kills processes and not the machine loses what they had in memory, and nothing that they had written."""


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A cluster that may be killed."""
    with planted_cluster(*OPTIONS) as cluster:
        yield cluster


@pytest.fixture
def own_database(own_cluster: Cluster) -> Iterator[Database]:
    with new_database(own_cluster, template=template_database(own_cluster)) as database:
        yield database


class Killer:
    """Kills one after the other, and starts again what nobody else does: the postmaster and the service."""

    def __init__(self, service: Service, database: Database) -> None:
        self._service = service
        self._database = database
        self._data = data_of(database.cluster)

    async def terminate_backends(self) -> None:
        """All that work for the service, as an administrator does it."""
        await self._of_backends("pg_terminate_backend(pid)")

    async def crash_a_backend(self) -> None:
        """PostgreSQL ends all the others then, and recovers."""
        for pid in (await self._of_backends("pid"))[:1]:
            os.kill(pid, signal.SIGKILL)

    async def crash_postgresql(self) -> None:
        os.kill(postmaster(self._data), signal.SIGKILL)
        await asyncio.to_thread(self._database.cluster.start, *OPTIONS)

    async def kill_the_service(self) -> None:
        await self._service.kill()
        await self._service.start(seconds=120)

    async def _of_backends(self, what: str) -> list[Any]:
        async with asyncio.timeout(120):
            while True:
                # It may still recover from what was before.
                with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    async with superuser_of(self._database) as superuser:
                        of_the_service = "from pg_stat_activity where usename = 'parking_service'"
                        return [row[0] for row in await superuser.fetch(f"select {what} {of_the_service}")]
                await asyncio.sleep(0.05)

    def one_after_the_other(self) -> Iterator[Callable[[], Awaitable[None]]]:
        return itertools.cycle(
            (
                self.terminate_backends,
                self.crash_a_backend,
                self.terminate_backends,
                self.kill_the_service,
                self.crash_postgresql,
            )
        )


def data_of(cluster: Cluster) -> Path:
    return Path(cluster.psql("show data_directory"))


def postmaster(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().split("\n", 1)[0])


@pytest.mark.timeout(900)
async def test_fifty_kills_under_load(own_cluster: Cluster, own_database: Database) -> None:
    async with (
        Service(own_database, environ={"PARKING_PERSON_REQUESTS": "0"}) as service,
        httpx.AsyncClient(base_url=service.url, timeout=60, trust_env=False) as client,
    ):
        tokens = [await asyncio.to_thread(issue_token, service, n % 2 + 1) for n in range(CLIENTS)]
        bookers = [Booker(client, token, n) for n, token in enumerate(tokens)]
        over = asyncio.Event()
        going = [asyncio.create_task(booker.go(over)) for booker in bookers]

        async def somebody_is_served() -> None:
            before = [booker.certain for booker in bookers]
            async with asyncio.timeout(120):
                while [booker.certain for booker in bookers] == before:
                    for task in going:
                        if task.done():
                            task.result()
                    await asyncio.sleep(0.01)

        killer = Killer(service, own_database)
        for kill in itertools.islice(killer.one_after_the_other(), KILLS):
            await somebody_is_served()
            await kill()
        await somebody_is_served()
        over.set()
        await asyncio.gather(*going)

        assert await lost(own_database, bookers) == []
        async with superuser_of(own_database) as superuser:
            assert await broken(superuser) == []
        told: Counter[str] = sum((booker.told for booker in bookers), Counter())
        assert told["nothing"], "the service was killed while somebody asked"
        assert told["/problems/database-unavailable"], "and so was the database"
        assert sum(len(booker.refused) for booker in bookers)
        assert sum(len(booker.ended) for booker in bookers)
        assert "Traceback" not in service.output()


async def test_what_is_acknowledged_before_it_is_written_is_lost(own_cluster: Cluster, own_database: Database) -> None:
    """The negative control: with commits that wait for nobody, one kill is enough."""
    own_cluster.psql(f"""
        alter system set wal_writer_delay = '10s';
        alter database {own_database.name} set synchronous_commit = off""")
    own_cluster.stop()
    own_cluster.start(*OPTIONS)
    async with (
        Service(own_database) as service,
        httpx.AsyncClient(base_url=service.url, timeout=60, trust_env=False) as client,
    ):
        booker = Booker(client, await asyncio.to_thread(issue_token, service), 0)
        # Whose session is on the disk.
        own_database.psql("checkpoint")
        pid = postmaster(data_of(own_cluster))
        assert await booker.book() is not None
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(own_cluster.start, *OPTIONS)
        (only,) = await lost(own_database, [booker])
        assert only.endswith("is gone")
