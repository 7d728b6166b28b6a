"""The record of events as a table: partitions, retention, and cursors that outlive both or are refused."""

from datetime import timedelta

import asyncpg
import pytest

from service.feed import READ
from tests.conftest import Connect
from tests.support.sql import BOOK, DRIVER_1, RESCHEDULE, hours_ahead, one_row, refused, shift_clock

PARTITIONS = """
    select c.relname::text as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'parking.events'::regclass order by 1"""


LOOKED_AT = "select sum(seq_tup_read + idx_tup_fetch) from pg_stat_xact_all_tables where relname like 'events%'"
"""How many events this transaction has looked at."""


async def partitions(superuser: asyncpg.Connection) -> list[str]:
    return [row["name"] for row in await superuser.fetch(PARTITIONS)]


async def where(superuser: asyncpg.Connection) -> list[str]:
    return [row["name"] for row in await superuser.fetch("select tableoid::regclass::text as name from parking.events")]


async def test_this_month_and_the_next_three_have_a_partition(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    before = await partitions(superuser)
    assert len(before) == 5
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    assert await where(superuser) == [f"parking_private.{before[0]}"]


async def test_a_year_without_anybody_who_tends_it(connect: Connect) -> None:
    """Announcing works all the same, and who tends it at last finds everything a place."""
    superuser, service, dba = await connect("postgres"), await connect(), await connect("parking_dba")
    await shift_clock(superuser, timedelta(days=365))
    cursor = await dba.fetchval("select parking.event_cursor()")
    starts, ends = hours_ahead(365 * 24 + 1), hours_ahead(365 * 24 + 2)
    booking = await one_row(service, BOOK, DRIVER_1, 1, starts, ends)
    await service.fetch(RESCHEDULE, DRIVER_1, booking["id"], None, ends + timedelta(hours=1))
    assert await where(superuser) == ["parking_private.events_default"] * 2
    everything = "select * from parking.events order by id"
    before = await superuser.fetch(everything)
    done = await dba.fetch("select * from parking.tend_events()")
    assert [row["done"] for row in done] == ["made"] * 4
    assert await where(superuser) == [f"parking_private.{done[0]['partition']}"] * 2
    assert await superuser.fetch(everything) == before, "the former period of what was rescheduled as well"
    assert len(await dba.fetch("select * from parking.events_after($1)", cursor)) == 2
    assert await dba.fetch("select * from parking.tend_events()") == []


@pytest.mark.parametrize("beyond", ["detach", "drop"])
async def test_what_is_beyond_the_retention_leaves_the_record(connect: Connect, beyond: str) -> None:
    superuser, service, dba = await connect("postgres"), await connect(), await connect("parking_dba")
    await dba.execute("select parking.keep_events('2 months', $1)", beyond)
    old = await dba.fetchval("select parking.event_cursor()")
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    (partition,) = await where(superuser)
    await shift_clock(superuser, timedelta(days=100))
    done = {row["partition"]: row["done"] for row in await dba.fetch("select * from parking.tend_events()")}
    assert done[partition.removeprefix("parking_private.")] == ("detached" if beyond == "detach" else "dropped")
    assert await where(superuser) == []
    if beyond == "detach":
        assert await superuser.fetchval(f"select count(*) from {partition}") == 1
    else:
        assert await superuser.fetchval("select to_regclass($1)", partition) is None
    with refused("cursor-too-old", 410):
        await dba.fetch("select * from parking.events_after($1)", old)
    assert await dba.fetch("select * from parking.events_after()") == []
    fresh = await dba.fetchval("select parking.event_cursor()")
    assert await dba.fetch("select * from parking.events_after($1)", fresh) == []


async def test_who_holds_the_record_for_long_makes_nobody_wait_behind_the_tending(connect: Connect) -> None:
    superuser, holder, dba, service = (
        await connect("postgres"),
        await connect("postgres"),
        await connect("parking_dba"),
        await connect(),
    )
    await dba.execute("select parking.keep_events('1 month')")
    await shift_clock(superuser, timedelta(days=100))
    async with holder.transaction():
        await holder.fetch("select count(*) from parking.events")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await dba.fetch("select * from parking.tend_events()")
        await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(2401), hours_ahead(2402))
    assert await dba.fetch("select * from parking.tend_events()") != []


