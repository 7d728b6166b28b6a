"""Finding a lot and counting what is free in it, over REST."""

import httpx

CENTRAL = 2


async def test_a_lot_is_found_by_words_of_its_address(module_client: httpx.AsyncClient) -> None:
    answer = await module_client.get("/api/lots/search", params={"search": "berlin alexanderplatz"})
    assert answer.status_code == 200
    assert answer.json() == [
        {
            "id": CENTRAL,
            "name": "Central Garage",
            "address": "Alexanderplatz 1, 10178 Berlin",
            "time_zone": "Europe/Berlin",
            "floors": 3,
            "spots": 1500,
            "free": 1500,
            "open": True,
        }
    ]
    assert (await module_client.get("/api/lots/search", params={"search": "x" * 201})).status_code == 400


async def test_each_row_with_what_is_free(module_client: httpx.AsyncClient) -> None:
    params = {"date": "2030-07-01", "type": "ev"}
    rows = (await module_client.get(f"/api/lots/{CENTRAL}/overview", params=params)).json()
    assert [(row["floor"], row["row"], row["part"], row["total"]) for row in rows] == [
        (f"Level {level}", "B", 1, 50) for level in (1, 2, 3)
    ]
    assert rows[0]["slots"][0] == {
        "slot": "08–12",
        "start_time": "2030-07-01T08:00:00+02:00",
        "end_time": "2030-07-01T12:00:00+02:00",
        "free": 50,
    }
    below = await module_client.get(f"/api/lots/{CENTRAL}/overview", params={**params, "floor": rows[1]["floor_id"]})
    assert below.json() == rows[1:2]
    past = (await module_client.get("/api/lots/1/overview", params={"date": "2020-07-01"})).json()
    assert [slot["free"] for slot in past[0]["slots"]] == [None] * 3


async def test_what_there_is_not(module_client: httpx.AsyncClient) -> None:
    for path, status, slug in (
        ("/api/lots/999/overview", 404, "unknown-lot"),
        (f"/api/lots/{CENTRAL}/overview?floor=1", 404, "unknown-floor"),
        (f"/api/lots/{CENTRAL}/overview?type=truck", 400, "invalid-request"),
        (f"/api/lots/{CENTRAL}/overview?date=1999-12-31", 422, "day-out-of-range"),
    ):
        answer = await module_client.get(path)
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")
