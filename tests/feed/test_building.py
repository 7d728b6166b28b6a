"""Whoever builds on a lot is seen by those who look at it: open boards are read anew, and /ws says so."""

import asyncio

import pytest

from tests.conftest import Connect
from tests.feed.test_boards import cells, watching
from tests.feed.test_events import LIMIT, listener_pid, listening, next_message, silent
from tests.support import Service
from tests.support.sql import BOOK, DRIVER_1, edit_function, hours_ahead, refused

OPERATOR = "parking.find_person('operator@parking.com')"
LOOKS: dict[str, tuple[str, int, str]] = {
    "a new spot": (f"select parking.add_spot({OPERATOR}, 1, 'Newcomer')", 18, "Newcomer"),
    "another name": (f"select parking.change_spot({OPERATOR}, 1, 'Renamed')", 3, "Renamed"),
    "another order": (f"select parking.change_spot({OPERATOR}, 1, place => 5)", 15, "Spot 1"),
    "a spot less": (f"select parking.retire_spot({OPERATOR}, 5)", 12, "Spot 4"),
    "other hours": (f"select parking.change_lot({OPERATOR}, 1, opening_hours => '12:00-20:00')", 10, "Spot 4"),
    "other slots": (f"select parking.set_slots({OPERATOR}, 1, '{{08:00-10:00}}')", 5, "08–10"),
}
"""What a DBA says, how many cells the next frame has, and what stands in it."""


@pytest.mark.parametrize("change", LOOKS)
async def test_every_open_board_shows_what_was_built(service: Service, connect: Connect, change: str) -> None:
    """A board that nobody announces anything to is read after half a minute, far beyond what is waited for here."""
    statement, number, text = LOOKS[change]
    dba = await connect("parking_dba")
    async with watching(service) as stranger, watching(service, DRIVER_1) as driver:
        for socket in (stranger, driver):
            assert len(await cells(socket)) == 15
        await dba.execute(statement)
        for socket in (stranger, driver):
            frame = str(await asyncio.wait_for(socket.recv(), LIMIT))
            assert (frame.count('id="cell-'), text in frame) == (number, True)


async def test_whoever_comes_to_an_open_board_is_told_the_lots_present_name(service: Service, connect: Connect) -> None:
    dba = await connect("parking_dba")
    async with watching(service) as earlier:
        assert "Demo Garage" in str(await asyncio.wait_for(earlier.recv(), LIMIT))
        await dba.execute(f"select parking.change_lot({OPERATOR}, 1, 'Renamed Garage')")
        async with watching(service) as later:
            assert "Renamed Garage" in str(await asyncio.wait_for(later.recv(), LIMIT))


async def test_without_the_announcement_a_board_grows_old(service: Service, connect: Connect) -> None:
    """The negative control of the test above."""
    superuser = await connect("postgres")
    signature = "parking_private.hold_lot(bigint,bigint)"
    await edit_function(superuser, signature, "perform parking_private.announce_lot(v_lot.id);", "")
    async with watching(service) as socket:
        await cells(socket)
        await superuser.execute(LOOKS["a new spot"][0])
        assert await silent(socket, 3)


async def test_api_clients_are_told_and_nothing_comes_twice(service: Service, connect: Connect) -> None:
    dba, driver = await connect("parking_dba"), await connect()
    async with listening(service) as one, listening(service) as two, listening(service, "/ws?lot=2") as elsewhere:
        await driver.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
        for socket in (one, two):
            assert (await next_message(socket))["type"] == "booked"
        await dba.execute(LOOKS["a new spot"][0])
        marks = [await next_message(socket) for socket in (one, two)]
        assert [(mark["type"], sorted(mark)) for mark in marks] == [("changed", ["cursor", "type"])] * 2
        assert await silent(elsewhere)
    await driver.fetch(BOOK, DRIVER_1, 2, hours_ahead(1), hours_ahead(2))
    async with listening(service, f"/ws?after={marks[0]['cursor']}") as back:
        missed = await next_message(back)
        assert (missed["type"], missed["spot_id"]) == ("booked", 2)
        assert (await next_message(back))["type"] == "hello"


async def test_a_refused_change_is_no_change(service: Service, connect: Connect) -> None:
    dba = await connect("parking_dba")
    async with watching(service) as board, listening(service) as events:
        await cells(board)
        with refused("name-taken", 409):
            await dba.execute(f"select parking.change_spot({OPERATOR}, 1, 'Spot 2')")
        assert await silent(board)
        assert await silent(events)


async def test_what_was_built_while_nobody_listened_is_told(service: Service, connect: Connect) -> None:
    superuser = await connect("postgres")
    async with watching(service) as board, listening(service) as events:
        await cells(board)
        pid = await listener_pid(superuser)
        async with superuser.transaction():
            await superuser.execute("select pg_terminate_backend($1)", pid)
            await superuser.execute(LOOKS["a new spot"][0])
        assert len(await cells(board)) == 18
        assert (await next_message(events))["type"] == "changed"


@pytest.mark.parametrize("payload", ["junk", "-1", "99999999999999999999", "9" * 5000, "١", ""], ids=len)
async def test_a_bell_that_anybody_rings_breaks_nothing(service: Service, connect: Connect, payload: str) -> None:
    """Every role of the database may NOTIFY."""
    dba = await connect("parking_dba")
    async with watching(service) as board, listening(service) as events:
        await cells(board)
        await dba.execute("select pg_notify('parking', $1)", payload)
        assert await silent(events)
        await dba.execute(LOOKS["another name"][0])
        assert "Renamed" in str(await asyncio.wait_for(board.recv(), LIMIT))
        assert (await next_message(events))["type"] == "changed"
