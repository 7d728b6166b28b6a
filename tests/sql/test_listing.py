"""Reservations page by page: whose, which, in what order, and by which index."""

import re
from datetime import UTC, datetime

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support.sql import (
    BOOK,
    CANCEL,
    COMPLETE,
    DRIVER_1,
    DRIVER_2,
    OPERATOR,
    hours_ahead,
    one_row,
    refused,
)

LIST = """
    select * from parking.list_reservations($1, $2, status => $3, period => $4, sort => $5,
        after_starts => $6, after_id => $7, at_most => $8)"""


@pytest.fixture
async def service(connect: Connect) -> asyncpg.Connection:
    return await connect("parking_service")


async def listed(service: asyncpg.Connection, actor: int, **named: object) -> list[asyncpg.Record]:
    """With parameters by their names."""
    parameters = "".join(f", {name} => ${number}" for number, name in enumerate(named, start=2))
    return list(await service.fetch(f"select * from parking.list_reservations($1{parameters})", actor, *named.values()))


async def five_bookings(service: asyncpg.Connection) -> list[int]:
    """One that is cancelled, one completed, one running and two to come, the last one another driver's."""
    cancelled = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    await service.fetch(CANCEL, DRIVER_1, cancelled["id"])
    completed = await one_row(service, BOOK, DRIVER_1, 2, hours_ahead(-2), hours_ahead(2))
    await service.fetch(COMPLETE, DRIVER_1, completed["id"])
    running = await one_row(service, BOOK, DRIVER_1, 3, hours_ahead(-1), hours_ahead(2))
    coming = await one_row(service, BOOK, DRIVER_1, 4, hours_ahead(3), hours_ahead(4))
    others = await one_row(service, BOOK, DRIVER_2, 5, hours_ahead(5), hours_ahead(6))
    return [row["id"] for row in (cancelled, completed, running, coming, others)]


async def test_ones_own_with_all_that_one_needs_to_find_the_spot(service: asyncpg.Connection) -> None:
    cancelled, completed, running, coming, _ = await five_bookings(service)
    rows = await listed(service, DRIVER_1)
    assert [row["id"] for row in rows] == [coming, cancelled, running, completed], "the latest first"
    assert [(row["period"], row["status"]) for row in rows] == [
        ("coming", "active"),
        ("past", "cancelled"),
        ("current", "active"),
        ("past", "completed"),
    ]
    row = rows[2]
    assert (row["lot"], row["floor"], row["row"], row["spot"], row["type"], row["time_zone"], row["address"]) == (
        "Demo Garage",
        "Ground floor",
        "Row A",
        "Spot 3",
        "handicap",
        "Europe/Berlin",
        "Invalidenstraße 50, 10557 Berlin",
    )
    assert {row["driver"] for row in rows} == {"driver1@parking.com"}
    earliest = await listed(service, DRIVER_1, sort="earliest")
    assert [row["id"] for row in earliest] == [row["id"] for row in rows][::-1]


async def test_only_some(service: asyncpg.Connection) -> None:
    cancelled, completed, running, coming, others = await five_bookings(service)

    async def ids(actor: int = DRIVER_1, **named: object) -> list[int]:
        return [row["id"] for row in await listed(service, actor, **named)]

    assert await ids(period="current") == [running]
    assert await ids(period="coming") == [coming]
    assert await ids(period="past") == [cancelled, completed]
    assert await ids(status="active") == [coming, running]
    assert await ids(status="cancelled") == [cancelled]
    assert await ids(spot=4) == [coming]
    assert await ids(lot=1, starts_from=hours_ahead(0), starts_before=hours_ahead(2)) == [cancelled]
    assert await ids(lot=2) == []
    assert await ids(OPERATOR) == [], "an operator's own"
    assert await ids(OPERATOR, whose="all") == [others, coming, cancelled, running, completed]
    assert await ids(OPERATOR, whose="all", sort="earliest", period="coming") == [coming, others]
    assert await ids(OPERATOR, whose="all", spot=5, lot=1) == [others]


async def test_what_is_overdue_is_past_before_anybody_releases_it(
    service: asyncpg.Connection, connect: Connect
) -> None:
    superuser = await connect("postgres")
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(-1), hours_ahead(1))
    await superuser.execute("update parking_private.clock_shift set shift = '2 hours'")
    (row,) = await listed(service, DRIVER_1)
    assert (row["period"], row["status"]) == ("past", "active")


async def test_others_are_for_operators_of_the_tenant(service: asyncpg.Connection, connect: Connect) -> None:
    superuser = await connect("postgres")
    stranger = await superuser.fetchval("select id from parking.people where email = 'operator@riverside.com'")
    await five_bookings(service)
    assert await listed(service, stranger, whose="all") == []
    assert await listed(service, stranger, whose="all", lot=1) == []
    with refused("not-permitted", 403):
        await listed(service, DRIVER_1, whose="all")
    with refused("unknown-actor", 401):
        await service.fetch("select * from parking.list_reservations(null, 'all')")


