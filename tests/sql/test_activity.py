"""The audit and the life of bookings in one list."""

import random

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support.sql import BOOK, COMPLETE, DRIVER_1, DRIVER_2, edit_function, hours_ahead, one_row, refused

LIST = "select * from parking.list_activity($1, $2, $3)"


@pytest.fixture
async def service(connect: Connect) -> asyncpg.Connection:
    return await connect("parking_service")


@pytest.fixture
async def admin(connect: Connect) -> int:
    superuser = await connect("postgres")
    await superuser.execute("truncate parking.audit")  # the demo's lots have been built
    dba = await connect("parking_dba")
    row = await one_row(dba, "select * from parking.add_person('boss@example.org', 'Boss', role => 'admin')")
    return int(row["id"])


async def test_both_records_in_one_list(service: asyncpg.Connection, connect: Connect, admin: int) -> None:
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    await service.fetch(COMPLETE, DRIVER_1, booking["id"])
    async with service.transaction():
        await service.execute("select set_config('parking.address', '2001:db8::1', true)")
        await service.fetch("select parking.assign_role($1, 'operator', $2)", DRIVER_2, admin)
    entries = await service.fetch(LIST, admin, None, 10)
    assert [
        (row["actor_email"], row["action"], row["object_type"], row["object_id"], row["database_role"])
        for row in entries
    ] == [
        ("boss@example.org", "role.assigned", "person", DRIVER_2, "parking_service"),
        ("driver1@parking.com", "reservation.completed", "reservation", booking["id"], None),
        ("driver1@parking.com", "reservation.booked", "reservation", booking["id"], None),
        (None, "person.added", "person", admin, "dba"),
    ]
    assert str(entries[0]["address"]) == "2001:db8::1"
    dba = await connect("parking_dba")
    seen = await dba.fetch(
        "select actor, action, object_id from parking.activity where tenant = 'default' order by at desc"
    )
    assert [tuple(row) for row in seen] == [(row["actor_email"], row["action"], row["object_id"]) for row in entries]


async def test_only_administrators_read_it_and_only_their_own(
    service: asyncpg.Connection, connect: Connect, admin: int
) -> None:
    dba = await connect("parking_dba")
    stranger = await dba.fetchval("select id from parking.found_tenant('far', 'Far', 'boss@far.example')")
    await dba.fetch("select parking.assign_role($1, 'operator')", DRIVER_2)
    for actor in (DRIVER_1, DRIVER_2):
        with refused("not-permitted", 403):
            await service.fetch(LIST, actor, None, 10)
    for nobody in (None, 999_999):
        with refused("unknown-actor", 401):
            await service.fetch(LIST, nobody, None, 10)
    far = await service.fetch(LIST, stranger, None, 10)
    assert [row["action"] for row in far] == ["person.added", "tenant.founded"]
    here = await service.fetch(LIST, admin, None, 10)
    assert {row["object_id"] for row in here} == {admin, DRIVER_2}


@pytest.mark.parametrize("cursor", ["", "1", "1~", "a~b", "1~2~3", "1" * 19 + "~1", "-1~1"])
async def test_what_is_no_cursor(service: asyncpg.Connection, admin: int, cursor: str) -> None:
    with refused("not-a-cursor", 422):
        await service.fetch(LIST, admin, cursor, 10)


@pytest.mark.parametrize("at_most", [0, -1, None, 100_001])
async def test_what_is_no_number_of_rows(service: asyncpg.Connection, admin: int, at_most: int | None) -> None:
    with refused("not-a-number-of-rows", 422):
        await service.fetch(LIST, admin, None, at_most)


