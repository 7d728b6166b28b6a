"""/ws?after=<cursor>: whoever was away gets what was missed, once and in order, or is told that it cannot be told."""

import asyncio
import contextlib
import random
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from service.asyncapi import DOCUMENT
from tests.conftest import Connect
from tests.feed.test_events import LIMIT, listener_pid, listening, next_message, silent
from tests.support import Database, Service
from tests.support.sql import BOOK, COMPLETE, DRIVER_1, edit_function, hours_ahead, one_row, shift_clock


def after(cursor: str) -> str:
    return f"/ws?after={quote(cursor)}"


async def until_hello(socket: ClientConnection) -> list[dict[str, Any]]:
    """What was missed; the last message is the hello (or the reset) itself."""
    messages = [await next_message(socket)]
    while messages[-1]["type"] not in ("hello", "reset"):
        messages.append(await next_message(socket))
    return messages


async def change(connection: asyncpg.Connection, spot: int) -> None:
    """Two events: booked and completed."""
    booking = await one_row(connection, BOOK, DRIVER_1, spot, hours_ahead(1), hours_ahead(2))
    await connection.fetch(COMPLETE, DRIVER_1, booking["id"])


async def test_what_was_missed_comes_once_and_then_what_happens(service: Service, connect: Connect) -> None:
    driver = await connect()
    async with listening(service) as socket:
        await change(driver, 1)
        first, second = await next_message(socket), await next_message(socket)
    await change(driver, 2)
    async with listening(service, after(first["cursor"])) as socket:
        missed = await until_hello(socket)
        assert missed[0]["id"] == second["id"]
        assert [(event["type"], event["spot_id"]) for event in missed[:-1]] == [
            ("completed", 1),
            ("booked", 2),
            ("completed", 2),
        ]
        assert missed[-1]["type"] == "hello"
        await change(driver, 3)
        assert [(await next_message(socket))["spot_id"] for _ in range(2)] == [3, 3]
        assert await silent(socket)
    async with listening(service, after(missed[-1]["cursor"])) as socket:
        assert [event.get("spot_id") for event in await until_hello(socket)] == [3, 3, None]


async def test_more_than_a_page_was_missed(service: Service, connect: Connect) -> None:
    superuser = await connect("postgres")
    async with listening(service) as socket:
        await change(superuser, 1)
        cursor = (await next_message(socket))["cursor"]
    for _ in range(5):
        await superuser.execute("""
            do $$ begin
                for n in 1 .. 500 loop
                    perform parking_private.announce(1, 'released', 1, 1, n, null, now(), now(), now());
                end loop;
            end $$""")
    async with listening(service, after(cursor)) as socket:
        ids = [event["id"] for event in (await until_hello(socket))[:-1]]
    assert len(ids) == len(set(ids)) == 2501
    assert ids == sorted(ids)


async def test_clients_that_come_and_go_see_every_event_once(service: Service, connect: Connect) -> None:
    """Writers commit out of order and roll back now and then; readers leave after a few messages and come back."""
    superuser = await connect("postgres")
    async with listening(service) as socket:
        await change(superuser, 5)
        start = (await next_message(socket))["cursor"]
        assert (await next_message(socket))["type"] == "completed"
    writers = [await connect() for _ in range(4)]
    done = asyncio.Event()

    async def write(index: int, connection: asyncpg.Connection) -> None:
        random_ = random.Random(index)  # noqa: S311 (no secret)
        for _ in range(40):
            transaction = connection.transaction()
            await transaction.start()
            await change(connection, index + 1)
            await asyncio.sleep(random_.random() / 50)
            await (transaction.rollback() if random_.random() < 0.2 else transaction.commit())

    async def read(seed: int) -> list[int]:
        random_ = random.Random(seed)  # noqa: S311 (no secret)
        cursor, seen = start, list[int]()
        while True:
            finished = done.is_set()
            async with listening(service, after(cursor)) as socket:
                greeted = False
                for _ in range(random_.randrange(1, 40)):
                    try:
                        message = await asyncio.wait_for(next_message(socket), 0.5)
                    except TimeoutError:
                        break
                    cursor = message["cursor"]
                    if "id" in message:
                        seen.append(message["id"])
                    greeted = greeted or message["type"] == "hello"
            if finished and greeted:
                return seen

    readers = [asyncio.create_task(read(seed)) for seed in range(5)]
    await asyncio.gather(*(write(index, connection) for index, connection in enumerate(writers)))
    done.set()
    stored = await superuser.fetch("select id, spot_id from parking.events where type = 'completed' or spot_id <> 5")
    first = min(row["id"] for row in stored)
    expected = sorted(row["id"] for row in stored)
    for seen in await asyncio.gather(*readers):
        assert len(seen) == len(set(seen)), "an event came twice"
        assert sorted(seen) == expected, f"lost, of those from {first} on: {sorted(set(expected) - set(seen))}"


