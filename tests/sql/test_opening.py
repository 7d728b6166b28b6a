"""A lot with opening hours is booked while it is open, by its own clock, and by nobody while it is closed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support.sql import BOOK, DRIVER_1, edit_function, one_row, refused, shift_clock

BERLIN = ZoneInfo("Europe/Berlin")
FREE = "select count(*) from parking.free_spots($1, $2)"


def moment(text: str) -> datetime:
    """A moment by the lot's wall clock; fold=1, after a *, is the second hour of that name."""
    return datetime.fromisoformat(text.rstrip("*")).replace(tzinfo=BERLIN, fold=int(text.endswith("*")))


async def open_during(superuser: asyncpg.Connection, week: str, now: str) -> None:
    """Give the demo's lot opening hours, by the road that an operator takes, and stand at a moment."""
    operator = await superuser.fetchval("select parking.find_person('operator@parking.com')")
    await superuser.execute("select parking.change_lot($1, 1, opening_hours => $2)", operator, week)
    away = moment(now) - datetime.now(UTC)
    await shift_clock(superuser, away)
    # Bookings of a year beyond the horizon are what this is not about.
    await superuser.execute("update parking.lots set longest_booking = '48 hours', booking_horizon = '30 days'")


DAYS = "Mo-Fr 06:00-22:00; Sa 08:00-12:00,20:00-04:00"
ROUND = "Fr 18:00-06:00; Sa 06:00-24:00; Su 00:00-24:00"
NIGHT = "Sa,Su 01:00-05:00"


@pytest.mark.parametrize(
    ("week", "starts", "ends", "is_open"),
    [
        # 6 May 2030 is a Monday.
        (DAYS, "2030-05-06 06:00", "2030-05-06 22:00", True),
        (DAYS, "2030-05-06 05:59", "2030-05-06 07:00", False),
        (DAYS, "2030-05-06 21:00", "2030-05-06 22:01", False),
        (DAYS, "2030-05-06 21:00", "2030-05-07 07:00", False),
        (DAYS, "2030-05-11 08:00", "2030-05-11 12:00", True),
        (DAYS, "2030-05-11 11:00", "2030-05-11 21:00", False),
        (DAYS, "2030-05-11 22:00", "2030-05-12 04:00", True),
        (DAYS, "2030-05-12 00:30", "2030-05-12 03:00", True),
        (DAYS, "2030-05-12 03:00", "2030-05-12 04:01", False),
        (DAYS, "2030-05-12 10:00", "2030-05-12 11:00", False),
        # A night, a day and another day adjoin, and midnight is no gap.
        (ROUND, "2030-05-10 18:00", "2030-05-12 12:00", True),
        (ROUND, "2030-05-12 20:00", "2030-05-13 00:00", True),
        (ROUND, "2030-05-12 20:00", "2030-05-13 00:01", False),
        # On Sunday 31 March 2030 Berlin skips from two to three o'clock: open for three hours and not four.
        (NIGHT, "2030-03-31 01:00", "2030-03-31 05:00", True),
        (NIGHT, "2030-03-31 04:30", "2030-03-31 05:30", False),
        # On Sunday 27 October 2030 the hour from two to three comes twice: open for five.
        (NIGHT, "2030-10-27 01:00", "2030-10-27 05:00", True),
        (NIGHT, "2030-10-27 02:30*", "2030-10-27 05:00", True),
        (NIGHT, "2030-10-27 02:30*", "2030-10-27 05:01", False),
        ("24/7", "2030-05-12 03:00", "2030-05-13 04:01", True),
    ],
)
async def test_a_booking_lies_within_the_opening_hours(
    connect: Connect, week: str, starts: str, ends: str, is_open: bool
) -> None:
    superuser, service = await connect("postgres"), await connect()
    period = moment(starts), moment(ends)
    await open_during(superuser, week, str((period[0] - timedelta(hours=2)).replace(tzinfo=None)))
    assert await service.fetchval(FREE, *period) == (5 if is_open else 0)
    if is_open:
        await service.fetch(BOOK, DRIVER_1, 1, *period)
        assert await service.fetchval(FREE, *period) == 4
    else:
        with refused("lot-closed", 422):
            await service.fetch(BOOK, DRIVER_1, 1, *period)
        assert await superuser.fetchval("select count(*) from parking.reservations") == 0


async def now_free(service: asyncpg.Connection) -> tuple[list[str], int, int, bool]:
    """The state of each spot now, and how many are free in the statistics and among the lots."""
    spots = await service.fetch("select status from parking.list_spots()")
    stats = await service.fetchval("select available_now from parking.stats()")
    lot = await one_row(service, "select free, open from parking.find_lots() where id = 1")
    return [row["status"] for row in spots], stats, lot["free"], lot["open"]


CLOSED = (["closed"] * 5, 0, 0, False)


