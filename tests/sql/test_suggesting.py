"""What else one may book: near, later, permitted, and found without reading the whole lot."""

from datetime import date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.conftest import Connect
from tests.sql.garage import OTHER_SPOT, SPOT, enter, set_garage
from tests.sql.test_board import at, set_clock
from tests.support.sql import (
    BOOK,
    DRIVER_1,
    DRIVER_2,
    OPERATOR,
    hours_ahead,
    one_row,
    refused,
)

ALTERNATIVES = "select * from parking.alternatives($1, $2, $3, $4, $5)"
CHECK = "select parking.check_spot($1, $2, $3)"
CENTRAL = 2
"""The demo's lot of three floors with ten rows of 50 spots each; its spots are 6 to 1505."""


@pytest.fixture
async def service(connect: Connect) -> asyncpg.Connection:
    """On the morning of a Monday, before the first slot."""
    await set_clock(await connect("postgres"), at(7))
    return await connect("parking_service")


async def alternatives(
    service: asyncpg.Connection, spot: int, starts: datetime, ends: datetime, at_most: int = 5
) -> list[asyncpg.Record]:
    return list(await service.fetch(ALTERNATIVES, spot, starts, ends, None, at_most))


def others(rows: list[asyncpg.Record]) -> list[int]:
    return [row["spot_id"] for row in rows if row["kind"] == "other-spot"]


def later(rows: list[asyncpg.Record]) -> list[tuple[datetime, datetime]]:
    return [(row["starts"], row["ends"]) for row in rows if row["kind"] == "later-period"]


async def test_the_nearest_spot_and_the_next_slot_come_first(service: asyncpg.Connection) -> None:
    await service.fetch(BOOK, DRIVER_1, 2, at(8), at(12))
    rows = await alternatives(service, 2, at(8), at(12))
    assert [(row["kind"], row["spot"], row["type"], row["starts"], row["ends"]) for row in rows] == [
        ("other-spot", "Spot 1", "regular", at(8), at(12)),
        ("later-period", "Spot 2", "regular", at(12), at(16)),
        ("other-spot", "Spot 4", "regular", at(8), at(12)),
        ("other-spot", "Spot 5", "regular", at(8), at(12)),
        # Next door, but of another type.
        ("other-spot", "Spot 3", "handicap", at(8), at(12)),
    ]
    assert [row["kind"] for row in await alternatives(service, 2, at(8), at(12), 2)] == ["other-spot", "later-period"]
    # Where the other spots come to an end, the later slots go on.
    assert later(await alternatives(service, 2, at(8), at(12), 7)) == [
        (at(12), at(16)),
        (at(16), at(20)),
        (at(8, day=date(2030, 5, 7)), at(12, day=date(2030, 5, 7))),
    ]


async def test_same_row_then_same_floor_then_the_lot(service: asyncpg.Connection, connect: Connect) -> None:
    superuser = await connect("postgres")
    places = {
        row["spot_id"]: (row["floor"], row["row"])
        for row in await superuser.fetch('select spot_id, floor, "row" from parking.places where lot_id = $1', CENTRAL)
    }
    ordinary = [
        row["id"] for row in await superuser.fetch("select id from parking.spots where lot_id = 2 and type = 'regular'")
    ]
    spot = 125  # the twentieth of Level 1's third row
    found = others(await alternatives(service, spot, at(8), at(12), 2000))
    assert len(found) == 1499
    assert found[:6] == [124, 126, 123, 127, 122, 128]
    same_type, rest = found[: len(ordinary) - 1], found[len(ordinary) - 1 :]
    assert set(same_type) == set(ordinary) - {spot}
    here = places[spot]
    nearness = [(places[n][0] != here[0], places[n] != here) for n in same_type]
    assert nearness == sorted(nearness)
    assert set(rest).isdisjoint(ordinary)


