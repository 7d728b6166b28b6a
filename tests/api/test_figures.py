"""GET /api/lots/{id}/figures: a lot's day in numbers, for operators."""

import datetime as dt

import httpx

from tests.api.asking import assert_secure, booking, moment, problem
from tests.support import DRIVER_1, OPERATOR, sign_in


async def test_a_day_in_numbers(client: httpx.AsyncClient) -> None:
    driver = await sign_in(client, DRIVER_1)
    for spot in (1, 3):
        assert (await client.post("/reservations", json=booking(spot), headers=driver)).status_code == 201
    operator = await sign_in(client, OPERATOR)
    tomorrow = moment(1, 0)
    answer = await client.get(f"/api/lots/1/figures?date={tomorrow.date()}", headers=operator)
    assert answer.status_code == 200
    assert_secure(answer)
    figures = answer.json()
    course = figures.pop("course")
    nothing = {"booked": 0, "rescheduled": 0, "cancelled": 0, "completed": 0, "released": 0}
    now = {"free_now": 5, "held_now": 0, "closed_now": 0, "unknown_now": 0}
    assert figures == {
        "lot_id": 1,
        "time_zone": "Europe/Berlin",
        "date": str(tomorrow.date()),
        "total": {"spots": 5, **now, **nothing},
        "by_type": [
            {"type": "handicap", "spots": 1, **now, "free_now": 1, **nothing},
            {"type": "regular", "spots": 4, **now, "free_now": 4, **nothing},
        ],
        "peak": [
            {"start_time": moment(1, 8).isoformat(), "end_time": moment(1, 12).isoformat(), "spots": 5, "held": 2},
        ],
    }
    # Not by their number: in a night in spring there are fewer before eight.
    starts = [dt.datetime.fromisoformat(step["start_time"]) for step in course]
    assert [step["held"] for step in course] == [2 if moment(1, 8) <= at < moment(1, 12) else 0 for at in starts]
    assert course[0] == {
        "start_time": tomorrow.isoformat(),
        "end_time": (tomorrow + dt.timedelta(minutes=30)).isoformat(),
        "spots": 5,
        "held": 0,
        **nothing,
    }
    # They were made today, whatever day they are for.
    today = (await client.get("/api/lots/1/figures", headers=operator)).json()
    assert today["date"] == str(moment(0, 0).date())
    assert today["total"]["booked"] == sum(step["booked"] for step in today["course"]) == 2
    assert [each["booked"] for each in today["by_type"]] == [1, 1]
    assert today["peak"] == []


async def test_a_day_of_25_hours_and_one_of_23(client: httpx.AsyncClient) -> None:
    operator = await sign_in(client, OPERATOR)
    for day, half_hours in (("2026-10-25", 50), ("2026-03-29", 46)):
        course = (await client.get(f"/api/lots/1/figures?date={day}", headers=operator)).json()["course"]
        assert len(course) == half_hours
        assert course[0]["start_time"].startswith(f"{day}T00:00:00+0")
        assert [a["end_time"] for a in course[:-1]] == [b["start_time"] for b in course[1:]]
        offsets = {step["start_time"][-6:] for step in course}
        assert offsets == {"+01:00", "+02:00"}


async def test_who_may_not_and_what_there_is_not(client: httpx.AsyncClient) -> None:
    problem(await client.get("/api/lots/1/figures"), 401, "not-signed-in")
    problem(await client.get("/api/lots/1/figures", headers=await sign_in(client, DRIVER_1)), 403, "not-permitted")
    operator = await sign_in(client, OPERATOR)
    for lot in (3, 999_999):
        problem(await client.get(f"/api/lots/{lot}/figures", headers=operator), 404, "unknown-lot")
    problem(await client.get("/api/lots/1/figures?date=2200-01-01", headers=operator), 422, "day-out-of-range")
    problem(await client.get("/api/lots/1/figures?date=never", headers=operator), 400, "invalid-request")
