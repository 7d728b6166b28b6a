"""The state of a spot: what an operator says, else what follows from the bookings; maintenance against bookings."""

import asyncio
import json
from datetime import datetime, timedelta

import asyncpg
import pytest

from tests.api.asking import waiting_for_locks
from tests.conftest import Connect
from tests.support import Database
from tests.support.sql import (
    BOOK,
    COMPLETE,
    DRIVER_1,
    DRIVER_2,
    edit_function,
    hours_ahead,
    one_row,
    refused,
    shift_clock,
)

SET = "select * from parking.set_spot_state($1, $2, $3, $4, $5)"
BOOK_SIGNATURE = "parking.book(bigint,bigint,timestamptz,timestamptz,text)"
SET_SIGNATURE = "parking.set_spot_state(bigint,bigint,text,text,timestamptz)"
STATE = "select * from parking.find_spot_state($1, $2)"


@pytest.fixture
async def service(connect: Connect) -> asyncpg.Connection:
    return await connect("parking_service")


@pytest.fixture
async def operator(connect: Connect) -> int:
    dba = await connect("parking_dba")
    row = await one_row(dba, "select * from parking.add_person('operator@example.org', 'Op', role => 'operator')")
    return int(row["id"])


async def set_state(
    service: asyncpg.Connection, operator: int, state: str, until: datetime | None = None
) -> asyncpg.Record:
    """Set spot 1."""
    return await one_row(service, SET, operator, 1, state, "Because", until)


async def state_of(service: asyncpg.Connection, spot: int = 1) -> str:
    return str((await one_row(service, STATE, spot, None))["state"])


async def test_without_an_override_the_state_follows_from_the_bookings(service: asyncpg.Connection) -> None:
    assert await state_of(service) == "free"
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(2), hours_ahead(3))
    assert await state_of(service) == "free"
    running = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(-1), hours_ahead(1))
    row = await one_row(service, STATE, 1, None)
    assert (row["state"], row["source"], row["since"], row["until"]) == (
        "reserved", "bookings", running["starts"], running["ends"],
    )  # fmt: skip
    await service.fetch(COMPLETE, DRIVER_1, running["id"])
    assert await state_of(service) == "free"


async def test_an_override_holds_until_it_ends_or_is_ended(
    service: asyncpg.Connection, connect: Connect, operator: int
) -> None:
    superuser = await connect("postgres")
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(-1), hours_ahead(5))
    until = hours_ahead(1)
    row = await set_state(service, operator, "occupied", until)
    assert (row["state"], row["source"], row["reason"], row["until"]) == ("occupied", "operator", "Because", until)
    assert await state_of(service) == "occupied"
    assert (await set_state(service, operator, "free"))["state"] == "reserved"

    await set_state(service, operator, "unknown", until)
    await shift_clock(superuser, timedelta(hours=2))
    assert await state_of(service) == "reserved"
    # What has lapsed by itself was ended by nobody, at its end.
    await set_state(service, operator, "maintenance")
    told = await superuser.fetch(
        "select state, ended_at, ended_by, ends from parking.spot_overrides where tenant = 'default' order by id"
    )
    assert [row["state"] for row in told] == ["occupied", "unknown", "maintenance"]
    assert told[0]["ended_by"] == "operator@example.org"
    assert (told[1]["ended_by"], told[1]["ended_at"]) == (None, until)
    assert (told[2]["ended_at"], told[2]["ends"]) == (None, None)


REACHABLE = {
    "free": {"free", "reserved", "occupied", "maintenance", "unknown"},
    "reserved": {"free", "reserved", "occupied", "maintenance", "unknown"},
    "occupied": {"free", "occupied", "maintenance", "unknown"},
    "unknown": {"free", "reserved", "occupied", "maintenance", "unknown"},
    "maintenance": {"free", "maintenance"},
}


