"""The database is down, gone or mute: 503 with Retry-After, and recovery without a restart."""

import asyncio
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from service.auth import Tokens
from tests.api.asking import booking, problem
from tests.support import (
    DRIVER_1,
    PASSWORD,
    Cluster,
    Database,
    Service,
    admission,
    new_database,
    planted_cluster,
    sign_in,
    template_database,
)


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A cluster that may be stopped."""
    with planted_cluster("--without-cron") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def own_database(own_cluster: Cluster) -> Iterator[Database]:
    with new_database(own_cluster, template=template_database(own_cluster)) as database:
        yield database


async def assert_unavailable(client: httpx.AsyncClient, token: str) -> None:
    """Every route that needs the database says so."""
    headers = {"Authorization": f"Bearer {token}"}
    for answer in await asyncio.gather(
        client.get("/spots"),
        client.get("/stats"),
        client.post("/login", json={"email": DRIVER_1, "password": PASSWORD}),
        client.post("/reservations", json=booking(), headers=headers),
        client.get("/reservations/1", headers=headers),
        client.put("/api/reservations/1/complete", headers=headers),
    ):
        problem(answer, 503, "database-unavailable")


async def recovered(client: httpx.AsyncClient, *, seconds: float = 30) -> None:
    """Return once /spots answers again; meanwhile it may say 503 and nothing else."""
    deadline = time.monotonic() + seconds
    while (answer := await client.get("/spots")).status_code != 200:
        problem(answer, 503, "database-unavailable")
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_down_at_the_start_and_later(own_cluster: Cluster, own_database: Database) -> None:
    own_cluster.stop()
    async with (
        Service(own_database) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        token = Tokens(service.secret, 60).issue(admission())
        await assert_unavailable(client, token)
        # What needs no database works as ever.
        problem(await client.post("/reservations", json={}), 401, "not-signed-in")
        assert (await client.get("/openapi.json")).status_code == 200

        own_cluster.start("--without-cron")
        await recovered(client)
        driver = await sign_in(client)
        where = (await client.post("/reservations", json=booking(), headers=driver)).headers["location"]

        for _ in range(2):
            own_cluster.stop()
            await assert_unavailable(client, token)
            own_cluster.start("--without-cron")
            await recovered(client)
        assert (await client.get(where, headers=driver)).json()["status"] == "active"
        assert (await client.put(f"{where}/complete", headers=driver)).status_code == 200
        assert "Traceback" not in service.output()


async def test_a_database_that_is_not_there_or_refuses_the_role(database: Database) -> None:
    for url in (database.url().replace(database.name, "nothing"), database.url("nobody")):
        async with Service(database, environ={"PARKING_DATABASE_URL": url}) as service:
            async with httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client:
                problem(await client.get("/spots"), 503, "database-unavailable")
            assert "Traceback" not in service.output()


async def test_a_server_that_accepts_and_says_nothing(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        environ = {"PARKING_DATABASE_URL": f"postgresql://parking_service@127.0.0.1:{mute.getsockname()[1]}/parking"}
        async with (
            Service(database, environ=environ) as service,
            httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
        ):
            for answer in await asyncio.gather(*(client.get("/spots") for _ in range(5))):
                problem(answer, 503, "database-unavailable")


async def test_terminated_backends_heal(client: httpx.AsyncClient, database: Database) -> None:
    driver = await sign_in(client)
    for _ in range(3):
        answers = await asyncio.gather(*(client.get("/spots") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        database.psql("""
            select pg_terminate_backend(pid, 5000) from pg_stat_activity
            where datname = current_database() and usename = 'parking_service'""")
        await recovered(client)
    assert (await client.post("/reservations", json=booking(), headers=driver)).status_code == 201
