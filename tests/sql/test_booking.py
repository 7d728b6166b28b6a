"""Booking and completing, as the service's role and as a DBA call them."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support.sql import BOOK, COMPLETE, DRIVER_1, DRIVER_2, hours_ahead, one_row, refused, shift_clock


async def test_a_booking_holds_its_spot_until_it_is_completed(connect: Connect) -> None:
    service = await connect("parking_service")
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(3))
    assert (booking["driver"], booking["spot"], booking["status"]) == ("driver1@parking.com", "Spot 1", "active")

    with refused("spot-taken", 409):
        await service.fetch(BOOK, DRIVER_2, 1, hours_ahead(2), hours_ahead(4))
    await service.fetch(BOOK, DRIVER_2, 2, hours_ahead(2), hours_ahead(4))

    completed = await one_row(service, COMPLETE, DRIVER_1, booking["id"])
    assert completed["status"] == "completed"
    assert completed["ended_at"] is not None
    await service.fetch(BOOK, DRIVER_2, 1, hours_ahead(2), hours_ahead(4))


async def test_a_period_is_half_open(connect: Connect) -> None:
    service = await connect()
    noon = hours_ahead(4)
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), noon)
    await service.fetch(BOOK, DRIVER_2, 1, noon, hours_ahead(8))
    with refused("spot-taken", 409):
        await service.fetch(BOOK, DRIVER_2, 1, noon - timedelta(microseconds=1), noon)


INFINITE = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]  # asyncpg's infinities


@pytest.mark.parametrize(
    ("slug", "starts", "ends"),
    [
        ("period-incomplete", None, 1),
        ("period-incomplete", 1, None),
        ("period-backwards", 2, 1),
        ("period-backwards", 1, 1),
        ("period-over", -2, -1),
        ("period-too-early", -25, 1),
        ("period-too-long", 1, 26),
        ("period-too-far", 24 * 365 - 1, 24 * 365 + 1),
        ("period-too-early", INFINITE[0], 1),
        ("period-too-far", 1, INFINITE[1]),
        ("period-too-early", *INFINITE),
        ("period-backwards", INFINITE[1], INFINITE[1]),
    ],
)
async def test_a_period_that_may_not_be_booked(
    connect: Connect, slug: str, starts: float | datetime | None, ends: float | datetime | None
) -> None:
    service = await connect()
    # The same moment for both, so that an empty period is empty.
    now = datetime.now(UTC)
    period = [now + timedelta(hours=at) if isinstance(at, int | float) else at for at in (starts, ends)]
    with refused(slug, 422):
        await service.fetch(BOOK, DRIVER_1, 1, *period)
    superuser = await connect("postgres")
    assert await superuser.fetchval("select count(*) from parking.reservations") == 0


async def test_a_running_period_can_be_booked_while_its_end_lies_ahead(connect: Connect) -> None:
    service = await connect()
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(-3), hours_ahead(1))
    assert booking["status"] == "active"


async def test_a_lot_may_set_rules_of_its_own(connect: Connect) -> None:
    superuser = await connect("postgres")
    service = await connect()
    await superuser.execute("update parking.lots set longest_booking = '2 hours', booking_horizon = '10 hours'")
    with refused("period-too-long", 422):
        await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(4))
    with refused("period-too-far", 422):
        await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(9), hours_ahead(10.5))
    starts = hours_ahead(1)
    await service.fetch(BOOK, DRIVER_1, 1, starts, starts + timedelta(hours=2))


@pytest.mark.parametrize("spot", [0, -1, 1506, 9999, 2**63 - 1, None])
async def test_an_unknown_spot(connect: Connect, spot: int | None) -> None:
    service = await connect()
    with refused("unknown-spot", 404):
        await service.fetch(BOOK, DRIVER_1, spot, hours_ahead(1), hours_ahead(2))


@pytest.mark.parametrize("actor", [0, 99, None])
async def test_an_unknown_actor(connect: Connect, actor: int | None) -> None:
    service = await connect()
    with refused("unknown-actor", 401):
        await service.fetch(BOOK, actor, 1, hours_ahead(1), hours_ahead(2))
    with refused("unknown-actor", 401):
        await service.fetch(COMPLETE, actor, 1)


async def test_a_retired_spot_and_a_closed_account_count_as_unknown(connect: Connect) -> None:
    superuser = await connect("postgres")
    service = await connect()
    await superuser.execute("update parking.spots set retired_at = parking.clock() where id = 2")
    await superuser.execute("update parking.people set active = false where id = $1", DRIVER_2)
    with refused("unknown-spot", 404):
        await service.fetch(BOOK, DRIVER_1, 2, hours_ahead(1), hours_ahead(2))
    with refused("unknown-actor", 401):
        await service.fetch(BOOK, DRIVER_2, 1, hours_ahead(1), hours_ahead(2))


async def test_another_tenants_spot_and_reservation_do_not_exist(connect: Connect) -> None:
    superuser = await connect("postgres")
    service = await connect()
    stranger = await superuser.fetchval("""
        with t as (insert into parking.tenants (slug, name) values ('elsewhere', 'Elsewhere') returning id), p as (
            insert into parking.people (tenant_id, email, display_name)
            select t.id, 'driver1@parking.com', 'Namesake' from t returning tenant_id, id
        )
        insert into parking.memberships (tenant_id, person_id, role)
        select tenant_id, id, 'driver' from p returning person_id""")
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    with refused("unknown-spot", 404):
        await service.fetch(BOOK, stranger, 2, hours_ahead(1), hours_ahead(2))
    with refused("unknown-reservation", 404):
        await service.fetch(COMPLETE, stranger, booking["id"])


async def test_only_the_driver_completes_and_only_once(connect: Connect) -> None:
    service = await connect()
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    with refused("not-your-reservation", 403):
        await service.fetch(COMPLETE, DRIVER_2, booking["id"])
    with refused("not-your-reservation", 403):
        await service.fetch("select * from parking.find_reservation($1, $2)", DRIVER_2, booking["id"])
    with refused("unknown-reservation", 404):
        await service.fetch(COMPLETE, DRIVER_1, booking["id"] + 1)
    await service.fetch(COMPLETE, DRIVER_1, booking["id"])
    with refused("reservation-not-active", 409):
        await service.fetch(COMPLETE, DRIVER_1, booking["id"])
    again = await one_row(service, "select * from parking.find_reservation($1, $2)", DRIVER_1, booking["id"])
    assert again["status"] == "completed"


async def test_the_constraint_is_the_law(connect: Connect) -> None:
    """Even who writes to the table, past every function, cannot store an overlap."""
    superuser = await connect("postgres")
    insert = """
        insert into parking.reservations (tenant_id, lot_id, spot_id, person_id, starts, ends, booked_at)
        values (1, 1, 1, 1, $1, $2, parking.clock())"""
    await superuser.execute(insert, hours_ahead(1), hours_ahead(3))
    with pytest.raises(asyncpg.ExclusionViolationError) as caught:
        await superuser.execute(insert, hours_ahead(2), hours_ahead(4))
    assert caught.value.constraint_name == "spot_taken"


async def test_under_a_stricter_isolation_level_an_overlap_is_still_refused(connect: Connect) -> None:
    """There the courtesy check reads an old snapshot; the constraint does not."""
    first, second = await connect(), await connect()
    async with second.transaction(isolation="repeatable_read"):
        await second.fetch("select 1")
        await second.fetch("select * from parking.stats()")
        await first.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(3))
        with pytest.raises(asyncpg.ExclusionViolationError):
            await second.fetch(BOOK, DRIVER_2, 1, hours_ahead(2), hours_ahead(4))


async def test_each_change_has_one_event_that_says_who(connect: Connect) -> None:
    service, dba = await connect(), await connect("parking_dba")
    superuser = await connect("postgres")
    one = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(-1), hours_ahead(1))
    two = await one_row(service, BOOK, DRIVER_2, 2, hours_ahead(-1), hours_ahead(1))
    await service.fetch(COMPLETE, DRIVER_1, one["id"])
    await shift_clock(superuser, timedelta(hours=2))
    await dba.execute("call parking.sweep()")
    history = await dba.fetch("select reservation_id, type, actor from parking.history order by id")
    assert [tuple(row) for row in history] == [
        (one["id"], "booked", "driver1@parking.com"),
        (two["id"], "booked", "driver2@parking.com"),
        (one["id"], "completed", "driver1@parking.com"),
        (two["id"], "released", None),
    ]
    told = await service.fetch("select * from parking.events_after()")
    assert [row["type"] for row in told] == ["booked", "booked", "completed", "released"]
    assert not any("driver" in str(value) for row in told for value in row.values())


async def test_a_refusal_stores_nothing(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    with refused("spot-taken", 409):
        await service.fetch(BOOK, DRIVER_2, 1, hours_ahead(1), hours_ahead(2))
    assert await superuser.fetchval("select count(*) from parking.reservations") == 1
    assert await superuser.fetchval("select count(*) from parking.events") == 1
