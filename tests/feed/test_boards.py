"""/ws/board: the page's board, whole at first and then cell by cell; drivers learn of their own and of no other's."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from service.boards import MOST_BOARDS_ALONE, Board, Boards
from service.database import Database as Pool
from service.pages.cells import Lot
from service.pages.places import View
from service.settings import Settings
from tests.conftest import Connect
from tests.feed.test_events import LIMIT, listener_pid, silent
from tests.support import Database, Service, issue_token
from tests.support.days import BERLIN, today
from tests.support.sql import BOOK, COMPLETE, DRIVER_1, DRIVER_2, one_row

CELL = re.compile(r'id="cell-(\d+)-(\d+)" data-status="(\w+)"')


def a_day() -> date:
    """The one whose boards are looked at."""
    return today() + timedelta(days=2)


def slot(hour: int, day: date | None = None) -> tuple[datetime, datetime]:
    day = day or a_day()
    starts = datetime(day.year, day.month, day.day, hour, tzinfo=BERLIN)
    return starts, starts + timedelta(hours=4)


@asynccontextmanager
async def watching(
    service: Service, person: int | None = None, day: date | None = None, **headers: str
) -> AsyncIterator[ClientConnection]:
    if person is not None:
        token = issue_token(service, person)
        headers["Cookie"] = f"session={token}"
    url = f"{service.ws_url}/ws/board?lot=1&date={day or a_day()}"
    async with connect(url, additional_headers=headers, proxy=None) as socket:
        yield socket


async def cells(socket: ClientConnection) -> dict[tuple[int, int], str]:
    """The next frame's cells: (spot, hour) -> status."""
    while True:
        frame = await asyncio.wait_for(socket.recv(), LIMIT)
        assert isinstance(frame, str)
        found = {
            (int(spot), datetime.fromtimestamp(int(starts), BERLIN).hour): status
            for spot, starts, status in CELL.findall(frame)
        }
        if found:
            assert "@parking.com" not in frame
            return found


async def test_the_whole_board_first_and_then_only_what_changes(service: Service, connect: Connect) -> None:
    driver = await connect()
    await driver.fetch(BOOK, DRIVER_2, 1, *slot(8))
    async with watching(service) as stranger, watching(service, DRIVER_1) as own:
        for socket in (stranger, own):
            board = await cells(socket)
            assert len(board) == 15
            assert board.pop((1, 8)) == "booked"
            assert set(board.values()) == {"available"}
        booking = await one_row(driver, BOOK, DRIVER_1, 2, *slot(12))
        assert await cells(stranger) == {(2, 12): "booked"}
        assert await cells(own) == {(2, 12): "yours"}
        await driver.fetch(COMPLETE, DRIVER_1, booking["id"])
        assert await cells(stranger) == {(2, 12): "available"}
        assert await cells(own) == {(2, 12): "available"}


async def test_whoever_comes_later_finds_their_own_at_once(service: Service, connect: Connect) -> None:
    driver = await connect()
    await driver.fetch(BOOK, DRIVER_1, 3, *slot(16))
    async with watching(service) as first:
        assert (await cells(first))[3, 16] == "booked"
        async with watching(service, DRIVER_1) as own, watching(service, DRIVER_2) as other:
            assert (await cells(own))[3, 16] == "yours"
            assert (await cells(other))[3, 16] == "booked"


async def test_a_cell_that_changes_hands_in_one_go_changes_for_those_two_only(
    service: Service, connect: Connect
) -> None:
    driver, superuser = await connect(), await connect("postgres")
    booking = await one_row(driver, BOOK, DRIVER_1, 1, *slot(8))
    async with watching(service) as stranger, watching(service, DRIVER_1) as one, watching(service, DRIVER_2) as two:
        for socket in (stranger, one, two):
            await cells(socket)
        async with superuser.transaction():
            await superuser.fetch(COMPLETE, DRIVER_1, booking["id"])
            await superuser.fetch(BOOK, DRIVER_2, 1, *slot(8))
        assert await cells(one) == {(1, 8): "booked"}
        assert await cells(two) == {(1, 8): "yours"}
        assert await silent(stranger)