@pytest.mark.parametrize(
    "named",
    [
        {"whose": "others"},
        {"whose": None},
        {"sort": "random"},
        {"sort": None},
        {"status": "lost"},
        {"period": "soon"},
        {"period": "x" * 10_000},
    ],
)
async def test_a_word_that_filters_nothing(service: asyncpg.Connection, named: dict[str, str | None]) -> None:
    with refused("not-a-filter", 422):
        await listed(service, OPERATOR, **named)


@pytest.mark.parametrize("named", [{"after_id": 1}, {"after_starts": datetime(2026, 1, 1, tzinfo=UTC)}])
async def test_half_a_place_to_go_on_from(service: asyncpg.Connection, named: dict[str, object]) -> None:
    with refused("not-a-cursor", 422):
        await listed(service, DRIVER_1, **named)


@pytest.mark.parametrize("at_most", [0, -1, None, 100_001])
async def test_a_number_of_rows_that_makes_no_sense(service: asyncpg.Connection, at_most: int | None) -> None:
    with refused("not-a-number-of-rows", 422):
        await listed(service, DRIVER_1, at_most=at_most)


# Two lots, in which many reservations begin at the same moment.
MANY = """
    insert into parking.reservations (tenant_id, lot_id, spot_id, person_id, starts, ends, booked_at)
    select 1, s.lot_id, s.id, 1 + s.id % 2, h.starts, h.starts + interval '2 hours', parking.clock()
    from parking.spots s, generate_series(date_trunc('hour', parking.clock()) - interval '30 days',
        parking.clock() + interval '30 days', interval '6 hours') h(starts)
    where s.tenant_id = 1 and s.id <= $1"""


@pytest.mark.parametrize("whose", ["mine", "all"])
@pytest.mark.parametrize("sort", ["latest", "earliest"])
async def test_paging_skips_nothing_and_repeats_nothing(
    service: asyncpg.Connection, connect: Connect, whose: str, sort: str
) -> None:
    superuser = await connect("postgres")
    await superuser.execute(
        "insert into parking.memberships (tenant_id, person_id, role) values (1, $1, 'operator')", DRIVER_1
    )
    await superuser.execute(MANY, 9)
    whole = [
        (row["starts"], row["id"]) for row in await listed(service, DRIVER_1, whose=whose, sort=sort, at_most=9999)
    ]
    assert len(whole) > 900
    assert whole == sorted(whole, reverse=sort == "latest")
    read: list[tuple[object, object]] = []
    after: tuple[object, object] = (None, None)
    while page := await service.fetch(LIST, DRIVER_1, whose, None, None, sort, *after, 77):
        read += [(row["starts"], row["id"]) for row in page]
        after = read[-1]
        if len(read) == 154:
            # What comes and goes meanwhile concerns neither what was read nor what is to come.
            await superuser.execute("delete from parking.reservations where id = $1", read[-1][1])
    assert read == whole


async def test_a_page_costs_as_much_as_is_on_it(connect: Connect) -> None:
    """Of 73,000 reservations the first page, and the one in the middle, without reading the rest."""
    superuser = await connect("postgres")
    await superuser.execute(MANY, 305)
    await superuser.execute("vacuum analyze parking.reservations")
    await superuser.execute("load 'auto_explain'")
    plans: list[str] = []
    superuser.add_log_listener(lambda _, message: plans.append(message.message or ""))
    await superuser.execute("""
        set auto_explain.log_min_duration = 0;
        set auto_explain.log_analyze = on;
        set auto_explain.log_nested_statements = on;
        set client_min_messages = log""")
    middle = hours_ahead(0), 10**6
    for whose, actor, index in (("mine", DRIVER_1, "by_person"), ("all", OPERATOR, "by_lot")):
        for sort in ("latest", "earliest"):
            for after in ((None, None), middle):
                for _ in range(7):  # a generic plan, too
                    plans.clear()
                    rows = await superuser.fetch(LIST, actor, whose, None, None, sort, *after, 50)
                    assert len(rows) == 50
                plan = "\n".join(plans)
                assert f"reservations_live_{index}" in plan, (whose, sort)
                assert f"reservations_ended_{index}" in plan, (whose, sort)
                assert "Seq Scan on reservations" not in plan, (whose, sort)
                scanned = [
                    int(line.partition("actual time=")[2].partition("rows=")[2].partition(" ")[0])
                    for line in plan.splitlines()
                    if index in line and "never executed" not in line
                ]
                assert scanned
                assert max(scanned) < 5000, (whose, sort, after, scanned)


DRIVEN_BY_MANY = """
    with people as (
        insert into parking.people (tenant_id, email, display_name)
        select 1, n || '@example.org', 'One of many' from generate_series(1, 500) n
        returning id
    )
    update parking.reservations r
    set person_id = p.first + r.id % 500
    from (select min(id) as first from people) p
    where r.id % 100 > 0"""


