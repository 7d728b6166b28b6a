"""Many at once: of all who want the same spot, exactly one gets it, and nobody sees an error for it."""

import asyncio
import datetime as dt
import random
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.asking import booking, moment, problem
from tests.support import DRIVER_1, DRIVER_2, Database, Service, sign_in


@pytest.fixture
async def crowd(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client that really sends 200 requests at once."""
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=service.url, timeout=60, limits=limits, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("number", [20, 200])
async def test_one_spot_and_period(crowd: httpx.AsyncClient, database: Database, number: int) -> None:
    drivers = [await sign_in(crowd, DRIVER_1), await sign_in(crowd, DRIVER_2)]
    answers = await asyncio.gather(
        *(crowd.post("/reservations", json=booking(), headers=drivers[n % 2]) for n in range(number))
    )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: number - 1}
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "spot-taken")
    assert database.psql("select count(*) from parking.reservations") == "1"
    assert database.psql("select count(*) from parking.events") == "1"


async def test_periods_that_partly_overlap(crowd: httpx.AsyncClient, database: Database) -> None:
    driver = await sign_in(crowd)
    chance = random.Random(20261120)  # noqa: S311 (the same periods each time)

    def body() -> dict[str, object]:
        # After the hour that a night in spring lacks and one in autumn has twice.
        start = moment(1, 3) + dt.timedelta(minutes=chance.randrange(0, 17 * 60))
        end = start + dt.timedelta(minutes=chance.randrange(1, 240))
        return {"spot_id": chance.randint(1, 2), "start_time": start.isoformat(), "end_time": end.isoformat()}

    answers = await asyncio.gather(*(crowd.post("/reservations", json=body(), headers=driver) for _ in range(200)))
    counts = Counter(answer.status_code for answer in answers)
    assert counts.keys() == {201, 409}
    assert database.psql("select count(*) from parking.reservations") == str(counts[201])
    overlaps = database.psql("""
        select count(*) from parking.reservations a join parking.reservations b
        on a.tenant_id = b.tenant_id and a.spot_id = b.spot_id and a.id < b.id
        where a.starts < b.ends and b.starts < a.ends and a.status = 'active' and b.status = 'active'""")
    assert overlaps == "0"


async def test_one_reservation_is_completed_once(crowd: httpx.AsyncClient, database: Database) -> None:
    driver = await sign_in(crowd)
    where = (await crowd.post("/reservations", json=booking(), headers=driver)).headers["location"]
    answers = await asyncio.gather(*(crowd.put(f"{where}/complete", headers=driver) for _ in range(50)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 49}
    assert database.psql("select count(*) from parking.events where type = 'completed'") == "1"


async def test_booking_and_completing_one_spot_in_turn(crowd: httpx.AsyncClient) -> None:
    driver = await sign_in(crowd)

    async def book_and_complete() -> list[int]:
        booked = await crowd.post("/reservations", json=booking(), headers=driver)
        if booked.status_code != 201:
            return [booked.status_code]
        completed = await crowd.put(f"{booked.headers['location']}/complete", headers=driver)
        return [booked.status_code, completed.status_code]

    results = await asyncio.gather(*(book_and_complete() for _ in range(150)))
    counts = Counter(status for statuses in results for status in statuses)
    assert counts.keys() <= {201, 200, 409}
    assert counts[201] == counts[200] >= 1
