"""Lots, floors, rows, spots, hours and slots: built, changed, put in order, retired; and who may."""

import asyncio
import json
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support.sql import BOOK, DRIVER_1, edit_function, hours_ahead, one_row, refused, waits_for_a_lock

OPERATOR, ADMIN, PLATFORM = 3, 4, 5
FOREIGN_OPERATOR = 8
"""The demo's people: 1 to 5 are of the tenant default, 6 to 9 of riverside; its lots are 1, 2 and 3."""

BUILD = "select * from parking.build_lot(actor => $1, name => $2, time_zone => $3, layout => $4)"


async def build(connection: asyncpg.Connection, name: str, layout: object = (), zone: str = "UTC") -> int:
    return int((await one_row(connection, BUILD, OPERATOR, name, zone, json.dumps(layout)))["id"])


async def plan(connection: asyncpg.Connection, lot: int, actor: int | None = None) -> dict[str, Any]:
    text = await connection.fetchval("select parking.describe_lot($1, $2)", lot, actor)
    return dict(json.loads(text))


def names(plan: dict[str, Any]) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    return [
        (floor["name"], [(row["name"], [spot["name"] for spot in row["spots"]]) for row in floor["rows"]])
        for floor in plan["floors"]
    ]


async def test_one_call_builds_a_whole_lot(connect: Connect) -> None:
    service = await connect()
    lot = await one_row(
        service,
        "select * from parking.build_lot($1, 'Big', 'Asia/Kathmandu', floors => 3, rows => 10, spots => 50)",
        OPERATOR,
    )
    assert (lot["floors"], lot["spots"], lot["opening_hours"]) == (3, 1500, "24/7")
    described = await plan(service, lot["id"])
    assert [len(floor["rows"]) for floor in described["floors"]] == [10, 10, 10]
    spots = [spot for floor in described["floors"] for row in floor["rows"] for spot in row["spots"]]
    assert len({spot["name"] for spot in spots}) == len({spot["id"] for spot in spots}) == 1500
    assert (spots[0]["name"], spots[-1]["name"]) == ("1-A-01", "3-J-50")
    rows = await service.fetch("select * from parking.board($1)", lot["id"])
    assert len(rows) == 4500
    assert [row["spot"] for row in rows[::3]] == [spot["name"] for spot in spots], "a board has the order of the lot"
    booked = await one_row(service, BOOK, DRIVER_1, spots[700]["id"], hours_ahead(1), hours_ahead(2))
    assert booked["time_zone"] == "Asia/Kathmandu"


async def test_a_layout_tells_floors_and_rows_apart(connect: Connect) -> None:
    service = await connect()
    layout = [
        {
            "name": "Ground",
            "rows": [{"spots": 2}, {"name": "EV", "spots": 1, "type": "ev", "prefix": "E", "width_cm": 260}],
        },
        {"rows": 2, "spots": 1, "type": "compact"},
        {"name": "Roof"},
    ]
    described = await plan(service, await build(service, "Mixed", layout))
    assert names(described) == [
        ("Ground", [("A", ["1-A-01", "1-A-02"]), ("EV", ["E01"])]),
        ("Floor 2", [("A", ["2-A-01"]), ("B", ["2-B-01"])]),
        ("Roof", []),
    ]
    electric = described["floors"][0]["rows"][1]["spots"][0]
    assert (electric["type"], electric["width_cm"], electric["length_cm"]) == ("ev", 260, None)


@pytest.mark.parametrize(("floors", "rows", "spots"), [(1, 20, 1000), (20, 1, 1000), (100, 200, 1)])
async def test_a_lot_of_the_largest_size_is_built_in_one_call(
    connect: Connect, floors: int, rows: int, spots: int
) -> None:
    # Two seconds on a machine that has nothing else to do, of the five that a request has; this is no judge of speed.
    service = await connect(statement_timeout="60s")
    build = "select * from parking.build_lot($1, 'Largest', 'UTC', floors => $2, rows => $3, spots => $4)"
    lot = await one_row(service, build, OPERATOR, floors, rows, spots)
    assert (lot["floors"], lot["spots"]) == (floors, 20_000)