async def test_a_record_that_does_not_reach_back_says_reset(service: Service, connect: Connect) -> None:
    superuser = await connect("postgres")
    async with listening(service) as socket:
        await change(superuser, 1)
        cursor = (await next_message(socket))["cursor"]
    await shift_clock(superuser, timedelta(days=460))
    await superuser.execute("select * from parking.tend_events()")
    async with listening(service, after(cursor)) as socket:
        (message,) = await until_hello(socket)
        assert message["type"] == "reset"
        fresh = message["cursor"]
    async with listening(service, after(fresh)) as socket:
        assert [message["type"] for message in await until_hello(socket)] == ["hello"]


async def test_a_restored_record_says_reset_to_old_cursors_and_lets_followers_go(
    service: Service, connect: Connect
) -> None:
    superuser = await connect("postgres")
    async with listening(service) as socket:
        await change(superuser, 1)
        cursor = (await next_message(socket))["cursor"]
        await superuser.execute("select parking.begin_epoch()")
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):
            while True:
                await asyncio.wait_for(socket.recv(), LIMIT)
        assert socket.close_code == 1013
    async with listening(service, after(cursor)) as socket:
        assert (await next_message(socket))["type"] == "reset"
        await change(superuser, 2)
        assert (await next_message(socket))["spot_id"] == 2


async def test_more_to_catch_up_with_than_can_be_read_in_time_does_not_silence_the_feed(
    database: Database, connect: Connect
) -> None:
    """The reading behind an old cursor is made too slow for the limit; the follower comes back and misses nothing."""
    superuser = await connect("postgres")
    async with Service(database) as service, listening(service) as socket:
        await change(superuser, 1)
        cursor = (await next_message(socket))["cursor"]
        assert (await next_message(socket))["type"] == "completed"
        pid = await listener_pid(superuser)
        await edit_function(
            superuser,
            "parking_private.begin_reading(integer,pg_snapshot,pg_snapshot,bigint,integer)",
            "    return query",
            "    if at_most = 10000 and before::text <> batch::text then perform pg_sleep(30); end if; return query",
        )
        await superuser.execute("select pg_terminate_backend($1)", pid)
        await change(superuser, 2)
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 3 * LIMIT)
        assert socket.close_code == 1013
        async with listening(service, after(cursor)) as back:
            assert [event.get("spot_id") for event in await until_hello(back)] == [1, 2, 2, None]


@pytest.mark.parametrize(
    "cursor", ["", "x", "1~5:3:", "1~3:5:~3:5:~1", "1~3:5:~3:5:~99999999999999999999~1", "~" * 100]
)
async def test_what_is_no_cursor_ends_the_socket_for_good(module_service: Service, cursor: str) -> None:
    async with listening(module_service, after(cursor)) as socket:
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            await asyncio.wait_for(socket.recv(), LIMIT)
    assert (socket.close_code, socket.close_reason) == (1008, "not-a-cursor")


async def test_messages_are_as_the_document_says(service: Service, connect: Connect) -> None:
    driver = await connect()
    async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
        document = (await client.get("/asyncapi.json")).json()
    assert document == DOCUMENT
    assert document["asyncapi"].startswith("3.")
    schemas = document["components"]["schemas"]
    async with listening(service, "/ws?lot=1&after=" + quote(await cursor_now(driver))) as socket:
        await change(driver, 1)
        messages = [await next_message(socket) for _ in range(3)]
    for message in messages:
        schema = schemas["Event" if "id" in message else "Mark"]
        assert message.keys() == set(schema["required"])
        assert message["type"] in schema["properties"]["type"]["enum"]
    for described in document["components"]["messages"].values():
        schema = schemas[described["payload"]["$ref"].rsplit("/", 1)[1]]
        for example in described["examples"]:
            assert example["payload"].keys() == set(schema["required"])


async def cursor_now(connection: asyncpg.Connection) -> str:
    cursor: str = await connection.fetchval("select parking.event_cursor()")
    return cursor
