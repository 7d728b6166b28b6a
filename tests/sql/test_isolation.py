"""Row-level security, tried as the roles under test: what one tenant has, nobody sees from another, whatever is set."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support import DRIVER_1

ELSEWHERE = """
do $$
declare
    v_tenant bigint;
    v_person bigint;
    v_lot    bigint;
    v_floor  bigint;
    v_row    bigint;
    v_spot   bigint;
begin
    insert into parking.tenants (slug, name) values ('elsewhere', 'Elsewhere') returning id into v_tenant;
    insert into parking.people (tenant_id, email, display_name) values (v_tenant, 'boss@elsewhere.example', 'Boss')
    returning id into v_person;
    insert into parking.memberships (tenant_id, person_id, role) values (v_tenant, v_person, 'admin');
    insert into parking.lots (tenant_id, name, time_zone, public) values (v_tenant, 'Hidden', 'UTC', false)
    returning id into v_lot;
    insert into parking.time_slots (tenant_id, lot_id, starts, ends) values (v_tenant, v_lot, '00:00', '12:00');
    insert into parking.floors (tenant_id, lot_id, name, position) values (v_tenant, v_lot, 'Ground', 1)
    returning id into v_floor;
    insert into parking.rows (tenant_id, lot_id, floor_id, name, position) values (v_tenant, v_lot, v_floor, 'A', 1)
    returning id into v_row;
    insert into parking.spots (tenant_id, lot_id, row_id, name, position)
    values (v_tenant, v_lot, v_row, 'Hidden spot', 1)
    returning id into v_spot;
    perform parking.book(v_person, v_spot, parking.clock() + interval '1 hour', parking.clock() + interval '2 hours');
    perform parking_private.audit(v_person, 'lot.built', 'lot', v_lot);
    perform parking.set_garage(v_person, v_lot), parking.set_tariff(v_person, v_lot, 'Standard', 1000);
    perform parking.leave_garage(v_person, e.ticket_number, 'Cash')
    from parking.enter_garage(v_person, v_lot, 'HIDDEN 1') e;
end
$$"""
OURS = "('parking', 'parking_private')"
VIEWS = f"""
    select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in {OURS} and c.relkind = 'v' order by 1"""


@pytest.fixture
async def superuser(connect: Connect) -> asyncpg.Connection:
    """With a second tenant, which has a lot that is not public and a booking."""
    superuser = await connect("postgres")
    await superuser.execute(ELSEWHERE)
    driver = await superuser.fetchval("select parking.find_person($1)", DRIVER_1)
    await superuser.execute(
        "select parking.book($1, 1, parking.clock() + interval '1 hour', parking.clock() + interval '2 hours')", driver
    )
    await superuser.execute(
        "select parking.leave_garage(3, e.ticket_number, 'Card') from parking.enter_garage(3, 4, 'SPOTTED 1') e"
    )
    return superuser


@pytest.fixture
async def reporter(superuser: asyncpg.Connection, connect: Connect) -> AsyncIterator[asyncpg.Connection]:
    """A login that may look at the second tenant."""
    name = f"reporter_{uuid4().hex[:8]}"
    await superuser.execute(f"create role {name} login in role parking_reporting")
    await superuser.execute(
        f"insert into parking_private.reporters select '{name}', id from parking.tenants where slug = 'elsewhere'"
    )
    connection = await connect(name)
    yield connection
    connection.terminate()
    await superuser.execute(f"drop role {name}")


async def tables(superuser: asyncpg.Connection) -> list[str]:
    """Every table that has rows of tenants."""
    found = await superuser.fetch(f"""
        select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in {OURS} and c.relkind in ('r', 'p') and c.relrowsecurity order by 1""")
    assert len(found) > 10
    return [row["name"] for row in found]


async def test_the_owner_sees_nothing_without_a_tenant_and_one_tenant_with_it(superuser: asyncpg.Connection) -> None:
    """The functions' own role: the net under a function that forgets to enter a tenant, or a condition."""
    seen = {}
    for tenant in ("", "1", "999999", "nonsense"):
        async with superuser.transaction():
            await superuser.execute("set local role parking_owner")
            await superuser.execute("select set_config('parking.tenant', $1, true)", tenant)
            for table in await tables(superuser):
                column = "id" if table == "parking.tenants" else "tenant_id"
                if tenant == "nonsense":
                    with pytest.raises(asyncpg.InvalidTextRepresentationError):
                        async with superuser.transaction():
                            await superuser.fetch(f"select {column} from {table}")
                else:
                    rows = await superuser.fetch(f"select {column} from {table}")
                    assert {str(row[0]) for row in rows} <= {tenant}, table
                    seen[table, tenant] = len(rows)
    garage = "parking.garages", "parking.tickets", "parking.ticket_lines", "parking.payments"
    for table in ("parking.people", "parking.lots", "parking.spots", "parking.reservations", "parking.events", *garage):
        assert seen[table, "1"] > 0
        assert seen[table, ""] == seen[table, "999999"] == 0