@pytest.mark.parametrize(
    ("retention", "beyond"),
    [(timedelta(days=1), "drop"), (None, "drop"), (timedelta(days=60), "burn"), (timedelta(days=60), None)],
)
async def test_a_retention_that_makes_no_sense(
    connect: Connect, retention: timedelta | None, beyond: str | None
) -> None:
    dba = await connect("parking_dba")
    with refused("not-a-retention", 422):
        await dba.execute("select parking.keep_events($1, $2)", retention, beyond)


async def test_pages_of_a_record_are_contiguous(connect: Connect) -> None:
    """At most so many at a time, and on from the last one's cursor: everything once, in one order."""
    superuser, dba = await connect("postgres"), await connect("parking_dba")
    for size in (1, 5, 2, 7, 3):
        await superuser.execute(f"""
            do $$ begin
                for n in 1 .. {size} loop
                    perform parking_private.announce(1, 'released', 1, n % 5 + 1, n, null, now(), now(), now());
                end loop;
            end $$""")
    everything = [row["id"] for row in await dba.fetch("select id from parking.events_after()")]
    assert len(everything) == 18
    cursor, paged = None, list[int]()
    while rows := await dba.fetch("select * from parking.events_after($1, at_most => 4)", cursor):
        paged += [row["id"] for row in rows]
        cursor = rows[-1]["cursor"]
    assert paged == everything


