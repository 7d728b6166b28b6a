"""/livez, /readyz and /api/status: what they say, also when something is away, and that asking costs little."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest

from service.database import Database as ServiceDatabase
from service.feed import Feed
from service.health import Health, planned_change
from service.settings import Settings
from tests.api.asking import booking, problem, waiting_for_locks
from tests.conftest import Connect
from tests.support import (
    Cluster,
    Database,
    Service,
    new_database,
    planted_cluster,
    sign_in,
    template_database,
)
from tests.support.sql import shift_clock

LATER = "later"


async def until(client: httpx.AsyncClient, status: int, *, seconds: float = 30) -> dict[str, Any]:
    """The body of /readyz once it answers with this status."""
    deadline = time.monotonic() + seconds
    while (answer := await client.get("/readyz")).status_code != status:
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(0.1)
    return problem(answer, 503, "not-ready") if status == 503 else dict(answer.json())


def states(body: dict[str, Any]) -> dict[str, str]:
    """What was found, by what was looked at."""
    return {name: check["status"] for name, check in body["checks"].items()}


ALL_WELL = {"database": "ok", "migrations": "ok", "feed": "ok", "sweep": "ok"}


async def test_all_is_well(client: httpx.AsyncClient) -> None:
    body = await until(client, 200)
    assert (body["status"], states(body)) == ("ready", ALL_WELL)
    assert (await client.get("/livez")).json() == {"status": "alive"}
    status = (await client.get("/api/status")).json()
    assert (status["status"], status["database"], status["name"]) == ("ok", "ok", "Smart Parking")
    assert abs(datetime.fromisoformat(status["time"]) - datetime.now(UTC)) < timedelta(seconds=30)


async def test_the_time_is_the_one_that_bookings_are_judged_by(client: httpx.AsyncClient, connect: Connect) -> None:
    await shift_clock(await connect("postgres"), timedelta(hours=5))
    await asyncio.sleep(1.1)
    first, second = [(await client.get("/api/status")).json()["time"] for _ in range(2)]
    assert timedelta(hours=4) < datetime.fromisoformat(first) - datetime.now(UTC) < timedelta(hours=6)
    assert first < second, "it goes on between two readings"


async def test_without_a_database_the_process_lives_and_is_not_ready(database: Database) -> None:
    nowhere = {"PARKING_DATABASE_URL": "postgresql://parking_service:hidden@/parking?host=/nowhere"}
    async with (
        Service(database, environ=nowhere) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        assert (await client.get("/livez")).status_code == 200
        answer = await client.get("/readyz")
        body = problem(answer, 503, "not-ready")
        assert states(body) == {"database": "failed", "migrations": "failed", "feed": "failed", "sweep": "warning"}
        problem(await client.get("/api/status"), 503, "database-unavailable")
        assert "hidden" not in answer.text
        assert "nowhere" not in answer.text


async def test_it_is_ready_again_when_the_database_is_back(client: httpx.AsyncClient, database: Database) -> None:
    await until(client, 200)
    database.cluster.psql(f"alter database {database.name} connection limit 0")
    kill = f"select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{database.name}'"
    database.cluster.psql(kill)
    body = await until(client, 503)
    assert states(body)["database"] == "failed"
    database.cluster.psql(f"alter database {database.name} connection limit -1")
    assert states(await until(client, 200)) == ALL_WELL


async def test_a_database_without_the_last_change_is_not_ready(client: httpx.AsyncClient, database: Database) -> None:
    last, _ = planned_change()
    await until(client, 200)
    removed = f"delete from sqitch.dependencies; delete from sqitch.changes where change = '{last}' returning change"
    assert database.psql(removed) == last
    body = await until(client, 503)
    assert states(body) == ALL_WELL | {"migrations": "failed"}
    assert last in body["detail"]


async def test_a_database_that_is_already_newer_is_ready(client: httpx.AsyncClient, database: Database) -> None:
    """Migrations come first, and then one instance after the other."""
    database.psql(f"""
        insert into sqitch.changes (change_id, script_hash, change, project, note, committed_at, committer_name,
            committer_email, planned_at, planner_name, planner_email)
        select '{LATER}', '{LATER}', '{LATER}', project, note, clock_timestamp(), committer_name,
            committer_email, clock_timestamp(), planner_name, planner_email
        from sqitch.changes order by committed_at desc limit 1""")
    body = await until(client, 200)
    assert LATER in body["checks"]["migrations"]["detail"]


async def test_a_database_that_nobody_has_deployed_to(database: Database, empty_database: Database) -> None:
    environ = {"PARKING_DATABASE_URL": empty_database.url("parking_service")}
    async with (
        Service(database, environ=environ) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        body = await until(client, 503)
        assert states(body) == {"database": "ok", "migrations": "failed", "feed": "failed", "sweep": "warning"}


async def test_a_feed_that_hears_nothing_is_not_ready(client: httpx.AsyncClient, database: Database) -> None:
    await until(client, 200)
    cursor = "function parking.event_cursor()"
    database.psql(f"revoke execute on {cursor} from parking_service")
    body = await until(client, 503)
    assert states(body) == ALL_WELL | {"feed": "failed"}
    database.psql(f"grant execute on {cursor} to parking_service")
    await until(client, 200)


async def test_a_checker_that_is_late_is_a_warning(client: httpx.AsyncClient, connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await service.fetch("""
        select * from parking.book(1, 1, parking.clock() - interval '1 hour', parking.clock() + interval '1 minute')""")
    await shift_clock(superuser, timedelta(minutes=10))
    await asyncio.sleep(1.1)
    assert states(await until(client, 200)) == ALL_WELL | {"sweep": "warning"}


@pytest.fixture
def cron_cluster() -> Iterator[Cluster]:
    """A cluster whose pg_cron may be killed."""
    with planted_cluster("--cron-database", "postgres") as cluster:
        yield cluster


async def test_a_launcher_that_is_gone_is_a_warning_and_bookings_stay_right(cron_cluster: Cluster) -> None:
    with new_database(cron_cluster, template=template_database(cron_cluster)) as database:
        async with (
            Service(database) as service,
            httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
        ):
            assert states(await until(client, 200)) == ALL_WELL
            cron_cluster.psql("""
                select pg_terminate_backend(pid, 5000) from pg_stat_activity
                where application_name = 'pg_cron scheduler'""")
            await asyncio.sleep(1.1)
            body = await until(client, 200)
            assert states(body) == ALL_WELL | {"sweep": "warning"}
            assert "pg_cron" in body["checks"]["sweep"]["detail"]
            driver = await sign_in(client)
            assert (await client.post("/reservations", json=booking(), headers=driver)).status_code == 201
            problem(await client.post("/reservations", json=booking(), headers=driver), 409, "spot-taken")


async def test_it_answers_while_every_other_connection_is_busy(database: Database, connect: Connect) -> None:
    holder = await connect("postgres")
    async with (
        Service(database, environ={"PARKING_POOL_SIZE": "1"}) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        driver = await sign_in(client)
        async with holder.transaction():
            await holder.execute("select from parking.spots where id = 1 for update")
            waiting = asyncio.create_task(client.post("/reservations", json=booking(), headers=driver))
            await waiting_for_locks(database)
            assert (await asyncio.wait_for(client.get("/readyz"), 10)).status_code == 200
            assert not waiting.done()
        await waiting


class Counting:
    """Stands for the database, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def row(self, *_: object, **__: object) -> None:
        self.asked += 1
        await asyncio.sleep(0.01)
        raise ConnectionRefusedError


