"""GET /spots and GET /stats, which are public."""

import datetime as dt

import httpx
import pytest

from tests.api.asking import ROOTS, assert_secure, booking, moment, problem
from tests.support import Database, sign_in
from tests.support.days import BERLIN, today


@pytest.mark.parametrize("root", ROOTS)
async def test_all_spots_with_their_state_now(module_client: httpx.AsyncClient, root: str) -> None:
    answer = await module_client.get(f"{root}/spots")
    assert answer.status_code == 200
    assert_secure(answer)
    assert answer.json() == [
        {
            "id": number,
            "name": f"Spot {number}",
            "type": "handicap" if number == 3 else "regular",
            "status": "available",
        }
        for number in range(1, 6)
    ]


async def test_a_day_adds_the_slots_in_local_time(client: httpx.AsyncClient) -> None:
    driver = await sign_in(client)
    assert (await client.post("/reservations", json=booking(2, hours=(12, 16)), headers=driver)).status_code == 201
    answer = await client.get("/spots", params={"date": str(today() + dt.timedelta(1)), "lot": 1})
    assert answer.status_code == 200
    assert [
        [(slot["start_time"], slot["end_time"], slot["status"]) for slot in spot["slots"]] for spot in answer.json()
    ] == [
        [
            (
                moment(1, start).isoformat(),
                moment(1, start + 4).isoformat(),
                "booked" if (n, start) == (2, 12) else "available",
            )
            for start in (8, 12, 16)
        ]
        for n in range(1, 6)
    ]
    assert "driver" not in answer.text


async def test_a_day_that_is_over_is_past(module_client: httpx.AsyncClient) -> None:
    answer = await module_client.get("/spots", params={"date": str(today() - dt.timedelta(1))})
    assert {slot["status"] for spot in answer.json() for slot in spot["slots"]} == {"past"}


async def test_a_running_reservation_books_its_spot_now_until_completed(client: httpx.AsyncClient) -> None:
    driver = await sign_in(client)
    now = dt.datetime.now(BERLIN)
    body = {
        "spot_id": 4,
        "start_time": (now - dt.timedelta(hours=1)).isoformat(),
        "end_time": (now + dt.timedelta(hours=1)).isoformat(),
    }
    booked = await client.post("/reservations", json=body, headers=driver)
    assert booked.status_code == 201
    states = {spot["id"]: spot["status"] for spot in (await client.get("/spots")).json()}
    assert states == {1: "available", 2: "available", 3: "available", 4: "booked", 5: "available"}
    stats = (await client.get("/stats")).json()
    assert stats["total_reservations"] == stats["active_reservations"] == 1
    assert (stats["spots"], stats["available_now"]) == (5, 4)
    assert stats["peak_hour"] in range(24)

    await client.put(f"{booked.headers['location']}/complete", headers=driver)
    assert {spot["status"] for spot in (await client.get("/spots")).json()} == {"available"}
    stats = (await client.get("/stats")).json()
    assert (stats["total_reservations"], stats["active_reservations"], stats["available_now"]) == (1, 0, 5)


@pytest.mark.parametrize("root", ROOTS)
async def test_the_statistics_of_an_empty_lot(module_client: httpx.AsyncClient, root: str) -> None:
    answer = await module_client.get(f"{root}/stats")
    assert answer.status_code == 200
    assert answer.json() == {
        "peak_hour": None,
        "total_reservations": 0,
        "active_reservations": 0,
        "spots": 5,
        "available_now": 5,
        "time_zone": "Europe/Berlin",
    }


@pytest.mark.parametrize("path", ["/spots", "/stats"])
async def test_an_unknown_lot(module_client: httpx.AsyncClient, path: str) -> None:
    problem(await module_client.get(path, params={"lot": 999}), 404, "unknown-lot")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1999-12-31", "2200-01-01"])
async def test_a_day_beyond_the_calendar(module_client: httpx.AsyncClient, day: str) -> None:
    problem(await module_client.get("/spots", params={"date": day}), 422, "day-out-of-range")


async def test_another_lot_has_its_own_spots_and_time_zone(client: httpx.AsyncClient, database: Database) -> None:
    lot = int(
        database.psql("""
            with lot as (
                insert into parking.lots (tenant_id, name, time_zone)
                select id, 'Far away', 'Asia/Kathmandu' from parking.tenants where slug = 'default'
                returning id
            )
            select id from lot""")
    )
    assert (await client.get("/spots", params={"lot": lot})).json() == []
    stats = (await client.get("/stats", params={"lot": lot})).json()
    assert (stats["spots"], stats["time_zone"]) == (0, "Asia/Kathmandu")


async def test_a_large_lot_is_shown_before_anything_is_known_about_its_tables(
    client: httpx.AsyncClient, database: Database
) -> None:
    """Without statistics a plan must not be quadratic either: 504 otherwise."""
    database.psql("delete from pg_statistic")
    database.psql("update pg_class set reltuples = -1 where relnamespace = 'parking'::regnamespace")
    large = database.psql("select lot_id from parking.spots group by lot_id having count(*) > 1000 limit 1")
    for path in (f"/api/spots?lot={large}&date=2026-12-01", f"/api/lots/{large}/board?date=2026-12-01"):
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()) == 1500