async def test_a_cursor_in_the_middle_of_a_reading_goes_on_with_its_rest_and_then_with_what_came_since(
    connect: Connect,
) -> None:
    dba, early = await connect("parking_dba"), await connect()
    transaction = early.transaction()
    await transaction.start()
    one = await one_row(early, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    two, three = [await one_row(dba, BOOK, DRIVER_1, spot, hours_ahead(1), hours_ahead(2)) for spot in (2, 3)]
    first = (await dba.fetch("select * from parking.events_after()"))[0]
    assert first["reservation_id"] == two["id"]
    await transaction.commit()
    # The early writer's event has the lowest transaction of all, and comes last: after the rest of the reading.
    rest = await dba.fetch("select reservation_id from parking.events_after($1)", first["cursor"])
    assert [row["reservation_id"] for row in rest] == [three["id"], one["id"]]


@pytest.mark.parametrize("cursor", ["", "1", "x~y~z", "1~5:3:", "1~3:5:~3:5:~1", "1~3:5:~3:5:~9999999999999999999~1"])
async def test_what_is_no_cursor(connect: Connect, cursor: str) -> None:
    dba = await connect("parking_dba")
    with refused("not-a-cursor", 422):
        await dba.fetch("select * from parking.events_after($1)", cursor)


async def test_a_cursor_from_the_future_or_another_epoch_is_refused(connect: Connect) -> None:
    dba = await connect("parking_dba")
    cursor = await dba.fetchval("select parking.event_cursor()")
    with refused("cursor-too-old", 410):
        await dba.fetch("select * from parking.events_after('1~9999999999:9999999999:')")
    assert await dba.fetchval("select parking.begin_epoch()") == 2
    with refused("cursor-too-old", 410):
        await dba.fetch("select * from parking.events_after($1)", cursor)


async def test_reading_behind_a_cursor_uses_the_index(connect: Connect) -> None:
    superuser = await connect("postgres")
    await superuser.execute("""
        do $$ begin
            for n in 1 .. 20000 loop
                perform parking_private.announce(1, 'released', 1, 1, n, null, now(), now(), now());
                if n % 100 = 0 then commit; end if;
            end loop;
        end $$""")
    await superuser.execute("analyze parking.events")
    cursor = await superuser.fetchval("select parking.event_cursor()")
    await superuser.execute("load 'auto_explain'")
    lines: list[str] = []
    superuser.add_log_listener(lambda _, message: lines.append(message.message or ""))
    await superuser.execute("""
        set auto_explain.log_min_duration = 0;
        set auto_explain.log_nested_statements = on;
        set client_min_messages = log""")
    # Often enough for PostgreSQL to consider a plan for any cursor, which could use no index.
    for _ in range(12):
        lines.clear()
        await superuser.fetch("select * from parking.events_after($1)", cursor)
    plan = "\n".join(line for line in lines if "events_after" in line or "Scan" in line)
    (full, *_) = await partitions(superuser)
    assert f"Index Scan on {full}" in plan
    assert f"Seq Scan on {full}" not in plan


@pytest.mark.parametrize("lot", [None, 1])
async def test_a_page_costs_what_is_in_it_however_much_is_to_come(connect: Connect, lot: int | None) -> None:
    superuser = await connect("postgres")
    await superuser.execute("""
        do $$ begin
            for n in 1 .. 20000 loop
                perform parking_private.announce(1, 'released', 1, 1, n, null, now(), now(), now());
                if n % 10 = 0 then commit; end if;
            end loop;
        end $$""")
    await superuser.execute("vacuum analyze parking.events")

    async def page(cursor: str | None) -> tuple[str, list[int], int]:
        """Where the next one begins, what is in this one, and how many events were looked at for it."""
        async with superuser.transaction():
            before = await superuser.fetchval(LOOKED_AT)
            rows = await superuser.fetch(
                "select cursor, id from parking.events_after($1, $2, at_most => 100) order by id", cursor, lot
            )
            after = await superuser.fetchval(LOOKED_AT)
        return rows[-1]["cursor"], [row["id"] for row in rows], int(after - before)

    cursor, ids, first = await page(None)
    assert first >= 20_000, "the first page finds out how much there is"
    # Often enough for PostgreSQL to consider a plan for any cursor.
    for _ in range(12):
        cursor, more, cost = await page(cursor)
        ids += more
        assert cost < 300
    assert ids == sorted(set(ids))
    assert len(ids) == 1300


async def test_who_has_no_cursor_yet_reads_nothing_of_what_was(connect: Connect) -> None:
    """However the feed's statement is planned, which was prepared long before a restore takes its cursor away."""
    superuser = await connect("postgres")
    await superuser.execute("""
        do $$ begin
            for n in 1 .. 1000 loop
                perform parking_private.announce(1, 'released', 1, 1, n, null, now(), now(), now());
            end loop;
        end $$""")
    await superuser.execute("set plan_cache_mode = force_generic_plan")
    async with superuser.transaction():
        before = await superuser.fetchval(LOOKED_AT)
        (row,) = await superuser.fetch(READ, None, 1000)
        assert row["id"] is None
        assert await superuser.fetchval(LOOKED_AT) - before < 100
    (row,) = await superuser.fetch(READ, row["now"], 1000)
    assert row["id"] is None


async def test_what_one_has_not_committed_oneself_has_not_happened(connect: Connect) -> None:
    """Though a later transaction has committed, so that no snapshot of one's own has one's own in progress."""
    dba, other = await connect("parking_dba"), await connect()
    before = await dba.fetchval("select parking.event_cursor()")
    transaction = dba.transaction()
    await transaction.start()
    await dba.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    await other.fetch(BOOK, DRIVER_1, 2, hours_ahead(1), hours_ahead(2))
    (event,) = await dba.fetch("select spot_id, cursor from parking.events_after($1)", before)
    assert event["spot_id"] == 2
    cursor = await dba.fetchval("select parking.event_cursor()")
    await transaction.commit()
    for behind in (cursor, event["cursor"]):
        (own,) = await dba.fetch("select spot_id from parking.events_after($1)", behind)
        assert own["spot_id"] == 1


async def test_only_a_cursor_behind_everything_can_be_the_end(connect: Connect) -> None:
    dba = await connect("parking_dba")
    for spot in (1, 2):
        await dba.fetch(BOOK, DRIVER_1, spot, hours_ahead(1), hours_ahead(2))
    until = await dba.fetchval("select parking.event_cursor()")
    await dba.fetch(BOOK, DRIVER_1, 3, hours_ahead(1), hours_ahead(2))
    rows = await dba.fetch("select spot_id, cursor from parking.events_after(until => $1)", until)
    assert [row["spot_id"] for row in rows] == [1, 2]
    assert rows[-1]["cursor"] == until
    with refused("not-a-cursor", 422):
        await dba.fetch("select * from parking.events_after(until => $1)", rows[0]["cursor"])
