"""A request that is asked again books once, however often and at whatever time it is asked."""

import asyncio
from datetime import datetime, timedelta

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support.sql import (
    BOOK,
    CANCEL,
    COMPLETE,
    DRIVER_1,
    DRIVER_2,
    RESCHEDULE,
    edit_function,
    hours_ahead,
    one_row,
    refused,
    waits_for_a_lock,
)

REQUEST = "select * from parking.book($1, $2, $3, $4, $5)"
REPLAY_SIGNATURE = "parking_private.replay(parking.people,text,bigint,timestamptz,timestamptz)"


@pytest.fixture
async def service(connect: Connect) -> asyncpg.Connection:
    return await connect("parking_service")


@pytest.fixture
def period() -> tuple[datetime, datetime]:
    return hours_ahead(1), hours_ahead(2)


async def test_the_same_request_gives_the_same_reservation(
    service: asyncpg.Connection, connect: Connect, period: tuple[datetime, datetime]
) -> None:
    superuser = await connect("postgres")
    first = await one_row(service, REQUEST, DRIVER_1, 1, *period, "once")
    again = await one_row(service, REQUEST, DRIVER_1, 1, *period, "once")
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert {**first, "replayed": None} == {**again, "replayed": None}
    assert await superuser.fetchval("select count(*) from parking.events") == 1


async def test_a_name_is_ones_own(service: asyncpg.Connection, period: tuple[datetime, datetime]) -> None:
    one = await one_row(service, REQUEST, DRIVER_1, 1, *period, "once")
    other = await one_row(service, REQUEST, DRIVER_2, 2, *period, "once")
    assert one["id"] != other["id"]
    assert not other["replayed"]


async def test_without_a_name_nothing_is_replayed(
    service: asyncpg.Connection, period: tuple[datetime, datetime]
) -> None:
    row = await one_row(service, BOOK, DRIVER_1, 1, *period)
    assert row["replayed"] is False
    with refused("spot-taken", 409):
        await service.fetch(BOOK, DRIVER_1, 1, *period)


async def test_another_request_of_the_same_name(service: asyncpg.Connection, period: tuple[datetime, datetime]) -> None:
    starts, ends = period
    await service.fetch(REQUEST, DRIVER_1, 1, *period, "once")
    for spot, other in (
        (2, period),
        (1, (starts, ends + timedelta(microseconds=1))),
        (1, (starts - timedelta(minutes=1), ends)),
        (999_999, period),
        (None, period),
        (1, (ends, starts)),
        (1, (starts, None)),
    ):
        with refused("request-id-reused", 422):
            await service.fetch(REQUEST, DRIVER_1, spot, *other, "once")


async def test_it_is_replayed_as_it_is_now(service: asyncpg.Connection, period: tuple[datetime, datetime]) -> None:
    """Whatever has become of the reservation, it is the one that the request made."""
    number = (await one_row(service, REQUEST, DRIVER_1, 1, *period, "once"))["id"]
    await service.fetch(RESCHEDULE, DRIVER_1, number, None, hours_ahead(3))
    moved = await one_row(service, REQUEST, DRIVER_1, 1, *period, "once")
    assert (moved["id"], moved["replayed"], moved["ends"] > period[1]) == (number, True, True)
    await service.fetch(CANCEL, DRIVER_1, number)
    assert (await one_row(service, REQUEST, DRIVER_1, 1, *period, "once"))["status"] == "cancelled"
    # A request that is meant to be another one has another name.
    again = await one_row(service, REQUEST, DRIVER_1, 1, *period, "twice")
    await service.fetch(COMPLETE, DRIVER_1, again["id"])
    assert (await one_row(service, REQUEST, DRIVER_1, 1, *period, "twice"))["status"] == "completed"


