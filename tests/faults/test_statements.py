"""What a statement may run into, seen from service.database."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import asyncpg
import pytest

from service.database import Database as Pool
from service.database import _let_others_on
from service.problems import Problem, to_problem
from service.settings import Settings
from tests.conftest import Connect
from tests.support import Database

BOTH_ROWS = "select take(1, 2)"
SECOND_TRY = "service.database._let_others_on"


def pool_of(database: Database, role: str = "parking_service", more: str = "", size: int = 2) -> Pool:
    return Pool(Settings(database_url=f"{database.url(role)}{more}", jwt_secret="x" * 32, pool_size=size))


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Two connections, as a role that may do anything."""
    pool = pool_of(database, "postgres")
    await pool.open()
    yield pool
    await pool.close()


@dataclass
class Gate:
    """Between the two rows of whoever takes them: it opens when the opponent waits on the other side.

    So one steps into a deadlock that is there already, however slow the machine is: who waits looks for one a second
    after it has begun to wait, and only then.
    """

    keeper: asyncpg.Connection

    async def close(self) -> None:
        await self.keeper.execute("select pg_advisory_lock(1)")

    async def open(self) -> None:
        await self.keeper.execute("select pg_advisory_unlock(1)")

    async def until_waiting(self, number: int) -> None:
        """Until just so many wait; a stopped process that has been woken does not, whatever it believes itself."""
        waiting = """
            select count(*) from pg_locks l join pg_stat_activity a using (pid)
            where not l.granted and a.datname = current_database()"""
        async with asyncio.timeout(30):
            while await self.keeper.fetchval(waiting) != number:  # noqa: ASYNC110 (another process's state)
                await asyncio.sleep(0.01)


@pytest.fixture
async def gate(connect: Connect) -> Gate:
    gate = Gate(await connect("postgres"))
    await gate.close()
    await gate.keeper.execute("""
        create table counters (id int primary key, n int not null default 0);
        insert into counters values (1), (2);
        create function take(first int, second int) returns void language plpgsql as $$
        begin
            update counters set n = n + 1 where id = first;
            perform pg_advisory_xact_lock_shared(1);
            update counters set n = n + 1 where id = second;
        end $$""")
    return gate


@dataclass
class Opponent:
    """A session that has one row and wants the other. It leaves the deadlock to others."""

    connection: asyncpg.Connection

    async def want(self) -> None:
        await self.connection.execute("update counters set n = n + 10 where id = 1")

    async def end(self) -> None:
        await self.connection.execute("commit")


@pytest.fixture
async def opponent(connect: Connect, gate: Gate) -> Opponent:  # the gate brings the rows
    opponent = Opponent(await connect("postgres", deadlock_timeout="10min"))
    await opponent.connection.execute("begin; update counters set n = n + 10 where id = 2")
    return opponent


async def test_a_deadlock_is_tried_once_more(
    pool: Pool, gate: Gate, opponent: Opponent, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = asyncio.create_task(pool.rows(BOTH_ROWS))
    await gate.until_waiting(1)
    wanting = asyncio.create_task(opponent.want())
    await gate.until_waiting(2)

    async def others_get_on() -> None:
        await wanting
        await opponent.end()

    # How soon others have got on is for the machine to say; that they have the time to is the next test.
    monkeypatch.setattr(SECOND_TRY, others_get_on)
    await gate.open()
    await statement
    assert database.psql("select n from counters order by id").split() == ["11", "11"]


async def test_the_second_try_waits_a_moment_that_is_never_the_same() -> None:
    clock = asyncio.get_running_loop().time
    moments = [clock()]
    for _ in range(5):
        await _let_others_on()
        moments.append(clock())
    pauses = [after - before for before, after in pairwise(moments)]
    assert min(pauses) >= 0.02
    assert len(set(pauses)) == 5


async def test_without_the_pause_it_meets_the_same_opponent_again(
    pool: Pool, gate: Gate, opponent: Opponent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A negative control: the opponent is let through and sleeps soundly; its row is gone when it wakes up."""
    trying_again = asyncio.Event()

    async def at_once() -> None:
        await gate.close()
        trying_again.set()

    monkeypatch.setattr(SECOND_TRY, at_once)
    statement = asyncio.create_task(pool.rows(BOTH_ROWS))
    await gate.until_waiting(1)
    wanting = asyncio.create_task(opponent.want())
    await gate.until_waiting(2)
    os.kill(opponent.connection.get_server_pid(), signal.SIGSTOP)
    try:
        await gate.open()
        await asyncio.wait_for(trying_again.wait(), 30)
        await gate.until_waiting(1)
    finally:
        os.kill(opponent.connection.get_server_pid(), signal.SIGCONT)
    await gate.until_waiting(2)
    await gate.open()
    with pytest.raises(asyncpg.DeadlockDetectedError):
        await statement
    await wanting


async def test_without_the_second_try_it_fails(connect: Connect, gate: Gate, opponent: Opponent) -> None:
    """The other negative control."""
    connection = await connect("postgres")
    statement = asyncio.create_task(connection.execute(BOTH_ROWS))
    await gate.until_waiting(1)
    wanting = asyncio.create_task(opponent.want())
    await gate.until_waiting(2)
    await gate.open()
    with pytest.raises(asyncpg.DeadlockDetectedError) as raised:
        await statement
    assert to_problem(raised.value).slug == "try-again"
    await wanting


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
    asleep = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where query = 'select pg_sleep(30)'"
    while not await asyncio.to_thread(database.psql, asleep):  # noqa: ASYNC110 (another process's state)
        await asyncio.sleep(0.01)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)) as raised:
        await sleeper
    assert to_problem(raised.value).slug == "database-unavailable"
    assert await pool.row("select 1")


@asynccontextmanager
async def relay(database: Database, folder: Path) -> AsyncIterator[str]:
    """A socket's folder before the database's own, by way of which one never learns that the server has hung up."""
    there = database.cluster.environ
    socket = f".s.PGSQL.{there['PGPORT']}"
    ends: list[asyncio.StreamWriter] = []
    pumps: list[asyncio.Task[None]] = []

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(f"{there['PGHOST']}/{socket}")
        ends.extend((writer, server_writer))
        pumps.append(asyncio.create_task(pump(reader, server_writer)))
        pumps.append(asyncio.create_task(pump(server_reader, writer)))

    server = await asyncio.start_unix_server(accept, folder / socket)
    yield str(folder)
    server.close()
    for pumping in pumps:
        pumping.cancel()
    await asyncio.gather(*pumps, return_exceptions=True)
    for end in ends:
        end.transport.abort()
    await asyncio.gather(*(end.wait_closed() for end in ends), return_exceptions=True)


async def test_a_backend_that_has_said_farewell_and_not_hung_up(database: Database) -> None:
    """As between the two messages of somebody who kills it; the driver has no word for that."""
    with tempfile.TemporaryDirectory() as folder:
        async with relay(database, Path(folder)) as host:
            url = database.url("postgres").replace(database.cluster.environ["PGHOST"], host)
            pool = Pool(Settings(database_url=url, jwt_secret="x" * 32, pool_size=1))
            await pool.open()
            pid = (await pool.row("select pg_backend_pid()"))[0]
            await asyncio.to_thread(database.psql, f"select pg_terminate_backend({pid}, 5000)")
            with pytest.raises(Problem) as raised:
                await pool.rows("select 1")
            assert (raised.value.status, raised.value.slug) == (503, "database-unavailable")
            assert (await pool.row("select pg_backend_pid()"))[0] != pid
            await pool.close()


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