async def test_a_floor_keeps_the_number_that_its_spots_are_called_by(connect: Connect) -> None:
    service = await connect()
    lot = await build(service, "Moving", [{"name": name, "rows": 1, "spots": 1} for name in "ab"])
    a, b = [floor["id"] for floor in (await plan(service, lot))["floors"]]
    add_row = "select * from parking.add_row($1, $2, $3, 1)"
    await service.fetch("select * from parking.change_floor($1, $2, 'B', 1)", OPERATOR, b)
    for floor in (a, b):
        await service.fetch(add_row, OPERATOR, floor, "New")
    assert names(await plan(service, lot)) == [
        ("B", [("A", ["2-A-01"]), ("New", ["2-New-01"])]),
        ("a", [("A", ["1-A-01"]), ("New", ["1-New-01"])]),
    ]
    await service.fetch("select parking.retire_floor($1, $2)", OPERATOR, a)
    c = await one_row(service, "select * from parking.add_floor($1, $2, 'c', 1, 1, place => 1)", OPERATOR, lot)
    await service.fetch(add_row, OPERATOR, c["id"], "New")
    assert names(await plan(service, lot)) == [
        ("c", [("A", ["3-A-01"]), ("New", ["3-New-01"])]),
        ("B", [("A", ["2-A-01"]), ("New", ["2-New-01"])]),
    ]


@pytest.mark.parametrize(
    ("layout", "slug"),
    [
        ({"floors": 3}, "not-a-layout"),
        ("three", "not-a-layout"),
        ([3], "not-a-layout"),
        ([{"spaces": 3}], "not-a-layout"),
        ([{"rows": 201, "spots": 1}], "not-a-layout"),
        ([{"rows": [{"name": str(n), "spots": 0} for n in range(201)]}], "not-a-layout"),
        ([{"rows": [{"name": "A", "spots": 0}] * 2}], "name-taken"),
        ([{"rows": [{"spots": 1, "prefix": "E"}] * 2}], "name-taken"),
        ([{"rows": 1, "spots": 1001}], "not-a-layout"),
        ([{"rows": 1, "spots": 1.5}], "not-a-layout"),
        ([{"rows": 1, "spots": -1}], "not-a-layout"),
        ([{"rows": "2", "spots": 1}], "not-a-layout"),
        ([{"rows": [{"spots": 1}], "spots": 5}], "not-a-layout"),
        ([{"rows": [{"spots": True}]}], "not-a-layout"),
        ([{"rows": [{"spots": 1, "name": 7}]}], "not-a-layout"),
        ([{"rows": 200, "spots": 101}], "not-a-layout"),
        ([{"name": " "}], "not-a-name"),
        ([{"name": "x" * 101}], "not-a-name"),
        ([{"rows": [{"spots": 1, "prefix": "\t"}]}], "not-a-name"),
        ([{"name": "Roof"}, {"name": "roof"}], "name-taken"),
        ([{"rows": [{"spots": 1, "prefix": "E"}, {"spots": 1, "prefix": "e"}]}], "name-taken"),
        ([{"rows": 1, "spots": 1, "type": "boat"}], "not-a-spot-type"),
        ([{"rows": 1, "spots": 1, "width_cm": 49}], "not-a-size"),
    ],
)
async def test_what_is_no_layout_builds_nothing(connect: Connect, layout: object, slug: str) -> None:
    superuser, service = await connect("postgres"), await connect()
    before = await superuser.fetchval("select count(*) from parking.lots")
    with refused(slug, 409 if slug == "name-taken" else 422):
        await service.fetch(BUILD, OPERATOR, "New", "UTC", json.dumps(layout))
    assert await superuser.fetchval("select count(*) from parking.lots") == before