@pytest.mark.parametrize(
    ("whose", "index"),
    [("driver = 'driver1@parking.com'", "by_person"), ("lot_id = 2 and starts > '2100-01-01'", "by_lot")],
)
async def test_a_dba_finds_those_of_a_driver_or_a_lot_by_their_indexes(
    connect: Connect, whose: str, index: str
) -> None:
    """What is live and what has ended is in one view, but not in one index."""
    superuser, dba = await connect("postgres"), await connect("parking_dba")
    await superuser.execute(MANY, 305)
    assert await superuser.fetchval(ENDED) > 10_000
    await superuser.execute(DRIVEN_BY_MANY)
    await superuser.execute("vacuum analyze parking.reservations")
    plan = "\n".join(row[0] for row in await dba.fetch(f"explain select id from parking.bookings where {whose}"))
    assert f"reservations_live_{index}" in plan
    assert f"reservations_ended_{index}" in plan
    assert "Seq Scan on reservations" not in plan


ENDED = """
    with ended as (
        update parking.reservations r
        set status = case when r.id % 2 = 0 then 'completed' else 'cancelled' end,
            ended_at = case when r.id % 2 = 0 then r.starts + interval '1 hour' else r.starts - interval '1 hour' end
        where r.starts < parking.clock() + interval '20 days' and r.id % 3 > 0
        returning 1
    )
    select count(*) from ended"""
OF_A_SPOT = """
    select l.id from parking.list_reservations($1, 'all', spot => 7, status => $2, period => $3, sort => $4,
        after_starts => $5, after_id => $6, at_most => $7) l"""


@pytest.mark.parametrize("sort", ["latest", "earliest"])
async def test_a_spots_reservations_are_not_sought_in_the_lots(connect: Connect, sort: str) -> None:
    """Of 241, in a lot of 73,000: whichever are asked for, each page is right and reads a spot's index."""
    superuser = await connect("postgres")
    await superuser.execute(MANY, 305)
    assert await superuser.fetchval(ENDED) > 10_000
    await superuser.execute("vacuum analyze parking.reservations")
    whole = await superuser.fetch("""
        select r.id, r.starts, r.status,
               parking_private.period_of(r.status, r.starts, r.ends, parking.clock()) as period
        from parking.reservations r where r.spot_id = 7 order by r.starts, r.id""")
    assert {row["status"] for row in whole} == {"active", "completed", "cancelled"}
    if sort == "latest":
        whole.reverse()
    starts = {row["id"]: row["starts"] for row in whole}
    await superuser.execute("load 'auto_explain'")
    plans: list[str] = []
    superuser.add_log_listener(lambda _, message: plans.append(message.message or ""))
    await superuser.execute("""
        set auto_explain.log_min_duration = 0;
        set auto_explain.log_analyze = on;
        set auto_explain.log_nested_statements = on;
        set client_min_messages = log""")
    for status in (None, "active", "completed", "cancelled"):
        for period in (None, "current", "coming", "past"):
            wanted = [row["id"] for row in whole if status in {None, row["status"]} and period in {None, row["period"]}]
            read: list[int] = []
            plans.clear()
            while True:
                after = (starts[read[-1]], read[-1]) if read else (None, None)
                page = await superuser.fetch(OF_A_SPOT, OPERATOR, status, period, sort, *after, 20)
                read += [row["id"] for row in page]
                if len(page) < 20:
                    break
            assert read == wanted, (status, period)
            plan = "\n".join(plans)
            assert "by_lot" not in plan, (status, period)
            assert "Seq Scan on reservations" not in plan, (status, period)
    removed = re.findall(r"Rows Removed by Filter: (\d+)", "\n".join(plans))
    assert max(map(int, removed), default=0) <= len(whole)


@pytest.mark.parametrize("whose", ["mine", "all"])
@pytest.mark.parametrize("period", ["current", "coming"])
@pytest.mark.parametrize("sort", ["latest", "earliest"])
async def test_what_runs_or_comes_is_not_sought_in_the_rest(
    connect: Connect, whose: str, period: str, sort: str
) -> None:
    """Of 61 days the running week, or the days ahead: whatever lies outside is not even filtered out."""
    superuser = await connect("postgres")
    await superuser.execute(MANY, 105)
    await superuser.execute("vacuum analyze parking.reservations")
    await superuser.execute("load 'auto_explain'")
    plans: list[str] = []
    superuser.add_log_listener(lambda _, message: plans.append(message.message or ""))
    await superuser.execute("""
        set auto_explain.log_min_duration = 0;
        set auto_explain.log_analyze = on;
        set auto_explain.log_nested_statements = on;
        set client_min_messages = log""")
    for _ in range(7):  # a generic plan, too
        plans.clear()
        actor = DRIVER_1 if whose == "mine" else OPERATOR
        assert len(await superuser.fetch(LIST, actor, whose, None, period, sort, None, None, 50)) == 50
    page = next(plan for plan in plans if "period_of" in plan and "order by r.starts" in plan)
    removed = sum(int(number) for number in re.findall(r"Rows Removed by Filter: (\d+)", page))
    assert removed < 7 * 4 * 105, removed
