"""Reservations over REST after they are made: listed, moved, cancelled, expired, shown."""

import re
from typing import Any

import httpx
import pytest

from tests.api.asking import booking, moment, problem, stored
from tests.support import DRIVER_1, DRIVER_2, OPERATOR, Database, sign_in

LIST = "/api/reservations"


async def booked(client: httpx.AsyncClient, driver: dict[str, str], **named: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = await client.post("/reservations", json=booking(**named), headers=driver)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def next_page(answer: httpx.Response) -> str | None:
    links = {relation: address for address, relation in re.findall(r'<([^>]+)>; rel="(\w+)"', answer.headers["link"])}
    assert "first" in links
    return links.get("next")


async def test_ones_own_reservations(client: httpx.AsyncClient) -> None:
    first, second = await sign_in(client), await sign_in(client, DRIVER_2)
    one = await booked(client, first, spot=3)
    await booked(client, second, spot=4)
    answer = await client.get(LIST, headers=first)
    (listed,) = answer.json()
    assert listed == {
        **one,
        "period": "coming",
        "spot": "Spot 3",
        "type": "handicap",
        "row": "Row A",
        "floor": "Ground floor",
        "lot_id": 1,
        "lot": "Demo Garage",
        "address": "Invalidenstraße 50, 10557 Berlin",
        "time_zone": "Europe/Berlin",
        "booked_at": listed["booked_at"],
        "ended_at": None,
    }
    assert next_page(answer) is None
    problem(await client.get(LIST), 401, "not-signed-in")


async def test_all_reservations_are_for_operators(client: httpx.AsyncClient) -> None:
    first, second, operator = [await sign_in(client, who) for who in (DRIVER_1, DRIVER_2, OPERATOR)]
    await booked(client, first, spot=3)
    await booked(client, second, spot=4)
    every = (await client.get(LIST, params={"whose": "all"}, headers=operator)).json()
    assert sorted(row["user_id"] for row in every) == [DRIVER_1, DRIVER_2]
    problem(await client.get(LIST, params={"whose": "all"}, headers=first), 403, "not-permitted")


async def test_only_some_of_them(client: httpx.AsyncClient) -> None:
    driver = await sign_in(client)
    for spot, days in ((1, 1), (2, 2), (3, 3)):
        await booked(client, driver, spot=spot, days=days)

    async def spots(**asked: object) -> list[int]:
        answer = await client.get(LIST, params={k.rstrip("_"): str(v) for k, v in asked.items()}, headers=driver)
        assert answer.status_code == 200, answer.text
        return [row["spot_id"] for row in answer.json()]

    assert await spots() == [3, 2, 1]
    assert await spots(sort="earliest") == [1, 2, 3]
    assert await spots(from_=moment(2, 8).isoformat()) == [3, 2]
    assert await spots(to=moment(2, 8).isoformat()) == [1]
    assert await spots(from_=moment(2, 0).isoformat(), to=moment(3, 0).isoformat()) == [2]
    assert await spots(spot_id=2) == [2]
    assert await spots(lot_id=2) == []
    assert await spots(period="past") == []
    assert await spots(status="active", period="coming") == [3, 2, 1]


async def test_page_by_page(client: httpx.AsyncClient) -> None:
    driver = await sign_in(client)
    for spot in (1, 2, 3, 4, 5):
        await booked(client, driver, spot=spot)
    read = []
    address: str | None = f"{LIST}?limit=2&sort=earliest&status=active"
    while address:
        answer = await client.get(address, headers=driver)
        page = answer.json()
        read += [row["spot_id"] for row in page]
        address = next_page(answer)
        assert len(page) == 2 or address is None
    assert read == [1, 2, 3, 4, 5], "all begin at the same moment"


@pytest.mark.parametrize(
    "query",
    [
        "whose=others",
        "status=lost",
        "period=soon",
        "sort=best",
        "limit=0",
        "limit=1001",
        "spot_id=0",
        "lot_id=x",
        "after=1",
        "after=x~1",
        "after=9999999999999999~1~",
        "after=9999999999999999999~1",
        "from=2026-01-01T00:00:00",
        "from=2026-02-30T00:00:00Z",
        "from=12345",
        "to=tomorrow",
        "to=2026-01-01T00:00:00+01:00",  # the plus sign is a space
    ],
)
async def test_what_cannot_be_asked_for(module_client: httpx.AsyncClient, query: str) -> None:
    driver = await sign_in(module_client)
    document = problem(await module_client.get(f"{LIST}?{query}", headers=driver), 400, "invalid-request")
    assert [error["parameter"] for error in document["errors"]] == [query.partition("=")[0]]


async def test_a_place_beyond_all_pages(module_client: httpx.AsyncClient) -> None:
    driver = await sign_in(module_client)
    for after in ("9999999999999999~1", "-9999999999999999~1"):
        answer = await module_client.get(LIST, params={"after": after, "sort": "latest"}, headers=driver)
        assert answer.status_code == 200


async def test_rescheduling(client: httpx.AsyncClient) -> None:
    driver = await sign_in(client)
    one = await booked(client, driver)
    where = f"{LIST}/{one['id']}"
    later = await client.patch(where, json={"end_time": moment(1, 14).isoformat()}, headers=driver)
    assert (later.status_code, later.json()) == (200, {**one, "end_time": moment(1, 14).isoformat()})
    moved = {"start_time": moment(2, 9).isoformat(), "end_time": moment(2, 10).isoformat()}
    assert (await client.patch(where, json=moved, headers=driver)).json() == {**one, **moved}
    assert (await client.patch(where, json={}, headers=driver)).json() == {**one, **moved}
    assert (await client.get(where, headers=driver)).json() == {**one, **moved}


async def test_what_cannot_be_rescheduled(client: httpx.AsyncClient, database: Database) -> None:
    first, second = await sign_in(client), await sign_in(client, DRIVER_2)
    one = await booked(client, first)
    await booked(client, second, hours=(13, 14))
    where = f"{LIST}/{one['id']}"
    before = stored(database)
    later = {"end_time": moment(1, 14).isoformat()}
    problem(await client.patch(where, json=later, headers=first), 409, "spot-taken")
    problem(
        await client.patch(where, json={"end_time": moment(1, 7).isoformat()}, headers=first), 422, "period-backwards"
    )
    problem(await client.patch(where, json=later, headers=second), 403, "not-your-reservation")
    problem(await client.patch(f"{LIST}/999999", json=later, headers=first), 404, "unknown-reservation")
    problem(await client.patch(where, json=later), 401, "not-signed-in")
    for body in ({"end_time": None}, {"end_time": "2030-01-01T08:00:00"}, {"spot_id": 2}, {"end_time": 12}):
        problem(await client.patch(where, json=body, headers=first), 400, "invalid-request")
    assert stored(database) == before


async def test_cancelling(client: httpx.AsyncClient, database: Database) -> None:
    first, second, operator = [await sign_in(client, who) for who in (DRIVER_1, DRIVER_2, OPERATOR)]
    one, two = await booked(client, first), await booked(client, first, spot=2)
    where = f"{LIST}/{one['id']}"
    problem(await client.post(f"{where}/cancel", headers=second), 403, "not-your-reservation")
    cancelled = await client.post(f"{where}/cancel", headers=first)
    assert (cancelled.status_code, cancelled.json()) == (200, {**one, "status": "cancelled"})
    assert (await client.get(where, headers=first)).json() == cancelled.json()
    problem(await client.post(f"{where}/cancel", headers=first), 409, "reservation-not-active")
    by_operator = await client.post(f"{LIST}/{two['id']}/cancel", headers=operator)
    assert (by_operator.status_code, by_operator.json()["user_id"]) == (200, DRIVER_1)
    running = database.psql(
        "select id from parking.book(1, 5, parking.clock() - interval '1 hour', parking.clock() + interval '1 hour')"
    )
    problem(await client.post(f"{LIST}/{running}/cancel", headers=first), 409, "reservation-begun")


async def test_operators_expire_what_is_overdue(client: httpx.AsyncClient, database: Database) -> None:
    driver, operator = await sign_in(client), await sign_in(client, OPERATOR)
    running = database.psql(
        "select id from parking.book(1, 5, parking.clock() - interval '1 hour', parking.clock() + interval '2 minutes')"
    )
    assert (await client.post(f"{LIST}/expire-old", headers=operator)).json() == []
    problem(await client.post(f"{LIST}/expire-old", headers=driver), 403, "not-permitted")
    problem(await client.post(f"{LIST}/expire-old"), 401, "not-signed-in")
    database.psql("update parking_private.clock_shift set shift = '5 minutes'")
    answer = await client.post(f"{LIST}/expire-old", headers=operator)
    assert answer.status_code == 200
    assert [(row["id"], row["status"]) for row in answer.json()] == [(int(running), "completed")]


async def test_a_pass(client: httpx.AsyncClient) -> None:
    driver, stranger, operator = [await sign_in(client, who) for who in (DRIVER_1, DRIVER_2, OPERATOR)]
    one = await booked(client, driver)
    where = f"{LIST}/{one['id']}/pass"
    problem(await client.put(where, headers=stranger), 403, "not-your-reservation")
    code = (await client.put(where, headers=driver)).json()["code"]
    assert (await client.put(where, headers=driver)).json() == {"code": code}
    for headers, name in (({}, None), (stranger, None), (operator, "Dana Driver")):
        answer = await client.get(f"/api/passes/{code}", headers=headers)
        assert answer.status_code == 200
        told = answer.json()
        assert (told["state"], told["spot"], told["start_time"]) == ("early", "Spot 1", one["start_time"])
        assert (told["driver"] is None) == (name is None)
    for wrong in ("A" * 22, "%00", "'", "x" * 100, "ü"):
        answer = await client.get(f"/api/passes/{wrong}")
        assert answer.status_code in {404, 422}, answer.text
    assert (await client.get(f"/api/passes/{'x' * 101}")).status_code == 400