@pytest.mark.parametrize(
    ("change", "slug", "status"),
    [
        ("name => 'Central garage'", "name-taken", 409),
        ("name => ''", "not-a-name", 422),
        ("address => repeat('x', 501)", "not-an-address", 422),
        ("time_zone => 'CEST'", "not-a-time-zone", 422),
        ("latitude => 91, longitude => 0", "not-a-position", 422),
        ("latitude => 'NaN'", "not-a-position", 422),
        ("amenities => '{covered,swimming-pool}'", "not-an-amenity", 422),
        ("amenities => array[null]", "not-an-amenity", 422),
        ("amenities => array[array['covered', 'lift']]", "not-an-amenity", 422),
        ("amenities => array[array['covered', null]]", "not-an-amenity", 422),
        ("longest_booking => '169 hours'", "not-a-booking-limit", 422),
        ("booking_horizon => '-1 hours'", "not-a-booking-limit", 422),
        *(
            (f"opening_hours => '{week}'", "not-hours", 422)
            for week in (
                *(
                    "",
                    "always",
                    "Mo",
                    "Mo-Fr",
                    "Mo 8:00-9:00",
                    "Mo 08:00",
                    "Mo 08:00-08:00",
                    "Mo 08:00-25:00",
                    "Xx 08:00-09:00",
                ),
                *(
                    "Mo 08:00-09:00; Mo 10:00-11:00",
                    "Mo-We 08:00-09:00; Tu 10:00-11:00",
                    "Mo 24:00-08:00",
                    "Mo 08:00-09:00;",
                ),
            )
        ),
    ],
)
async def test_what_a_lot_cannot_have(connect: Connect, change: str, slug: str, status: int) -> None:
    service = await connect()
    before = await plan(service, 1)
    with refused(slug, status):
        await service.fetch(f"select * from parking.change_lot($1, 1, {change})", OPERATOR)
    assert await plan(service, 1) == before


