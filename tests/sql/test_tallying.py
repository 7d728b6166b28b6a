"""How many reservations a lot has had: counted once, and right at any moment, whoever is in the middle of booking."""

import asyncio

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support.invariants import broken
from tests.support.sql import BOOK, DRIVER_1, DRIVER_2, edit_function, hours_ahead

TALLY = "select parking.tally_reservations()"
STATS = "select total_reservations from parking.stats(1)"
REACHED = "select m.{} = (select max(r.id) from parking.reservations r) from parking_private.lot_tally_mark m"
TALLIED = "select coalesce(sum(reservations), 0) from parking.lot_tallies where lot_id = 1"


async def book(service: asyncpg.Connection, spot: int, start: float = 0) -> None:
    await service.fetch(BOOK, DRIVER_1, spot, hours_ahead(start), hours_ahead(start + 1))


async def tally_until(
    reached: str, superuser: asyncpg.Connection, caller: asyncpg.Connection, call: str = TALLY
) -> None:
    """Until the last number is noted, ahead or counted: other tests' transactions in the cluster are waited for."""
    async with asyncio.timeout(60):
        while not await superuser.fetchval(REACHED.format(reached)):
            await caller.execute(call)
            await asyncio.sleep(0.01)


async def test_what_is_counted_is_not_counted_again(connect: Connect) -> None:
    superuser, service, dba = await connect("postgres"), await connect(), await connect("parking_dba")
    for number in range(1, 6):
        await book(service, number)
        assert await service.fetchval(STATS) == number
        await dba.fetchval(TALLY)
        assert await service.fetchval(STATS) == number
    await tally_until("counted", superuser, dba)
    assert await dba.fetchval(TALLY) == 0
    assert (await service.fetchval(STATS), await superuser.fetchval(TALLIED)) == (5, 5)
    await service.fetch(BOOK, DRIVER_2, 1, hours_ahead(30), hours_ahead(31))
    assert (await service.fetchval(STATS), await superuser.fetchval(TALLIED)) == (6, 5)
    assert await broken(superuser) == []


async def test_the_stale_checker_counts(connect: Connect) -> None:
    superuser, service, dba = await connect("postgres"), await connect(), await connect("parking_dba")
    await book(service, 1)
    await tally_until("counted", superuser, dba, "call parking.sweep()")
    assert (await superuser.fetchval(TALLIED), await service.fetchval(STATS)) == (1, 1)


async def one_in_the_middle(connect: Connect) -> tuple[int, list[str]]:
    """Somebody is slow to commit, somebody else has a higher number; the lot's number then, and what does not hold."""
    superuser, service, dba = await connect("postgres"), await connect(), await connect("parking_dba")
    slow = await connect("parking_dba")
    transaction = slow.transaction()
    await transaction.start()
    await book(slow, 1)
    await book(service, 2)
    for _ in range(5):
        await dba.fetchval(TALLY)
        assert await service.fetchval(STATS) == 1
    await transaction.commit()
    for _ in range(3):
        await dba.fetchval(TALLY)
    return await service.fetchval(STATS), await broken(superuser)


async def test_who_is_slow_to_commit_is_not_left_out(connect: Connect) -> None:
    assert await one_in_the_middle(connect) == (2, [])


async def test_who_would_not_wait_for_them_leaves_them_out(connect: Connect) -> None:
    """The negative control."""
    superuser = await connect("postgres")
    await edit_function(
        superuser, "parking.tally_reservations()", "pg_snapshot_xmin(pg_current_snapshot()) <= v_mark.writer", "false"
    )
    number, wrong = await one_in_the_middle(connect)
    assert number == 1
    assert [line.split(":")[0] for line in wrong] == ["the tally of a lot is the number of its reservations"]


@pytest.mark.parametrize("first", [BOOK, "select pg_current_xact_id()"])
async def test_a_transaction_that_has_written_does_not_count(connect: Connect, first: str) -> None:
    superuser, dba = await connect("postgres"), await connect("parking_dba")
    before = await superuser.fetchval("select m::text from parking_private.lot_tally_mark m")
    async with dba.transaction():
        await dba.fetch(first, *([DRIVER_1, 1, hours_ahead(0), hours_ahead(1)] if first == BOOK else []))
        assert await dba.fetchval(TALLY) == 0
    assert await superuser.fetchval("select m::text from parking_private.lot_tally_mark m") == before


async def test_after_a_restore_nobody_of_before_is_waited_for(connect: Connect) -> None:
    """Transaction numbers of another cluster: this one may never get so far."""
    superuser, service, dba = await connect("postgres"), await connect(), await connect("parking_dba")
    await book(service, 1)
    await tally_until("ahead", superuser, dba)
    await superuser.execute("update parking_private.lot_tally_mark set writer = '9223372036854775807'")
    assert await dba.fetchval(TALLY) == 0
    await dba.fetch("select parking.begin_epoch()")
    assert await dba.fetchval(TALLY) == 1
    assert (await superuser.fetchval(TALLIED), await service.fetchval(STATS)) == (1, 1)
    assert await broken(superuser) == []
