"""From a search to a board: lots by name, rows with what is free, and the part of a board that is looked at."""

from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest

from tests.conftest import Connect
from tests.sql.test_board import at, set_clock
from tests.support.sql import BOOK, DRIVER_1, DRIVER_2, OPERATOR, one_row, refused

CENTRAL = 2
"""The demo's lot of three floors with ten rows of 50 spots each; its spots are 6 to 1505."""
LEVEL_2 = 3
LAST_ROW_OF_LEVEL_1 = 11
OTHER_OPERATOR = "operator@riverside.com"
DAY = at(8).date()

FIND = "select * from parking.find_lots($1, actor => $2)"
VIEW = "select * from parking.find_view($1, floor => $2, spot_row => $3, part => $4, spot_type => $5)"
SECTION = "select * from parking.board_section($1, $2, $3, floor => $4, spot_row => $5, part => $6, spot_type => $7)"
WATCH = "select * from parking.watch_section($1, $2, $3, $4, $5, $6)"
OVERVIEW = "select * from parking.overview($1, $2, floor => $3, spot_type => $4)"
BUILD = "select id from parking.build_lot($1, $2, 'UTC', layout => $3, public => $4, address => $5)"


@pytest.fixture
async def service(connect: Connect) -> asyncpg.Connection:
    """On the morning of a Monday, before the first slot."""
    await set_clock(await connect("postgres"), at(7))
    return await connect("parking_service")


async def found(service: asyncpg.Connection, search: str, actor: int | None = None) -> list[str]:
    return [row["name"] for row in await service.fetch(FIND, search, actor)]


async def build(
    service: asyncpg.Connection, name: str, layout: str = "[]", *, public: bool = True, address: str = ""
) -> int:
    lot: int = await service.fetchval(BUILD, OPERATOR, name, layout, public, address)
    return lot


async def test_the_nearest_match_comes_first(service: asyncpg.Connection) -> None:
    for name, address in (("Harbour", ""), ("Old Harbour", ""), ("Westharbour", ""), ("Quay", "Harbour Road 1")):
        await build(service, name, address=address)
    assert await found(service, "harbour") == ["Harbour", "Old Harbour", "Westharbour", "Quay"]
    assert await found(service, "  ROAD   quay ") == ["Quay"]
    assert await found(service, "harbour nowhere") == []
    assert await found(service, "old h") == ["Old Harbour"]
    assert await found(service, "") == [
        "Central Garage", "Demo Garage", "Harbour", "Old Harbour", "Ostbahnhof", "Quay", "Westharbour",
    ]  # fmt: skip
    rows = await service.fetch("select name from parking.find_lots('harbour', at_most => 2)")
    assert [row["name"] for row in rows] == ["Harbour", "Old Harbour"]


@pytest.mark.parametrize("search", ["%", "_", "\\", "'", "(", "Ga*ge", "\u202e"])
async def test_a_search_is_no_pattern(service: asyncpg.Connection, search: str) -> None:
    assert await found(service, search) == []


async def test_what_is_free_at_this_moment(service: asyncpg.Connection, connect: Connect) -> None:
    superuser = await connect("postgres")

    async def free() -> int:
        return int((await one_row(service, FIND, "demo", None))["free"])

    assert await free() == 5
    await service.fetch(BOOK, DRIVER_1, 1, at(8), at(12))
    await service.fetch(BOOK, DRIVER_1, 2, at(12), at(16))
    assert await free() == 5
    await set_clock(superuser, at(9))
    assert await free() == 4
    # Booked and in maintenance, and yet one spot only.
    for spot in (1, 3):
        await service.fetch("select from parking.set_spot_state($1, $2, 'maintenance', 'Paint')", OPERATOR, spot)
    assert await free() == 3
    await set_clock(superuser, at(12))
    assert await free() == 2
    await superuser.execute("update parking.spots set retired_at = parking.clock() where id = 1")
    row = await one_row(service, FIND, "demo", None)
    assert (row["free"], row["spots"]) == (2, 4)


async def test_whoever_is_closed_says_so(service: asyncpg.Connection, connect: Connect) -> None:
    superuser = await connect("postgres")
    person = await service.fetchval("select id from parking.find_lots('station', 'riverside')")
    assert person is not None
    opened = "select open from parking.find_lots('station', 'riverside')"
    assert await service.fetchval(opened) is True
    await set_clock(superuser, at(4))
    assert await service.fetchval(opened) is False