@pytest.mark.parametrize("first", REACHABLE)
async def test_the_transitions(service: asyncpg.Connection, operator: int, first: str) -> None:
    for then in REACHABLE:
        await set_state(service, operator, "free")
        assert (await set_state(service, operator, first))["state"] == first
        if then in REACHABLE[first]:
            assert (await set_state(service, operator, then))["state"] == then
        else:
            with refused("state-not-reachable", 409):
                await set_state(service, operator, then)
            assert await state_of(service) == first


@pytest.mark.parametrize(
    ("state", "reason", "until"),
    [
        ("broken", "Because", None),
        (None, "Because", None),
        ("maintenance", None, None),
        ("maintenance", " ", None),
        ("maintenance", "x" * 501, None),
        ("maintenance", "Because", -1),
        ("maintenance", "Because", 24 * 366 * 180),
        ("free", "Because", 1),
    ],
)
async def test_what_cannot_be_said(
    service: asyncpg.Connection, operator: int, state: str | None, reason: str | None, until: float | None
) -> None:
    with refused("not-an-override", 422):
        await service.fetch(SET, operator, 1, state, reason, None if until is None else hours_ahead(until))
    assert await state_of(service) == "free"


async def test_who_may_say_it(service: asyncpg.Connection, connect: Connect, operator: int) -> None:
    dba = await connect("parking_dba")
    stranger = await dba.fetchval("select id from parking.found_tenant('far', 'Far', 'boss@far.example')")
    with refused("not-permitted", 403):
        await set_state(service, DRIVER_1, "occupied")
    with refused("unknown-actor", 401):
        await service.fetch(SET, None, 1, "occupied", "Because", None)
    messages = []
    for actor, spot in ((stranger, 1), (operator, 999_999), (operator, None)):
        with pytest.raises(asyncpg.PostgresError) as caught:
            await service.fetch(SET, actor, spot, "occupied", "Because", None)
        assert caught.value.sqlstate == "PK404"
        messages.append((caught.value.message or "").replace(str(spot), "?"))
    assert messages[0] == messages[1] == "There is no spot ?."
    await dba.fetch("select parking.assign_role($1, 'admin')", DRIVER_1)
    assert (await set_state(service, DRIVER_1, "occupied"))["state"] == "occupied"


async def test_who_may_ask(service: asyncpg.Connection, connect: Connect, operator: int) -> None:
    """Of a public lot, everybody; but the reason may be about somebody, and is for those who run it."""
    superuser = await connect("postgres")
    dba = await connect("parking_dba")
    stranger = await dba.fetchval("select id from parking.found_tenant('far', 'Far', 'boss@far.example')")
    await set_state(service, operator, "maintenance")
    lists = "select * from parking.list_spot_states($1, $2)"
    for actor, told in ((None, None), (DRIVER_1, None), (stranger, None), (operator, "Because")):
        one = await one_row(service, STATE, 1, actor)
        assert (one["state"], one["reason"]) == ("maintenance", told)
        assert [row["reason"] for row in await service.fetch(lists, 1, actor)] == [told, None, None, None, None]
    assert (await one_row(dba, STATE, 1, None))["reason"] == "Because"

    await superuser.execute("update parking.lots set public = false where id = 1")
    for actor in (None, stranger):
        with refused("unknown-spot", 404):
            await service.fetch(STATE, 1, actor)
        with refused("unknown-lot", 404):
            await service.fetch(lists, 1, actor)
    for actor in (DRIVER_1, operator):
        assert (await one_row(service, STATE, 1, actor))["state"] == "maintenance"
        assert len(await service.fetch(lists, 1, actor)) == 5
    for spot in (None, 0, 999_999):
        with refused("unknown-spot", 404):
            await service.fetch(STATE, spot, operator)


async def test_a_retired_spot_has_no_state(service: asyncpg.Connection, connect: Connect, operator: int) -> None:
    superuser = await connect("postgres")
    await superuser.execute("update parking.spots set retired_at = parking.clock() where id = 1")
    with refused("unknown-spot", 404):
        await set_state(service, operator, "maintenance")
    with refused("unknown-spot", 404):
        await service.fetch(STATE, 1, operator)


