"""A crash gives numbers of transactions out again that a cursor may have counted as seen."""

import asyncio
import os
import signal
from pathlib import Path

import asyncpg

from tests.support import Cluster, Database, new_database, planted_cluster, template_database
from tests.support.sql import BOOK, DRIVER_1, edit_function, hours_ahead

OPTIONS = ("--without-cron", "--without-fsync", "--in-memory")
"""Who kills processes and not the machine loses what they had in memory, and nothing that they had written."""

# Otherwise the number might reach the disk by itself before the crash.
LAZY = """
    alter system set wal_writer_delay = '10s';
    alter system set wal_level = 'minimal';
    alter system set max_wal_senders = 0"""


async def crash(cluster: Cluster, superuser: asyncpg.Connection) -> None:
    """End PostgreSQL as a crash does, and start it again."""
    data = Path(await superuser.fetchval("show data_directory"))
    postmaster = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    os.kill(postmaster, signal.SIGKILL)
    superuser.terminate()
    await asyncio.to_thread(cluster.start, *OPTIONS)


async def what_a_cursor_from_before_a_crash_finds(cluster: Cluster, database: Database) -> list[int]:
    """The spots of the events after a cursor when a booking gets the number of a transaction that it saw fail."""
    superuser = await database.connect("postgres")
    await superuser.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    transaction = superuser.transaction()
    await transaction.start()
    lost = await superuser.fetchval("select pg_current_xact_id()::text::bigint")
    await transaction.rollback()
    cursor = await superuser.fetchval("select parking.event_cursor()")
    assert await superuser.fetch("select * from parking.events_after($1)", cursor) == []
    await crash(cluster, superuser)

    superuser = await database.connect("postgres")
    try:
        await superuser.fetch(BOOK, DRIVER_1, 2, hours_ahead(1), hours_ahead(2))
        used = await superuser.fetchval("select max(xid::text::bigint) from parking.events")
        assert used <= lost, "the number was to be given out again"
        found = await superuser.fetch("select spot_id from parking.events_after($1)", cursor)
        await superuser.execute("update parking.reservations set status = 'completed', ended_at = parking.clock()")
    finally:
        await superuser.close()
    return [row["spot_id"] for row in found]


async def test_a_crash_loses_nothing_that_comes_after_a_cursor() -> None:
    """And the negative control: a cursor with the snapshot as PostgreSQL takes it."""
    with planted_cluster(*OPTIONS) as cluster:
        cluster.psql(LAZY)
        cluster.stop()
        cluster.start(*OPTIONS)
        with new_database(cluster, template=template_database(cluster)) as database:
            assert await what_a_cursor_from_before_a_crash_finds(cluster, database) == [2]
            superuser = await database.connect("postgres")
            await edit_function(
                superuser,
                "parking_private.settled_snapshot(integer,xid8)",
                "    return (",
                "    return v_now; return (",
            )
            await superuser.close()
            assert await what_a_cursor_from_before_a_crash_finds(cluster, database) == []