async def test_a_board_of_another_day_hears_nothing(service: Service, connect: Connect) -> None:
    driver = await connect()
    async with watching(service) as here, watching(service, day=a_day() + timedelta(days=1)) as elsewhere:
        await cells(here)
        await cells(elsewhere)
        await driver.fetch(BOOK, DRIVER_1, 1, *slot(8))
        assert await cells(here) == {(1, 8): "booked"}
        assert await silent(elsewhere)


async def test_what_changed_while_nobody_listened_is_shown(service: Service, connect: Connect) -> None:
    superuser = await connect("postgres")
    async with watching(service) as socket:
        await cells(socket)
        pid = await listener_pid(superuser)
        async with superuser.transaction():
            await superuser.execute("select pg_terminate_backend($1)", pid)
            await superuser.fetch(BOOK, DRIVER_1, 1, *slot(8))
        assert await cells(socket) == {(1, 8): "booked"}
        await superuser.fetch(BOOK, DRIVER_1, 2, *slot(8))
        assert await cells(socket) == {(2, 8): "booked"}


async def test_time_alone_changes_a_board(service: Service, connect: Connect) -> None:
    """A slot that ends becomes past without any event, in a window that nobody touches."""
    superuser = await connect("postgres")
    await superuser.execute(
        "update parking_private.clock_shift set shift = $1 - clock_timestamp()",
        slot(8)[1] - timedelta(seconds=2),
    )
    async with watching(service) as socket:
        assert (await cells(socket))[1, 8] == "available"
        assert await cells(socket) == {(spot, 8): "past" for spot in range(1, 6)}


async def test_only_boards_that_a_change_can_be_seen_on_are_read_anew() -> None:
    """A slot may end on the day after, and what a lot's day is depends on its zone: hence a margin of days."""
    boards = Boards(Pool(Settings(database_url="", jwt_secret="")))
    day = a_day()
    lots = [Lot(number, "default", "Lot", "", "UTC", day) for number in (1, 2)]
    opened = [Board(lot, day + timedelta(days=n)) for lot in lots for n in range(-10, 10)]
    boards._open = {board.key: board for board in opened}
    starts, ends = slot(8)
    here = {"lot_id": 1, "spot_id": 1, "former_starts": None, "former_ends": None}
    boards.spoil([here | {"starts": starts, "ends": ends + timedelta(days=1)}])
    spoilt = [(board.lot.id, (board.day - day).days) for board in opened if board.stale.is_set()]
    assert spoilt == [(1, -2), (1, -1), (1, 0), (1, 1), (1, 2)]
    boards.spoil([here | {"lot_id": 2, "starts": starts, "ends": None}])
    spoilt = [(board.lot.id, (board.day - day).days) for board in opened if board.stale.is_set()]
    assert spoilt == [*((1, n) for n in range(-2, 3)), *((2, n) for n in range(-2, 10))]
    moved = here | {"starts": starts + timedelta(days=6), "ends": ends + timedelta(days=6)}
    boards.spoil([moved | {"former_starts": starts - timedelta(days=6), "former_ends": ends - timedelta(days=6)}])
    spoilt = [(board.lot.id, (board.day - day).days) for board in opened if board.stale.is_set()]
    assert spoilt == [
        *((1, n) for n in (*range(-8, -4), *range(-2, 3), *range(4, 8))),
        *((2, n) for n in range(-2, 10)),
    ]
    boards.spoil()
    assert all(board.stale.is_set() for board in opened)


async def test_an_origin_of_somebody_else_is_refused(module_service: Service) -> None:
    with pytest.raises(websockets.exceptions.InvalidStatus) as caught:
        async with watching(module_service, DRIVER_1, Origin="https://evil.example"):
            pass
    assert caught.value.response.status_code == 403
    async with watching(module_service, Origin=module_service.url) as socket:
        assert len(await cells(socket)) == 15


