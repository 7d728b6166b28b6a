"""What the tests of the REST interface share."""

import asyncio
import datetime as dt
from typing import Any

import httpx

from tests.support import Database
from tests.support.days import BERLIN, today

ROOTS = ("", "/api")


def moment(days: int, hour: int) -> dt.datetime:
    """An hour of the demo lot's wall clock, so many days from today."""
    return dt.datetime.combine(today() + dt.timedelta(days), dt.time(hour), BERLIN)


def booking(spot: int = 1, days: int = 1, hours: tuple[int, int] = (8, 12)) -> dict[str, Any]:
    """A body for POST /reservations."""
    start, end = (moment(days, hour).isoformat() for hour in hours)
    return {"spot_id": spot, "start_time": start, "end_time": end}


def problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """Assert that the answer is this problem, as RFC 9457 has it, with the security headers on it; its members."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"/problems/{slug}"
    assert document["status"] == status
    assert document["instance"] == answer.request.url.path
    assert document["title"]
    assert document["detail"]
    assert_secure(answer)
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
    if status == 503:
        assert int(answer.headers["retry-after"]) > 0
    return document


def assert_secure(answer: httpx.Response) -> None:
    """The headers that every answer has."""
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def stored(database: Database) -> str:
    """All reservations and events, to see that a refused request has left nothing."""
    return database.psql("""
        select 'reservation', r.id, r.spot_id, r.starts, r.ends, r.status from parking.reservations r
        union all
        select 'event', e.id, e.spot_id, e.starts, e.ends, e.type from parking.events e
        order by 1, 2""")


async def waiting_for_locks(database: Database, number: int = 1, *, seconds: float = 20) -> None:
    """Return once so many sessions in this database wait for a lock."""
    query = """
        select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"""
    observer = await database.connect("postgres")
    try:
        async with asyncio.timeout(seconds):
            while await observer.fetchval(query) < number:  # noqa: ASYNC110 (another process's state)
                await asyncio.sleep(0.01)
    finally:
        observer.terminate()