async def test_many_who_ask_at_once_are_one_question_to_the_database() -> None:
    database = Counting()
    stand_in = cast("ServiceDatabase", database)
    health = Health(stand_in, Feed(stand_in), Settings(database_url="", jwt_secret=""))
    for _ in range(3):
        await asyncio.gather(*(health.checks() for _ in range(100)))
    assert database.asked == 1


class Stuck:
    """Stands for a database that answers nobody until it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.free = asyncio.Event()

    async def row(self, *_: object, **__: object) -> None:
        self.asked += 1
        await self.free.wait()
        raise ConnectionRefusedError


async def test_who_asks_is_told_soon_that_nothing_is_known() -> None:
    """However long the pool takes; and the question that is on its way is not asked once more."""
    database = Stuck()
    stand_in = cast("ServiceDatabase", database)
    health = Health(stand_in, Feed(stand_in), Settings(database_url="", jwt_secret="", garage_lot=4, garage_desk="a@b"))
    for _ in range(2):
        checks = await asyncio.wait_for(health.checks(), 10)
        assert {name: check.status for name, check in checks.items() if name in {"database", "garage"}} == {
            "database": "failed",
            "garage": "warning",
        }
        assert "given up" in checks["database"].detail
    assert database.asked == 1
    database.free.set()
    checks = await asyncio.wait_for(health.checks(), 10)
    assert (database.asked, checks["database"].status) == (2, "failed"), "the desk is asked for after it"
    assert "reached" in checks["database"].detail