async def test_only_lots_that_the_reader_may_see(service: asyncpg.Connection, connect: Connect) -> None:
    await build(service, "Staff only", public=False)
    other = await (await connect("postgres")).fetchval(
        "select id from parking.people where email = 'driver1@riverside.com'"
    )
    assert await found(service, "staff") == []
    assert await found(service, "staff", DRIVER_2) == ["Staff only"]
    assert await found(service, "", other) == ["Station"]


@pytest.mark.parametrize("at_most", [0, -1, None, 100_001])
async def test_a_number_of_rows_that_makes_no_sense(service: asyncpg.Connection, at_most: int | None) -> None:
    with refused("not-a-number-of-rows", 422):
        await service.fetch("select * from parking.find_lots(at_most => $1)", at_most)


async def test_an_endless_search(service: asyncpg.Connection) -> None:
    assert await found(service, "x" * 200) == []
    with refused("not-a-search", 422):
        await found(service, "x" * 201)


@pytest.mark.parametrize(
    ("chosen", "shows"),
    [
        ((None, None, None, None), "rows"),
        ((LEVEL_2, None, None, None), "rows"),
        ((LEVEL_2, None, None, "ev"), "spots"),
        ((None, None, None, "ev"), "rows"),
        ((None, LAST_ROW_OF_LEVEL_1, None, None), "spots"),
        ((None, LAST_ROW_OF_LEVEL_1, 1, "compact"), "spots"),
    ],
)
async def test_a_lot_is_shown_whole_where_it_fits(
    service: asyncpg.Connection,
    chosen: tuple[int | None, int | None, int | None, str | None],
    shows: str,
) -> None:
    view = await one_row(service, VIEW, CENTRAL, *chosen)
    assert view["shows"] == shows
    cells = await service.fetch(SECTION, CENTRAL, DAY, None, *chosen)
    assert (len(cells) <= 200) == (shows == "spots")
    assert (await one_row(service, VIEW, 1, None, None, None, None))["shows"] == "spots"


async def test_what_is_chosen_is_named(service: asyncpg.Connection) -> None:
    view = await one_row(service, VIEW, CENTRAL, None, LAST_ROW_OF_LEVEL_1, None, None)
    assert (view["floor_name"], view["row_name"], view["parts"]) == ("Level 1", "J", 1)
    view = await one_row(service, VIEW, CENTRAL, LEVEL_2, None, None, None)
    assert (view["floor_name"], view["row_name"]) == ("Level 2", None)


@pytest.mark.parametrize(
    ("chosen", "slug"),
    [
        ((1, None, None, None), "unknown-floor"),
        ((4_000_000_000, None, None, None), "unknown-floor"),
        ((None, 1, None, None), "unknown-row"),
        ((LEVEL_2, LAST_ROW_OF_LEVEL_1, None, None), "unknown-row"),
        ((None, LAST_ROW_OF_LEVEL_1, 2, None), "unknown-row"),
        ((None, LAST_ROW_OF_LEVEL_1, 0, None), "unknown-row"),
        ((None, None, None, "truck"), "not-a-spot-type"),
    ],
)
async def test_what_this_lot_does_not_have(
    service: asyncpg.Connection,
    chosen: tuple[int | None, int | None, int | None, str | None],
    slug: str,
) -> None:
    with refused(slug, 422 if slug.startswith("not-") else 404):
        await service.fetch(VIEW, CENTRAL, *chosen)


async def test_what_is_retired_is_not_there(service: asyncpg.Connection) -> None:
    lot = await build(service, "Small", '[{"rows": [{"spots": 1}, {"spots": 1}]}]')
    rows = await service.fetch("select distinct row_id, floor_id from parking.overview($1)", lot)
    await service.execute("select parking.retire_row($1, $2)", OPERATOR, rows[0]["row_id"])
    with refused("unknown-row", 404):
        await service.fetch(VIEW, lot, None, rows[0]["row_id"], None, None)
    await service.execute("select parking.retire_floor($1, $2)", OPERATOR, rows[0]["floor_id"])
    with refused("unknown-floor", 404):
        await service.fetch(VIEW, lot, rows[0]["floor_id"], None, None, None)
    assert await service.fetch(OVERVIEW, lot, DAY, None, None) == []


