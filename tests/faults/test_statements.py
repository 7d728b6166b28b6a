"""What a statement may run into, seen from service.database."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from service.database import Database as Pool
from service.problems import Problem, to_problem
from service.settings import Settings
from tests.api.asking import waiting_for_locks
from tests.conftest import Connect
from tests.support import Database

DEADLOCK = "select take(1, 2)"


def pool_of(database: Database, role: str = "parking_service", more: str = "", size: int = 2) -> Pool:
    return Pool(Settings(database_url=f"{database.url(role)}{more}", jwt_secret="x" * 32, pool_size=size))


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Two connections, as a role that may do anything.

    Whoever waits looks for a deadlock once, after this time; the opponent must be in it by then, however slow it is.
    """
    pool = pool_of(database, "postgres", more="&deadlock_timeout=3000")
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture
async def opponent(database: Database, connect: Connect) -> AsyncIterator[asyncio.Task[None]]:
    """A session that holds row 2 and, once somebody waits for that, wants row 1. It leaves the deadlock to others."""
    opponent = await connect("postgres", deadlock_timeout="1min")
    await opponent.execute("""
        create table counters (id int primary key, n int not null default 0);
        insert into counters values (1), (2);
        create function take(first int, second int) returns void language plpgsql as $$
        begin
            update counters set n = n + 1 where id = first;
            update counters set n = n + 1 where id = second;
        end $$""")
    transaction = opponent.transaction()
    await transaction.start()
    await opponent.execute("update counters set n = n + 10 where id = 2")

    async def collide() -> None:
        await waiting_for_locks(database)
        await opponent.execute("update counters set n = n + 10 where id = 1")
        await transaction.commit()

    task = asyncio.create_task(collide())
    yield task
    await task


async def test_a_deadlock_is_tried_once_more(pool: Pool, opponent: asyncio.Task[None], database: Database) -> None:
    await pool.rows(DEADLOCK)
    await opponent
    assert database.psql("select n from counters order by id").split() == ["11", "11"]


async def test_without_the_second_try_it_fails(connect: Connect, opponent: asyncio.Task[None]) -> None:
    """The negative control of the test above."""
    connection = await connect("postgres", deadlock_timeout="3s")
    with pytest.raises(asyncpg.DeadlockDetectedError) as raised:
        await connection.execute(DEADLOCK)
    assert to_problem(raised.value).slug == "try-again"
    await opponent


async def test_a_statement_is_not_tried_a_third_time(pool: Pool) -> None:
    await pool.rows("create sequence tries")
    with pytest.raises(asyncpg.SerializationError) as raised:
        await pool.rows("""
            do $$ begin
                perform nextval('tries');
                raise serialization_failure;
            end $$""")
    assert to_problem(raised.value).slug == "try-again"
    assert (await pool.row("select last_value from tries"))["last_value"] == 2


async def test_a_statement_that_takes_too_long(database: Database) -> None:
    pool = pool_of(database, more="&statement_timeout=100")
    await pool.open()
    with pytest.raises(asyncpg.QueryCanceledError) as raised:
        await pool.rows("select pg_sleep(30)")
    problem = to_problem(raised.value)
    assert (problem.status, problem.slug) == (504, "timed-out")
    await pool.close()


async def test_a_server_that_no_longer_answers(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.database.STATEMENT_SECONDS", 0.2)
    with pytest.raises(Problem) as raised:
        await pool.rows("select pg_sleep(30)")
    assert (raised.value.status, raised.value.slug) == (504, "timed-out")
    assert [record[0] for record in await pool.rows("select 1")] == [1]


async def test_an_exhausted_pool(pool: Pool) -> None:
    sleepers = [asyncio.create_task(pool.rows("select pg_sleep(30)")) for _ in range(2)]
    await asyncio.sleep(0.2)
    with pytest.raises(Problem) as raised:
        await pool.rows("select 1")
    assert (raised.value.status, raised.value.slug) == (503, "try-again")
    assert raised.value.headers["Retry-After"]
    # Sign-ins have a pool of their own.
    assert await pool.row("select 1", pool="sign_in")
    for sleeper in sleepers:
        sleeper.cancel()
    await asyncio.gather(*sleepers, return_exceptions=True)
    assert await pool.row("select 1")


async def test_a_backend_that_dies_under_a_statement(pool: Pool, database: Database) -> None:
    sleeper = asyncio.create_task(pool.rows("select pg_sleep(30)"))
    await asyncio.sleep(0.5)
    database.psql("select pg_terminate_backend(pid, 5000) from pg_stat_activity where query = 'select pg_sleep(30)'")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)) as raised:
        await sleeper
    assert to_problem(raised.value).slug == "database-unavailable"
    assert await pool.row("select 1")


async def test_what_the_service_may_not_do(database: Database) -> None:
    pool = pool_of(database)
    await pool.open()
    for statement in ("select * from parking.people", "delete from parking.reservations", "call parking.sweep()"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError) as raised:
            await pool.rows(statement)
        assert to_problem(raised.value).slug == "not-allowed"
    await pool.close()


async def test_a_migration_under_way_does_not_disturb(pool: Pool, database: Database) -> None:
    """A plan that the connection has kept is made anew when a function changes what it returns."""
    await pool.rows("create function f() returns table (a int) language sql return 1")
    assert dict(await pool.row("select * from f()")) == {"a": 1}
    database.psql("""
        drop function f();
        create function f() returns table (a int, b text) language sql begin atomic select 1, 'x'; end""")
    assert dict(await pool.row("select * from f()")) == {"a": 1, "b": "x"}
