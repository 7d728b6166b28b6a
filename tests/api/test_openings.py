"""What is free, over REST: a spot, a lot, and what to take instead."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.api.asking import booking, moment, problem
from tests.conftest import Connect
from tests.support import DRIVER_2, OPERATOR, Database, Service, sign_in
from tests.support.sql import edit_function


def period(days: int = 1, hours: tuple[int, int] = (8, 12)) -> dict[str, Any]:
    start, end = (moment(days, hour).isoformat() for hour in hours)
    return {"start_time": start, "end_time": end}


async def test_whether_a_spot_is_free(client: httpx.AsyncClient) -> None:
    driver, operator = await sign_in(client), await sign_in(client, OPERATOR)
    ask = "/api/spots/2/availability"
    free = await client.post(ask, json=period())
    assert (free.status_code, free.json()) == (200, {"available": True, "status": "available", "alternatives": []})
    await client.post("/reservations", json=booking(2), headers=driver)
    taken = (await client.post(ask, json=period())).json()
    assert (taken["available"], taken["status"]) == (False, "booked")
    assert taken["alternatives"][:2] == [
        {"kind": "other-spot", "spot_id": 1, "spot": "Spot 1", "type": "regular", **period()},
        {"kind": "later-period", "spot_id": 2, "spot": "Spot 2", "type": "regular", **period(hours=(12, 16))},
    ]
    assert len(taken["alternatives"]) == 5
    await client.put("/api/spots/2/state", json={"state": "maintenance", "reason": "Paint"}, headers=operator)
    assert (await client.post(ask, json=period(hours=(16, 20)))).json()["status"] == "maintenance"

    problem(await client.post(ask, json=period(days=-2)), 422, "period-over")
    problem(await client.post(ask, json={**period(), "spot_id": 2}), 400, "invalid-request")
    problem(await client.post("/api/spots/999999/availability", json=period()), 404, "unknown-spot")


async def test_a_taken_spot_is_refused_with_what_is_free(client: httpx.AsyncClient) -> None:
    first, second = await sign_in(client), await sign_in(client, DRIVER_2)
    await client.post("/reservations", json=booking(), headers=first)
    document = problem(await client.post("/reservations", json=booking(), headers=second), 409, "spot-taken")
    assert [(one["kind"], one["spot_id"], one["start_time"]) for one in document["alternatives"]] == [
        ("other-spot", 2, moment(1, 8).isoformat()),
        ("later-period", 1, moment(1, 12).isoformat()),
        ("other-spot", 4, moment(1, 8).isoformat()),
        ("other-spot", 5, moment(1, 8).isoformat()),
        ("other-spot", 3, moment(1, 8).isoformat()),
    ]
    # Each can be booked.
    for one in document["alternatives"]:
        body = {name: one[name] for name in ("spot_id", "start_time", "end_time")}
        assert (await client.post("/reservations", json=body, headers=second)).status_code == 201
    # No other refusal looks for any.
    refused = problem(await client.post("/reservations", json=booking(days=-2), headers=second), 422, "period-over")
    assert "alternatives" not in refused


async def test_for_a_crowd_they_are_looked_up_a_few_times(
    client: httpx.AsyncClient, database: Database, connect: Connect
) -> None:
    """Who was refused meanwhile is told what was found for another who wanted the same."""
    first, second = await sign_in(client), await sign_in(client, DRIVER_2)
    await client.post("/reservations", json=booking(), headers=first)
    superuser = await connect("postgres")
    await superuser.execute("create sequence lookups; grant usage on sequence lookups to parking_owner")
    await edit_function(
        superuser,
        "parking.alternatives(bigint,timestamptz,timestamptz,bigint,integer)",
        "return query",
        "perform nextval('public.lookups'), pg_sleep(0.3);\n    return query",
    )
    answers = await asyncio.gather(*(client.post("/reservations", json=booking(), headers=second) for _ in range(40)))
    told = [problem(answer, 409, "spot-taken")["alternatives"] for answer in answers]
    assert all(each == told[0] for each in told)
    assert {one["spot_id"] for one in told[0]} == {1, 2, 3, 4, 5}
    # One at a time while they come, so how many depends on how long all of them take; not forty, by far.
    assert int(database.psql("select last_value from lookups")) <= 12
    # Another period is another question, and so is the same when it is asked anew.
    other = booking(hours=(9, 11))
    assert problem(await client.post("/reservations", json=other, headers=second), 409, "spot-taken")["alternatives"]
    await client.post("/reservations", json=booking(2), headers=second)
    anew = problem(await client.post("/reservations", json=booking(), headers=second), 409, "spot-taken")
    assert [one["spot_id"] for one in anew["alternatives"]] == [4, 1, 5, 3, 1]


async def test_without_alternatives_a_taken_spot_is_refused_all_the_same(
    client: httpx.AsyncClient, database: Database
) -> None:
    first, second = await sign_in(client), await sign_in(client, DRIVER_2)
    await client.post("/reservations", json=booking(), headers=first)
    database.psql(
        "revoke execute on function parking.alternatives(bigint, timestamptz, timestamptz, bigint, integer)"
        " from parking_service"
    )
    document = problem(await client.post("/reservations", json=booking(), headers=second), 409, "spot-taken")
    assert "alternatives" not in document


async def test_the_free_spots_of_a_period(client: httpx.AsyncClient) -> None:
    driver = await sign_in(client)
    await client.post("/reservations", json=booking(2), headers=driver)
    ask = {"from": moment(1, 8).isoformat(), "to": moment(1, 12).isoformat()}
    answer = await client.get("/api/lots/1/free", params=ask)
    assert [spot["id"] for spot in answer.json()] == [1, 3, 4, 5]
    assert answer.json()[1] == {"id": 3, "name": "Spot 3", "type": "handicap"}
    answer = await client.get("/api/lots/1/free", params={**ask, "type": "handicap"})
    assert [spot["id"] for spot in answer.json()] == [3]
    problem(await client.get("/api/lots/999999/free", params=ask), 404, "unknown-lot")
    problem(await client.get("/api/lots/1/free", params={**ask, "type": "van"}), 400, "invalid-request")
    problem(await client.get("/api/lots/1/free", params={"from": ask["from"]}), 400, "invalid-request")
    problem(
        await client.get("/api/lots/1/free", params={"from": ask["to"], "to": ask["from"]}), 422, "period-backwards"
    )


async def test_how_full_a_lot_is(client: httpx.AsyncClient, database: Database) -> None:
    operator = await sign_in(client, OPERATOR)
    period = "parking.clock() - interval '1 hour', parking.clock() + interval '1 hour'"
    for spot in (1, 2):
        database.psql(f"select parking.book(1, {spot}, {period})")
    for spot, state in ((3, "maintenance"), (4, "occupied")):
        body = {"state": state, "reason": "Seen"}
        assert (await client.put(f"/api/spots/{spot}/state", json=body, headers=operator)).status_code == 200
    told = (await client.get("/api/lots/1/occupancy")).json()
    assert told.pop("at")
    assert told == {
        "lot_id": 1,
        "spots": 5,
        "free": 1,
        "reserved": 2,
        "occupied": 1,
        "maintenance": 1,
        "unknown": 0,
        "rate": 0.75,
    }
    problem(await client.get("/api/lots/999999/occupancy"), 404, "unknown-lot")


@pytest.mark.parametrize("path", ["free?from=2030-01-01T08:00:00Z&to=2030-01-01T09:00:00Z", "occupancy"])
async def test_a_lot_that_is_not_public(service: Service, client: httpx.AsyncClient, path: str) -> None:
    driver = await sign_in(client)
    service.database.psql("update parking.lots set public = false where id = 2")
    problem(await client.get(f"/api/lots/2/{path}"), 404, "unknown-lot")
    assert (await client.get(f"/api/lots/2/{path}", headers=driver)).status_code == 200