async def test_the_sections_together_are_the_board(service: asyncpg.Connection, connect: Connect) -> None:
    """Each cell of the whole board is in just one section and looks there as it does on the whole board, for the feed
    too; and the overview counts those that are available."""
    superuser = await connect("postgres")
    lot = await build(service, "Odd", '[{"rows": [{"spots": 150}, {"spots": 3}]}, {"rows": [{"spots": 67}]}]')
    await superuser.execute(
        """
        update parking.spots set type = (array['regular', 'ev', 'compact'])[1 + id % 3] where lot_id = $1;
        """.replace("$1", str(lot))
    )
    utc = at(8).replace(minute=0)
    spots = [row["id"] for row in await superuser.fetch("select id from parking.spots where lot_id = $1", lot)]
    slots = await service.fetch("select distinct starts, ends from parking.board($1, $2) order by 1", lot, DAY)
    for number, spot in enumerate(spots):
        if number % 4 == 0:
            await service.fetch(BOOK, DRIVER_1 if number % 8 else DRIVER_2, spot, slots[1]["starts"], slots[1]["ends"])
        if number % 10 == 0:
            # Over two slots, and over what the first of them has of the day.
            await superuser.execute("delete from parking.reservations where spot_id = $1", spot)
            await service.fetch(BOOK, DRIVER_1, spot, utc + timedelta(hours=3), utc + timedelta(hours=7))
        if number % 7 == 0:
            await service.fetch("select from parking.set_spot_state($1, $2, 'maintenance', 'Paint')", OPERATOR, spot)
    for spot_type in (None, "ev"):
        board = await service.fetch(
            """select spot_id, slot, status, reservation_id from parking.board($1, $2, $3)
            where $4::text is null or type = $4""",
            lot,
            DAY,
            DRIVER_1,
            spot_type,
        )
        sections: list[tuple[Any, ...]] = []
        watched: list[tuple[Any, ...]] = []
        counts = await service.fetch(OVERVIEW, lot, DAY, None, spot_type)
        for row in counts:
            section = await service.fetch(SECTION, lot, DAY, DRIVER_1, None, row["row_id"], row["part"], spot_type)
            cells = [cell for cell in section if cell["slot"] == row["slot"]]
            assert row["total"] == len(cells)
            assert row["free"] == sum(cell["status"] == "available" for cell in cells)
            assert (row["first_spot"], row["last_spot"]) == (cells[0]["spot"], cells[-1]["spot"])
            assert len(section) <= 200
            if row["slot"] == counts[0]["slot"]:
                sections += [(c["spot_id"], c["slot"], c["status"], c["reservation_id"]) for c in section]
                watched += [
                    (
                        c["spot_id"],
                        c["slot"],
                        c["status"],
                        dict(zip(c["holder_ids"], c["reservation_ids"], strict=True)).get(DRIVER_1),
                    )
                    for c in await service.fetch(WATCH, lot, DAY, None, row["row_id"], row["part"], spot_type)
                ]
        assert sections == watched == [tuple(cell) for cell in board]
        assert {"available", "booked", "maintenance"} <= {cell["status"] for cell in board}


async def test_nothing_is_free_of_what_is_past(service: asyncpg.Connection, connect: Connect) -> None:
    await set_clock(await connect("postgres"), at(13))
    rows = await service.fetch(OVERVIEW, 1, DAY, None, None)
    assert [(row["slot"], row["free"], row["total"]) for row in rows] == [
        ("08–12", None, 5),
        ("12–16", 5, 5),
        ("16–20", 5, 5),
    ]
    # And the feed is told when the next one will be.
    rows = await service.fetch("select slot, changes_in from parking.watch_rows(1, $1)", DAY)
    assert rows[0]["changes_in"] is None
    assert rows[1]["changes_in"] > timedelta(hours=2, minutes=59)


async def test_a_day_without_a_calendar(service: asyncpg.Connection) -> None:
    for call in ("overview", "board_section", "watch_rows", "watch_section"):
        with refused("day-out-of-range", 422):
            await service.fetch(f"select * from parking.{call}(1, $1)", date(1999, 12, 31))


async def test_a_row_of_a_full_lot_is_found_by_its_spots(connect: Connect) -> None:
    """A month of bookings on 1,500 spots: what a row's board needs is looked up spot by spot, under the policies."""
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
        set auto_explain.log_nested_statements = on;
        set client_min_messages = log""")
    await superuser.fetch("select from parking.board_section(2, current_date + 7, spot_row => $1)", LAST_ROW_OF_LEVEL_1)
    plan = "\n".join(plans)
    assert "using reservations_live_by_spot" in plan
    assert "reservations_live_by_lot" not in plan
    plans.clear()
    await superuser.fetch("select from parking.overview(2, current_date + 7)")
    plan = "\n".join(plans)
    assert "using reservations_live_by_spot" in plan
    assert "Seq Scan on reservations" not in plan
