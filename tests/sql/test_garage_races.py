"""Many vehicles at once: never more inside than fit, every exit paid once; and what happens without the guard.

Whether there were ever too many is found by replaying the tickets' own times, not by asking the functions on trial.
"""

import asyncio
import random
from collections import Counter
from datetime import datetime

import asyncpg

from tests.conftest import Connect
from tests.sql.garage import ATTENDANT, ENTER, LEAVE, LOT, SPOT, enter, leave, set_garage, unbalanced
from tests.support.sql import BOOK, DRIVER_1, edit_function, hours_ahead, refused, waits_for_a_lock

SPACES, VEHICLES, DESKS = 140, 500, 50
HOLD = "parking_private.hold_garage(bigint,bigint)"
PATIENT = {"lock_timeout": "60s", "statement_timeout": "120s"}
"""Fifty desks on a loaded machine may wait for longer than a request of the service would."""


async def most_inside(superuser: asyncpg.Connection) -> int:
    """How many vehicles with a ticket were in the garage at the busiest moment, by the times on their tickets."""
    stays = await superuser.fetch("select entered_at, left_at from parking.tickets where lot_id = $1", LOT)
    # Who leaves at a moment has made room for who enters at it.
    steps: list[tuple[datetime, int]] = [(stay["entered_at"], 1) for stay in stays]
    steps += [(stay["left_at"], -1) for stay in stays if stay["left_at"] is not None]
    inside = most = 0
    for _, step in sorted(steps):
        inside += step
        most = max(most, inside)
    return most


