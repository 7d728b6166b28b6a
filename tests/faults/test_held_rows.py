"""Somebody's psql holds a row: those who need it get 503 after two seconds, everybody else notices nothing."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest

from service import database as lanes
from service.app import create_app
from service.settings import Settings
from tests.api.asking import booking, problem, waiting_for_locks
from tests.conftest import Connect
from tests.support import DRIVER_2, Database, sign_in

WAITERS = 60
SPOT = "select from parking.spots where id = 1 for update"


@asynccontextmanager
async def held(holder: asyncpg.Connection, row: str) -> AsyncIterator[None]:
    """A session that locks a row and then goes to lunch."""
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute(row)
    try:
        yield
    finally:
        await transaction.rollback()


@asynccontextmanager
async def serving(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service in this very process, where its lanes can be taken away; it says where it comes from."""
    proxies = ("127.0.0.1/32",)
    app: Any = create_app(
        Settings(database_url=database.url(), jwt_secret="x" * 32, pool_size=5, trusted_proxies=proxies)
    )
    async with (
        app.lifespan(),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://parking", timeout=60) as client,
    ):
        yield client


async def others(client: httpx.AsyncClient, driver: dict[str, str]) -> list[int]:
    """What everybody else does, one after the other; the answers' statuses."""
    booked = await client.post("/reservations", json=booking(2), headers=driver)
    answers = [
        booked,
        await client.get("/spots"),
        await client.get("/stats"),
        await client.get(booked.headers.get("location", "/spots"), headers=driver),
        await client.post("/login", json={"email": DRIVER_2, "password": "password123"}),
    ]
    return [answer.status_code for answer in answers]


async def test_a_held_spot(database: Database, connect: Connect) -> None:
    async with serving(database) as crowd:
        driver, other = await sign_in(crowd), await sign_in(crowd, DRIVER_2)
        holder = await connect("postgres")
        async with held(holder, SPOT):
            began = time.monotonic()
            waiters = [
                asyncio.create_task(crowd.post("/reservations", json=booking(), headers=driver)) for _ in range(WAITERS)
            ]
            await waiting_for_locks(database, lanes.LANE_WIDTH)
            assert await others(crowd, other) == [201, 200, 200, 200, 200]
            assert not [waiter for waiter in waiters if waiter.done()]
            for answer in await asyncio.gather(*waiters):
                problem(answer, 503, "spot-busy")
            assert 1.9 < time.monotonic() - began < 10
        assert (await crowd.post("/reservations", json=booking(), headers=driver)).status_code == 201