async def fill(superuser: asyncpg.Connection, seed: int) -> None:
    """Both records with 60 entries each, whose times are not in the order of their ids, as those of parallel
    transactions are not."""
    times = random.Random(seed)  # noqa: S311 (no secret)
    for number in range(60):
        jitter = times.randrange(-20, 20)
        await superuser.execute(
            """
            insert into parking.audit (tenant_id, at, database_role, action, object_type, object_id)
            values (1, timestamptz '2026-01-01' + make_interval(secs => $1), 'test', 'thing.done', 'thing', $2)""",
            float(number * 7 + jitter),
            number,
        )
        await superuser.execute(
            """
            insert into parking.events (tenant_id, epoch, type, lot_id, spot_id, reservation_id, starts, ends, at)
            values (1, 1, 'booked', 1, 1, $2, '2026-02-01', '2026-02-02',
                timestamptz '2026-01-01' + make_interval(secs => $1))""",
            float(number * 7 - jitter),
            number,
        )


async def paged(service: asyncpg.Connection, admin: int, at_most: int) -> list[tuple[str, int]]:
    """All entries, so many at a time."""
    entries: list[tuple[str, int]] = []
    cursor = None
    while page := await service.fetch(LIST, admin, cursor, at_most):
        assert len(page) <= at_most
        entries += [(row["object_type"], row["object_id"]) for row in page]
        cursor = page[-1]["cursor"]
    return entries


@pytest.mark.parametrize("seed", range(3))
async def test_paging_skips_nothing_and_repeats_nothing(
    service: asyncpg.Connection, connect: Connect, admin: int, seed: int
) -> None:
    await fill(await connect("postgres"), seed)
    whole = await service.fetch(LIST, admin, None, 1000)
    everything = {(row["object_type"], row["object_id"]) for row in whole}
    assert len(everything) == len(whole) == 121
    for at_most in (1, 2, 7, 60):
        entries = await paged(service, admin, at_most)
        assert len(entries) == len(set(entries))
        assert set(entries) == everything


async def test_in_the_order_of_time_alone_paging_would_lose_some(
    service: asyncpg.Connection, connect: Connect, admin: int
) -> None:
    """The negative control: a cursor of ids needs an order that never runs against the ids."""
    superuser = await connect("postgres")
    await fill(superuser, 0)
    await edit_function(
        superuser,
        "parking.list_activity(bigint,text,integer)",
        "order by e.place desc, e.audit_id desc nulls last, e.event_id desc",
        "order by e.at desc",
    )
    assert len(set(await paged(service, admin, 7))) < 121


async def test_it_goes_on_behind_a_cursor_whatever_happens_meanwhile(service: asyncpg.Connection, admin: int) -> None:
    first = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    second = await one_row(service, BOOK, DRIVER_1, 2, hours_ahead(1), hours_ahead(2))
    (top,) = await service.fetch(LIST, admin, None, 1)
    assert top["object_id"] == second["id"]
    await service.fetch(BOOK, DRIVER_1, 3, hours_ahead(1), hours_ahead(2))
    rest = await service.fetch(LIST, admin, top["cursor"], 10)
    assert [row["object_id"] for row in rest] == [first["id"], admin]


async def test_a_page_is_read_from_the_keys(service: asyncpg.Connection, connect: Connect, admin: int) -> None:
    """With two hundred thousand entries in both, a page costs a handful of index pages and no sort of everything."""
    superuser = await connect("postgres")
    await superuser.execute("""
        insert into parking.audit (tenant_id, at, database_role, action, object_type, object_id)
        select 1, timestamptz '2026-01-01' + make_interval(secs => n), 'test', 'thing.done', 'thing', n
        from generate_series(1, 100000) n;
        insert into parking.events (tenant_id, epoch, type, lot_id, spot_id, reservation_id, starts, ends, at)
        select 1, 1, 'booked', 1, 1, n, '2026-02-01', '2026-02-02',
               timestamptz '2026-11-01' + make_interval(secs => n * 20)
        from generate_series(1, 100000) n;
        analyze parking.audit, parking.events""")
    read = "select pg_stat_get_xact_tuples_returned('parking.audit'::regclass)"
    async with superuser.transaction():
        before = await superuser.fetchval(read)
        await superuser.fetch(LIST, admin, None, 50)
        assert await superuser.fetchval(read) - before <= 60
