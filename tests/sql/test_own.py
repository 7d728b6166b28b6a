"""What is one's own: one reservation in full, whose lists a change concerns, where one is signed in."""

from datetime import timedelta

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support.sql import (
    BOOK,
    CANCEL,
    DRIVER_1,
    DRIVER_2,
    edit_function,
    hours_ahead,
    one_row,
    refused,
    shift_clock,
)

SHOW = "select * from parking.show_reservation($1, $2)"
HOLDERS = "select h from parking.holders($1, $2, $3) h order by 1"
RESCHEDULE = "select * from parking.reschedule($1, $2, ends => $3)"
SESSIONS = "select * from parking.my_sessions($1)"
END = "select parking.end_session($1, $2)"
SIGN_IN = "select * from parking.sign_in($1, 'password123', 'default', $2, $3)"


@pytest.fixture
async def service(connect: Connect) -> asyncpg.Connection:
    return await connect("parking_service")


async def test_a_reservation_is_newer_after_each_change(service: asyncpg.Connection, connect: Connect) -> None:
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(3))
    revisions = [(await one_row(service, SHOW, DRIVER_1, booking["id"]))["revision"]]
    for hours in (4, 5):
        await service.fetch(RESCHEDULE, DRIVER_1, booking["id"], hours_ahead(hours))
        revisions.append((await one_row(service, SHOW, DRIVER_1, booking["id"]))["revision"])
    # What changes nothing is no revision; nor is what happens to others.
    row = await one_row(service, SHOW, DRIVER_1, booking["id"])
    await service.fetch(RESCHEDULE, DRIVER_1, booking["id"], row["ends"])
    await one_row(service, BOOK, DRIVER_2, 2, hours_ahead(1), hours_ahead(3))
    # Nor does one become older when the record of its changes has left.
    await (await connect("postgres")).execute("delete from parking.events")
    revisions.append((await one_row(service, SHOW, DRIVER_1, booking["id"]))["revision"])
    await service.fetch(CANCEL, DRIVER_1, booking["id"])
    row = await one_row(service, SHOW, DRIVER_1, booking["id"])
    assert [*revisions, row["revision"]] == [0, 1, 2, 2, 3]
    assert (row["period"], row["status"], row["floor"], row["row"]) == ("past", "cancelled", "Ground floor", "Row A")


async def test_a_reservation_is_coming_current_and_past(service: asyncpg.Connection, connect: Connect) -> None:
    superuser = await connect("postgres")
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(3))
    periods = []
    for hours in (0, 2, 4):
        await shift_clock(superuser, timedelta(hours=hours))
        periods.append((await one_row(service, SHOW, DRIVER_1, booking["id"]))["period"])
    assert periods == ["coming", "current", "past"]


async def test_others_reservations_are_not_shown(service: asyncpg.Connection) -> None:
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(3))
    with refused("not-your-reservation", 403):
        await service.fetch(SHOW, DRIVER_2, booking["id"])
    with refused("unknown-reservation", 404):
        await service.fetch(SHOW, DRIVER_1, 999_999)
    with refused("unknown-actor", 401):
        await service.fetch(SHOW, None, booking["id"])


async def test_only_those_are_told_whose_reservation_it_is(service: asyncpg.Connection, connect: Connect) -> None:
    """In two tenants at once; what is over, cancelled or another's does not count."""
    superuser = await connect("postgres")
    mine = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(3))
    theirs = await one_row(service, BOOK, DRIVER_2, 2, hours_ahead(1), hours_ahead(3))
    # Its lot closes at night, and what is asked here is not about that.
    await superuser.execute("delete from parking.opening_hours")
    riverside = await superuser.fetchrow("""
        select p.id as person, b.lot_id, b.spot_id, b.starts
        from parking.people p
        cross join lateral (select s.id from parking.spots s where s.tenant_id = p.tenant_id order by s.id limit 1) s
        cross join lateral parking.clock() c(now)
        cross join lateral parking.book(p.id, s.id, c.now + interval '1 hour', c.now + interval '2 hours') b
        where p.email = 'driver1@riverside.com'""")
    assert riverside

    async def holders(*places: asyncpg.Record) -> list[int]:
        arrays = [[place[name] for place in places] for name in ("lot_id", "spot_id", "starts")]
        return [row["h"] for row in await service.fetch(HOLDERS, *arrays)]

    assert await holders(mine) == [DRIVER_1]
    assert await holders(mine, theirs, riverside) == sorted([DRIVER_1, DRIVER_2, riverside["person"]])
    assert await holders() == []
    assert (
        await service.fetch(HOLDERS, [mine["lot_id"]], [mine["spot_id"]], [mine["starts"] + timedelta(seconds=1)]) == []
    )
    await service.fetch(CANCEL, DRIVER_1, mine["id"])
    assert await holders(mine) == [DRIVER_1], "that it was cancelled is what its list has to show"


async def test_sessions_are_ones_own_and_open(service: asyncpg.Connection, connect: Connect) -> None:
    superuser = await connect("postgres")
    first = await one_row(service, SIGN_IN, "driver1@parking.com", "192.0.2.1", "First")
    await shift_clock(superuser, timedelta(minutes=1))
    second = await one_row(service, SIGN_IN, "driver1@parking.com", "192.0.2.2", "Second")
    other = await one_row(service, SIGN_IN, "driver2@parking.com", "192.0.2.3", "Other")
    rows = await service.fetch(SESSIONS, DRIVER_1)
    assert [(row["id"], row["user_agent"]) for row in rows] == [
        (second["session_id"], "Second"),
        (first["session_id"], "First"),
    ]
    assert [await service.fetchval(END, DRIVER_1, row["session_id"]) for row in (other, first, first)] == [
        False,
        True,
        False,
    ]
    assert [row["id"] for row in await service.fetch(SESSIONS, DRIVER_1)] == [second["session_id"]]
    assert [row["id"] for row in await service.fetch(SESSIONS, DRIVER_2)] == [other["session_id"]]
    with refused("session-over", 401):
        await service.fetch("select * from parking.session($1)", first["session_id"])
    await shift_clock(superuser, timedelta(days=31))
    assert await service.fetch(SESSIONS, DRIVER_1) == [], "what has expired is not open"


async def test_the_owner_of_a_session_is_what_counts(service: asyncpg.Connection, connect: Connect) -> None:
    """The negative control of the test above: without the condition anybody ends it."""
    other = await one_row(service, SIGN_IN, "driver2@parking.com", "192.0.2.3", "Other")
    assert not await service.fetchval(END, DRIVER_1, other["session_id"])
    superuser = await connect("postgres")
    await edit_function(superuser, "parking.end_session(bigint,uuid)", "and s.person_id = v_person.id", "")
    assert await service.fetchval(END, DRIVER_1, other["session_id"])