async def test_maintenance_keeps_from_booking_for_its_time(
    service: asyncpg.Connection, connect: Connect, operator: int
) -> None:
    superuser = await connect("postgres")
    until = hours_ahead(4)
    await set_state(service, operator, "maintenance", until)
    for starts, ends in ((-1, 1), (1, 2), (3, 5)):
        with refused("spot-in-maintenance", 409):
            await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(starts), hours_ahead(ends))
    await service.fetch(BOOK, DRIVER_1, 2, hours_ahead(1), hours_ahead(2))
    await service.fetch(BOOK, DRIVER_1, 1, until, until + timedelta(hours=1))

    # Longer, and then shorter: the last word counts.
    await set_state(service, operator, "maintenance")
    with refused("spot-in-maintenance", 409):
        await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(100), hours_ahead(101))
    await set_state(service, operator, "maintenance", hours_ahead(1))
    await shift_clock(superuser, timedelta(hours=1, minutes=1))
    # The time that it took is no obstacle once it is over.
    await service.fetch(BOOK, DRIVER_2, 1, hours_ahead(0.5), hours_ahead(3))
    await set_state(service, operator, "maintenance")
    await set_state(service, operator, "free")
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(10), hours_ahead(11))


@pytest.mark.parametrize("state", ["occupied", "reserved", "unknown"])
async def test_no_other_state_keeps_from_booking(service: asyncpg.Connection, operator: int, state: str) -> None:
    row = await set_state(service, operator, state)
    assert json.loads(row["hits"]) == []
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))


async def test_maintenance_lists_the_bookings_that_it_hits(service: asyncpg.Connection, operator: int) -> None:
    ids = [
        (await one_row(service, BOOK, driver, 1, hours_ahead(starts), hours_ahead(starts + 1)))["id"]
        for driver, starts in ((DRIVER_1, -0.5), (DRIVER_2, 3), (DRIVER_1, 6))
    ]
    await service.fetch(BOOK, DRIVER_1, 2, hours_ahead(1), hours_ahead(2))
    done = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    await service.fetch(COMPLETE, DRIVER_1, done["id"])

    some = json.loads((await set_state(service, operator, "maintenance", hours_ahead(4)))["hits"])
    assert [(hit["id"], hit["user_id"]) for hit in some] == [
        (ids[0], "driver1@parking.com"),
        (ids[1], "driver2@parking.com"),
    ]
    assert set(some[0]) == {"id", "user_id", "start_time", "end_time"}
    every = json.loads((await set_state(service, operator, "maintenance"))["hits"])
    assert [hit["id"] for hit in every] == ids
    # They stay.
    for driver, number in zip((DRIVER_1, DRIVER_2, DRIVER_1), ids, strict=True):
        assert (await one_row(service, "select * from parking.find_reservation($1, $2)", driver, number))[
            "status"
        ] == "active"


async def race(database: Database, connect: Connect, operator: int, *, first: str) -> tuple[str, list[int]]:
    """A booking and a maintenance of one spot, the second beginning before the first has committed.

    How the booking ended, and the bookings that the maintenance has listed.
    """
    booker, carer = await connect(), await connect()
    period = hours_ahead(1), hours_ahead(2)

    async def book() -> str:
        try:
            await booker.fetch(BOOK, DRIVER_1, 1, *period)
        except asyncpg.PostgresError as error:
            return str(error.constraint_name)
        return "booked"

    async def maintain() -> list[int]:
        return [hit["id"] for hit in json.loads((await set_state(carer, operator, "maintenance"))["hits"])]

    leader = booker if first == "book" else carer
    transaction = leader.transaction()
    await transaction.start()
    led = await (book() if first == "book" else maintain())
    followed = asyncio.ensure_future(maintain() if first == "book" else book())
    await asyncio.wait([followed, asyncio.create_task(waiting_for_locks(database))], return_when="FIRST_COMPLETED")
    await transaction.commit()
    ended = {first: led, "maintain" if first == "book" else "book": await followed}
    return ended["book"], ended["maintain"]  # type: ignore[return-value]