async def test_what_a_lot_can_have(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    changed = await one_row(
        service,
        """
        select * from parking.change_lot($1, 1, 'Garage', 'Here', 'Europe/Lisbon', 38.7, -9.1, false, '{covered}',
            'Sa-Mo 22:00-06:00; We,Th 08:00-12:00, 14:00-24:00', '3 hours', '48 hours')""",
        ADMIN,
    )
    assert changed["opening_hours"] == "Mo 22:00-06:00; We-Th 08:00-12:00,14:00-24:00; Sa-Su 22:00-06:00"
    assert (changed["name"], changed["public"], changed["amenities"]) == ("Garage", False, ["covered"])
    again = await one_row(service, "select * from parking.change_lot($1, 1, longest_booking => '0')", OPERATOR)
    assert again["longest_booking"].total_seconds() == 24 * 3600, "the tenant's own"
    assert again["booking_horizon"].total_seconds() == 48 * 3600
    assert again["opening_hours"] == changed["opening_hours"], "what is null stays"
    always = await one_row(service, "select * from parking.change_lot($1, 1, opening_hours => '24/7')", OPERATOR)
    assert always["opening_hours"] == "24/7"
    with refused("unknown-lot", 404):
        await plan(service, 1)
    assert (await plan(service, 1, DRIVER_1))["name"] == "Garage"
    audit = await superuser.fetch(
        "select action, actor_id, details from parking.audit where object_type = 'lot' and object_id = 1 order by id"
    )
    assert [(entry["action"], entry["actor_id"]) for entry in audit] == [
        ("lot.changed", ADMIN),
        ("lot.changed", OPERATOR),
        ("lot.changed", OPERATOR),
    ]
    assert json.loads(audit[2]["details"]) == {"opening_hours": "24/7"}


async def test_what_a_lot_or_a_spot_can_be_without_is_taken_away(connect: Connect) -> None:
    service = await connect()
    await service.fetch("select parking.change_lot($1, 1, latitude => 52.5, longitude => 0)", OPERATOR)
    kept = await one_row(service, "select * from parking.change_lot($1, 1, address => 'Here')", OPERATOR)
    assert (kept["latitude"], kept["longitude"]) == (52.5, 0), "zero is a longitude, and what is null stays"
    with refused("not-a-position", 422):
        await service.fetch("select parking.change_lot($1, 1, latitude => 'NaN')", OPERATOR)
    bare = "select * from parking.change_lot($1, 1, latitude => 'NaN', longitude => 'NaN')"
    for _ in range(2):
        changed = await one_row(service, bare, OPERATOR)
        assert (changed["latitude"], changed["longitude"], changed["address"]) == (None, None, "Here")
    with refused("not-a-position", 422):
        sql = "select parking.build_lot($1, 'Nowhere', 'UTC', latitude => 'NaN', longitude => 'NaN')"
        await service.fetch(sql, OPERATOR)

    await service.fetch("select parking.change_spot($1, 1, length_cm => 500, width_cm => 250)", OPERATOR)
    changed = await one_row(service, "select * from parking.change_spot($1, 1, length_cm => 0)", OPERATOR)
    assert (changed["length_cm"], changed["width_cm"]) == (None, 250)
    changed = await one_row(service, "select * from parking.change_spot($1, 1, width_cm => 0)", OPERATOR)
    assert (changed["length_cm"], changed["width_cm"]) == (None, None)
    for size in (-1, 1, 99, 3001):
        with refused("not-a-size", 422):
            await service.fetch("select parking.change_spot($1, 1, length_cm => $2)", OPERATOR, size)
    with refused("not-a-size", 422):
        await service.fetch("select parking.add_spot($1, 1, 'Flat', length_cm => 0)", OPERATOR)


async def test_opening_hours_go_by_the_lots_clock(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    berlin = ZoneInfo("Europe/Berlin")
    await service.fetch(
        "select * from parking.change_lot($1, 1, opening_hours => 'Mo-Fr 06:00-22:00; Sa 20:00-04:00')", OPERATOR
    )

    async def is_open(starts: tuple[int, ...], ends: tuple[int, ...]) -> bool:
        moments = [
            datetime(2030, month, day, hour, sum(minute), tzinfo=berlin) for month, day, hour, *minute in (starts, ends)
        ]
        sql = "select parking_private.is_open(l, $1, $2) from parking.lots l where l.id = 1"
        return bool(await superuser.fetchval(sql, *moments))

    # 6 May 2030 is a Monday.
    assert await is_open((5, 6, 6), (5, 6, 22))
    assert not await is_open((5, 6, 5, 59), (5, 6, 7))
    assert not await is_open((5, 6, 21), (5, 6, 22, 1))
    assert not await is_open((5, 6, 21), (5, 7, 7)), "closed in the night between"
    assert await is_open((5, 12, 1), (5, 12, 4)), "Saturday's hours run into Sunday"
    assert not await is_open((5, 12, 3), (5, 12, 5))
    assert not await is_open((5, 12, 10), (5, 12, 11))
    # On 31 March 2030, a Sunday, Berlin skips from 2 to 3 o'clock.
    assert await is_open((3, 30, 20), (3, 31, 4))
    assert not await is_open((3, 31, 3), (3, 31, 4, 1))

    def slots(rows: list[asyncpg.Record]) -> list[str]:
        return [row["slot"] for row in rows if row["spot_id"] == 1]

    board = "select * from parking.board(1, $1)"
    assert slots(await service.fetch(board, date(2030, 5, 6))) == ["08–12", "12–16", "16–20"]
    assert slots(await service.fetch(board, date(2030, 5, 12))) == [], "on a Sunday nothing is offered"


@pytest.mark.parametrize(
    ("zone", "slots", "slug"),
    [
        ("UTC", ["08:00-12:00", "12:00-16:00"], None),
        ("UTC", [], None),
        ("UTC", ["00:00-24:00"], None),
        ("UTC", ["22:00-06:00", "06:00-22:00"], None),
        ("Europe/Berlin", ["01:30-02:30", "04:00-05:00"], None),
        ("Europe/Berlin", ["02:00-03:00", "03:00-04:00"], None),
        ("UTC", ["01:30-02:30", "03:00-04:00"], None),
        # On the day on which 2 o'clock is 3 o'clock, half past two is half past three.
        ("Europe/Berlin", ["01:30-02:30", "03:00-04:00"], "slots-overlap"),
        ("UTC", ["08:00-12:00", "11:59-16:00"], "slots-overlap"),
        ("UTC", ["08:00-12:00", "08:00-16:00"], "slots-overlap"),
        ("UTC", ["08:00-20:00", "09:00-10:00", "12:00-13:00"], "slots-overlap"),
        ("UTC", ["22:00-06:00", "05:00-08:00"], "slots-overlap"),
        ("UTC", ["8:00-12:00"], "not-hours"),
        ("UTC", ["08:00-08:00"], "not-hours"),
        ("UTC", ["tomorrow"], "not-hours"),
        ("UTC", [None], "not-hours"),
        ("UTC", None, "not-hours"),
        ("UTC", [f"00:{n:02}-00:{n + 1:02}" for n in range(49)], "not-hours"),
    ],
)
async def test_a_lots_time_slots(connect: Connect, zone: str, slots: list[str | None] | None, slug: str | None) -> None:
    service = await connect()
    lot = await build(service, "New", zone=zone)
    replace = "select array(select parking.set_slots($1, $2, $3))"
    if slug is None:
        assert slots is not None
        assert await service.fetchval(replace, OPERATOR, lot, slots) == sorted(slots, key=str)
        return
    with refused(slug, 422):
        await service.fetch(replace, OPERATOR, lot, slots)
    kept = await service.fetchval("select array(select parking.list_slots($1))", lot)
    assert kept == ["08:00-12:00", "12:00-16:00", "16:00-20:00"]


async def test_a_new_time_zone_must_suit_the_slots(connect: Connect) -> None:
    service = await connect()
    lot = await build(service, "New")
    await service.fetch("select parking.set_slots($1, $2, '{01:30-02:30,03:00-04:00}')", OPERATOR, lot)
    with refused("slots-overlap", 422):
        await service.fetch("select * from parking.change_lot($1, $2, time_zone => 'Europe/Berlin')", OPERATOR, lot)


async def test_putting_in_order(connect: Connect) -> None:
    service = await connect()
    lot = await build(service, "Orderly", [{"name": n, "rows": [{"name": "only", "spots": 0}]} for n in "abcde"])

    async def floors() -> str:
        return "".join(floor["name"] for floor in (await plan(service, lot))["floors"])

    ids = {floor["name"]: floor["id"] for floor in (await plan(service, lot))["floors"]}
    for name, place, order in (
        ("d", 2, "adbce"),
        ("a", 4, "dbcae"),
        ("e", 5, "dbcae"),
        ("b", 99, "dcaeb"),
        ("b", 1, "bdcae"),
    ):
        moved = await one_row(
            service, "select * from parking.change_floor($1, $2, place => $3)", OPERATOR, ids[name], place
        )
        assert await floors() == order
        assert moved["position"] == min(place, 5)
    with refused("not-a-place-in-order", 422):
        await service.fetch("select * from parking.change_floor($1, $2, place => 0)", OPERATOR, ids["a"])
    await service.fetch("select parking.retire_floor($1, $2)", OPERATOR, ids["d"])
    added = await one_row(service, "select * from parking.add_floor($1, $2, 'D', 1, 1, place => 2)", OPERATOR, lot)
    assert await floors() == "bDcae", "the name of what is retired is free"
    assert [floor["position"] for floor in (await plan(service, lot))["floors"]] == [1, 2, 3, 4, 5]
    assert added["position"] == 2


async def test_rows_and_spots_in_order(connect: Connect) -> None:
    service = await connect()
    row = await one_row(service, "select * from parking.add_row($1, 1, 'First', 2, 'ev', 'F', 1)", OPERATOR)
    assert (row["position"], row["spots"]) == (1, 2)
    await service.fetch("select * from parking.change_row($1, $2, 'Last', 2)", OPERATOR, row["id"])
    await service.fetch("select * from parking.change_spot($1, 5, 'Five', 'compact', 400, 210, 2)", OPERATOR)
    await service.fetch("select * from parking.add_spot($1, 1, 'Nought', place => 1)", OPERATOR)
    with refused("name-taken", 409):
        await service.fetch("select * from parking.add_spot($1, $2, 'fIVE')", OPERATOR, row["id"])
    assert names(await plan(service, 1)) == [
        (
            "Ground floor",
            [("Row A", ["Nought", "Spot 1", "Five", "Spot 2", "Spot 3", "Spot 4"]), ("Last", ["F01", "F02"])],
        )
    ]
    five = await one_row(service, "select * from parking.find_spot(5)")
    assert (five["type"], five["length_cm"], five["width_cm"], five["position"]) == ("compact", 400, 210, 3)


RETIRE = {
    "spot": "select parking.retire_spot($1, 1)",
    "row": "select parking.retire_row($1, 1)",
    "floor": "select parking.retire_floor($1, 1)",
    "lot": "select parking.retire_lot($1, 1)",
}


@pytest.mark.parametrize("what", RETIRE)
async def test_nothing_is_retired_while_bookings_lie_ahead(connect: Connect, what: str) -> None:
    superuser, service = await connect("postgres"), await connect()
    booked = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(5), hours_ahead(6))
    before = await plan(service, 1)
    with refused("bookings-ahead", 409):
        await service.fetch(RETIRE[what], OPERATOR)
    assert await plan(service, 1) == before
    await service.fetch("select * from parking.complete($1, $2)", DRIVER_1, booked["id"])
    assert await service.fetchval(RETIRE[what], OPERATOR) == (1 if what == "spot" else 5)
    with refused("unknown-spot", 404):
        await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(7), hours_ahead(8))
    find = {"lot": "select parking.describe_lot(1)"}.get(what, f"select parking.find_{what}(1)")
    with refused(f"unknown-{what}", 404):
        await service.fetch(find)
    with refused(f"unknown-{what}", 404):
        await service.fetch(RETIRE[what], OPERATOR)
    assert await superuser.fetchval("select count(*) from parking.bookings where spot_id = 1") == 1, "the history stays"
    left = await superuser.fetchval("select count(*) from parking.places where lot_id = 1 and retired_at is null")
    assert left == (4 if what == "spot" else 0)
    action = await superuser.fetchval("select action from parking.audit order by id desc limit 1")
    assert action == f"{what}.retired"


