"""/api/spots/{spot}/state and /api/lots/{lot}/states."""

import datetime as dt
from typing import Any

import httpx
import pytest

from tests.api.asking import booking, moment, problem
from tests.support import DRIVER_1, DRIVER_2, Database, sign_in
from tests.support.days import BERLIN

STATE = "/api/spots/1/state"


@pytest.fixture
async def operator(client: httpx.AsyncClient, database: Database) -> dict[str, str]:
    database.psql("select parking.assign_role(2, 'operator')")
    return await sign_in(client, DRIVER_2)


async def test_maintenance(client: httpx.AsyncClient, operator: dict[str, str]) -> None:
    driver = await sign_in(client)
    booked = (await client.post("/reservations", json=booking(), headers=driver)).json()
    until = moment(2, 8).isoformat()
    body = {"state": "maintenance", "reason": "Paint", "until": until}
    answer = await client.put(STATE, json=body, headers=operator)
    assert answer.status_code == 200
    state = answer.json()
    assert state.pop("hits") == [
        {
            "id": booked["id"],
            "user_id": DRIVER_1,
            "start_time": booked["start_time"],
            "end_time": booked["end_time"],
        }
    ]
    assert {key: state[key] for key in ("spot_id", "lot_id", "name", "state", "source", "reason", "until")} == {
        "spot_id": 1, "lot_id": 1, "name": "Spot 1", "state": "maintenance", "source": "operator",
        "reason": "Paint", "until": until,
    }  # fmt: skip
    assert dt.datetime.fromisoformat(state["since"]) <= dt.datetime.now(BERLIN)
    refused = await client.post("/reservations", json=booking(hours=(13, 14)), headers=driver)
    problem(refused, 409, "spot-in-maintenance")
    assert (await client.get(STATE, headers=operator)).json() == state
    # Why, is nobody else's business.
    assert (await client.get(STATE)).json() == {**state, "reason": None}
    states = (await client.get("/api/lots/1/states", headers=operator)).json()
    assert states[0] == state
    assert [row["state"] for row in states] == ["maintenance", "free", "free", "free", "free"]

    problem(
        await client.put(STATE, json={"state": "occupied", "reason": "Seen"}, headers=operator),
        409,
        "state-not-reachable",
    )
    free = (await client.put(STATE, json={"state": "free", "reason": "Done"}, headers=operator)).json()
    assert (free["state"], free["source"], free["since"], free["until"]) == ("free", "bookings", None, None)
    assert (await client.post("/reservations", json=booking(hours=(13, 14)), headers=driver)).status_code == 201


async def test_who_may(client: httpx.AsyncClient, database: Database, operator: dict[str, str]) -> None:
    body = {"state": "occupied", "reason": "Seen"}
    problem(await client.put(STATE, json=body), 401, "not-signed-in")
    problem(await client.put(STATE, json=body, headers=await sign_in(client)), 403, "not-permitted")
    problem(await client.get(STATE, headers={"Authorization": "Bearer nonsense"}), 401, "invalid-token")
    database.psql("update parking.lots set public = false where id = 1")
    for path, slug in ((STATE, "unknown-spot"), ("/api/lots/1/states", "unknown-lot")):
        problem(await client.get(path), 404, slug)
        assert (await client.get(path, headers=operator)).status_code == 200
    problem(await client.get("/api/spots/999999/state"), 404, "unknown-spot")
    problem(await client.get("/api/lots/999999/states"), 404, "unknown-lot")
    problem(await client.put("/api/spots/999999/state", json=body, headers=operator), 404, "unknown-spot")


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        ({"state": "broken", "reason": "Seen"}, 400, "invalid-request"),
        ({"state": "occupied"}, 400, "invalid-request"),
        ({"state": "occupied", "reason": ""}, 400, "invalid-request"),
        ({"state": "occupied", "reason": "Seen", "until": "2030-01-01T08:00:00"}, 400, "invalid-request"),
        ({"state": "occupied", "reason": "Seen", "until": "2020-01-01T08:00:00Z"}, 422, "not-an-override"),
        ({"state": "occupied", "reason": " "}, 422, "not-an-override"),
        ({"state": "free", "reason": "Done", "until": "2030-01-01T08:00:00Z"}, 422, "not-an-override"),
    ],
)
async def test_what_cannot_be_said(
    client: httpx.AsyncClient, operator: dict[str, str], body: dict[str, Any], status: int, slug: str
) -> None:
    problem(await client.put(STATE, json=body, headers=operator), status, slug)
    assert (await client.get(STATE)).json()["state"] == "free"