async def test_what_is_taken_or_closed_is_no_alternative(service: asyncpg.Connection, connect: Connect) -> None:
    superuser = await connect("postgres")
    await service.fetch(BOOK, DRIVER_2, 1, at(11), at(13))
    maintain = "select * from parking.set_spot_state($1, $2, 'maintenance', 'Paint', $3)"
    await service.fetch(maintain, OPERATOR, 4, at(9))
    await service.fetch(maintain, OPERATOR, 2, at(13))
    await superuser.execute("update parking.spots set retired_at = parking.clock() where id = 5")
    rows = await alternatives(service, 2, at(8), at(12))
    assert others(rows) == [3]
    assert later(rows)[0] == (at(16), at(20)), "the maintenance reaches into the slot of noon"
    assert others(await alternatives(service, 2, at(9), at(10))) == [1, 4, 3]


async def test_a_free_period_moves_to_the_next_gap_of_its_length(service: asyncpg.Connection) -> None:
    for starts, ends in ((9, 11), (12, 14), (14.5, 16), (18, 19)):
        await service.fetch(BOOK, DRIVER_1, 1, at(0) + timedelta(hours=starts), at(0) + timedelta(hours=ends))
    assert later(await alternatives(service, 1, at(9, 30), at(11), 9)) == [
        (at(16), at(17, 30)),
        (at(19), at(20, 30)),
    ]
    assert later(await alternatives(service, 1, at(9, 30), at(10), 9))[:3] == [
        (at(11), at(11, 30)),
        (at(14), at(14, 30)),
        (at(16), at(16, 30)),
    ]


async def test_nothing_is_offered_while_the_lot_is_closed(service: asyncpg.Connection, connect: Connect) -> None:
    superuser = await connect("postgres")
    await superuser.execute("""
        insert into parking.opening_hours (tenant_id, lot_id, weekday, opens, closes)
        select 1, 1, d, '07:00', '18:00' from generate_series(1, 5) d""")
    await service.fetch(BOOK, DRIVER_1, 1, at(13), at(17))
    tuesday = date(2030, 5, 7)
    # Not from five to eight, though nobody has booked it then, but when the lot opens again.
    assert later(await alternatives(service, 1, at(14), at(17), 9))[0] == (at(7, day=tuesday), at(10, day=tuesday))
    # Of the slots the last one is never open.
    assert later(await alternatives(service, 1, at(12), at(16), 9))[:2] == [
        (at(8, day=tuesday), at(12, day=tuesday)),
        (at(12, day=tuesday), at(16, day=tuesday)),
    ]
    rows = await alternatives(service, 1, at(17), at(19), 9)
    assert others(rows) == []
    assert later(rows)
    assert await service.fetchval(CHECK, 2, at(17), at(19)) == "closed"


async def test_what_has_lapsed_is_in_nobodys_way(service: asyncpg.Connection, connect: Connect) -> None:
    superuser = await connect("postgres")
    await service.fetch(BOOK, DRIVER_1, 2, at(7), at(9))
    await set_clock(superuser, at(10))
    assert others(await alternatives(service, 1, at(8), at(12)))[0] == 2
    assert await service.fetchval(CHECK, 2, at(8), at(12)) == "available"


async def test_what_is_offered_can_be_booked(service: asyncpg.Connection) -> None:
    for spot in (1, 2, 4):
        await service.fetch(BOOK, DRIVER_1, spot, at(10), at(14))
        await service.fetch(BOOK, DRIVER_1, spot, at(15), at(15, 30))
    for starts, ends in ((at(8), at(12)), (at(9), at(13)), (at(14), at(15, 10))):
        for row in await alternatives(service, 1, starts, ends, 20):
            async with service.transaction():
                booked = await one_row(service, BOOK, DRIVER_2, row["spot_id"], row["starts"], row["ends"])
                assert booked["status"] == "active"
                await service.fetch("select parking.cancel($1, $2)", DRIVER_2, booked["id"])