async def book_while_retiring(connect: Connect) -> tuple[int, BaseException | int]:
    """A booking that is not committed yet when somebody retires its row: the spots left, and how the retiring ended."""
    superuser, driver, operator = await connect("postgres"), await connect(), await connect()
    transaction = driver.transaction()
    await transaction.start()
    await driver.fetch(BOOK, DRIVER_1, 3, hours_ahead(5), hours_ahead(6))
    retiring = asyncio.ensure_future(operator.fetchval(RETIRE["row"], OPERATOR))
    waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    async with asyncio.timeout(20):
        while not await superuser.fetchval(waiting):  # noqa: ASYNC110 (another process's state)
            await asyncio.sleep(0.01)
    await transaction.commit()
    ended: BaseException | int = (await asyncio.gather(retiring, return_exceptions=True))[0]
    left = await superuser.fetchval("select count(*) from parking.spots where row_id = 1 and retired_at is null")
    return left, ended


async def test_retiring_waits_for_a_booking_and_then_sees_it(connect: Connect) -> None:
    left, ended = await book_while_retiring(connect)
    assert left == 5
    assert isinstance(ended, asyncpg.PostgresError)
    assert ended.constraint_name == "bookings-ahead"


async def test_without_the_lock_a_booked_spot_is_retired(connect: Connect) -> None:
    """The negative control of the test above."""
    superuser = await connect("postgres")
    await edit_function(superuser, "parking_private.retire_spots(parking.lots,bigint[])", "for update;", ";")
    assert await book_while_retiring(connect) == (0, 5)


