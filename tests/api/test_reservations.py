"""Book, look up, complete."""

import datetime as dt

import httpx
import pytest

from service.edge import LARGEST_NUMBER
from tests.api.asking import ROOTS, booking, moment, problem, stored
from tests.support import DRIVER_1, DRIVER_2, Database, sign_in
from tests.support.days import BERLIN


@pytest.mark.parametrize("root", ROOTS)
async def test_the_life_of_a_reservation(client: httpx.AsyncClient, root: str) -> None:
    driver = await sign_in(client)
    body = booking(3)
    answer = await client.post(f"{root}/reservations", json=body, headers=driver)
    assert answer.status_code == 201
    reservation = answer.json()
    assert reservation == {**body, "id": reservation["id"], "user_id": DRIVER_1, "status": "active", "price": None}
    assert answer.headers["location"] == f"{root}/reservations/{reservation['id']}"

    found = await client.get(answer.headers["location"], headers=driver)
    assert (found.status_code, found.json()) == (200, reservation)

    completed = await client.put(f"{answer.headers['location']}/complete", headers=driver)
    assert (completed.status_code, completed.json()) == (200, {**reservation, "status": "completed"})
    assert (await client.get(answer.headers["location"], headers=driver)).json() == completed.json()
    problem(await client.put(f"{answer.headers['location']}/complete", headers=driver), 409, "reservation-not-active")

    again = await client.post(f"{root}/reservations", json=body, headers=driver)
    assert again.status_code == 201


async def test_times_come_back_in_the_lots_own_offset(client: httpx.AsyncClient) -> None:
    driver = await sign_in(client)
    start = moment(1, 8)
    body = {
        "spot_id": 1,
        "start_time": start.astimezone(dt.UTC).isoformat().replace("+00:00", "Z"),
        "end_time": (start + dt.timedelta(hours=2))
        .astimezone(dt.timezone(dt.timedelta(hours=-9, minutes=-30)))
        .isoformat(),
    }
    answer = (await client.post("/reservations", json=body, headers=driver)).json()
    assert answer["start_time"] == start.isoformat()
    assert answer["end_time"] == moment(1, 10).isoformat()


async def test_a_taken_spot(client: httpx.AsyncClient) -> None:
    first, second = await sign_in(client), await sign_in(client, DRIVER_2)
    assert (await client.post("/reservations", json=booking(), headers=first)).status_code == 201
    for hours in ((8, 12), (7, 9), (11, 13), (9, 10), (7, 13)):
        refused = problem(
            await client.post("/reservations", json=booking(hours=hours), headers=second), 409, "spot-taken"
        )
        assert DRIVER_1 not in str(refused)
        assert refused["remedy"]
    for hours in ((6, 8), (12, 16)):
        assert (await client.post("/reservations", json=booking(hours=hours), headers=second)).status_code == 201


async def test_another_drivers_reservation(client: httpx.AsyncClient, database: Database) -> None:
    first, second = await sign_in(client), await sign_in(client, DRIVER_2)
    where = (await client.post("/reservations", json=booking(), headers=first)).headers["location"]
    before = stored(database)
    problem(await client.get(where, headers=second), 403, "not-your-reservation")
    problem(await client.put(f"{where}/complete", headers=second), 403, "not-your-reservation")
    assert stored(database) == before


@pytest.mark.parametrize("number", [999_999, LARGEST_NUMBER])
async def test_an_unknown_reservation(module_client: httpx.AsyncClient, number: int) -> None:
    driver = await sign_in(module_client)
    problem(await module_client.get(f"/reservations/{number}", headers=driver), 404, "unknown-reservation")
    problem(await module_client.put(f"/reservations/{number}/complete", headers=driver), 404, "unknown-reservation")


async def test_periods_that_the_rules_refuse(module_client: httpx.AsyncClient, module_database: Database) -> None:
    driver = await sign_in(module_client)
    now = dt.datetime.now(BERLIN)
    hour, day = dt.timedelta(hours=1), dt.timedelta(1)
    before = stored(module_database)
    for start, end, slug in (
        (now + 2 * hour, now + hour, "period-backwards"),
        (now + hour, now + hour, "period-backwards"),
        (now - 2 * hour, now - hour, "period-over"),
        (now - 25 * hour, now + hour, "period-too-early"),
        (now + 2000 * day, now + 2000 * day + hour, "period-too-far"),
        (now + hour, now + 50 * hour, "period-too-long"),
        (now - hour, dt.datetime(9999, 1, 1, tzinfo=BERLIN), "period-too-far"),
    ):
        body = {"spot_id": 1, "start_time": start.isoformat(), "end_time": end.isoformat()}
        problem(await module_client.post("/reservations", json=body, headers=driver), 422, slug)
    for spot in (999_999, LARGEST_NUMBER):
        problem(await module_client.post("/reservations", json=booking(spot), headers=driver), 404, "unknown-spot")
    assert stored(module_database) == before
