"""/api/lots, /floors, /rows and /spots: built and changed by operators, read by everybody."""

import datetime as dt
from typing import Any

import httpx
import pytest

from tests.api.asking import assert_secure, booking, moment, problem
from tests.support import OPERATOR, Database, sign_in

LOT = {"name": "New", "time_zone": "Europe/Lisbon", "layout": {"floors": 3, "rows": 10, "spots": 50}}


async def staff(client: httpx.AsyncClient) -> dict[str, str]:
    return await sign_in(client, OPERATOR)


async def made(client: httpx.AsyncClient, path: str, headers: dict[str, str], **body: object) -> dict[str, Any]:
    answer = await client.post(path, json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    assert_secure(answer)
    found = await client.get(answer.headers["location"], headers=headers)
    assert found.status_code == 200
    assert found.json()["id"] == answer.json()["id"]
    return dict(answer.json())


async def test_one_request_builds_a_lot_of_1500_spots(client: httpx.AsyncClient) -> None:
    operator = await staff(client)
    lot = await made(client, "/api/lots", operator, **LOT)
    assert lot == {
        "id": lot["id"],
        "name": "New",
        "address": "",
        "time_zone": "Europe/Lisbon",
        "latitude": None,
        "longitude": None,
        "public": True,
        "amenities": [],
        "opening_hours": "24/7",
        "slots": ["08:00-12:00", "12:00-16:00", "16:00-20:00"],
        "longest_booking_hours": 24,
        "booking_horizon_days": 365,
        "floors": 3,
        "spots": 1500,
    }
    plan = (await client.get(f"/api/lots/{lot['id']}")).json()
    assert [[len(row["spots"]) for row in floor["rows"]] for floor in plan["floors"]] == [[50] * 10] * 3
    assert plan["floors"][2]["rows"][9]["spots"][49]["name"] == "3-J-50"
    assert lot in (await client.get("/api/lots")).json()
    spots = (await client.get("/spots", params={"lot": lot["id"]})).json()
    assert len(spots) == 1500


async def test_a_layout_floor_by_floor_and_everything_else(client: httpx.AsyncClient) -> None:
    operator = await staff(client)
    rows = [{"spots": 2}, {"name": "EV", "spots": 1, "type": "ev", "prefix": "E", "length_cm": 520, "width_cm": 260}]
    said = {
        "address": "Cais 1",
        "latitude": 38.7,
        "longitude": -9.1,
        "public": False,
        "amenities": ["covered", "lift"],
        "opening_hours": "Mo-Sa 06:00-23:00",
        "slots": ["06:00-14:00", "14:00-22:00"],
        "longest_booking_hours": 1.5,
        "booking_horizon_days": 30,
    }
    layout = [{"name": "Ground", "rows": rows}, {"rows": 1, "spots": 3, "type": "compact"}]
    lot = await made(client, "/api/lots", operator, name="Quay", time_zone="Europe/Lisbon", layout=layout, **said)
    assert {name: lot[name] for name in said} == said
    plan = (await client.get(f"/api/lots/{lot['id']}", headers=operator)).json()
    electric = plan["floors"][0]["rows"][1]["spots"][0]
    assert {**electric, "id": 0} == {
        "id": 0,
        "name": "E01",
        "type": "ev",
        "position": 1,
        "length_cm": 520,
        "width_cm": 260,
    }
    assert [spot["type"] for spot in plan["floors"][1]["rows"][0]["spots"]] == ["compact"] * 3
    problem(await client.get(f"/api/lots/{lot['id']}"), 404, "unknown-lot")
    assert lot["id"] not in [known["id"] for known in (await client.get("/api/lots")).json()]


async def test_floors_rows_and_spots(client: httpx.AsyncClient) -> None:
    operator = await staff(client)
    floor = await made(client, "/api/lots/1/floors", operator, name="Roof", rows=1, spots=2, type="ev", position=1)
    assert floor == {"id": floor["id"], "lot_id": 1, "name": "Roof", "position": 1, "rows": 1, "spots": 2}
    row = await made(client, f"/api/floors/{floor['id']}/rows", operator, name="Edge", spots=1, prefix="X")
    spot = await made(client, f"/api/rows/{row['id']}/spots", operator, name="Last", type="handicap", width_cm=350)
    assert (spot["floor_id"], spot["position"], spot["width_cm"], spot["length_cm"]) == (floor["id"], 2, 350, None)

    for path, change in (
        (f"/api/floors/{floor['id']}", {"name": "Top", "position": 2}),
        (f"/api/rows/{row['id']}", {"name": "Rim", "position": 1}),
        (f"/api/spots/{spot['id']}", {"name": "First", "type": "compact", "length_cm": 400, "position": 1}),
    ):
        changed = await client.patch(path, json=change, headers=operator)
        assert changed.status_code == 200, changed.text
        assert {name: changed.json()[name] for name in change} == change
        assert (await client.get(path)).json() == changed.json()
    for path in (f"/api/spots/{spot['id']}", f"/api/rows/{row['id']}"):
        assert (await client.delete(path, headers=operator)).status_code == 204
        problem(await client.get(path), 404, f"unknown-{path.split('/')[2].removesuffix('s')}")
        problem(await client.delete(path, headers=operator), 404, f"unknown-{path.split('/')[2].removesuffix('s')}")
    assert (await client.get(f"/api/floors/{floor['id']}")).json()["spots"] == 2
    assert (await client.delete(f"/api/floors/{floor['id']}", headers=operator)).status_code == 204
    problem(await client.get(f"/api/floors/{floor['id']}"), 404, "unknown-floor")


async def test_null_takes_away_what_there_need_not_be(client: httpx.AsyncClient) -> None:
    operator = await staff(client)

    async def change(path: str, **body: object) -> dict[str, Any]:
        answer = await client.patch(path, json=body, headers=operator)
        assert answer.status_code == 200, answer.text
        assert (await client.get(path)).json().items() >= {name: answer.json()[name] for name in body}.items()
        return dict(answer.json())

    lot, spot = "/api/lots/1", "/api/spots/1"
    full: dict[str, Any] = {"latitude": 52.5, "longitude": 0, "longest_booking_hours": 3, "booking_horizon_days": 30}
    assert (await change(lot, **full)).items() >= full.items()
    assert (await change(lot, address="Here")).items() >= full.items(), "what is left out stays"
    bare = await change(lot, **dict.fromkeys(full))
    assert (bare["latitude"], bare["longitude"], bare["address"]) == (None, None, "Here")
    assert (bare["longest_booking_hours"], bare["booking_horizon_days"]) == (24, 365), "the tenant's own again"
    problem(await client.patch(lot, json={"latitude": None, "longitude": 1}, headers=operator), 422, "not-a-position")

    await change(spot, length_cm=500, width_cm=250)
    assert (await change(spot, length_cm=None))["width_cm"] == 250
    assert (await change(spot, width_cm=None, name="Bare"))["length_cm"] is None
    for path, name in (
        *((lot, name) for name in ("name", "address", "time_zone", "public", "amenities", "opening_hours")),
        *((spot, name) for name in ("name", "type", "position")),
        *((f"/api/{kind}/1", name) for kind in ("floors", "rows") for name in ("name", "position")),
    ):
        answer = problem(await client.patch(path, json={name: None}, headers=operator), 400, "invalid-request")
        assert [error["pointer"] for error in answer["errors"]] == [f"/{name}"]


async def test_a_closed_lot_is_not_booked(client: httpx.AsyncClient) -> None:
    operator, driver = await staff(client), await sign_in(client)
    hours = {"opening_hours": "12:00-20:00"}
    assert (await client.patch("/api/lots/1", json=hours, headers=operator)).status_code == 200
    refusal = problem(await client.post("/reservations", json=booking(2), headers=driver), 422, "lot-closed")
    assert refusal["remedy"]
    assert "open 12:00–20:00" in refusal["detail"]
    assert (await client.patch("/api/lots/1", json={"opening_hours": "24/7"}, headers=operator)).status_code == 200
    assert (await client.post("/reservations", json=booking(2), headers=driver)).status_code == 201


async def test_slots_and_the_board_of_a_day(client: httpx.AsyncClient) -> None:
    operator, driver = await staff(client), await sign_in(client)
    slots = {"slots": ["20:00-01:00", "08:00-12:00"]}
    replaced = await client.put("/api/lots/1/slots", json=slots, headers=operator)
    assert replaced.json() == {"slots": ["08:00-12:00", "20:00-01:00"]}
    assert (await client.get("/api/lots/1/slots")).json() == replaced.json()
    overlapping = {"slots": ["08:00-12:00", "11:00-13:00"]}
    problem(await client.put("/api/lots/1/slots", json=overlapping, headers=operator), 422, "slots-overlap")

    booked = (await client.post("/reservations", json=booking(2), headers=driver)).json()
    day = {"date": str(moment(1, 8).date())}
    mine = (await client.get("/api/lots/1/board", params=day, headers=driver)).json()
    assert [spot["name"] for spot in mine] == [f"Spot {n}" for n in range(1, 6)]
    assert mine[1] == {
        "id": 2,
        "name": "Spot 2",
        "type": "regular",
        "slots": [
            {
                "slot": "08–12",
                "start_time": moment(1, 8).isoformat(),
                "end_time": moment(1, 12).isoformat(),
                "status": "booked",
                "reservation_id": booked["id"],
            },
            {
                "slot": "20–01",
                "start_time": moment(1, 20).isoformat(),
                "end_time": moment(2, 1).isoformat(),
                "status": "available",
            },
        ],
    }
    everybodys = (await client.get("/api/lots/1/board", params=day)).json()
    assert "reservation_id" not in everybodys[1]["slots"][0]
    assert len((await client.get("/api/lots/2/board", params=day)).json()) == 1500


async def test_what_has_bookings_ahead_is_not_retired(client: httpx.AsyncClient, database: Database) -> None:
    operator, driver = await staff(client), await sign_in(client)
    booked = await client.post("/reservations", json=booking(1), headers=driver)
    for path in ("/api/spots/1", "/api/rows/1", "/api/floors/1", "/api/lots/1"):
        refusal = problem(await client.delete(path, headers=operator), 409, "bookings-ahead")
        assert "1" in refusal["detail"]
    await client.put(f"{booked.headers['location']}/complete", headers=driver)
    assert (await client.delete("/api/lots/1", headers=operator)).status_code == 204
    problem(await client.get("/api/lots/1"), 404, "unknown-lot")
    assert database.psql("select count(*) from parking.bookings") == "1"


WRITES = [
    ("POST", "/api/lots", LOT),
    ("PATCH", "/api/lots/1", {"name": "Mine"}),
    ("DELETE", "/api/lots/1", None),
    ("PUT", "/api/lots/1/slots", {"slots": []}),
    ("POST", "/api/lots/1/floors", {"name": "Roof"}),
    ("PATCH", "/api/floors/1", {"name": "Mine"}),
    ("DELETE", "/api/floors/1", None),
    ("POST", "/api/floors/1/rows", {"name": "Row"}),
    ("PATCH", "/api/rows/1", {"name": "Mine"}),
    ("DELETE", "/api/rows/1", None),
    ("POST", "/api/rows/1/spots", {"name": "Spot"}),
    ("PATCH", "/api/spots/1", {"name": "Mine"}),
    ("DELETE", "/api/spots/1", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_who_may_change_what(module_client: httpx.AsyncClient, method: str, path: str, body: object) -> None:
    json: dict[str, Any] = {} if body is None else {"json": body}
    problem(await module_client.request(method, path, **json), 401, "not-signed-in")
    driver = await sign_in(module_client)
    problem(await module_client.request(method, path, headers=driver, **json), 403, "not-permitted")
    credentials = {"email": "operator@riverside.com", "password": "password123", "tenant": "riverside"}
    token = (await module_client.post("/login", json=credentials)).json()["token"]
    if path == "/api/lots":
        return
    kind = path.split("/")[2].removesuffix("s")
    foreign = {"Authorization": f"Bearer {token}"}
    theirs = problem(await module_client.request(method, path, headers=foreign, **json), 404, f"unknown-{kind}")
    nowhere = path.replace("/1", "/987654")
    nothing = problem(await module_client.request(method, nowhere, headers=foreign, **json), 404, f"unknown-{kind}")
    assert nothing["detail"].replace("987654", "1") == theirs["detail"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"layout": {"floors": 101, "rows": 1, "spots": 1}}, "/layout/floors"),
        ({"layout": {"floors": 1, "rows": 1}}, "/layout"),
        ({"layout": [{"rows": [{"spots": 1, "kind": "ev"}]}]}, "/layout/0/rows/0"),
        ({"layout": [{"rows": 1, "spots": 1, "type": "boat"}]}, "/layout/0/type"),
        ({"name": ""}, "/name"),
        ({"public": "yes"}, "/public"),
        ({"latitude": 91}, "/latitude"),
        ({"owner": 3}, "/owner"),
    ],
)
async def test_a_form_that_is_wrong(module_client: httpx.AsyncClient, change: dict[str, Any], pointer: str) -> None:
    answer = await module_client.post("/api/lots", json={**LOT, **change}, headers=await staff(module_client))
    assert [error["pointer"] for error in problem(answer, 400, "invalid-request")["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("change", "status", "slug"),
    [
        ({"name": "central garage"}, 409, "name-taken"),
        ({"time_zone": "CEST"}, 422, "not-a-time-zone"),
        ({"latitude": 52.5}, 422, "not-a-position"),
        ({"amenities": ["swimming-pool"]}, 422, "not-an-amenity"),
        ({"opening_hours": "always"}, 422, "not-hours"),
        ({"slots": ["8-12"]}, 422, "not-hours"),
        ({"layout": [{"rows": [{"spots": 1}], "spots": 4}]}, 422, "not-a-layout"),
        ({"name": "NUL \x00"}, 422, "invalid-value"),
    ],
)
async def test_what_the_database_refuses(
    module_client: httpx.AsyncClient, change: dict[str, Any], status: int, slug: str
) -> None:
    answer = await module_client.post("/api/lots", json={**LOT, **change}, headers=await staff(module_client))
    problem(answer, status, slug)


async def test_only_under_api(module_client: httpx.AsyncClient) -> None:
    problem(await module_client.get("/tenants"), 404, "not-found")
    problem(await module_client.get("/api/lots/1/board", params={"date": "1999-12-31"}), 422, "day-out-of-range")
    problem(await module_client.get("/api/lots", headers={"Authorization": "Bearer x"}), 401, "invalid-token")
    yesterday = str(dt.datetime.now(dt.UTC).date() - dt.timedelta(2))
    past = (await module_client.get("/api/lots/1/board", params={"date": yesterday})).json()
    assert {slot["status"] for spot in past for slot in spot["slots"]} == {"past"}
