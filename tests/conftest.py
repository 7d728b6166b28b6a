"""The fixtures that every test may use; tests/support has the rest."""

import os
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import asyncpg
import httpx
import pytest
from hypothesis import settings

from tests.support import (
    NO_TLS,
    Cluster,
    Database,
    Service,
    deploy,
    new_database,
    plant,
    planted_cluster,
)
from tests.support.cluster import shared_cluster
from tests.support.database import template_of_today
from tests.support.days import wait_for_a_whole_day

# A step of a model is a transaction, and how long one takes is not what these tests judge.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


WORKERS = 2
"""At most. More have not been tried: each has a cluster and a browser, and the longest file bounds what they save."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The entire suite is shared out, file by file; a run of some files starts at once, in this process."""
    entire = config.args_source is config.ArgsSource.TESTPATHS
    return min(WORKERS, os.cpu_count() or 1) if entire and not config.option.collectonly else 0


LONGEST = (
    "api/test_schemathesis",
    "tooling/test_migrations",
    "feed/test_faults",
    "api/test_naughty",
    "api/test_matrix",
    "page/test_bookings",
    "tooling/test_make_up",
    "tooling/test_backup",
    "page/test_operate",
    "page/test_finding",
    "feed/test_events",
    "feed/test_resuming",
    "sql/test_quote",
    "sql/test_matrix",
    "sql/test_model",
    "page/test_garage",
    "page/test_seeing",
    "sql/test_building",
    "sql/test_operating",
    "tooling/test_migrating",
    "tooling/test_city",
    "tooling/test_point_in_time",
    "tooling/test_readme",
)
"""The files that take longest, which begin first: whichever came last would run when the other worker has done all."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In the order in which they are to be handed out."""
    tests = Path(__file__).parent
    ranks = {tests / f"{name}.py": rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """No test sees two days. First of all, so that its time-out begins after the wait."""
    wait_for_a_whole_day()
    return (yield)


class Connect(Protocol):
    """`await connect(role="parking_service", database=None, **settings)`: see the fixture of that name."""

    async def __call__(
        self, role: str = "parking_service", database: Database | None = None, **options: str
    ) -> asyncpg.Connection: ...


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The tests' own cluster, with pg_cron in its database `postgres`."""
    with shared_cluster(before=plant) as cluster:
        yield cluster


@pytest.fixture
def template(cluster: Cluster) -> str:
    """The name of a database that is migrated and has the demo in it: to be cloned, never to be connected to."""
    return template_of_today(cluster)


@pytest.fixture
def database(cluster: Cluster, template: str) -> Iterator[Database]:
    """A migrated database with the demo in it, for this test alone. pg_cron does not visit it."""
    with new_database(cluster, template=template) as database:
        yield database


@pytest.fixture(scope="module")
def module_database(cluster: Cluster) -> Iterator[Database]:
    """The same, for all tests of a module."""
    with new_database(cluster, template=template_of_today(cluster)) as database:
        yield database


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[Database]:
    """A database without any migration, for `sqitch(...)` and `deploy(...)`."""
    with new_database(cluster) as database:
        yield database


@pytest.fixture
def deployed_database(empty_database: Database) -> Database:
    """A database deployed by sqitch itself (some seconds), so that pg_cron does sweep it every minute."""
    deploy(empty_database)
    return empty_database


@pytest.fixture
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[Connect]:
    """`await connect(role)` gives a connection to `database` (or the one given), closed after the test.

    `role` is `parking_service`, `parking_dba` (a login of that group), `postgres` or any role that may log in.
    """
    async with AsyncExitStack() as stack:

        async def connect(
            role: str = "parking_service", database: Database | None = None, **options: str
        ) -> asyncpg.Connection:
            chosen: Database = database or request.getfixturevalue("database")
            connection = await chosen.connect(role, **options)
            # Not close(): a test may leave a statement waiting for a lock.
            stack.callback(connection.terminate)
            return connection

        yield connect


@pytest.fixture
def service(database: Database) -> Iterator[Service]:
    """The service, running against `database`."""
    with Service(database) as service:
        yield service


@pytest.fixture(scope="module")
def module_service(module_database: Database) -> Iterator[Service]:
    """The service, running against `module_database`."""
    with Service(module_database) as service:
        yield service


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of `service`."""
    async with httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False, verify=NO_TLS) as client:
        yield client


@pytest.fixture
async def module_client(module_service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of `module_service`, new for each test, so without the cookies of the one before."""
    async with httpx.AsyncClient(base_url=module_service.url, timeout=20, trust_env=False, verify=NO_TLS) as client:
        yield client


@pytest.fixture(scope="session")
def cluster_without_cron() -> Iterator[Cluster]:
    """A cluster that does not load pg_cron."""
    with planted_cluster("--without-cron") as cluster:
        yield cluster