async def test_a_token_that_is_worth_nothing_makes_a_stranger(module_service: Service) -> None:
    async with watching(module_service, Cookie="session=nonsense") as socket:
        assert len(await cells(socket)) == 15


async def test_a_socket_ends_with_its_session(module_service: Service) -> None:
    token = issue_token(module_service, DRIVER_1, seconds=1)
    async with watching(module_service, Cookie=f"session={token}") as socket:
        assert len(await cells(socket)) == 15
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            await cells(socket)
    assert socket.close_code == 1012


@pytest.mark.parametrize("day", [date(1999, 12, 31), date.max])
async def test_a_day_without_a_board_ends_the_socket_for_good(module_service: Service, day: date) -> None:
    async with watching(module_service, day=day) as socket:
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            await asyncio.wait_for(socket.recv(), LIMIT)
    assert socket.close_code == 1008


async def test_garbage_for_a_day_opens_nothing(module_service: Service) -> None:
    with pytest.raises(websockets.exceptions.InvalidStatus):
        async with connect(f"{module_service.ws_url}/ws/board?date=garbage", proxy=None):
            pass


async def test_nobody_has_all_the_boards_to_himself(module_service: Service) -> None:
    """Each day is another board. What others look at too counts for nobody."""
    days = [a_day() + timedelta(days=n) for n in range(MOST_BOARDS_ALONE + 2)]
    async with contextlib.AsyncExitStack() as stack:

        async def opens(day: date, person: int | None = None) -> ClientConnection:
            socket = await stack.enter_async_context(watching(module_service, person, day))
            assert await cells(socket)
            return socket

        for day in days[:MOST_BOARDS_ALONE]:
            await opens(day)
        with pytest.raises(websockets.exceptions.InvalidStatus):
            await opens(days[-1])
        await opens(days[0])
        await opens(days[-1], DRIVER_1)
        await opens(days[-1])
        with pytest.raises(websockets.exceptions.InvalidStatus):
            await opens(days[-2])
        await opens(days[1], DRIVER_1)
        await opens(days[-2])


@pytest.mark.parametrize("part", [1, 2, 2**31 - 1])
async def test_a_part_of_no_row_is_no_other_board(part: int) -> None:
    boards = Boards(Pool(Settings(database_url="", jwt_secret="")))
    day = a_day()
    lot = Lot(1, "default", "Lot", "", "UTC", day)
    with (
        boards.watching(lot, day, View(), "spots", None),
        boards.watching(lot, day, View(part=part), "spots", None),
        boards.watching(lot, day, View(row=1, part=part), "spots", None),
    ):
        assert len(boards._open) == 2
    await boards.stop()


COUNT_READINGS = """
import runpy
from service import boards, database
rows = database.Database.rows
async def counted(self, sql, *arguments, **options):
    if sql is boards.WATCH:
        print("A reading.", flush=True)
    return await rows(self, sql, *arguments, **options)
database.Database.rows = counted
boards.WINDOW_SECONDS = {window}
runpy.run_module("service", run_name="__main__")
"""


COMINGS = 60


async def come_and_go(service: Service, day: date | None = None) -> float:
    """Open a board, wait for what comes first and leave, sixty times; how many seconds that has taken."""
    began = asyncio.get_running_loop().time()
    for _ in range(COMINGS):
        async with watching(service, day=day) as socket:
            with contextlib.suppress(websockets.exceptions.ConnectionClosed):
                await asyncio.wait_for(socket.recv(), LIMIT)
    return asyncio.get_running_loop().time() - began


@pytest.mark.parametrize("day", [None, date.max])
async def test_whoever_comes_and_goes_costs_one_reading_a_window(database: Database, day: date | None) -> None:
    """Of a board, and of one that there is not. The negative control: without a window each coming costs one."""
    # On a machine on which each coming takes half of it, too, many come in a window.
    window = 1.0
    async with Service(database, program=COUNT_READINGS.format(window=window)) as service:
        seconds = await come_and_go(service, day)
        assert service.output().count("A reading.") <= seconds / window + 2 < COMINGS
    async with Service(database, program=COUNT_READINGS.format(window=0)) as service:
        seconds = await come_and_go(service, day)
        assert service.output().count("A reading.") >= COMINGS / 2 > seconds / window + 2