async def test_what_was_refused_may_be_asked_again(
    service: asyncpg.Connection, period: tuple[datetime, datetime]
) -> None:
    holder = await one_row(service, BOOK, DRIVER_2, 1, *period)
    with refused("spot-taken", 409):
        await service.fetch(REQUEST, DRIVER_1, 1, *period, "once")
    await service.fetch(CANCEL, DRIVER_2, holder["id"])
    booked = await one_row(service, REQUEST, DRIVER_1, 1, *period, "once")
    assert not booked["replayed"]


@pytest.mark.parametrize("name", ["", "x" * 201])
async def test_what_is_no_name(service: asyncpg.Connection, period: tuple[datetime, datetime], name: str) -> None:
    with refused("not-a-request-id", 422):
        await service.fetch(REQUEST, DRIVER_1, 1, *period, name)


async def test_names_are_taken_as_they_are(service: asyncpg.Connection, period: tuple[datetime, datetime]) -> None:
    numbers = set()
    for spot, name in enumerate(("once", "ONCE", " once", "ö" * 200, "'; drop table"), start=1):
        numbers.add((await one_row(service, REQUEST, DRIVER_1, spot, *period, name))["id"])
    assert len(numbers) == 5


async def four_hundred_at_once(connect: Connect) -> list[object]:
    """Forty connections, each asking the same of ten requests: numbers of reservations, or SQLSTATEs."""
    connections = [await connect() for _ in range(40)]
    starts = hours_ahead(24)

    async def ask(connection: asyncpg.Connection) -> list[object]:
        answers: list[object] = []
        for n in range(10):
            period = starts + timedelta(hours=n), starts + timedelta(hours=n + 1)
            try:
                answers.append((await one_row(connection, REQUEST, DRIVER_1, 1, *period, f"request {n}"))["id"])
            except asyncpg.PostgresError as error:
                answers.append(error.sqlstate)
        return answers

    return [answer for answers in await asyncio.gather(*map(ask, connections)) for answer in answers]


async def test_four_hundred_duplicates_at_once_get_ten_reservations(connect: Connect) -> None:
    superuser = await connect("postgres")
    answers = await four_hundred_at_once(connect)
    stored = {row["id"] for row in await superuser.fetch("select id from parking.reservations")}
    assert len(stored) == 10
    assert set(answers) == stored


async def twice_under_one_name(connect: Connect, second_spot: int) -> str:
    """How the second request ended, which came before the first one, of spot 1, had committed."""
    first, second, superuser = await connect(), await connect(), await connect("postgres")
    period = hours_ahead(1), hours_ahead(2)
    transaction = first.transaction()
    await transaction.start()
    await first.fetch(REQUEST, DRIVER_1, 1, *period, "once")
    late = asyncio.create_task(second.fetch(REQUEST, DRIVER_1, second_spot, *period, "once"))
    await waits_for_a_lock(superuser)
    await transaction.commit()
    try:
        await late
    except asyncpg.PostgresError as error:
        return error.sqlstate or "?"
    return "00000"


async def test_a_duplicate_that_comes_too_soon_waits(connect: Connect) -> None:
    assert await twice_under_one_name(connect, 1) == "00000"


async def test_without_its_lock_a_duplicate_would_be_refused(connect: Connect) -> None:
    """The negative control: the looking up comes too early, and then the spot is taken."""
    superuser = await connect("postgres")
    await edit_function(superuser, REPLAY_SIGNATURE, "pg_advisory_xact_lock(c_requests,", "(")
    assert await twice_under_one_name(connect, 1) == "PK409"


async def test_two_spots_under_one_name_at_once(connect: Connect) -> None:
    assert await twice_under_one_name(connect, 2) == "PK422"


async def test_without_its_lock_only_the_index_would_notice(connect: Connect) -> None:
    """The negative control: then it is a unique violation, in words of its own."""
    superuser = await connect("postgres")
    await edit_function(superuser, REPLAY_SIGNATURE, "pg_advisory_xact_lock(c_requests,", "(")
    assert await twice_under_one_name(connect, 2) == "23505"
