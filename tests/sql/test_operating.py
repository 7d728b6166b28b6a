"""Whether the installation is in order, and how much is going on: parking.readiness() and parking.figures()."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support import Cluster, Database, new_database, planted_cluster, sqitch, template_database
from tests.support.sql import edit_function, shift_clock

BOOK = """
    select b.id from parking.book(
        1, $1, parking.clock() - interval '1 hour', parking.clock() + make_interval(mins => $2)) b"""

NOTHING = {"booked": 0, "rescheduled": 0, "cancelled": 0, "completed": 0, "released": 0}


async def totals(connection: asyncpg.Connection) -> dict[str, int]:
    """reservations_total by type."""
    rows = await connection.fetch("select label, value from parking.figures() where figure = 'reservations_total'")
    return {row["label"]: int(row["value"]) for row in rows}


async def figure(connection: asyncpg.Connection, name: str, label: str | None = None) -> float:
    value = await connection.fetchval(
        "select value from parking.figures() where figure = $1 and label is not distinct from $2", name, label
    )
    return float(value)


async def test_counters_count_each_event_once_whenever_they_are_read(connect: Connect) -> None:
    service = await connect()
    assert await totals(service) == NOTHING
    first = await service.fetchval(BOOK, 1, 60)
    assert (await totals(service))["booked"] == 1
    await service.fetchval(BOOK, 2, 60)
    await service.fetch("select * from parking.complete(1, $1)", first)
    for _ in range(3):
        assert await totals(service) == NOTHING | {"booked": 2, "completed": 1}


async def test_what_commits_late_is_counted_too(connect: Connect) -> None:
    """The transaction that began first commits last: its ids and its number lie below what has been counted."""
    slow, quick, reader = await connect(), await connect(), await connect()
    transaction = slow.transaction()
    await transaction.start()
    await slow.fetchval(BOOK, 1, 60)
    await quick.fetchval(BOOK, 2, 60)
    assert (await totals(reader))["booked"] == 1
    assert (await totals(slow))["booked"] == 1, "what is not committed has not happened, not even for oneself"
    await slow.fetchval(BOOK, 5, 60)
    await transaction.rollback()
    transaction = slow.transaction()
    await transaction.start()
    await slow.fetchval(BOOK, 3, 60)
    await quick.fetchval(BOOK, 4, 60)
    assert (await totals(reader))["booked"] == 2
    assert (await totals(slow))["booked"] == 2
    await slow.fetchval(BOOK, 5, 60)
    await transaction.commit()
    assert (await totals(reader))["booked"] == 4


async def test_counting_by_the_last_number_would_miss_what_commits_late(connect: Connect) -> None:
    """The negative control of the test above."""
    superuser = await connect("postgres")
    await edit_function(
        superuser,
        "parking_private.count_events(integer,pg_snapshot)",
        "not pg_visible_in_snapshot(e.xid, count_events.counted)",
        "e.xid >= pg_snapshot_xmax(count_events.counted)",
    )
    slow, quick, reader = await connect(), await connect(), await connect()
    transaction = slow.transaction()
    await transaction.start()
    await slow.fetchval(BOOK, 1, 60)
    await quick.fetchval(BOOK, 2, 60)
    assert (await totals(reader))["booked"] == 1
    await transaction.commit()
    assert (await totals(reader))["booked"] == 1


async def test_many_readers_count_nothing_twice_and_wait_for_nobody(connect: Connect) -> None:
    writer, readers = await connect(), [await connect() for _ in range(6)]
    for spot in range(1, 6):
        _, *read = await asyncio.gather(writer.fetchval(BOOK, spot, 60), *(totals(reader) for reader in readers))
        assert all(spot - 1 <= each["booked"] <= spot for each in read)
        assert (await totals(writer))["booked"] == spot
    holder = await connect()
    async with holder.transaction():
        await totals(holder)
        await asyncio.wait_for(totals(writer), 20)


async def test_counters_outlive_the_record_and_a_new_epoch(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await service.fetchval(BOOK, 1, 60)
    await totals(service)
    await service.fetchval(BOOK, 2, 60)
    # As after restoring a backup: what had been written and not yet counted is of the epoch before.
    await superuser.execute("select parking.begin_epoch()")
    await service.fetchval(BOOK, 3, 60)
    assert (await totals(service))["booked"] == 3
    await superuser.execute("delete from parking.events")
    await service.fetchval(BOOK, 4, 60)
    assert (await totals(service))["booked"] == 4


async def test_occupancy_is_of_now_and_of_each_tenant(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    spots = await figure(service, "spots", "default")
    assert await figure(service, "occupancy_rate", "default") == 0
    await service.fetchval(BOOK, 1, 60)
    await service.fetchval(BOOK, 2, 600)
    assert await figure(service, "occupancy_rate", "default") == pytest.approx(2 / spots, abs=1e-4)
    assert await figure(service, "occupancy_rate", "riverside") == 0
    await shift_clock(superuser, timedelta(hours=2))
    assert await figure(service, "occupancy_rate", "default") == pytest.approx(1 / spots, abs=1e-4)


async def test_open_sessions(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    assert await figure(service, "active_sessions") == 0
    admission = await service.fetchrow("select * from parking.sign_in('driver1@parking.com', 'password123')")
    assert admission is not None
    await service.fetch("select * from parking.sign_in('driver2@parking.com', 'password123')")
    assert await figure(service, "active_sessions") == 2
    await service.execute("select parking.sign_out($1)", admission["session_id"])
    assert await figure(service, "active_sessions") == 1
    await shift_clock(superuser, timedelta(days=400))
    assert await figure(service, "active_sessions") == 0


async def readiness(connection: asyncpg.Connection, *args: object) -> asyncpg.Record:
    wanted = ", ".join(f"${number}" for number, _ in enumerate(args, start=1))
    (row,) = await connection.fetch(f"select * from parking.readiness({wanted})", *args)
    return row


async def test_a_change_is_known_by_its_name_and_by_when_it_was_planned(connect: Connect) -> None:
    service = await connect()
    planned = datetime(2026, 11, 20, 13, 23, 43, tzinfo=UTC)
    assert (await readiness(service, "booking", planned))["has_change"] is True
    assert (await readiness(service, "booking", planned + timedelta(seconds=1)))["has_change"] is False
    assert (await readiness(service, "demo"))["deployed"] is not None
    assert (await readiness(service, "nothing"))["has_change"] is False
    assert (await readiness(service))["has_change"] is None


def test_a_reverted_change_is_missed(database: Database) -> None:
    ask = "select deployed, has_change from parking.readiness('demo')"
    assert database.psql(ask, role="parking_dba") == "demo|t"
    sqitch(database, "revert", "-y", "--to", "operating")
    assert database.psql(ask, role="parking_dba") == "operating|f"
    sqitch(database, "deploy", "--to", "demo")
    assert database.psql(ask, role="parking_dba") == "demo|t"


async def test_a_checker_that_leaves_bookings_overdue_is_late(connect: Connect) -> None:
    """pg_cron runs here, but nobody has told it to visit this database."""
    superuser, service, dba = await connect("postgres"), await connect(), await connect("parking_dba")
    await service.fetchval(BOOK, 1, 1)
    assert (await readiness(service))["sweep"] == "running"
    await shift_clock(superuser, timedelta(minutes=3))
    row = await readiness(service)
    assert (row["sweep"], row["overdue_since"] < row["at"]) == ("running", True)
    await shift_clock(superuser, timedelta(minutes=5))
    assert (await readiness(service))["sweep"] == "late"
    await dba.execute("call parking.sweep()")
    row = await readiness(service)
    assert (row["sweep"], row["overdue_since"]) == ("running", None)


@pytest.fixture
def cron_cluster() -> Iterator[Cluster]:
    """A cluster of its own, whose pg_cron may be killed: its launcher stays away until the server restarts."""
    with planted_cluster("--cron-database", "postgres") as cluster:
        yield cluster


async def test_a_launcher_that_is_gone_is_told_and_bookings_stay_right(cron_cluster: Cluster) -> None:
    with new_database(cron_cluster, template=template_database(cron_cluster)) as database:
        service = await database.connect("parking_service")
        superuser = await database.connect("postgres")
        try:
            assert (await readiness(service))["sweep"] == "running"
            await service.fetchval(BOOK, 1, 1)
            cron_cluster.psql("""
                select pg_terminate_backend(pid, 5000) from pg_stat_activity
                where application_name = 'pg_cron scheduler'""")
            assert (await readiness(service))["sweep"] == "gone"
            await shift_clock(superuser, timedelta(minutes=10))
            assert (await readiness(service))["sweep"] == "gone"
            assert await service.fetchval(BOOK, 1, 60) is not None, "an overdue booking is in nobody's way"
            assert (await readiness(service))["overdue_since"] is None
        finally:
            await service.close()
            await superuser.close()


async def test_without_pg_cron_somebody_else_is_to_sweep(cluster_without_cron: Cluster) -> None:
    with new_database(cluster_without_cron, template=template_database(cluster_without_cron)) as database:
        service = await database.connect("parking_service")
        try:
            assert (await readiness(service))["sweep"] == "elsewhere"
        finally:
            await service.close()