async def test_nothing_is_offered_for_a_time_at_which_the_garage_is_full(
    service: asyncpg.Connection, connect: Connect
) -> None:
    """One of two spaces is a vehicle's that is assumed to stay until eleven, and the other one is booked."""
    superuser = await connect("postgres")
    await set_garage(superuser, spaces=2)
    await enter(service, "A 1")
    await service.fetch(BOOK, DRIVER_1, SPOT, at(8), at(12))
    full = await alternatives(service, SPOT, at(8), at(12), 9)
    assert others(full) == []
    assert later(full)[0] == (at(12), at(16))
    # From twelve on the other spots are free.
    assert others(await alternatives(service, SPOT, at(12), at(16), 9))
    # A time that is full goes by, though the spot is free then.
    await service.fetch(BOOK, DRIVER_1, OTHER_SPOT, at(12), at(16))
    await set_garage(superuser, spaces=1)
    assert later(await alternatives(service, SPOT, at(8), at(12), 9))[0] == (at(16), at(20))
    for row in await alternatives(service, SPOT, at(8), at(12), 9):
        async with service.transaction():
            booked = await one_row(service, BOOK, DRIVER_2, row["spot_id"], row["starts"], row["ends"])
            await service.fetch("select parking.cancel($1, $2)", DRIVER_2, booked["id"])


async def test_a_days_clock_change_moves_no_slot(service: asyncpg.Connection, connect: Connect) -> None:
    """In the night to 31 March 2030 the clocks of Berlin go forward."""
    superuser = await connect("postgres")
    saturday, sunday = date(2030, 3, 30), date(2030, 3, 31)
    await set_clock(superuser, at(19, day=saturday))
    await service.fetch(BOOK, DRIVER_1, 1, at(16, day=saturday), at(20, day=saturday))
    assert later(await alternatives(service, 1, at(16, day=saturday), at(20, day=saturday)))[0] == (
        at(8, day=sunday),
        at(12, day=sunday),
    )


async def test_as_long_is_as_long_whatever_the_sessions_time_zone(
    service: asyncpg.Connection, connect: Connect
) -> None:
    """The day after has 23 hours in Berlin, where the DBA is; a period of 24 hours stays one."""
    await set_clock(await connect("postgres"), at(7, day=date(2030, 3, 28)))
    starts, ends = at(12, day=date(2030, 3, 29)), at(12, day=date(2030, 3, 30))
    await service.fetch(BOOK, DRIVER_1, 1, starts, ends)
    dba = await connect("parking_dba", timezone="Europe/Berlin")
    assert later(await alternatives(dba, 1, starts, ends)) == [(ends, at(13, day=date(2030, 3, 31)))]


async def test_a_slot_that_has_become_too_long_is_not_offered(service: asyncpg.Connection, connect: Connect) -> None:
    """In the night to 27 October 2030 the clocks of Berlin go back, and a night of ten hours has eleven."""
    saturday, sunday, monday = date(2030, 10, 26), date(2030, 10, 27), date(2030, 10, 28)
    await service.fetch("select * from parking.set_slots($1, 1, '{20:00-06:00}')", OPERATOR)
    await service.fetch("select * from parking.change_lot($1, 1, longest_booking => '10 hours')", OPERATOR)
    await set_clock(await connect("postgres"), at(7, day=date(2030, 10, 25)))
    night = at(20, day=date(2030, 10, 25)), at(6, day=saturday)
    assert later(await alternatives(service, 1, *night, 6))[0] == (at(20, day=sunday), at(6, day=monday))
    with refused("period-too-long", 422):
        await service.fetch(BOOK, DRIVER_1, 1, at(20, day=saturday), at(6, day=sunday))


@pytest.mark.parametrize(("days", "offered"), [(50, True), (60, False)])
async def test_later_is_within_eight_weeks(service: asyncpg.Connection, days: int, offered: bool) -> None:
    until = at(8) + timedelta(days=days)
    await service.fetch("select * from parking.set_spot_state($1, 1, 'maintenance', 'Rebuilt', $2)", OPERATOR, until)
    assert later(await alternatives(service, 1, at(8), at(12)))[:1] == [(until, until + timedelta(hours=4))][:offered]