async def test_two_who_build_at_once_queue_up(connect: Connect) -> None:
    """Ten floors and ten moves of one lot at the same time: all done, nobody deadlocks, the order has no gap."""
    service = await connect()
    lot = await build(service, "Busy", [{"name": "first"}])
    first = (await plan(service, lot))["floors"][0]["id"]
    builders = [await connect() for _ in range(10)]
    await asyncio.gather(
        *(
            b.fetch("select * from parking.add_floor($1, $2, $3, 1, 2, place => 1)", OPERATOR, lot, f"f{n}")
            for n, b in enumerate(builders[:5])
        ),
        *(
            b.fetch("select * from parking.change_floor($1, $2, place => $3)", OPERATOR, first, n + 1)
            for n, b in enumerate(builders[5:])
        ),
    )
    described = await plan(service, lot)
    assert [floor["position"] for floor in described["floors"]] == [1, 2, 3, 4, 5, 6]
    assert sum(len(row["spots"]) for floor in described["floors"] for row in floor["rows"]) == 10


TAKES_THE_NAME = {
    "build_lot": "select parking.build_lot($1, 'New', 'UTC')",
    "change_lot": "select parking.change_lot($1, 2, 'nEW')",
    "add_floor": "select parking.add_floor($1, 1, 'New')",
    "change_floor": "select parking.change_floor($1, 1, 'nEW')",
    "add_row": "select parking.add_row($1, 1, 'New')",
    "change_row": "select parking.change_row($1, 1, 'nEW')",
    "add_spot": "select parking.add_spot($1, 1, 'New')",
    "change_spot": "select parking.change_spot($1, 1, 'nEW')",
}


