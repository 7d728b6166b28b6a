"""What nobody ended: the stale checker, and life without it."""

import asyncio
import secrets
from datetime import timedelta

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support import Cluster
from tests.support.sql import (
    BOOK,
    COMPLETE,
    DRIVER_1,
    DRIVER_2,
    OPERATOR,
    edit_function,
    hours_ahead,
    one_row,
    refused,
    shift_clock,
    waits_for_a_lock,
)


async def test_a_lapsed_booking_keeps_nobody_from_its_spot_while_pg_cron_is_stopped(connect: Connect) -> None:
    """No job visits this database. The 08–10 that nobody ended must not refuse the running 08–12."""
    superuser, service = await connect("postgres"), await connect()
    eight = hours_ahead(-2)
    lapsed = await one_row(service, BOOK, DRIVER_1, 1, eight, eight + timedelta(hours=2, minutes=1))
    await shift_clock(superuser, timedelta(minutes=5))

    booking = await one_row(service, BOOK, DRIVER_2, 1, eight, eight + timedelta(hours=4))
    assert booking["status"] == "active"
    released = await one_row(service, "select * from parking.find_reservation($1, $2)", DRIVER_1, lapsed["id"])
    assert released["status"] == "completed"
    types = [row["type"] for row in await service.fetch("select type from parking.events_after()")]
    assert types == ["booked", "released", "booked"]


async def test_without_that_release_the_lapsed_booking_would_refuse_it(connect: Connect) -> None:
    """The negative control."""
    superuser, service = await connect("postgres"), await connect()
    signature = "parking_private.release_overdue(bigint,bigint,timestamptz)"
    await edit_function(superuser, signature, "v_first <= release_overdue.now", "false")
    eight = hours_ahead(-2)
    await service.fetch(BOOK, DRIVER_1, 1, eight, eight + timedelta(hours=2, minutes=1))
    await shift_clock(superuser, timedelta(minutes=5))
    with pytest.raises(asyncpg.ExclusionViolationError):
        await service.fetch(BOOK, DRIVER_2, 1, eight, eight + timedelta(hours=4))


async def test_a_lapsed_booking_looks_free_before_anybody_has_released_it(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(-1), hours_ahead(1))
    first = "select status from parking.list_spots() where id = 1"
    assert await service.fetchval(first) == "booked"
    await shift_clock(superuser, timedelta(hours=2))
    assert await service.fetchval(first) == "available"
    free = await service.fetch("select id from parking.free_spots($1, $2)", hours_ahead(0), hours_ahead(9))
    assert 1 in [row["id"] for row in free]


async def test_a_refused_booking_releases_nothing_and_logs_nothing(connect: Connect, cluster: Cluster) -> None:
    """What it released would be rolled back, but not the line in the server's log."""
    superuser, service = await connect("postgres"), await connect()
    number = 10**9 + secrets.randbelow(10**9)
    await superuser.execute(f"alter table parking.reservations alter column id restart with {number}")
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(-1), hours_ahead(1))
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(3), hours_ahead(4))
    await shift_clock(superuser, timedelta(hours=2))
    with refused("spot-taken", 409):
        await service.fetch(BOOK, DRIVER_2, 1, hours_ahead(3), hours_ahead(4))
    assert f"(Reservation ID {number})" not in cluster.log.read_text()
    await service.fetch(BOOK, DRIVER_2, 1, hours_ahead(2), hours_ahead(2.9))
    assert f"(Reservation ID {number})" in cluster.log.read_text()


async def test_a_driver_who_ends_and_one_who_books_release_an_overdue_booking_once(connect: Connect) -> None:
    """book() finds it overdue while its own driver is just ending it."""
    superuser, ending, booking = await connect("postgres"), await connect(), await connect()
    overdue = await one_row(ending, BOOK, DRIVER_1, 1, hours_ahead(-1), hours_ahead(1))
    await shift_clock(superuser, timedelta(hours=2))
    transaction = ending.transaction()
    await transaction.start()
    await ending.fetch(COMPLETE, DRIVER_1, overdue["id"])
    late = asyncio.create_task(booking.fetch(BOOK, DRIVER_2, 1, hours_ahead(2), hours_ahead(3)))
    await waits_for_a_lock(superuser)
    await transaction.commit()
    await late
    types = [row["type"] for row in await booking.fetch("select type from parking.events_after()")]
    assert types == ["booked", "completed", "booked"]


async def test_what_is_released_is_logged_and_recorded(connect: Connect, cluster: Cluster) -> None:
    superuser, service = await connect("postgres"), await connect()
    # A number that no other test of this cluster writes into the common log.
    number = 10**9 + secrets.randbelow(10**9)
    await superuser.execute(f"alter table parking.reservations alter column id restart with {number}")
    await service.fetch(BOOK, DRIVER_1, 5, hours_ahead(-1), hours_ahead(1))
    running = await one_row(service, BOOK, DRIVER_1, 4, hours_ahead(-1), hours_ahead(3))
    await shift_clock(superuser, timedelta(hours=2))

    dba = await connect("parking_dba")
    released = await dba.fetch("select * from parking.release_stale()")
    assert [(row["id"], row["status"]) for row in released] == [(number, "completed")]
    line = f"Auto-released Spot #5 (Reservation ID {number})"
    assert [entry.count(line) for entry in cluster.log.read_text().splitlines() if line in entry] == [1]
    event = await one_row(dba, "select type, spot_id, actor from parking.history order by id desc limit 1")
    assert tuple(event) == ("released", 5, None)
    still = await one_row(service, "select * from parking.find_reservation($1, $2)", DRIVER_1, running["id"])
    assert still["status"] == "active"
    assert await dba.fetch("select * from parking.release_stale()") == []


