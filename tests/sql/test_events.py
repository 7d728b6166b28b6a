"""The record of events and the doorbell: nothing is lost and nothing comes twice, in whatever order writers commit."""

import asyncio

import asyncpg

from tests.conftest import Connect
from tests.support.sql import BOOK, DRIVER_1, edit_function, hours_ahead

READ = """
    select s.cursor, e.id, e.reservation_id
    from (select parking.event_cursor() as cursor) s
    left join parking.events_after($1) e on true"""


class Reader:
    """Reads as the service does: the next cursor comes from the same statement."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.cursor: str = ""

    async def start(self) -> None:
        self.cursor = await self.connection.fetchval("select parking.event_cursor()")

    async def read(self) -> list[int]:
        rows = await self.connection.fetch(READ, self.cursor)
        self.cursor = rows[0]["cursor"]
        return [row["reservation_id"] for row in rows if row["id"] is not None]


async def test_writers_that_commit_out_of_order_are_all_read_once(connect: Connect) -> None:
    reader = Reader(await connect())
    await reader.start()
    first, second, third = [await connect() for _ in range(3)]
    early, late = first.transaction(), third.transaction()
    await early.start()
    one = await first.fetchval(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2), column=1)
    two = await second.fetchval(BOOK, DRIVER_1, 2, hours_ahead(1), hours_ahead(2), column=1)
    assert await reader.read() == [two]
    await late.start()
    three = await third.fetchval(BOOK, DRIVER_1, 3, hours_ahead(1), hours_ahead(2), column=1)
    assert await reader.read() == []
    await early.commit()
    assert await reader.read() == [one]
    assert await reader.read() == []
    await late.rollback()
    assert await reader.read() == []
    assert three not in [row["reservation_id"] for row in await second.fetch("select * from parking.events_after()")]


async def test_a_cursor_of_ids_would_lose_the_early_writer(connect: Connect) -> None:
    """The negative control: what the usual `where id > $1` makes of the same order of commits."""
    superuser = await connect("postgres")
    first, second = await connect(), await connect()
    early = first.transaction()
    await early.start()
    one = await first.fetchval(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2), column=1)
    await second.fetch(BOOK, DRIVER_1, 2, hours_ahead(1), hours_ahead(2))
    last = await superuser.fetchval("select max(id) from parking.events")
    await early.commit()
    seen = await superuser.fetch("select reservation_id from parking.events where id > $1", last)
    assert one not in [row["reservation_id"] for row in seen]


async def heard(listener: asyncpg.Connection) -> asyncio.Queue[None]:
    bells: asyncio.Queue[None] = asyncio.Queue()
    await listener.add_listener("parking", lambda *_: bells.put_nowait(None))
    return bells


async def test_a_booking_rings(connect: Connect) -> None:
    listener, service = await connect(), await connect()
    bells = await heard(listener)
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    await asyncio.wait_for(bells.get(), 20)


async def test_one_commit_of_a_wave_rings_and_a_later_wave_rings_again(connect: Connect) -> None:
    listener, first, second = [await connect() for _ in range(3)]
    superuser = await connect("postgres")
    bells = await heard(listener)
    # One window for all of this, so that it is a wave on however slow a machine.
    await edit_function(
        superuser,
        "parking_private.announce(bigint,text,bigint,bigint,bigint,bigint,timestamptz,timestamptz,timestamptz,"
        "timestamptz,timestamptz)",
        "(date_part('epoch', announce.at) * 20)::bigint % 2147483647",
        "1",
    )
    ringer = first.transaction()
    await ringer.start()
    await first.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    await second.fetch(BOOK, DRIVER_1, 2, hours_ahead(1), hours_ahead(2))
    await listener.fetch("select 1")
    assert bells.empty(), "the bell was taken, so the second commit was silent"
    await ringer.commit()
    await asyncio.wait_for(bells.get(), 20)
    await second.fetch(BOOK, DRIVER_1, 3, hours_ahead(1), hours_ahead(2))
    await asyncio.wait_for(bells.get(), 20)


async def test_a_session_that_has_not_committed_silences_nobody_for_long(connect: Connect) -> None:
    listener, idle, busy = [await connect() for _ in range(3)]
    bells = await heard(listener)
    lunch = idle.transaction()
    await lunch.start()
    await idle.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    await asyncio.sleep(0.06)  # the next window of 50 ms
    await busy.fetch(BOOK, DRIVER_1, 2, hours_ahead(1), hours_ahead(2))
    await asyncio.wait_for(bells.get(), 20)
    await lunch.rollback()