async def name_at_once(connect: Connect, first: str, second: str) -> tuple[str, str] | None:
    """How a call ended that began before another one had committed, which gives the same name."""
    superuser, one, other = await connect("postgres"), await connect(), await connect()
    transaction = one.transaction()
    await transaction.start()
    await one.fetch(TAKES_THE_NAME[first], OPERATOR)
    late = asyncio.ensure_future(other.fetch(TAKES_THE_NAME[second], OPERATOR))
    await waits_for_a_lock(superuser)
    await transaction.commit()
    try:
        await late
    except asyncpg.PostgresError as error:
        return error.sqlstate or "?", error.constraint_name or "?"
    return None


@pytest.mark.parametrize("kind", ["lot", "floor", "row", "spot"])
@pytest.mark.parametrize(("first", "second"), [("add", "change"), ("change", "add"), ("add", "add")])
async def test_of_two_who_give_a_name_at_once_one_is_told_that_it_is_taken(
    connect: Connect, kind: str, first: str, second: str
) -> None:
    calls = [f"{verb}_{kind}".replace("add_lot", "build_lot") for verb in (first, second)]
    assert await name_at_once(connect, calls[0], calls[1]) == ("PK409", "name-taken")


async def test_without_its_clause_the_second_of_two_who_build_gets_a_raw_error(connect: Connect) -> None:
    """The negative control of the test above."""
    superuser = await connect("postgres")
    signature = await superuser.fetchval("select 'parking.build_lot'::regproc::oid::regprocedure::text")
    await edit_function(
        superuser, signature, "on conflict (tenant_id, lower(name)) where retired_at is null do nothing", ""
    )
    assert await name_at_once(connect, "build_lot", "build_lot") == ("23505", "lot_name_is_taken")


@pytest.mark.parametrize("change", [call for call in TAKES_THE_NAME if call.startswith("change_")])
async def test_what_is_there_already_keeps_its_name_to_itself(connect: Connect, change: str) -> None:
    service = await connect()
    kind = change.removeprefix("change_")
    made = await one_row(
        service,
        TAKES_THE_NAME[f"add_{kind}".replace("add_lot", "build_lot")].replace("select", "select * from"),
        OPERATOR,
    )
    with refused("name-taken", 409):
        await service.fetch(TAKES_THE_NAME[change], OPERATOR)
    again = f"select * from parking.change_{kind}($1, $2, 'NEW')"
    assert (await one_row(service, again, OPERATOR, made["id"]))["name"] == "NEW", "its own name is not taken from it"


async def strangers_answer(connect: Connect) -> str | None:
    """What an operator of another tenant is told about a lot on which somebody builds."""
    builder, stranger = await connect(), await connect(lock_timeout="300ms")
    async with builder.transaction():
        await builder.fetch(WRITES["add_floor"], OPERATOR)
        with pytest.raises(asyncpg.PostgresError) as caught:
            await stranger.fetch(WRITES["change_lot"], FOREIGN_OPERATOR)
    return caught.value.sqlstate


async def test_a_stranger_waits_for_nobody_who_builds(connect: Connect) -> None:
    assert await strangers_answer(connect) == "PK404"


async def test_who_locked_first_and_looked_then_would_wait(connect: Connect) -> None:
    """The negative control of the test above."""
    superuser = await connect("postgres")
    await edit_function(
        superuser,
        "parking_private.hold_lot(bigint,bigint)",
        "perform from parking.lots l where l.tenant_id = v_person.tenant_id and l.id = hold_lot.lot;",
        "perform;",
    )
    assert await strangers_answer(connect) == "55P03"


async def test_who_waited_for_a_lot_that_is_retired_meanwhile_finds_none(connect: Connect) -> None:
    superuser, one, other = await connect("postgres"), await connect(), await connect()
    transaction = one.transaction()
    await transaction.start()
    await one.fetch(RETIRE["lot"], OPERATOR)
    late = asyncio.ensure_future(other.fetch(WRITES["add_floor"], OPERATOR))
    await waits_for_a_lock(superuser)
    await transaction.commit()
    with refused("unknown-lot", 404):
        await late


