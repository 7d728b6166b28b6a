"""The gate of a garage, by hand: who gets in, what one pays on leaving, and what the desk sees."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.conftest import Connect
from tests.sql.garage import (
    ATTENDANT,
    BERLIN,
    ENTER,
    LEAVE,
    LOT,
    OPERATOR,
    OTHER_SPOT,
    SPOT,
    enter,
    leave,
    pass_time,
    set_clock,
    set_garage,
    unbalanced,
)
from tests.support.sql import (
    BOOK,
    CANCEL,
    DRIVER_1,
    DRIVER_2,
    RESCHEDULE,
    edit_function,
    hours_ahead,
    one_row,
    refused,
    shift_clock,
    waits_for_a_lock,
)

ADMIN_OF_RIVERSIDE = 9
STATION = 3
STATS = "select * from parking.garage_stats($1, $2)"
LARGE_LOT = 2
A_SPOT_OF_IT = 6


async def test_two_tenants_do_not_learn_how_many_tickets_the_other_has(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await superuser.execute("select from parking.set_garage($1, $2, 20)", ADMIN_OF_RIVERSIDE, STATION)
    assert [await enter(service, f"A {n}") for n in range(3)] == ["PS-0001", "PS-0002", "PS-0003"]
    assert await enter(service, "A 1", ADMIN_OF_RIVERSIDE, STATION) == "PS-0001"
    # A number is one's own tenant's, and what is another's does not exist.
    theirs = await one_row(service, "select * from parking.find_ticket($1, 'PS-0001')", ADMIN_OF_RIVERSIDE)
    assert (theirs["lot_id"], theirs["plate"]) == (STATION, "A1")
    with refused("unknown-ticket", 404):
        await service.fetch(LEAVE, ADMIN_OF_RIVERSIDE, "PS-0002", "Cash")
    with refused("unknown-lot", 404):
        await service.fetch(STATS, ADMIN_OF_RIVERSIDE, LOT)
    with refused("unknown-lot", 404):
        await service.fetch(ENTER, ADMIN_OF_RIVERSIDE, LOT, "B 1")
    assert (await one_row(service, STATS, ADMIN_OF_RIVERSIDE, STATION))["inside"] == 1
    activities = await service.fetch("select * from parking.list_activities($1, $2)", ADMIN_OF_RIVERSIDE, STATION)
    assert [row["ticket_number"] for row in activities] == ["PS-0001"]


async def test_a_number_has_four_digits_at_least_and_never_comes_twice(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await superuser.execute("insert into parking.ticket_counters (tenant_id, issued) values (1, 9998)")
    assert [await enter(service, "A 1"), await enter(service, "A 2")] == ["PS-9999", "PS-10000"]
    with refused("vehicle-inside", 409):
        await enter(service, "A 2")
    assert await enter(service, "A 3") == "PS-10001"
    for wrong in ("PS-09999", "PS-999", "PS-", "9999", "PS-9999999999999999999", "", "PS-9999 or"):
        with refused("unknown-ticket", 404):
            await service.fetch("select from parking.find_ticket($1, $2)", ATTENDANT, wrong)
    found = await one_row(service, "select * from parking.find_ticket($1, ' ps-10000 ')", ATTENDANT)
    assert found["plate"] == "A2"


@pytest.mark.parametrize("plate", ["b-ab 123", "BAB123", " B·AB·123 "])
async def test_a_plate_has_one_open_ticket_in_a_garage(connect: Connect, plate: str) -> None:
    service, superuser = await connect(), await connect("postgres")
    await set_garage(superuser, lot=LARGE_LOT)
    first = await enter(service, "B-AB 123")
    with refused("vehicle-inside", 409):
        await enter(service, plate)
    # Another garage would take it: it is the desk there that knows better.
    await enter(service, plate, lot=LARGE_LOT)
    by_plate = await one_row(service, "select * from parking.look_up_ticket($1, $2, $3)", ATTENDANT, LOT, plate.lower())
    assert by_plate["ticket_number"] == first
    await leave(service, first)
    assert await enter(service, plate) == "PS-0003"


@pytest.mark.parametrize(
    ("plate", "vehicle", "slug"),
    [
        ("", "Car", "not-a-plate"),
        ("- -", "Car", "not-a-plate"),
        ("A" * 21, "Car", "not-a-plate"),
        (None, "Car", "not-a-plate"),
        ("A 1", "", "not-a-vehicle"),
        ("A 1", "x" * 51, "not-a-vehicle"),
        ("A 1", "a\nb", "not-a-vehicle"),
        ("A 1", None, "not-a-vehicle"),
    ],
)
async def test_what_cannot_enter(connect: Connect, plate: str | None, vehicle: str | None, slug: str) -> None:
    service = await connect()
    with refused(slug, 422):
        await service.fetch("select from parking.enter_garage($1, $2, $3, $4)", ATTENDANT, LOT, plate, vehicle)


async def test_without_a_garage_nobody_enters(connect: Connect) -> None:
    service = await connect()
    with refused("no-garage", 404):
        await enter(service, "A 1", lot=LARGE_LOT)
    with refused("unknown-lot", 404):
        await enter(service, "A 1", lot=4711)


async def test_who_names_no_garage_means_the_first_one(connect: Connect) -> None:
    """The attendant's tenant has two lots before its garage; the other tenant's one lot is none, until it is opened."""
    service, superuser = await connect(), await connect("postgres")
    stats = await one_row(service, STATS, ATTENDANT, None)
    assert (stats["lot_id"], stats["time_zone"], stats["name"]) == (LOT, "Europe/Berlin", "Ostbahnhof")
    with refused("no-garage", 404):
        await service.fetch(STATS, ADMIN_OF_RIVERSIDE, None)
    await set_garage(superuser, lot=LARGE_LOT)
    assert (await one_row(service, STATS, ATTENDANT, None))["lot_id"] == LARGE_LOT


RETIRE_LOT = "select parking.retire_lot($1, $2)"


async def test_a_lot_is_not_retired_while_vehicles_are_inside(connect: Connect) -> None:
    service = await connect()
    paid, void = await enter(service, "A 1"), await enter(service, "A 2")
    with refused("garage-not-empty", 409):
        await service.fetch(RETIRE_LOT, OPERATOR, LOT)
    await leave(service, paid)
    with refused("garage-not-empty", 409):
        await service.fetch(RETIRE_LOT, OPERATOR, LOT)
    await service.fetch("select parking.void_ticket($1, $2, 'Error')", ATTENDANT, void)
    await service.fetch(RETIRE_LOT, OPERATOR, LOT)
    with refused("unknown-lot", 404):
        await enter(service, "A 3")


@pytest.mark.parametrize("guarded", [True, False])
async def test_who_enters_while_the_lot_is_retired_does_not_get_in(connect: Connect, guarded: bool) -> None:
    """Without the second look a vehicle is inside of a lot that there is not any more."""
    one, other, superuser = await connect(), await connect(), await connect("postgres")
    if not guarded:
        await edit_function(
            superuser,
            "parking.enter_garage(bigint,bigint,text,text)",
            "l.id = v_lot.id and l.retired_at is null",
            "l.id = v_lot.id",
        )
    transaction = one.transaction()
    await transaction.start()
    await one.fetch(RETIRE_LOT, OPERATOR, LOT)
    entering = asyncio.ensure_future(enter(other, "A 1"))
    await waits_for_a_lock(superuser)
    await transaction.commit()
    if guarded:
        with refused("unknown-lot", 404):
            await entering
    else:
        assert await entering == "PS-0001"


async def test_who_is_inside_of_a_retired_lot_may_leave(connect: Connect) -> None:
    """Such as one that was retired before that was refused."""
    service, superuser = await connect(), await connect("postgres")
    tickets = [await enter(service, f"A {n}") for n in range(3)]
    await superuser.execute("update parking.lots set retired_at = parking.clock() where id = $1", LOT)
    assert (await leave(service, tickets[0]))["time_zone"] == "Europe/Berlin"
    lost = await one_row(service, "select * from parking.lose_ticket($1, $2, 'Cash', 'Lost')", ATTENDANT, tickets[1])
    assert (lost["status"], lost["time_zone"]) == ("lost", "Europe/Berlin")
    void = await one_row(service, "select * from parking.void_ticket($1, $2, 'Error')", ATTENDANT, tickets[2])
    assert (void["status"], void["time_zone"]) == ("void", "Europe/Berlin")
    refund = await one_row(
        service, "select * from parking.refund_ticket($1, $2, 100, 'Kindness')", OPERATOR, tickets[0]
    )
    assert refund["time_zone"] == "Europe/Berlin"
    assert (await one_row(service, FIND, ATTENDANT, tickets[0], None))["amount_cents"] == 900


FIND = "select * from parking.find_ticket($1, $2, $3)"
LOOK_UP = "select * from parking.look_up_ticket($1, $2, $3)"


async def test_the_desk_of_one_garage_does_not_learn_of_another_ones_tickets(connect: Connect) -> None:
    """To the letter: what is said of a ticket elsewhere is what is said of one that there is not."""
    service, superuser = await connect(), await connect("postgres")
    await set_garage(superuser, lot=LARGE_LOT)
    elsewhere, here = await enter(service, "A 1", lot=LARGE_LOT), await enter(service, "A 1")
    leave_here = "select * from parking.leave_garage($1, $2, 'Cash', $3)"
    for statement in (FIND, leave_here):
        told = []
        for number in (elsewhere, "PS-9999"):
            with pytest.raises(asyncpg.PostgresError) as refusal:
                await service.fetch(statement, ATTENDANT, number, LOT)
            assert refusal.value.constraint_name == "unknown-ticket"
            told.append(str(refusal.value).replace(number, "…"))
        assert told[0] == told[1]
    assert (await one_row(service, leave_here, ATTENDANT, here, LOT))["status"] == "paid"
    with refused("no-tariff", 422):
        await service.fetch(leave_here, ATTENDANT, elsewhere, None)


async def test_what_somebody_asks_for_is_a_number_or_a_plate(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await set_garage(superuser, lot=LARGE_LOT)
    first = await enter(service, "B-AB 1")
    # A plate that reads like a number of a ticket: of one that there is not, of one elsewhere, and of one that is here.
    plate = await enter(service, "PS 1234")
    await enter(service, "M-X 3", lot=LARGE_LOT)
    elsewhere = await enter(service, "ps 3")
    second = await enter(service, "PS 1")
    asked = {"ps 1": first, "PS-0001": first, " ps-1 ": first, "b ab 1": first, "PS 1234": plate, "ps3": elsewhere}
    for what, number in asked.items():
        assert (await one_row(service, LOOK_UP, ATTENDANT, LOT, what))["ticket_number"] == number, what
    await leave(service, first)
    # Who is inside goes before who has left, and may then be looked for by the number.
    assert (await one_row(service, LOOK_UP, ATTENDANT, LOT, "PS 1"))["ticket_number"] == second
    await leave(service, second)
    assert (await one_row(service, LOOK_UP, ATTENDANT, LOT, "PS 1"))["ticket_number"] == first
    for unknown in ("PS-9999", "b ab 1", "M-X 3", "1"):
        with refused("unknown-ticket", 404):
            await service.fetch(LOOK_UP, ATTENDANT, LOT, unknown)
    for wrong in ("---", "", None, "PS-" + "1" * 30):
        with refused("not-a-plate", 422):
            await service.fetch(LOOK_UP, ATTENDANT, LOT, wrong)


async def everything(superuser: asyncpg.Connection) -> list[Any]:
    """All rows that an exit writes."""
    tables = "tickets", "ticket_lines", "payments", "events", "audit"
    return [await superuser.fetch(f"select t.* from parking.{table} t order by t::text") for table in tables]


async def test_a_second_exit_changes_nothing_and_says_so(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    ticket = await enter(service, "A 1")
    paid = await leave(service, ticket, "credit card")
    assert (paid["status"], paid["amount_cents"], paid["currency"], paid["minutes"], paid["method"]) == (
        "paid", 1000, "EUR", 1, "Credit Card",
    )  # fmt: skip
    before = await everything(superuser)
    with refused("ticket-closed", 409):
        await leave(service, ticket, "Cash")
    with refused("ticket-closed", 409):
        await service.fetch("select from parking.void_ticket($1, $2, 'Error')", ATTENDANT, ticket)
    with refused("ticket-closed", 409):
        await service.fetch("select from parking.lose_ticket($1, $2, 'Cash', 'Lost')", ATTENDANT, ticket)
    assert await everything(superuser) == before
    found = await one_row(service, "select * from parking.find_ticket($1, $2)", ATTENDANT, ticket)
    assert found == paid


async def test_of_two_exits_at_once_one_is_paid(connect: Connect) -> None:
    one, other, superuser = await connect(), await connect(), await connect("postgres")
    ticket = await enter(one, "A 1")
    transaction = one.transaction()
    await transaction.start()
    await leave(one, ticket)
    second = asyncio.ensure_future(leave(other, ticket))
    await waits_for_a_lock(superuser)
    await transaction.commit()
    with refused("ticket-closed", 409):
        await second
    assert await superuser.fetchval("select sum(amount_cents) from parking.payments") == 1000
    assert await unbalanced(superuser) == []


async def test_a_stay_is_paid_once_even_if_the_functions_forget(connect: Connect) -> None:
    """Without the checks the second exit fails on the index, and leaves nothing behind."""
    service, superuser = await connect(), await connect("postgres")
    ticket = await enter(service, "A 1")
    await leave(service, ticket)
    close = "parking_private.close_ticket(parking.people,parking.lots,parking.tickets,text,text,text)"
    await edit_function(
        superuser, close, "perform parking_private.require_still_open(ticket, lot);", "perform ticket.id;"
    )
    await edit_function(superuser, close, "and t.status = 'open'", "")
    await edit_function(superuser, close, "ticket.id, l.position, l.kind", "ticket.id, l.position + 100, l.kind")
    before = await everything(superuser)
    with pytest.raises(asyncpg.UniqueViolationError, match="a_stay_is_paid_once"):
        await leave(service, ticket)
    assert await everything(superuser) == before


async def test_walk_ins_and_bookings_share_the_spaces(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await set_garage(superuser, spaces=2)
    await service.fetch(BOOK, DRIVER_1, SPOT, hours_ahead(2), hours_ahead(3))
    # Two bookings one after the other take one space.
    await service.fetch(BOOK, DRIVER_1, SPOT, hours_ahead(3), hours_ahead(4))
    await enter(service, "A 1")
    with refused("garage-full", 409):
        await enter(service, "A 2")
    with refused("garage-full", 409):
        await service.fetch(BOOK, DRIVER_2, OTHER_SPOT, hours_ahead(2.5), hours_ahead(3.5))
    check = f"select parking.check_spot({OTHER_SPOT}, $1, $2)"
    assert await service.fetchval(check, hours_ahead(2.5), hours_ahead(3.5)) == "booked"
    assert await service.fetchval(check, hours_ahead(0.5), hours_ahead(1)) == "available"
    # When the first vehicle is assumed to have left there is room, and before the bookings there is as well.
    late = await one_row(service, BOOK, DRIVER_2, OTHER_SPOT, hours_ahead(5), hours_ahead(6))
    early = await one_row(service, BOOK, DRIVER_2, OTHER_SPOT, hours_ahead(0.5), hours_ahead(1))
    with refused("garage-full", 409):
        await service.fetch(RESCHEDULE, DRIVER_2, late["id"], hours_ahead(3.5), None)
    moved = await one_row(service, RESCHEDULE, DRIVER_2, late["id"], hours_ahead(4.5), None)
    assert moved["starts"] < late["starts"]
    # Less of what one has is granted, and a booking is not in its own way.
    await service.fetch(RESCHEDULE, DRIVER_2, early["id"], None, hours_ahead(0.9))
    # A vehicle that leaves, and bookings that are cancelled, make room.
    await service.fetch(CANCEL, DRIVER_2, early["id"])
    await leave(service, "PS-0001")
    await enter(service, "A 3")


async def test_whoever_overstays_is_inside_now_and_listed(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await set_garage(superuser, spaces=1)
    ticket = await enter(service, "A 1")
    assert await service.fetch("select * from parking.overstays($1, $2)", ATTENDANT, LOT) == []
    await pass_time(superuser, hours=4, minutes=1)
    (overstay,) = await service.fetch("select * from parking.overstays($1, $2)", ATTENDANT, LOT)
    assert (overstay["ticket_number"], overstay["left_at"], overstay["minutes"]) == (ticket, None, None)
    with refused("garage-full", 409):
        await enter(service, "A 2")
    now: datetime = await superuser.fetchval("select parking.clock()")
    with refused("garage-full", 409):
        await service.fetch(BOOK, DRIVER_1, SPOT, now - timedelta(minutes=5), now + timedelta(hours=1))
    # Nobody knows how long it stays, and what is booked for later is granted.
    await service.fetch(BOOK, DRIVER_1, SPOT, now + timedelta(hours=1), now + timedelta(hours=2))
    stats = await one_row(service, STATS, ATTENDANT, LOT)
    assert (stats["occupied_spaces"], stats["available_spaces"], stats["overstaying"]) == (1, 0, 1)


async def test_fewer_spaces_than_vehicles(connect: Connect) -> None:
    """Who is inside stays and is counted; nobody else gets in until there is room by the new number."""
    service, superuser = await connect(), await connect("postgres")
    tickets = [await enter(service, f"A {n}") for n in range(3)]
    await set_garage(superuser, spaces=2)
    stats = await one_row(service, STATS, ATTENDANT, LOT)
    assert (stats["total_spaces"], stats["occupied_spaces"], stats["available_spaces"]) == (2, 3, 0)
    assert stats["occupied_percent"] == 100
    await leave(service, tickets[0])
    with refused("garage-full", 409):
        await enter(service, "B 1")
    await leave(service, tickets[1])
    await enter(service, "B 1")


@pytest.mark.parametrize(
    ("spaces", "hours"),
    [(0, 4), (-1, 4), (100001, 4), (140, 0), (140, -1), (140, 168.1), (140, 0.001)],
)
async def test_what_is_no_garage(connect: Connect, spaces: int, hours: float) -> None:
    service = await connect()
    with refused("not-a-garage", 422):
        await service.fetch(
            "select from parking.set_garage($1, $2, $3, $4::double precision::numeric)", OPERATOR, LOT, spaces, hours
        )


async def test_what_is_left_out_of_the_settings_stays(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    settings = "select spaces, assumed_stay from parking.set_garage($1, $2, $3, $4::double precision::numeric)"
    usual = await one_row(superuser, settings, OPERATOR, LARGE_LOT, None, None)
    assert tuple(usual) == (140, timedelta(hours=4))
    for spaces, hours, expected in (
        (20, None, (20, timedelta(hours=4))),
        (None, 2.6, (20, timedelta(hours=2, minutes=36))),
        (30, None, (30, timedelta(hours=2, minutes=36))),
        # In whole minutes, which is what a form has.
        (None, 0.0175, (30, timedelta(minutes=1))),
    ):
        assert tuple(await one_row(service, settings, OPERATOR, LARGE_LOT, spaces, hours)) == expected


async def test_settings_leave_a_trace(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await set_garage(service, spaces=7, hours=2.5)
    entry = await one_row(superuser, "select * from parking.audit where action = 'garage.set' order by id desc limit 1")
    assert (entry["actor_id"], entry["object_id"]) == (OPERATOR, LOT)
    found = await one_row(service, "select * from parking.find_garage($1)", LOT)
    assert (found["spaces"], found["assumed_stay"], found["hourly_rate_cents"]) == (7, timedelta(hours=2.5), 1000)


@pytest.mark.parametrize(
    ("entered", "left", "cents", "minutes"),
    [
        # Over midnight.
        ("2027-05-10 23:30", "2027-05-11 00:29:30", 1000, 60),
        ("2027-05-10 23:30", "2027-05-11 00:31:30", 2000, 62),
        # In the night of spring the hour from two to three is missing, in that of autumn it comes twice.
        ("2027-03-27 23:30", "2027-03-28 03:29:30", 3000, 180),
        ("2027-03-28 01:30", "2027-03-28 03:29:30", 1000, 60),
        ("2027-10-30 23:30", "2027-10-31 03:29:30", 5000, 300),
        ("2027-10-31 02:30", "2027-10-31 02:29:30*", 1000, 60),
        ("2027-10-31 01:30", "2027-10-31 02:31:30*", 3000, 122),
    ],
)
async def test_a_stay_lasts_as_long_as_it_lasts(
    connect: Connect, entered: str, left: str, cents: int, minutes: int
) -> None:
    """By the garage's desk, and in the day's figures, which are those of its own clock."""
    service, superuser = await connect(), await connect("postgres")
    await set_clock(superuser, entered)
    ticket = await enter(service, "A 1")
    await set_clock(superuser, left)
    due = await service.fetch("select * from parking.amount_due($1, $2)", ATTENDANT, ticket)
    assert sum(line["amount_cents"] for line in due) == cents
    paid = await leave(service, ticket)
    assert (paid["amount_cents"], paid["minutes"]) == (cents, minutes)
    stats = await one_row(service, STATS, ATTENDANT, LOT)
    assert (stats["todays_revenue_cents"], stats["vehicles_processed_today"]) == (cents, 1)
    day = datetime.fromisoformat(left.rstrip("*")).date()
    report = await service.fetch(
        "select * from parking.garage_report($1, $2, $3, $4)",
        OPERATOR, LOT, day - timedelta(days=1), day + timedelta(days=1),
    )  # fmt: skip
    assert [row["revenue_cents"] for row in report] == [0, cents, 0]
    assert [row["entered"] for row in report].index(1) == (0 if entered[:10] < left[:10] else 1)
    assert await unbalanced(superuser) == []


async def test_a_day_ends_at_midnight_of_the_garage(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await set_clock(superuser, "2027-05-10 23:00")
    first, second = await enter(service, "A 1"), await enter(service, "A 2")
    await set_clock(superuser, "2027-05-10 23:59:30")
    await leave(service, first)
    stats = await one_row(service, STATS, ATTENDANT, LOT)
    assert (stats["todays_revenue_cents"], stats["vehicles_processed_today"]) == (1000, 1)
    # It is the tenth in London still, and by UTC.
    await set_clock(superuser, "2027-05-11 00:00:30")
    stats = await one_row(service, STATS, ATTENDANT, LOT)
    assert (stats["todays_revenue_cents"], stats["vehicles_processed_today"], stats["average_stay_seconds"]) == (
        0, 0, None,
    )  # fmt: skip
    await leave(service, second)
    stats = await one_row(service, STATS, ATTENDANT, LOT)
    assert (stats["todays_revenue_cents"], stats["vehicles_processed_today"]) == (2000, 1)
    assert 3600 <= stats["average_stay_seconds"] < 3700
    assert (str(stats["average_stay_hours"]), stats["occupied_percent"], str(stats["today"])) == (
        "1.0",
        0,
        "2027-05-11",
    )


async def test_the_price_is_that_of_the_plate_and_the_vehicle(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await superuser.execute("select from parking.set_tariff($1, $2, 'Bus', 3000, vehicle => 'bus')", OPERATOR, LOT)
    await superuser.execute(
        "select from parking.grant_concession($1, 'season-pass', $2, plate => 'B AB 1', percent => 50)", OPERATOR, LOT
    )
    amounts = []
    for plate, vehicle in (("B AB 1", "Car"), ("B AB 2", "Car"), ("B AB 3", "BUS")):
        ticket = await one_row(
            service, "select * from parking.enter_garage($1, $2, $3, $4)", ATTENDANT, LOT, plate, vehicle
        )
        amounts.append((await leave(service, ticket["ticket_number"]))["amount_cents"])
    assert amounts == [500, 1000, 3000]


async def test_a_line_says_the_same_in_data(connect: Connect) -> None:
    """Before it is paid and afterwards, for whoever has other words than the line."""
    service, superuser = await connect(), await connect("postgres")
    await set_clock(superuser, "2027-05-10 08:00")
    await superuser.execute(
        "select from parking.set_tariff($1, $2, 'Standard', 1000, cap_day_cents => 2500, free_minutes => 10)",
        OPERATOR,
        LOT,
    )
    await superuser.execute(
        "select from parking.grant_concession($1, 'season-pass', $2, plate => 'A1', percent => 50)", OPERATOR, LOT
    )
    await set_clock(superuser, "2027-05-10 20:00")
    ticket = await enter(service, "A 1")
    await set_clock(superuser, "2027-05-11 12:00")
    due = "select kind, tariff, day::text, minutes, percent, reason, amount_cents from parking.amount_due($1, $2)"
    expected = [
        ("free", "Standard", "2027-05-10", 10, None, None, 0),
        ("started", "Standard", "2027-05-10", 60, 50, None, 2000),
        ("started", "Standard", "2027-05-11", 60, 50, None, 6000),
        ("day-cap", None, "2027-05-11", None, None, None, -3500),
    ]
    assert [tuple(row) for row in await service.fetch(due, ATTENDANT, ticket)] == expected
    await leave(service, ticket)
    await service.fetch("select from parking.refund_ticket($1, $2, 100, 'Kindness')", OPERATOR, ticket)
    assert [tuple(row) for row in await service.fetch(due, ATTENDANT, ticket)] == [
        *expected,
        ("refund", None, None, None, None, "Kindness", -100),
    ]


async def test_without_a_tariff_nobody_pays_and_nobody_is_trapped(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await set_garage(superuser, lot=LARGE_LOT)
    ticket, other = await enter(service, "A 1", lot=LARGE_LOT), await enter(service, "A 2", lot=LARGE_LOT)
    assert (await one_row(service, STATS, ATTENDANT, LARGE_LOT))["hourly_rate_cents"] is None
    has_price = "select parking.has_price($1, $2)"
    assert not await service.fetchval(has_price, ATTENDANT, ticket)
    before = await everything(superuser)
    with refused("no-tariff", 422):
        await leave(service, ticket)
    assert await everything(superuser) == before
    await superuser.execute("select from parking.set_tariff($1, $2, 'Standard', 700)", OPERATOR, LARGE_LOT)
    assert await service.fetchval(has_price, ATTENDANT, ticket)
    assert (await leave(service, ticket))["amount_cents"] == 700
    assert await service.fetchval(has_price, ATTENDANT, ticket)
    voided = await one_row(
        service, "select * from parking.void_ticket($1, $2, ' Nobody set a price ')", ATTENDANT, other
    )
    assert (voided["status"], voided["amount_cents"], voided["method"]) == ("void", 0, None)
    assert await unbalanced(superuser, LARGE_LOT) == []


async def test_a_lot_without_walk_ins_locks_and_counts_nothing(connect: Connect) -> None:
    """Whoever holds the garage of one lot keeps nobody of another waiting; and there nobody even asks."""
    service, holder, superuser = await connect(), await connect("postgres"), await connect("postgres")
    await edit_function(
        superuser,
        "parking_private.require_capacity(bigint,bigint,timestamptz,timestamptz,timestamptz,bigint)",
        "if v_most >= v_garage.spaces then",
        "if true then",
    )
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("lock table parking.garages")
    await service.execute("set lock_timeout = '200ms'")
    booked = await one_row(service, BOOK, DRIVER_1, A_SPOT_OF_IT, hours_ahead(1), hours_ahead(2))
    await service.fetch(RESCHEDULE, DRIVER_1, booked["id"], None, hours_ahead(3))
    with pytest.raises(asyncpg.LockNotAvailableError):
        await service.fetch(BOOK, DRIVER_1, SPOT, hours_ahead(1), hours_ahead(2))
    await transaction.rollback()
    # The control: where there are walk-ins the guard is asked.
    with refused("garage-full", 409):
        await service.fetch(BOOK, DRIVER_1, SPOT, hours_ahead(1), hours_ahead(2))


async def test_a_booking_keeps_its_quote(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    base = hours_ahead(1)
    show = "select quoted_cents, currency from parking.show_reservation($1, $2)"
    booked = await one_row(service, BOOK, DRIVER_1, SPOT, base, base + timedelta(hours=2))
    assert (booked["quoted_cents"], booked["currency"]) == (2000, "EUR")
    assert tuple(await one_row(service, show, DRIVER_1, booked["id"])) == (2000, "EUR")
    moved = await one_row(service, RESCHEDULE, DRIVER_1, booked["id"], None, base + timedelta(hours=2.5))
    assert (moved["quoted_cents"], moved["currency"]) == (3000, "EUR")
    assert tuple(await one_row(service, show, DRIVER_1, booked["id"])) == (3000, "EUR")
    # What was agreed on stays, whatever is charged since.
    await superuser.execute("select from parking.set_tariff($1, $2, 'Standard', 5000)", OPERATOR, LOT)
    (listed,) = await service.fetch("select * from parking.list_reservations($1)", DRIVER_1)
    assert (listed["quoted_cents"], listed["currency"]) == (3000, "EUR")
    # The customer's discount counts; a lot without tariffs has no price.
    await superuser.execute(
        "select from parking.grant_concession($1, 'discount', person => $2, percent => 10)", OPERATOR, DRIVER_2
    )
    cheap = await one_row(service, BOOK, DRIVER_2, OTHER_SPOT, base, base + timedelta(hours=1))
    assert tuple(await one_row(service, show, DRIVER_2, cheap["id"])) == (4500, "EUR")
    free = await one_row(service, BOOK, DRIVER_2, A_SPOT_OF_IT, base, base + timedelta(hours=1))
    assert tuple(await one_row(service, show, DRIVER_2, free["id"])) == (None, None)


async def test_what_the_slots_of_a_day_cost(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await set_clock(superuser, "2027-05-10 13:00")
    prices = "select slot, least_cents, most_cents, currency from parking.slot_prices($1, $2::text::date, $3, $4)"
    assert await service.fetch(prices, LARGE_LOT, "2027-05-10", DRIVER_1, None) == [], "a lot without tariffs"
    for day, slots in (
        ("2027-05-10", ["12–16", "16–20"]),
        ("2027-05-11", ["08–12", "12–16", "16–20"]),
        ("2027-05-09", []),
    ):
        told = await service.fetch(prices, LOT, day, DRIVER_1, None)
        assert [tuple(row) for row in told] == [(slot, 4000, 4000, "EUR") for slot in slots]
    await superuser.execute(
        "select from parking.set_tariff($1, $2, 'Electric', 1500, spot_type => 'ev')", OPERATOR, LOT
    )
    await superuser.execute(
        "select from parking.grant_concession($1, 'discount', person => $2, percent => 10)", OPERATOR, DRIVER_2
    )
    told = await service.fetch(prices, LOT, "2027-05-11", None, None)
    assert {(row["least_cents"], row["most_cents"]) for row in told} == {(4000, 6000)}
    told = await service.fetch(prices, LOT, "2027-05-11", DRIVER_2, "ev")
    assert {(row["least_cents"], row["most_cents"]) for row in told} == {(5400, 5400)}, "with the discount of who asks"
    with refused("day-out-of-range", 422):
        await service.fetch(prices, LOT, "1999-12-31", None, None)
    # What is shown is what is kept with the booking.
    starts = datetime(2027, 5, 11, 8, tzinfo=BERLIN)
    booked = await one_row(service, BOOK, DRIVER_2, SPOT, starts, starts + timedelta(hours=4))
    told = await service.fetch(prices, LOT, "2027-05-11", DRIVER_2, "regular")
    assert booked["quoted_cents"] == told[0]["least_cents"] == 3600


DESK = [
    "select from parking.garage_stats({actor}, 4)",
    "select from parking.enter_garage({actor}, 4, 'B 1')",
    "select from parking.find_ticket({actor}, 'PS-0001')",
    "select from parking.look_up_ticket({actor}, 4, 'A 1')",
    "select from parking.has_price({actor}, 'PS-0001')",
    "select from parking.amount_due({actor}, 'PS-0001')",
    "select from parking.leave_garage({actor}, 'PS-0001', 'Cash')",
    "select from parking.void_ticket({actor}, 'PS-0002', 'Error')",
    "select from parking.lose_ticket({actor}, 'PS-0003', 'Cash', 'Lost')",
    "select from parking.list_activities({actor}, 4)",
    "select from parking.overstays({actor}, 4)",
    "select from parking.list_payment_methods({actor})",
]
OFFICE = [
    "select from parking.set_garage({actor}, 4)",
    "select from parking.refund_ticket({actor}, 'PS-0001', 1, 'Kindness')",
    "select from parking.correct_ticket({actor}, 'PS-0001', 1, 'Error')",
    "select from parking.ledger_balance({actor}, 4)",
    "select from parking.garage_report({actor}, 4, 'today', 'today')",
    "select from parking.list_tickets({actor}, 4, 'today', 'today')",
]


async def test_what_an_attendant_may(connect: Connect) -> None:
    service = await connect()
    for plate in ("A 1", "A 2", "A 3"):
        await enter(service, plate)
    for statement in (*DESK, *OFFICE):
        with refused("not-permitted", 403):
            await service.fetch(statement.format(actor=DRIVER_1))
    for statement in DESK:
        await service.fetch(statement.format(actor=ATTENDANT))
    for statement in OFFICE:
        with refused("not-permitted", 403):
            await service.fetch(statement.format(actor=ATTENDANT))
        await service.fetch(statement.format(actor=OPERATOR))
    with refused("not-permitted", 403):
        await service.fetch(BOOK, ATTENDANT, SPOT, hours_ahead(1), hours_ahead(2))


async def test_the_record_tells_who_went_in_and_out(connect: Connect) -> None:
    service, dba = await connect(), await connect("parking_dba")
    cursor = await service.fetchval("select parking.event_cursor()")
    ticket, other = await enter(service, "A 1"), await enter(service, "A 2")
    await leave(service, ticket)
    await service.fetch("select from parking.void_ticket($1, $2, 'Error')", ATTENDANT, other)
    events = await service.fetch("select * from parking.events_after($1, $2)", cursor, LOT)
    assert [(row["type"], row["spot_id"], row["reservation_id"]) for row in events] == [
        (kind, None, None) for kind in ("entered", "entered", "left", "voided")
    ]
    assert [row["ends"] is None for row in events] == [True, True, False, False]
    told = await dba.fetch("select type, actor from parking.history where spot_id is null order by id")
    assert {row["actor"] for row in told} == {"attendant@parking.com"}
    # Boards and lists read the record and mind none of it.
    await service.fetch("select from parking.board(1)")
    await service.fetch("select from parking.list_activity($1)", 4)
    await service.fetch("select from parking.day_figures(1, actor => $1)", OPERATOR)
    await service.fetch("select from parking.list_events(1, $1)", OPERATOR)


async def test_reports_of_several_days(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await set_garage(superuser, spaces=2)
    await set_clock(superuser, "2027-05-10 10:00")
    one, two = await enter(service, "A 1"), await enter(service, "A 2")
    await set_clock(superuser, "2027-05-10 11:30")
    await leave(service, one)
    await service.fetch("select from parking.void_ticket($1, $2, 'Error')", ATTENDANT, two)
    long = await enter(service, "A 3")
    await set_clock(superuser, "2027-05-11 12:00")
    await service.fetch("select from parking.lose_ticket($1, $2, 'Cash', 'Lost')", ATTENDANT, long)
    await service.fetch("select from parking.refund_ticket($1, $2, 500, 'Kindness')", OPERATOR, one)
    days = datetime(2027, 5, 10, tzinfo=BERLIN).date(), datetime(2027, 5, 12, tzinfo=BERLIN).date()
    report = await service.fetch("select * from parking.garage_report($1, $2, $3, $4)", OPERATOR, LOT, *days)
    figures = "entered", "left_count", "lost", "void", "revenue_cents", "refunded_cents", "most_inside"
    assert [tuple(row[figure] for figure in figures) for row in report] == [
        (3, 1, 0, 1, 2000, 0, 1),
        (0, 1, 1, 0, 25000 - 500, 500, 1),
        (0, 0, 0, 0, 0, 0, 0),
    ]
    # 14 of 24 hours and 12 of 12, of two spaces.
    assert [row["occupied_percent"] for row in report] == [29, 49, None]
    lengths = await service.fetch("select * from parking.stays_by_length($1, $2, $3, $4)", OPERATOR, LOT, *days)
    assert [row["stays"] for row in lengths] == [0, 0, 1, 0, 0, 0, 1]
    assert sum(row["amount_cents"] for row in lengths) == 26500
    tariffs = await service.fetch("select * from parking.revenue_by_tariff($1, $2, $3, $4)", OPERATOR, LOT, *days)
    assert [tuple(row) for row in tariffs] == [("Standard", 2, 27000), (None, 1, -500)]
    listed = await service.fetch("select * from parking.list_tickets($1, $2, $3, $4)", OPERATOR, LOT, *days)
    assert [row["ticket_number"] for row in listed] == [one, two, long]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        # At one o'clock the clocks go back to midnight, and the day begins an hour before it comes again.
        ("Atlantic/Azores", "2027-10-31", ["00:30", "00:30*", "23:30"]),
        ("America/Havana", "2027-11-07", ["00:30", "00:30*", "23:30"]),
        # At midnight they go back to eleven, or forward to one.
        ("America/Santiago", "2027-04-04", ["00:30", "23:30"]),
        ("America/Santiago", "2027-09-05", ["01:30", "23:30"]),
    ],
)
async def test_a_day_on_which_midnight_comes_twice_or_never(
    connect: Connect, zone: str, day: str, hours: list[str]
) -> None:
    """Whatever has a day's date is in its report and in no other, and a report of three days is those of each."""
    service, superuser = await connect(), await connect("postgres")
    await superuser.execute("update parking.lots set time_zone = $2 where id = $1", LOT, zone)
    today = date.fromisoformat(day)
    days = [today - timedelta(days=1), today, today + timedelta(days=1)]

    def shown(day: date, hour: str) -> datetime:
        local = datetime.fromisoformat(f"{day} {hour.rstrip('*')}").replace(tzinfo=ZoneInfo(zone))
        return local.replace(fold=int(hour.endswith("*"))).astimezone(UTC)

    moments = [shown(today, hour) for hour in hours]
    for number, moment in enumerate([shown(days[0], "22:30"), *moments, shown(days[2], "00:30")]):
        await shift_clock(superuser, moment - await superuser.fetchval("select clock_timestamp()"))
        await leave(service, await enter(service, f"A {number}"))
        if moment in moments:
            stats = await one_row(service, STATS, ATTENDANT, LOT)
            assert (stats["today"], stats["vehicles_processed_today"]) == (today, moments.index(moment) + 1)
    report = "select revenue_cents, entered, left_count from parking.garage_report($1, $2, $3, $4)"
    whole = [tuple(row) for row in await service.fetch(report, OPERATOR, LOT, days[0], days[2])]
    assert whole == [(1000 * count, count, count) for count in (1, len(moments), 1)]
    assert [tuple(await one_row(service, report, OPERATOR, LOT, each, each)) for each in days] == whole
    for function in ("stays_by_length", "revenue_by_tariff"):
        sums = f"select sum(stays)::integer from parking.{function}($1, $2, $3, $3)"
        assert [await service.fetchval(sums, OPERATOR, LOT, each) for each in days] == [1, len(moments), 1]


@pytest.mark.parametrize(
    ("first", "last", "slug"),
    [
        ("2027-05-10", "2027-05-09", "not-a-period-of-days"),
        ("2027-05-10", "2028-06-13", "not-a-period-of-days"),
        (None, "2027-05-09", "not-a-period-of-days"),
        ("infinity", "infinity", "not-a-period-of-days"),
        ("1999-12-31", "2000-01-01", "day-out-of-range"),
    ],
)
async def test_what_is_no_period_of_days(connect: Connect, first: str | None, last: str, slug: str) -> None:
    service = await connect()
    for function in ("garage_report", "stays_by_length", "revenue_by_tariff", "list_tickets"):
        with refused(slug, 422):
            await service.fetch(
                f"select from parking.{function}($1, $2, $3::text::date, $4::text::date)", OPERATOR, LOT, first, last
            )