async def test_the_owner_cannot_write_into_another_tenant(superuser: asyncpg.Connection) -> None:
    other = await superuser.fetchval("select id from parking.tenants where slug = 'elsewhere'")
    for statement in (
        "insert into parking.people (tenant_id, email, display_name) values ($1, 'x@x.example', 'X')",
        "update parking.people set tenant_id = $1",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            async with superuser.transaction():
                await superuser.execute("set local role parking_owner")
                await superuser.execute("select set_config('parking.tenant', '1', true)")
                await superuser.execute(statement, other)
    async with superuser.transaction():
        await superuser.execute("set local role parking_owner")
        await superuser.execute("select set_config('parking.tenant', '1', true)")
        assert await superuser.execute("delete from parking.reservations where tenant_id = $1", other) == "DELETE 0"
    assert await superuser.fetchval("select count(*) from parking.reservations where tenant_id = $1", other) == 1


async def test_a_tenant_that_was_entered_is_left_with_the_transaction(superuser: asyncpg.Connection) -> None:
    await superuser.fetch("select * from parking.find_lot(1)")
    assert await superuser.fetchval("select parking_private.current_tenant()") is None


@pytest.mark.parametrize("tenant", [None, "1", "2", "0"])
async def test_the_service_and_a_dba_touch_no_table(
    superuser: asyncpg.Connection, connect: Connect, tenant: str | None
) -> None:
    for role in ("parking_service", "parking_dba"):
        connection = await connect(role)
        if tenant is not None:
            await connection.execute("select set_config('parking.tenant', $1, false)", tenant)
        for table in await tables(superuser):
            for statement in ("select 1 from {}", "delete from {}", "insert into {} default values", "truncate {}"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement.format(table))


async def test_a_reporter_sees_the_own_tenant_whatever_is_set(
    superuser: asyncpg.Connection, reporter: asyncpg.Connection
) -> None:
    views = [row["name"] for row in await superuser.fetch(VIEWS)]
    assert len(views) >= 4

    async def shown() -> dict[str, list[tuple[object, ...]]]:
        return {view: [tuple(row) for row in await reporter.fetch(f"select * from {view}")] for view in views}

    own = await shown()
    assert "Hidden spot" in str(own["parking.bookings"])
    assert "boss@elsewhere.example" in str(own["parking.members"])
    assert "HIDDEN1" in str(own["parking.garage_tickets"])
    assert "boss@elsewhere.example" in str(own["parking.ledger"])
    assert DRIVER_1 not in str(own)
    assert "SPOTTED1" not in str(own)
    assert "operator@parking.com" not in str(own)
    assert "Spot 1" not in str(own)
    for tenant in ("1", "", "0"):
        await reporter.execute("select set_config('parking.tenant', $1, false)", tenant)
        assert await shown() == own


async def test_a_reporter_may_nothing_else(superuser: asyncpg.Connection, reporter: asyncpg.Connection) -> None:
    for table in await tables(superuser):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reporter.execute(f"select 1 from {table}")
    for statement in (
        "select * from parking.board()",
        "select parking.find_person('driver1@parking.com')",
        "select * from parking_private.readable_tenants('postgres')",
        "set role parking_dba",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reporter.execute(statement)


async def test_a_reporter_without_a_tenant_and_a_stranger_see_nothing(
    superuser: asyncpg.Connection, reporter: asyncpg.Connection
) -> None:
    await superuser.execute("delete from parking_private.reporters")
    for row in await superuser.fetch(VIEWS):
        assert await reporter.fetch(f"select * from {row['name']}") == [], row["name"]


async def test_a_dba_sees_every_tenant(superuser: asyncpg.Connection, connect: Connect) -> None:
    dba = await connect("parking_dba")
    assert {row["tenant"] for row in await dba.fetch("select tenant from parking.members")} >= {"default", "elsewhere"}


async def test_a_view_whose_owner_is_above_the_policies_would_tell(
    superuser: asyncpg.Connection, reporter: asyncpg.Connection
) -> None:
    """The negative control of the tests of the reporter: it is the view's owner that makes the difference."""
    await superuser.execute("alter view parking.bookings owner to postgres")
    assert "Spot 1" in str(await reporter.fetch("select * from parking.bookings"))


async def test_a_lot_that_is_not_public_does_not_exist_for_others(
    superuser: asyncpg.Connection, connect: Connect
) -> None:
    service = await connect("parking_service")
    hidden = await superuser.fetchval("select id from parking.lots where name = 'Hidden'")
    boss = await superuser.fetchval("select parking.find_person('boss@elsewhere.example', 'elsewhere')")
    driver = await superuser.fetchval("select parking.find_person($1)", DRIVER_1)
    calls = {
        "find_lot": "select * from parking.find_lot($1, actor => $2)",
        "board": "select * from parking.board($1, actor => $2)",
        "list_spots": "select * from parking.list_spots($1, actor => $2)",
        "stats": "select * from parking.stats($1, actor => $2)",
        "free_spots": "select * from parking.free_spots('2150-01-01 08:00Z', '2150-01-01 09:00Z', $1, actor => $2)",
    }
    for name, call in calls.items():
        assert await service.fetch(call, hidden, boss), name
        said = []
        for actor in (None, driver):
            for lot in (hidden, 123456789):
                with pytest.raises(asyncpg.PostgresError) as refused:
                    await service.fetch(call, lot, actor)
                said.append((refused.value.sqlstate, str(refused.value).replace(str(lot), "…")))
        assert set(said) == {("PK404", said[0][1])}, name


async def test_another_tenants_spot_cannot_be_booked_and_looks_unknown(
    superuser: asyncpg.Connection, connect: Connect
) -> None:
    service = await connect("parking_service")
    spot = await superuser.fetchval("select id from parking.spots where name = 'Hidden spot'")
    reservation = await superuser.fetchval("select id from parking.reservations where spot_id = $1", spot)
    driver = await superuser.fetchval("select parking.find_person($1)", DRIVER_1)
    book = "select parking.book($2, $1, parking.clock() + interval '5 hours', parking.clock() + interval '6 hours')"
    for call, number in (
        (book, spot),
        ("select parking.complete($2, $1)", reservation),
        ("select parking.find_reservation($2, $1)", reservation),
    ):
        said = set()
        for given in (number, 123456789):
            with pytest.raises(asyncpg.PostgresError) as refused:
                await service.fetch(call, given, driver)
            said.add((refused.value.sqlstate, str(refused.value).replace(str(given), "…")))
        assert len(said) == 1
        assert said.pop()[0] == "PK404"


async def test_the_audit_is_append_only(superuser: asyncpg.Connection) -> None:
    for statement in (
        "update parking.audit set action = 'lot.lost'",
        "delete from parking.audit",
        "truncate parking.audit",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with superuser.transaction():
                await superuser.execute("set local role parking_owner")
                await superuser.execute("select set_config('parking.tenant', '1', true)")
                await superuser.execute(statement)


async def test_the_checker_releases_in_every_tenant(superuser: asyncpg.Connection, connect: Connect) -> None:
    await superuser.execute("update parking_private.clock_shift set shift = '5 hours'")
    dba = await connect("parking_dba")
    released = await dba.fetch("select * from parking.release_stale()")
    assert {row["spot"] for row in released} == {"Hidden spot", "Spot 1"}
    assert len({row["tenant_id"] for row in released}) == 2