async def test_nothing_is_free_now_while_the_lot_is_closed(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await open_during(superuser, DAYS, "2030-05-06 05:55")
    assert await now_free(service) == CLOSED
    await shift_clock(superuser, moment("2030-05-06 06:00") - datetime.now(UTC))
    assert await now_free(service) == (["available"] * 5, 5, 5, True)


async def test_what_is_booked_or_in_maintenance_says_so_while_the_lot_is_closed(connect: Connect) -> None:
    """Hours that were shortened leave a booking alone, and its spot is held until it ends."""
    superuser, service = await connect("postgres"), await connect()
    await open_during(superuser, "24/7", "2030-05-12 09:00")
    await service.fetch(BOOK, DRIVER_1, 1, moment("2030-05-12 09:00"), moment("2030-05-12 11:00"))
    operator = await superuser.fetchval("select parking.find_person('operator@parking.com')")
    await service.fetch("select parking.set_spot_state($1, 2, 'maintenance', 'Paint')", operator)
    assert await now_free(service) == (["booked", "maintenance", *["available"] * 3], 3, 3, True)
    await open_during(superuser, DAYS, "2030-05-12 09:30")
    assert await now_free(service) == (["booked", "maintenance", *["closed"] * 3], 0, 0, False)


@pytest.mark.parametrize(
    "signature", ["parking_private.spots_now(parking.lots,timestamptz)", "parking.find_lots(text,text,bigint,integer)"]
)
async def test_without_looking_at_the_hours_a_closed_lot_is_free(connect: Connect, signature: str) -> None:
    """The negative control of the two tests above."""
    superuser, service = await connect("postgres"), await connect()
    await open_during(superuser, DAYS, "2030-05-12 10:00")
    assert await now_free(service) == CLOSED
    await edit_function(superuser, signature, "interval '1 second')", "interval '1 second') is not null")
    assert await now_free(service) != CLOSED


async def test_without_the_check_a_closed_lot_is_booked(connect: Connect) -> None:
    """The negative control of the test above."""
    superuser, service = await connect("postgres"), await connect()
    await open_during(superuser, DAYS, "2030-05-11 12:00")
    period = moment("2030-05-12 10:00"), moment("2030-05-12 11:00")
    signature = "parking.book(bigint,bigint,timestamptz,timestamptz,text)"
    await edit_function(superuser, signature, "perform parking_private.require_open(", "perform (")
    await service.fetch(BOOK, DRIVER_1, 1, *period)


@pytest.mark.parametrize(
    ("starts", "ends", "said"),
    [
        ("2030-05-06 05:00", "2030-05-06 07:00", "Monday 6 May, 05:00; that day it is open 06:00–22:00."),
        ("2030-05-06 21:00", "2030-05-07 07:00", "Monday 6 May, 22:00; that day it is open 06:00–22:00."),
        (
            "2030-05-11 11:00",
            "2030-05-11 13:00",
            "Saturday 11 May, 12:00; that day it is open 08:00–12:00 and 20:00–Sunday 12 May, 04:00.",
        ),
        ("2030-05-12 03:00", "2030-05-12 05:00", "Sunday 12 May, 04:00; that day it is open 00:00–04:00."),
    ],
)
async def test_a_refusal_says_when_the_lot_is_open(connect: Connect, starts: str, ends: str, said: str) -> None:
    """For people; what programs go by is the problem's name."""
    superuser, service = await connect("postgres"), await connect()
    await open_during(superuser, DAYS, starts)
    with pytest.raises(asyncpg.PostgresError) as caught:
        await service.fetch(BOOK, DRIVER_1, 1, moment(starts), moment(ends))
    assert caught.value.args[0] == f"Demo Garage is closed on {said}"


async def test_a_day_without_hours_is_closed_all_day(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await open_during(superuser, "Mo 08:00-24:00", "2030-05-07 07:00")
    with pytest.raises(asyncpg.PostgresError, match=r"closed on Tuesday 7 May, 08:00; that day it is closed all day"):
        await service.fetch(BOOK, DRIVER_1, 1, moment("2030-05-07 08:00"), moment("2030-05-07 09:00"))
    with pytest.raises(asyncpg.PostgresError, match=r"that day it is open 08:00–24:00"):
        await service.fetch(BOOK, DRIVER_1, 1, moment("2030-05-13 07:00"), moment("2030-05-13 09:00"))


async def test_new_hours_leave_bookings_alone_and_their_holders_complete_them(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await open_during(superuser, "24/7", "2030-05-12 08:00")
    booking = await service.fetchval(BOOK, DRIVER_1, 1, moment("2030-05-12 10:00"), moment("2030-05-12 11:00"))
    await open_during(superuser, DAYS, "2030-05-12 08:30")
    assert booking
    status = "select status from parking.complete($1, (select max(id) from parking.bookings))"
    dba = await connect("parking_dba")
    assert await dba.fetchval(status, DRIVER_1) == "completed"
