"""What is free, derived: the board of a local day, the list of spots, the search, and the figures."""

import json
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support.sql import BOOK, COMPLETE, DRIVER_1, DRIVER_2, hours_ahead, one_row, refused, shift_clock

BERLIN = ZoneInfo("Europe/Berlin")
BOARD = "select * from parking.board($1, $2, $3)"


async def set_clock(superuser: asyncpg.Connection, moment: datetime) -> None:
    """Let parking.clock() say this moment now."""
    await superuser.execute("update parking_private.clock_shift set shift = $1 - clock_timestamp()", moment)


def at(hour: int, minute: int = 0, day: date = date(2030, 5, 6)) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=BERLIN)


async def states(
    connection: asyncpg.Connection, spot: int, day: date | None = None, actor: int | None = None
) -> list[Any]:
    rows = await connection.fetch(BOARD, None, day, actor)
    return [row["status"] for row in rows if row["spot_id"] == spot]


async def test_the_demos_board(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await set_clock(superuser, at(7))
    rows = await service.fetch(BOARD, None, None, None)
    assert len(rows) == 15
    assert [row["spot"] for row in rows[::3]] == [f"Spot {n}" for n in range(1, 6)]
    assert [row["type"] for row in rows[::3]] == ["regular", "regular", "handicap", "regular", "regular"]
    assert [(row["slot"], row["starts"], row["ends"]) for row in rows[:3]] == [
        ("08–12", at(8), at(12)),
        ("12–16", at(12), at(16)),
        ("16–20", at(16), at(20)),
    ]
    assert {row["status"] for row in rows} == {"available"}


async def test_a_cell_is_booked_while_a_live_reservation_overlaps_what_remains_of_it(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await set_clock(superuser, at(7))
    await service.fetch(BOOK, DRIVER_1, 1, at(9), at(10))
    await service.fetch(BOOK, DRIVER_2, 1, at(15, 59), at(16, 1))
    assert await states(service, 1) == ["booked", "booked", "booked"]
    assert await states(service, 2) == ["available"] * 3
    await set_clock(superuser, at(10))
    assert await states(service, 1) == ["available", "booked", "booked"]
    await set_clock(superuser, at(12))
    assert await states(service, 1) == ["past", "booked", "booked"]
    await set_clock(superuser, at(16, 1))
    assert await states(service, 1) == ["past", "past", "available"]
    await set_clock(superuser, at(20))
    assert await states(service, 1) == ["past"] * 3
    assert await states(service, 1, date(2030, 5, 7)) == ["available"] * 3


async def test_a_driver_is_shown_their_own_and_nobody_elses(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await set_clock(superuser, at(7))
    mine = await one_row(service, BOOK, DRIVER_1, 1, at(8), at(12))
    await service.fetch(BOOK, DRIVER_2, 2, at(8), at(12))

    def own(rows: list[asyncpg.Record]) -> list[tuple[int, str, int]]:
        return [(row["spot_id"], row["slot"], row["reservation_id"]) for row in rows if row["reservation_id"]]

    assert own(await service.fetch(BOARD, None, None, DRIVER_1)) == [(1, "08–12", mine["id"])]
    assert own(await service.fetch(BOARD, None, None, None)) == []


async def test_the_days_of_23_and_25_hours(connect: Connect) -> None:
    """Slots go by the wall clock; the one that contains the change is an hour shorter or longer."""
    superuser, service = await connect("postgres"), await connect()
    await superuser.execute("""
        delete from parking.time_slots;
        insert into parking.time_slots (tenant_id, lot_id, starts, ends)
        values (1, 1, '00:00', '02:00'), (1, 1, '02:00', '03:00'), (1, 1, '03:00', '06:00'),
               (1, 1, '18:00', '24:00')""")

    async def lengths(day: date) -> list[float]:
        rows = await service.fetch(BOARD, None, day, None)
        return [(row["ends"] - row["starts"]).total_seconds() / 3600 for row in rows if row["spot_id"] == 1]

    assert await lengths(date(2030, 5, 6)) == [2, 1, 3, 6]
    # In spring 02:00 to 03:00 does not exist, so neither does its slot.
    assert await lengths(date(2030, 3, 31)) == [2, 3, 6]
    # In autumn it comes twice; the slots before and after still meet.
    autumn = await service.fetch(BOARD, None, date(2030, 10, 27), None)
    one = [row for row in autumn if row["spot_id"] == 1]
    assert sum((row["ends"] - row["starts"]).total_seconds() for row in one) == (6 + 1 + 6) * 3600
    assert all(before["ends"] == after["starts"] for before, after in pairwise(one[:3]))


async def test_a_nights_slot_belongs_to_the_day_on_which_it_starts(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await superuser.execute("update parking.time_slots set starts = '22:00', ends = '06:30' where starts = '16:00'")
    await set_clock(superuser, at(7))
    await service.fetch(BOOK, DRIVER_1, 1, at(6, day=date(2030, 5, 7)), at(7, day=date(2030, 5, 7)))
    rows = [row for row in await service.fetch(BOARD, None, None, None) if row["spot_id"] == 1]
    assert [(row["slot"], row["status"]) for row in rows][-1] == ("22–06:30", "booked")
    assert await states(service, 1, date(2030, 5, 7)) == ["available"] * 3


async def test_today_is_the_lots_own(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await superuser.execute("update parking.lots set time_zone = 'Pacific/Auckland'")
    await set_clock(superuser, datetime(2030, 5, 6, 13, tzinfo=ZoneInfo("UTC")))
    assert await service.fetchval("select today from parking.find_lot()") == date(2030, 5, 7)


async def test_a_period_longer_than_a_slot_and_a_day_shows_wherever_it_lies(connect: Connect) -> None:
    """Boards look back by the longest booking there can be."""
    superuser, service = await connect("postgres"), await connect()
    await superuser.execute("update parking.lots set longest_booking = '7 days'")
    await set_clock(superuser, at(7))
    await service.fetch(BOOK, DRIVER_1, 1, at(19), at(19, day=date(2030, 5, 13)))
    week = [date(2030, 5, day) for day in range(6, 15)]
    booked = [(await states(service, 1, day)).count("booked") for day in week]
    assert booked == [1, 3, 3, 3, 3, 3, 3, 3, 0]
    free = await service.fetch(
        "select id from parking.free_spots($1, $2)", at(18, day=date(2030, 5, 13)), at(20, day=date(2030, 5, 13))
    )
    assert [row["id"] for row in free] == [2, 3, 4, 5]


async def test_the_longest_booking_shows_on_the_day_after_a_change_of_clocks(connect: Connect) -> None:
    """168 hours reach back further than seven local days when one of them has 23."""
    superuser, service = await connect("postgres"), await connect()
    await superuser.execute("""
        update parking.lots set longest_booking = '7 days';
        update parking.time_slots set starts = '00:00', ends = '04:00' where starts = '08:00'""")
    await set_clock(superuser, at(20, day=date(2030, 3, 24)))
    await service.fetch(BOOK, DRIVER_1, 1, at(23, 30, date(2030, 3, 24)), at(0, 30, date(2030, 4, 1)))
    assert await states(service, 1, date(2030, 4, 1)) == ["booked", "available", "available"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
async def test_the_sessions_time_zone_changes_nothing(connect: Connect, zone: str) -> None:
    superuser, service = await connect("postgres"), await connect("parking_service", timezone=zone)
    await superuser.execute("update parking.lots set longest_booking = '7 days', booking_horizon = '30 days'")
    await set_clock(superuser, at(20, day=date(2030, 3, 24)))
    await service.fetch(BOOK, DRIVER_1, 1, at(23, 30, date(2030, 3, 24)), at(0, 30, date(2030, 4, 1)))
    # Thirty days are 720 hours, and in these there are an hour less of the clock's.
    await service.fetch(BOOK, DRIVER_1, 2, at(20, day=date(2030, 4, 23)), at(20, 59, date(2030, 4, 23)))
    with refused("period-too-far", 422):
        await service.fetch(BOOK, DRIVER_1, 2, at(21, day=date(2030, 4, 23)), at(21, 1, date(2030, 4, 23)))
    await set_clock(superuser, at(0, 15, date(2030, 4, 1)))
    assert await service.fetchval("select status from parking.list_spots() where id = 1") == "booked"
    assert await service.fetchval("select available_now from parking.stats()") == 4
    midnight = at(0, day=date(2030, 4, 1))
    free = await service.fetch("select id from parking.free_spots($1, $2)", midnight, midnight + timedelta(minutes=20))
    assert [row["id"] for row in free] == [2, 3, 4, 5]


async def test_a_retired_spot_is_nowhere_to_be_found(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await superuser.execute("update parking.spots set retired_at = parking.clock() where id = 2")
    assert {row["spot_id"] for row in await service.fetch(BOARD, None, None, None)} == {1, 3, 4, 5}
    assert [row["id"] for row in await service.fetch("select id from parking.list_spots()")] == [1, 3, 4, 5]
    free = await service.fetch("select id from parking.free_spots($1, $2)", hours_ahead(1), hours_ahead(2))
    assert [row["id"] for row in free] == [1, 3, 4, 5]


async def test_a_past_cell_holds_nobody(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await set_clock(superuser, at(7))
    await service.fetch(BOOK, DRIVER_1, 1, at(8), at(14))
    await set_clock(superuser, at(13))
    rows = await service.fetch(BOARD, None, None, DRIVER_1)
    assert [(row["status"], bool(row["reservation_id"])) for row in rows[:2]] == [("past", False), ("booked", True)]


@pytest.mark.parametrize("zone", ["CEST", "Foo/-3", "Europe/berlin", "posixrules", "", "Europe/Nowhere"])
async def test_a_time_zone_that_only_postgresql_knows_is_refused(connect: Connect, zone: str) -> None:
    superuser = await connect("postgres")
    with pytest.raises(asyncpg.CheckViolationError):
        await superuser.execute("update parking.lots set time_zone = $1", zone)


async def test_boards_and_the_checker_use_their_indexes_in_a_large_lot(connect: Connect) -> None:
    superuser = await connect("postgres")
    await superuser.execute("""
        insert into parking.spots (tenant_id, lot_id, row_id, name, position)
        select 1, 1, 1, 'Large ' || n, n from generate_series(6, 205) n;
        insert into parking.reservations (tenant_id, lot_id, spot_id, person_id, starts, ends, booked_at)
        select 1, 1, s.id, 1, h.starts, h.starts + interval '4 hours', parking.clock()
        from parking.spots s, generate_series(parking.clock() + interval '1 hour', parking.clock() + interval '30 days',
            interval '8 hours') h(starts)
        where s.lot_id = 1""")
    await superuser.execute("vacuum analyze parking.reservations")
    await superuser.execute("load 'auto_explain'")
    plans: list[str] = []
    superuser.add_log_listener(lambda _, message: plans.append(message.message or ""))
    await superuser.execute("""
        set auto_explain.log_min_duration = 0;
        set auto_explain.log_nested_statements = on;
        set client_min_messages = log""")
    for statement in (
        "select * from parking.board(1, current_date + 7)",
        "select * from parking.list_spots(1)",
        "select * from parking.free_spots(parking.clock(), parking.clock() + interval '1 hour')",
        "select * from parking.release_stale()",
        "select * from parking.book(1, 5, current_date + interval '100 days', current_date + interval '2401 hours')",
    ):
        plans.clear()
        await superuser.fetch(statement)
        plan = "\n".join(plans)
        assert "reservations" in plan, statement
        assert "Seq Scan on reservations" not in plan, statement
        if "parking.book(" in statement:
            assert "using reservations_live_by_spot" in plan, "what is overdue on this spot"


async def test_the_list_of_spots(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await set_clock(superuser, at(9))
    await service.fetch(BOOK, DRIVER_1, 1, at(8), at(12))
    await service.fetch(BOOK, DRIVER_1, 2, at(12), at(16))
    rows = await service.fetch("select * from parking.list_spots(null, $1)", date(2030, 5, 6))
    assert [row["status"] for row in rows] == ["booked", "available", "available", "available", "available"]
    slots = json.loads(rows[1]["slots"])
    assert slots == [
        {"start_time": "2030-05-06T08:00:00+02:00", "end_time": "2030-05-06T12:00:00+02:00", "status": "available"},
        {"start_time": "2030-05-06T12:00:00+02:00", "end_time": "2030-05-06T16:00:00+02:00", "status": "booked"},
        {"start_time": "2030-05-06T16:00:00+02:00", "end_time": "2030-05-06T20:00:00+02:00", "status": "available"},
    ]
    assert [row["slots"] for row in await service.fetch("select * from parking.list_spots()")] == [None] * 5


async def test_free_spots(connect: Connect) -> None:
    superuser, dba = await connect("postgres"), await connect("parking_dba")
    await set_clock(superuser, at(7))
    await dba.fetch(BOOK, DRIVER_1, 1, at(8), at(12))
    search = "select id from parking.free_spots($1, $2, spot_type => $3)"
    assert [row["id"] for row in await dba.fetch(search, at(11), at(13), None)] == [2, 3, 4, 5]
    assert [row["id"] for row in await dba.fetch(search, at(12), at(13), None)] == [1, 2, 3, 4, 5]
    assert [row["id"] for row in await dba.fetch(search, at(12), at(13), "handicap")] == [3]
    assert await dba.fetch(search, at(12), at(13), "ev") == []
    with refused("period-backwards", 422):
        await dba.fetch(search, at(12), at(12), None)
    with refused("period-incomplete", 422):
        await dba.fetch(search, None, at(12), None)


@pytest.mark.parametrize("day", [date(1999, 12, 31), date(2200, 1, 1), date.min, date.max])
async def test_a_day_beyond_the_calendar(connect: Connect, day: date) -> None:
    service = await connect()
    for statement in (
        "select * from parking.board(null, $1)",
        "select * from parking.list_spots(null, $1)",
        "select * from parking.watch_section(1, $1)",
    ):
        with refused("day-out-of-range", 422):
            await service.fetch(statement, day)


async def test_an_unknown_lot(connect: Connect) -> None:
    service = await connect()
    for statement in ("find_lot(99)", "find_lot(tenant => 'nobody')", "board(99)", "list_spots(99)", "stats(99)"):
        with refused("unknown-lot", 404):
            await service.fetch(f"select * from parking.{statement}")


async def test_the_figures(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    empty = await one_row(service, "select * from parking.stats()")
    assert (empty["peak_hour"], empty["total_reservations"], empty["available_now"]) == (None, 0, 5)
    await set_clock(superuser, at(7))
    one = await one_row(service, BOOK, DRIVER_1, 1, at(8), at(12))
    await service.fetch(BOOK, DRIVER_1, 2, at(11, 30), at(13))
    await service.fetch(BOOK, DRIVER_2, 3, at(14), at(15))
    row = await one_row(service, "select * from parking.stats()")
    assert (row["peak_hour"], row["total_reservations"], row["active_reservations"]) == (11, 3, 3)
    # One that ended early, before its first hour began, held no spot at any hour.
    await service.fetch(COMPLETE, DRIVER_1, one["id"])
    await service.fetch(BOOK, DRIVER_1, 4, at(14), at(15))
    await set_clock(superuser, at(14, 30))
    row = await one_row(service, "select * from parking.stats()")
    assert (row["peak_hour"], row["total_reservations"], row["active_reservations"]) == (14, 4, 2)
    assert (row["spots"], row["available_now"]) == (5, 3)


async def test_the_peak_hour_goes_by_the_lots_wall_clock(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await set_clock(superuser, at(7))
    await service.fetch(BOOK, DRIVER_1, 1, at(8), at(9))
    assert await service.fetchval("select peak_hour from parking.stats()") == 8
    await superuser.execute("update parking.lots set time_zone = 'Asia/Kolkata'")
    # 08:00 in Berlin is 11:30 in Kolkata.
    assert await service.fetchval("select peak_hour from parking.stats()") == 11


async def test_a_board_changes_by_the_clock_when_it_says_so(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await set_clock(superuser, at(9))
    await service.fetch(BOOK, DRIVER_1, 1, at(9), at(10))
    watch = "select * from parking.watch_section(1, $1)"
    cells = [row for row in await service.fetch(watch, date(2030, 5, 6)) if row["spot_id"] == 1]
    waits = [row["changes_in"] for row in cells]
    assert all(abs(wait - wanted) < timedelta(seconds=30) for wait, wanted in zip(
        waits, [timedelta(hours=1), timedelta(hours=7), timedelta(hours=11)], strict=True))  # fmt: skip
    assert (cells[0]["status"], cells[0]["holder_ids"]) == ("booked", [DRIVER_1])
    await set_clock(superuser, at(10))
    cells = [row for row in await service.fetch(watch, date(2030, 5, 6)) if row["spot_id"] == 1]
    assert (cells[0]["status"], cells[0]["holder_ids"]) == ("available", [])
    await set_clock(superuser, at(21))
    cells = await service.fetch(watch, date(2030, 5, 6))
    assert {row["changes_in"] for row in cells} == {None}


async def test_hostile_names_come_back_as_they_are(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    name = "<script>alert('x')</script> \"; drop table spots; -- \u202eabc"
    await superuser.execute("update parking.spots set name = $1 where id = 1", name)
    assert (await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2)))["spot"] == name
    await shift_clock(superuser, timedelta(0))
    assert (await one_row(service, "select name from parking.list_spots() where id = 1"))["name"] == name