async def test_whether_a_spot_is_free(service: asyncpg.Connection, connect: Connect) -> None:
    await service.fetch(BOOK, DRIVER_1, 1, at(8), at(12))
    await service.fetch("select * from parking.set_spot_state($1, 2, 'maintenance', 'Paint', $2)", OPERATOR, at(9))
    states = [await service.fetchval(CHECK, 1, at(start), at(start + 1)) for start in (7, 8, 11, 12)]
    assert states == ["available", "booked", "booked", "available"]
    assert await service.fetchval(CHECK, 2, at(8), at(10)) == "maintenance"
    assert await service.fetchval(CHECK, 2, at(9), at(10)) == "available"


@pytest.mark.parametrize(
    ("slug", "starts", "ends"),
    [
        ("period-incomplete", None, 1),
        ("period-incomplete", 1, None),
        ("period-backwards", 1, 1),
        ("period-over", -2, -1),
        ("period-too-long", 1, 26),
        ("period-too-far", 24 * 365, 24 * 365 + 1),
        ("period-too-early", -30, 1),
    ],
)
async def test_a_period_that_may_not_be_booked_has_no_alternatives(
    connect: Connect, slug: str, starts: float | None, ends: float | None
) -> None:
    service = await connect()
    now = hours_ahead(0)
    period: list[Any] = [None if hours is None else now + timedelta(hours=hours) for hours in (starts, ends)]
    with refused(slug, 422):
        await service.fetch(ALTERNATIVES, 1, *period, None, 5)
    with refused(slug, 422):
        await service.fetchval(CHECK, 1, *period)


@pytest.mark.parametrize("spot", [0, -1, 1_000_000, 2**63 - 1, None])
async def test_an_unknown_spot(service: asyncpg.Connection, spot: int | None) -> None:
    with refused("unknown-spot", 404):
        await service.fetch(ALTERNATIVES, spot, at(8), at(12), None, 5)
    with refused("unknown-spot", 404):
        await service.fetchval(CHECK, spot, at(8), at(12))


@pytest.mark.parametrize("at_most", [0, -1, 100_001, None])
async def test_a_number_of_rows_that_makes_no_sense(service: asyncpg.Connection, at_most: int | None) -> None:
    with refused("not-a-number-of-rows", 422):
        await service.fetch(ALTERNATIVES, 1, at(8), at(12), None, at_most)


async def test_a_full_lot_is_not_read_to_find_what_is_near(connect: Connect) -> None:
    """Months of bookings on 1,500 spots: under the policies every look is one into an index, and none is into all."""
    superuser = await connect("postgres")
    await superuser.execute("""
        insert into parking.reservations (tenant_id, lot_id, spot_id, person_id, starts, ends, booked_at)
        select 1, 2, s.id, 1, h.starts, h.starts + interval '4 hours', parking.clock()
        from parking.spots s, generate_series(date_trunc('hour', parking.clock()) + interval '1 hour',
            parking.clock() + interval '30 days', interval '8 hours') h(starts)
        where s.lot_id = 2""")
    await superuser.execute("vacuum analyze parking.reservations")
    await superuser.execute("load 'auto_explain'")
    plans: list[str] = []
    superuser.add_log_listener(lambda _, message: plans.append(message.message or ""))
    await superuser.execute("""
        set auto_explain.log_min_duration = 0;
        set auto_explain.log_analyze = on;
        set auto_explain.log_nested_statements = on;
        set client_min_messages = log""")
    await superuser.fetch("""
        select a.kind from date_trunc('hour', parking.clock()) c(hour),
            parking.alternatives(125, c.hour + interval '2 hours', c.hour + interval '4 hours') a""")
    plan = "\n".join(plans)
    assert "using reservations_live_by_spot" in plan
    assert "Seq Scan on reservations" not in plan
    assert "reservations_live_by_lot" not in plan