WRITES = {
    "build_lot": "select parking.build_lot($1, 'New', 'UTC')",
    "change_lot": "select parking.change_lot($1, 1, 'New')",
    "set_slots": "select parking.set_slots($1, 1, '{}')",
    "add_floor": "select parking.add_floor($1, 1, 'New')",
    "change_floor": "select parking.change_floor($1, 1, 'New')",
    "add_row": "select parking.add_row($1, 1, 'New')",
    "change_row": "select parking.change_row($1, 1, 'New')",
    "add_spot": "select parking.add_spot($1, 1, 'New')",
    "change_spot": "select parking.change_spot($1, 1, 'New')",
    **{f"retire_{what}": sql for what, sql in RETIRE.items()},
}
PLACE = {"lot": "lot", "slots": "lot", "floor": "floor", "row": "row", "spot": "spot"}
PARENT = {"add_floor": "lot", "add_row": "floor", "add_spot": "row"}


@pytest.mark.parametrize("call", WRITES)
async def test_who_may_build(connect: Connect, call: str) -> None:
    service = await connect()
    before = await plan(service, 1)
    for nobody in (None, 0, 99):
        with refused("unknown-actor", 401):
            await service.fetch(WRITES[call], nobody)
    with refused("not-permitted", 403):
        await service.fetch(WRITES[call], DRIVER_1)
    if call != "build_lot":
        kind = PARENT.get(call, PLACE[call.partition("_")[2]])
        with refused(f"unknown-{kind}", 404):
            await service.fetch(WRITES[call], FOREIGN_OPERATOR)
    assert await plan(service, 1) == before
    # The same text as for what does not exist.
    if call != "build_lot":
        texts = set()
        for number in (1, 987654):
            with pytest.raises(asyncpg.PostgresError) as caught:
                await service.fetch(WRITES[call].replace("$1, 1", f"$1, {number}"), FOREIGN_OPERATOR)
            texts.add(str(caught.value).replace("987654", "1"))
        assert len(texts) == 1
    await service.fetch(WRITES[call], OPERATOR)


async def test_a_lot_that_is_not_public_is_there_for_its_own_people_only(connect: Connect) -> None:
    service = await connect()
    await service.fetch("select * from parking.change_lot($1, 1, public => false)", OPERATOR)
    listed = "select array(select id from parking.list_lots('default', $1))"
    assert await service.fetchval(listed, None) == [2, 4]
    assert await service.fetchval(listed, DRIVER_1) == [1, 2, 4]
    assert await service.fetchval(listed, FOREIGN_OPERATOR) == [3], "their own tenant's"
    assert await service.fetchval("select array(select id from parking.list_lots('nowhere'))") == []
    for kind in ("floor", "row", "spot"):
        for stranger in (None, FOREIGN_OPERATOR):
            with refused(f"unknown-{kind}", 404):
                await service.fetch(f"select * from parking.find_{kind}(1, $1)", stranger)
        assert (await one_row(service, f"select * from parking.find_{kind}(1, $1)", DRIVER_1))["id"] == 1
    for sql in ("select parking.describe_lot(1, $1)", "select parking.list_slots(1, $1)"):
        with refused("unknown-lot", 404):
            await service.fetch(sql, FOREIGN_OPERATOR)


async def test_the_first_lot_in_use_is_the_one_that_is_shown(connect: Connect) -> None:
    service = await connect()
    await service.fetch(RETIRE["lot"], OPERATOR)
    assert await service.fetchval("select id from parking.find_lot()") == 2


async def test_hiding_the_first_lot_leaves_the_tenant_its_front_page(connect: Connect) -> None:
    service = await connect()
    find, hide = (
        "select id from parking.find_lot($1, 'default', $2)",
        "select parking.change_lot($1, $2, public => false)",
    )
    await service.fetch(hide, OPERATOR, 1)
    assert await service.fetchval(find, None, None) == 2
    assert await service.fetchval(find, None, DRIVER_1) == 2
    assert await service.fetchval(find, 1, DRIVER_1) == 1
    for lot in (2, 4):
        await service.fetch(hide, OPERATOR, lot)
    with refused("unknown-lot", 404):
        await service.fetch(find, None, None)
    assert await service.fetchval(find, None, DRIVER_1) == 1, "for its own people, where nothing is public"