async def close_of(socket: ClientConnection) -> tuple[int | None, str | None]:
    """How it was closed, after what is left in it."""
    with pytest.raises(websockets.exceptions.ConnectionClosed):
        while True:
            await asyncio.wait_for(socket.recv(), LIMIT)
    return socket.close_code, socket.close_reason


@pytest.mark.parametrize(
    "cause",
    [
        "select parking.sign_out_everywhere({person})",
        "update parking.people set active = false where id = {person}",
        "update parking.sessions set expires_at = renewed_at + interval '1 ms' where person_id = {person}",
    ],
)
async def test_a_session_that_ends_takes_its_sockets_along_and_no_others(module_service: Service, cause: str) -> None:
    database = module_service.database
    person = int(
        database.psql("""
            insert into parking.people (tenant_id, email, display_name)
            values (1, 'gone-' || gen_random_uuid() || '@parking.com', 'Gone') returning id""")
    )
    async with (
        watching(module_service, person) as one,
        watching(module_service, person) as two,
        watching(module_service, DRIVER_1) as other,
        watching(module_service) as stranger,
    ):
        for socket in (one, two, other, stranger):
            await cells(socket)
        begun = asyncio.get_running_loop().time()
        database.psql(cause.format(person=person))
        assert await close_of(one) == await close_of(two) == (1008, "session-over")
        assert asyncio.get_running_loop().time() - begun < LIMIT
        for socket in (other, stranger):
            await socket.ping()
            assert socket.state.name == "OPEN"


async def test_a_session_that_is_over_opens_no_socket_and_says_why(module_service: Service) -> None:
    token = issue_token(module_service, DRIVER_2)
    module_service.database.psql(f"select parking.sign_out_everywhere({DRIVER_2})")
    async with watching(module_service, Cookie=f"session={token}") as socket:
        assert await close_of(socket) == (1008, "session-over")


async def test_a_refresh_token_says_whose_socket_it_is_and_is_not_exchanged(module_service: Service) -> None:
    token = module_service.database.psql(
        "select refresh_token from parking.sign_in('driver1@parking.com', 'password123')"
    )
    for _ in range(2):
        async with watching(module_service, Cookie=f"session=lapsed; refresh={token}") as socket:
            await cells(socket)
    present = """
        select count(*) from parking.refresh_tokens
        where hash = parking_private.hash_token('{}') and superseded_at is null"""
    assert module_service.database.psql(present.format(token)) == "1"
    module_service.database.psql(f"select parking.sign_out_everywhere({DRIVER_1})")
    async with watching(module_service, Cookie=f"session=lapsed; refresh={token}") as socket:
        assert await close_of(socket) == (1008, "session-over")


async def test_a_lot_that_is_public_no_longer_is_closed_to_strangers_and_to_no_others(module_service: Service) -> None:
    database = module_service.database
    events = f"{module_service.ws_url}/ws?lot=1"
    own = {"Authorization": f"Bearer {issue_token(module_service, DRIVER_1)}"}
    try:
        async with (
            watching(module_service) as stranger,
            watching(module_service, DRIVER_1) as driver,
            connect(events, proxy=None) as listener,
            connect(events, additional_headers=own, proxy=None) as member,
        ):
            await cells(stranger)
            await cells(driver)
            database.psql("update parking.lots set public = false where id = 1")
            assert await close_of(stranger) == await close_of(listener) == (1008, "unknown-lot")
            for socket in (driver, member):
                await socket.ping()
                assert socket.state.name == "OPEN"
        async with connect(events, additional_headers=own, proxy=None) as member:
            assert "hello" in str(await asyncio.wait_for(member.recv(), LIMIT))
        with pytest.raises(websockets.exceptions.InvalidStatus):
            async with connect(events, proxy=None):
                pass
    finally:
        database.psql("update parking.lots set public = true where id = 1")