async def come_and_go(connection: asyncpg.Connection, desk: int, ended: Counter[str], twice: bool) -> None:
    """One desk's day: its share of the vehicles enters and leaves at random, each exit asked for twice."""
    random_ = random.Random(desk)  # noqa: S311 (no secret)
    waiting = [f"D{desk}N{number}" for number in range(VEHICLES // DESKS)]
    inside: list[str] = []
    for _ in range(5000):
        if not waiting and not inside:
            return
        # More come than go, so that the garage fills.
        if waiting and (not inside or random_.random() < 0.7):
            try:
                (ticket,) = await connection.fetch(ENTER, ATTENDANT, LOT, waiting[-1])
                inside.append(ticket["ticket_number"])
                waiting.pop()
                ended["entered"] += 1
            except asyncpg.PostgresError as refusal:
                assert refusal.constraint_name == "garage-full"  # noqa: PT017 (counted, and retried)
                ended["full"] += 1
                if not inside:
                    await asyncio.sleep(0.02)
        else:
            number = inside.pop(random_.randrange(len(inside)))
            await connection.fetchrow(LEAVE, ATTENDANT, number, "Cash")
            ended["left"] += 1
            if twice:
                with refused("ticket-closed", 409):
                    await connection.fetchrow(LEAVE, ATTENDANT, number, "Cash")
    raise AssertionError(f"desk {desk} has not come to an end")


async def test_five_hundred_vehicles_from_fifty_desks(connect: Connect) -> None:
    superuser = await connect("postgres")
    desks = [await connect("parking_service", None, **PATIENT) for _ in range(DESKS)]
    ended: Counter[str] = Counter()
    await asyncio.gather(*(come_and_go(desk, number, ended, twice=True) for number, desk in enumerate(desks)))
    assert (ended["entered"], ended["left"]) == (VEHICLES, VEHICLES)
    assert ended["full"] > 0, "it was never full, so nothing was tried"
    # Whoever was refused met a full garage, but for those who were about to leave.
    assert SPACES - DESKS <= await most_inside(superuser) <= SPACES
    paid = await superuser.fetch("select count(*) from parking.payments group by ticket_id")
    assert [row["count"] for row in paid] == [1] * VEHICLES
    assert await unbalanced(superuser) == []
    numbers = await superuser.fetch("select ticket_number from parking.tickets order by id")
    assert [row["ticket_number"] for row in numbers] == [f"PS-{number:04}" for number in range(1, VEHICLES + 1)]


async def test_without_the_guard_more_are_inside_than_fit(connect: Connect) -> None:
    """The negative control: nobody holds the garage, and everybody has counted before anybody writes."""
    superuser, gate = await connect("postgres"), await connect("postgres")
    await set_garage(superuser, spaces=1)
    await edit_function(superuser, HOLD, "for no key update", "")
    # Who has counted waits at a barrier, which opens when all of them have come.
    await edit_function(
        superuser,
        "parking.enter_garage(bigint,bigint,text,text)",
        "insert into parking.tickets as t",
        "perform pg_advisory_xact_lock_shared(4711); insert into parking.tickets as t",
    )
    desks = [await connect("parking_service", None, **PATIENT) for _ in range(3)]
    await gate.execute("select pg_advisory_lock(4711)")
    entries = [asyncio.ensure_future(enter(desk, f"A {number}")) for number, desk in enumerate(desks)]
    await waits_for_a_lock(superuser, len(desks))
    await gate.execute("select pg_advisory_unlock(4711)")
    await asyncio.gather(*entries)
    assert await most_inside(superuser) == len(desks) > 1


async def test_with_the_guard_the_same_barrier_lets_one_in(connect: Connect) -> None:
    """The same as above but for the guard, so that it is the guard which makes the difference."""
    superuser, gate = await connect("postgres"), await connect("postgres")
    await set_garage(superuser, spaces=1)
    await edit_function(
        superuser,
        "parking.enter_garage(bigint,bigint,text,text)",
        "insert into parking.tickets as t",
        "perform pg_advisory_xact_lock_shared(4711); insert into parking.tickets as t",
    )
    desks = [await connect("parking_service", None, **PATIENT) for _ in range(3)]
    await gate.execute("select pg_advisory_lock(4711)")
    entries = [asyncio.ensure_future(enter(desk, f"A {number}")) for number, desk in enumerate(desks)]
    await waits_for_a_lock(superuser, len(desks))
    await gate.execute("select pg_advisory_unlock(4711)")
    ended = await asyncio.gather(*entries, return_exceptions=True)
    slugs = [end.constraint_name for end in ended if isinstance(end, asyncpg.PostgresError)]
    assert slugs == ["garage-full", "garage-full"]
    assert await most_inside(superuser) == 1


async def test_a_booking_and_a_walk_in_want_the_last_space(connect: Connect) -> None:
    """Whoever comes second waits for the first one, and is refused if that stands, or let in if it is taken back."""
    superuser = await connect("postgres")
    desk, driver = await connect("parking_service", None, **PATIENT), await connect("parking_service", None, **PATIENT)
    await set_garage(superuser, spaces=1)
    period = hours_ahead(0.5), hours_ahead(2)
    for stands in (False, True):
        transaction = desk.transaction()
        await transaction.start()
        await enter(desk, "A 1")
        booking = asyncio.ensure_future(driver.fetch(BOOK, DRIVER_1, SPOT, *period))
        await waits_for_a_lock(superuser)
        if stands:
            await transaction.commit()
            with refused("garage-full", 409):
                await booking
            await leave(desk, "PS-0001")
        else:
            await transaction.rollback()
            (booked,) = await booking
            await driver.fetch("select from parking.cancel($1, $2)", DRIVER_1, booked["id"])
    for stands in (False, True):
        transaction = driver.transaction()
        await transaction.start()
        await driver.fetch(BOOK, DRIVER_1, SPOT, *period)
        entry = asyncio.ensure_future(enter(desk, "A 1"))
        await waits_for_a_lock(superuser)
        if stands:
            await transaction.commit()
            with refused("garage-full", 409):
                await entry
        else:
            await transaction.rollback()
            await leave(desk, await entry)


async def test_without_the_guard_both_get_the_last_space(connect: Connect) -> None:
    """The negative control of the test above: the second one does not wait, and has not seen the first one."""
    superuser = await connect("postgres")
    desk, driver = await connect("parking_service", None, **PATIENT), await connect("parking_service", None, **PATIENT)
    await set_garage(superuser, spaces=1)
    await edit_function(superuser, HOLD, "for no key update", "")
    transaction = desk.transaction()
    await transaction.start()
    await enter(desk, "A 1")
    await driver.fetch(BOOK, DRIVER_1, SPOT, hours_ahead(0.5), hours_ahead(2))
    await transaction.commit()
    assert await superuser.fetchval("select count(*) from parking.tickets where status = 'open'") == 1
    assert await superuser.fetchval("select count(*) from parking.reservations where status = 'active'") == 1


async def test_who_leaves_waits_for_nobody(connect: Connect) -> None:
    """Neither does a booking that ends: to give room takes no turn."""
    desk, other = await connect(), await connect()
    ticket = await enter(desk, "A 1")
    (booked,) = await desk.fetch(BOOK, DRIVER_1, SPOT, hours_ahead(1), hours_ahead(2))
    transaction = other.transaction()
    await transaction.start()
    await enter(other, "A 2")
    await desk.execute("set lock_timeout = '200ms'")
    await leave(desk, ticket)
    await desk.fetch("select from parking.cancel($1, $2)", DRIVER_1, booked["id"])
    await transaction.commit()