async def test_a_booking_that_waits_for_a_maintenance(database: Database, connect: Connect, operator: int) -> None:
    assert await race(database, connect, operator, first="maintain") == ("spot-in-maintenance", [])


async def test_a_maintenance_that_waits_for_a_booking(
    database: Database, connect: Connect, service: asyncpg.Connection, operator: int
) -> None:
    booked, hits = await race(database, connect, operator, first="book")
    assert booked == "booked"
    (hit,) = hits
    assert (await one_row(service, "select * from parking.find_reservation($1, $2)", DRIVER_1, hit))["spot_id"] == 1


async def test_without_the_spots_lock_a_booking_would_not_look_again(
    database: Database, connect: Connect, operator: int
) -> None:
    """The negative control: its foreign key waits for the maintenance as well, but after the check."""
    superuser = await connect("postgres")
    await edit_function(superuser, BOOK_SIGNATURE, "for update of s", "")
    assert await race(database, connect, operator, first="maintain") == ("booked", [])


async def two_operators_at_once(database: Database, connect: Connect, operator: int) -> str:
    """How the second one fared, who began before the first one had committed."""
    first, second = await connect(), await connect()
    transaction = first.transaction()
    await transaction.start()
    await set_state(first, operator, "occupied")
    other = asyncio.create_task(set_state(second, operator, "maintenance"))
    await waiting_for_locks(database)
    await transaction.commit()
    try:
        return str((await other)["state"])
    except asyncpg.PostgresError as error:
        return str(error.constraint_name)


async def test_of_two_operators_the_second_has_the_last_word(
    database: Database, connect: Connect, operator: int
) -> None:
    assert await two_operators_at_once(database, connect, operator) == "maintenance"


async def test_without_the_spots_lock_the_second_operator_would_fail(
    database: Database, connect: Connect, operator: int
) -> None:
    """The negative control of the test above; and the index keeps two overrides from being in force."""
    superuser = await connect("postgres")
    await edit_function(superuser, SET_SIGNATURE, "for update of s", "")
    assert await two_operators_at_once(database, connect, operator) == "one_override_at_a_time"


async def test_an_event_concerns_what_was_said_and_what_was_said_before(
    service: asyncpg.Connection, operator: int
) -> None:
    """Or a board of a day that is free again would not be read anew."""
    soon, late = hours_ahead(1), hours_ahead(99)
    for state, until in (
        ("maintenance", soon), ("maintenance", late), ("maintenance", soon), ("free", None),
        ("unknown", None), ("maintenance", soon), ("free", None),
    ):  # fmt: skip
        await set_state(service, operator, state, until)
    told = await service.fetch("select ends from parking.events_after() where type = 'overridden'")
    assert [row["ends"] for row in told] == [soon, late, late, soon, None, None, soon]


async def test_it_is_in_the_record_and_in_the_audit(
    service: asyncpg.Connection, connect: Connect, operator: int
) -> None:
    dba = await connect("parking_dba")
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    until = hours_ahead(3)
    await set_state(service, operator, "maintenance", until)
    await set_state(service, operator, "free")
    await set_state(service, operator, "free")
    told = await service.fetch("select type, spot_id, reservation_id, ends from parking.events_after()")
    assert [tuple(row) for row in told] == [
        ("booked", 1, booking["id"], booking["ends"]),
        ("overridden", 1, None, until),
        ("overridden", 1, None, until),
    ]
    log = await dba.fetch(
        "select actor, action, object_id, details from parking.activity where object_type = 'spot' order by at"
    )
    assert [(row["actor"], row["action"], row["object_id"]) for row in log] == [
        ("operator@example.org", "override.set", 1),
        ("operator@example.org", "override.ended", 1),
    ]
    details = json.loads(log[0]["details"])
    assert (details["state"], details["before"], details["hits"]) == ("maintenance", "free", [booking["id"]])