async def test_a_sweep_commits_batch_by_batch(connect: Connect) -> None:
    superuser, service, dba = await connect("postgres"), await connect(), await connect("parking_dba")
    for spot in range(1, 6):
        await service.fetch(BOOK, DRIVER_1, spot, hours_ahead(-1), hours_ahead(1))
    await shift_clock(superuser, timedelta(hours=2))
    await dba.execute("call parking.sweep(2)")
    batches = await superuser.fetch("""
        select count(*) as released from parking.events where type = 'released' group by xid order by xid""")
    assert [row["released"] for row in batches] == [2, 2, 1]


async def test_a_sweep_skips_what_is_locked_and_does_nothing_while_another_runs(connect: Connect) -> None:
    superuser, service, dba = await connect("postgres"), await connect(), await connect("parking_dba")
    held = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(-1), hours_ahead(1))
    await service.fetch(BOOK, DRIVER_1, 2, hours_ahead(-1), hours_ahead(1))
    await shift_clock(superuser, timedelta(hours=2))
    count = "select count(*) from parking.reservations where status = 'active'"
    async with superuser.transaction():
        await superuser.execute("select from parking.reservations where id = $1 for update", held["id"])
        await asyncio.wait_for(dba.execute("call parking.sweep()"), 10)
        assert await superuser.fetchval(count) == 1
    async with superuser.transaction():
        await superuser.execute("select pg_advisory_xact_lock(727565, 0)")
        await asyncio.wait_for(dba.execute("call parking.sweep()"), 10)
    assert await superuser.fetchval(count) == 1
    await dba.execute("call parking.sweep()")
    assert await superuser.fetchval(count) == 0


async def test_a_sweep_visits_every_tenant(connect: Connect) -> None:
    superuser, service, dba = await connect("postgres"), await connect(), await connect("parking_dba")
    stranger = await superuser.fetchval("""
        with t as (
            insert into parking.tenants (slug, name) values ('elsewhere', 'Elsewhere') returning id
        ), l as (
            insert into parking.lots (tenant_id, name, time_zone)
            select id, 'Yard', 'UTC' from t returning tenant_id, id
        ), f as (
            insert into parking.floors (tenant_id, lot_id, name, position)
            select tenant_id, id, 'Ground', 1 from l returning tenant_id, lot_id, id
        ), r as (
            insert into parking.rows (tenant_id, lot_id, floor_id, name, position)
            select tenant_id, lot_id, id, 'A', 1 from f returning tenant_id, lot_id, id
        ), s as (
            insert into parking.spots (tenant_id, lot_id, row_id, name, position)
            select tenant_id, lot_id, id, 'Far', 1 from r
        ), p as (
            insert into parking.people (tenant_id, email, display_name)
            select id, 'far@example.com', 'Far' from t returning tenant_id, id
        )
        insert into parking.memberships (tenant_id, person_id, role)
        select tenant_id, id, 'driver' from p returning person_id""")
    far = await superuser.fetchval("select id from parking.spots where name = 'Far'")
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(-1), hours_ahead(1))
    await service.fetch(BOOK, stranger, far, hours_ahead(-1), hours_ahead(1))
    await shift_clock(superuser, timedelta(hours=2))
    released = [row["spot"] for row in await dba.fetch("select spot from parking.release_stale()")]
    assert sorted(released) == ["Far", "Spot 1"]


async def test_an_operator_expires_what_is_overdue_in_the_own_tenant(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    expire = "select * from parking.expire_old($1)"
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(-1), hours_ahead(1))
    stranger = await superuser.fetchval("select id from parking.people where email = 'operator@riverside.com'")
    assert await service.fetch(expire, OPERATOR) == []
    await shift_clock(superuser, timedelta(hours=2))
    with refused("not-permitted", 403):
        await service.fetch(expire, DRIVER_1)
    assert await service.fetch(expire, stranger) == []
    released = await service.fetch(expire, OPERATOR)
    assert [(row["id"], row["status"]) for row in released] == [(booking["id"], "completed")]
    event = await one_row(superuser, "select type, actor_id from parking.events order by id desc limit 1")
    assert tuple(event) == ("released", None)
    assert await service.fetch(expire, OPERATOR) == []


@pytest.mark.parametrize("at_most", [0, -1, 100_001, None])
async def test_a_number_of_rows_that_makes_no_sense(connect: Connect, at_most: int | None) -> None:
    dba = await connect("parking_dba")
    with refused("not-a-number-of-rows", 422):
        await dba.fetch("select * from parking.release_stale($1)", at_most)
    with refused("not-a-number-of-rows", 422):
        await dba.execute("call parking.sweep($1)", at_most)
    with refused("not-a-number-of-rows", 422):
        await dba.fetch("select * from parking.expire_old($1, $2)", OPERATOR, at_most)


async def test_a_driver_may_end_what_is_overdue_before_the_checker_does(connect: Connect) -> None:
    superuser, service, dba = await connect("postgres"), await connect(), await connect("parking_dba")
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(-1), hours_ahead(1))
    await shift_clock(superuser, timedelta(hours=2))
    assert (await one_row(service, COMPLETE, DRIVER_1, booking["id"]))["status"] == "completed"
    assert await dba.fetch("select * from parking.release_stale()") == []