async def test_without_lanes_everybody_waits(
    database: Database, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of the test above."""
    async with serving(database) as crowd:
        driver, other = await sign_in(crowd), await sign_in(crowd, DRIVER_2)
        monkeypatch.setattr(lanes, "LANE_WIDTH", WAITERS)
        holder = await connect("postgres")
        async with held(holder, SPOT):
            waiters = [
                asyncio.create_task(crowd.post("/reservations", json=booking(), headers=driver)) for _ in range(WAITERS)
            ]
            await waiting_for_locks(database, 5)
            await others(crowd, other)
            assert [waiter for waiter in waiters if waiter.done()]
            await asyncio.gather(*waiters)


async def test_a_held_reservation(database: Database, connect: Connect) -> None:
    async with serving(database) as crowd:
        driver, other = await sign_in(crowd), await sign_in(crowd, DRIVER_2)
        booked = (await crowd.post("/reservations", json=booking(), headers=driver)).json()
        holder = await connect("postgres")
        async with held(holder, f"select from parking.reservations where id = {booked['id']} for update"):
            waiters = [
                asyncio.create_task(crowd.put(f"/reservations/{booked['id']}/complete", headers=driver))
                for _ in range(WAITERS)
            ]
            await waiting_for_locks(database, lanes.LANE_WIDTH)
            assert await others(crowd, other) == [201, 200, 200, 200, 200]
            # Reading it and booking its spot for another time need not wait either.
            assert (await crowd.get(f"/reservations/{booked['id']}", headers=driver)).status_code == 200
            assert (await crowd.post("/reservations", json=booking(hours=(16, 20)), headers=other)).status_code == 201
            assert not [waiter for waiter in waiters if waiter.done()]
            for answer in await asyncio.gather(*waiters):
                problem(answer, 503, "spot-busy")
        assert (await crowd.put(f"/reservations/{booked['id']}/complete", headers=driver)).status_code == 200


async def test_a_held_ticket(database: Database, connect: Connect) -> None:
    """However its number is written, and lost or void: it is one ticket, whose waiters leave the others their way."""
    async with serving(database) as crowd:
        desk, other = await sign_in(crowd, "attendant@parking.com"), await sign_in(crowd, DRIVER_2)
        entry = {"licensePlate": "ABC123", "vehicleType": "Car"}
        number = (await crowd.post("/api/tickets", params={"lot": 4}, json=entry, headers=desk)).json()["ticketNumber"]
        cash, lost = {"paymentMethod": "Cash"}, {"payment_method": "Cash", "reason": "Lost"}
        holder = await connect("postgres")
        async with held(holder, f"select from parking.tickets where ticket_number = '{number}' for update"):
            waiters = [
                asyncio.create_task(waiter)
                for spelling in (number, number.lower())
                for waiter in (
                    *(crowd.put(f"/api/tickets/{spelling}/exit", json=cash, headers=desk) for _ in range(WAITERS // 4)),
                    *(
                        crowd.post(f"/api/tickets/{spelling}/lost", json=lost, headers=desk)
                        for _ in range(WAITERS // 4)
                    ),
                )
            ]
            await waiting_for_locks(database, lanes.LANE_WIDTH)
            assert await others(crowd, other) == [201, 200, 200, 200, 200]
            waiting = (
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and usename = 'parking_service'"
            )
            assert int(database.psql(waiting)) <= lanes.LANE_WIDTH
            # Who enters does not wait for who cannot leave.
            another = entry | {"licensePlate": "ABC124"}
            answer = await crowd.post("/api/tickets", params={"lot": 4}, json=another, headers=desk)
            assert answer.status_code == 201, answer.text
            for answer in await asyncio.gather(*waiters):
                problem(answer, 503, "desk-busy")
        answer = await crowd.put(f"/api/tickets/{number}/exit", json=cash, headers=desk)
        assert answer.status_code == 200, answer.text


async def test_a_held_garage(database: Database, connect: Connect) -> None:
    async with serving(database) as crowd:
        desk = await sign_in(crowd, "attendant@parking.com")
        holder = await connect("postgres")
        async with held(holder, "select from parking.garages where lot_id = 4 for update"):
            entry = {"licensePlate": "ABC123", "vehicleType": "Car"}
            answer = await crowd.post("/api/tickets", params={"lot": 4}, json=entry, headers=desk)
            problem(answer, 503, "desk-busy")


async def test_a_long_queue_that_moves_is_served(database: Database, connect: Connect) -> None:
    """Each statement waits for a lock that comes free in time, so the lane moves although nobody in it is quick."""
    async with serving(database) as crowd:
        driver = await sign_in(crowd)
        holder = await connect("postgres")

        async def request(hour: int) -> httpx.Response:
            return await crowd.post("/reservations", json=booking(hours=(hour, hour + 1)), headers=driver)

        waiters: list[asyncio.Task[httpx.Response]] = []
        # Longer in all than anybody waits where nothing moves, and each time far shorter.
        for _ in range(3):
            async with held(holder, SPOT):
                if not waiters:
                    waiters = [asyncio.create_task(request(hour)) for hour in range(8, 14)]
                    await waiting_for_locks(database, lanes.LANE_WIDTH)
                await asyncio.sleep(0.75)
        answers = await asyncio.gather(*waiters)
        assert {answer.status_code for answer in answers} == {201}
        assert database.psql("select count(*) from parking.reservations") == "6"


async def a_crowd_delays_a_sign_in(database: Database, connect: Connect) -> bool:
    """Whether one from elsewhere waits for twenty from one network, who wait for the row that counts them."""
    credentials = {"email": DRIVER_2, "password": "password123"}
    async with serving(database) as client:

        async def status_from(address: str) -> int:
            return (await client.post("/login", json=credentials, headers={"X-Forwarded-For": address})).status_code

        assert await status_from("2001:db8:0:1::1") == 200
        holder = await connect("postgres")
        async with held(holder, "select from parking_private.attempts where kind = 'address' for update"):
            crowd = [asyncio.create_task(status_from(f"2001:db8:0:1::{n}")) for n in range(20)]
            await waiting_for_locks(database, lanes.SIGN_IN_LANE_WIDTH)
            assert await status_from("2001:db8:0:2::1") == 200
            delayed = any(each.done() for each in crowd)
        assert set(await asyncio.gather(*crowd)) <= {200, 429, 503}
    return delayed


async def test_one_network_does_not_close_sign_in_to_others(database: Database, connect: Connect) -> None:
    assert not await a_crowd_delays_a_sign_in(database, connect)


async def test_without_lanes_by_network_it_does(
    database: Database, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the crowd has both connections."""
    monkeypatch.setattr(lanes, "SIGN_IN_LANE_WIDTH", lanes.SIGN_IN_POOL_SIZE)
    assert await a_crowd_delays_a_sign_in(database, connect)


async def test_no_lane_is_left_behind(database: Database) -> None:
    pool = lanes.Database(Settings(database_url=database.url(), jwt_secret="x" * 32))
    await pool.open()
    statements: list[Any] = [pool.rows("select $1::int", n, lane=("spot", n % 5)) for n in range(50)]
    statements += [pool.rows("select 1 / $1::int", 0, lane=("spot", n % 5)) for n in range(50)]
    tasks = [asyncio.ensure_future(statement) for statement in statements]
    await asyncio.sleep(0)
    for task in tasks[::7]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert pool._lanes == {}
    await pool.close()
