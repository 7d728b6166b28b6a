"""The clock is set forward and back, and turns with the seasons in a lot that is far from its database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import pytest

from tests.api.asking import problem
from tests.conftest import Connect
from tests.support import Database, Service, issue_token
from tests.support.invariants import broken
from tests.support.sql import BOOK, DRIVER_1, DRIVER_2, hours_ahead, one_row, refused, shift_clock


@pytest.fixture
async def superuser(connect: Connect) -> AsyncIterator[asyncpg.Connection]:
    """What always holds is asked for in the end, whatever the test has done."""
    superuser = await connect("postgres")
    yield superuser
    await superuser.execute("call parking.sweep()")
    assert await broken(superuser) == []


def body(starts: datetime, ends: datetime) -> dict[str, object]:
    return {"spot_id": 1, "start_time": starts.isoformat(), "end_time": ends.isoformat()}


@pytest.mark.parametrize("back", [True, False])
async def test_a_clock_that_is_wrong_for_an_hour(
    service: Service, client: httpx.AsyncClient, superuser: asyncpg.Connection, *, back: bool
) -> None:
    """Somebody corrects it: what was booked stays booked, what has lapsed stays so, and nobody gets a spot twice."""
    tokens = [await asyncio.to_thread(issue_token, service, driver) for driver in (DRIVER_1, DRIVER_2)]
    one, other = ({"Authorization": f"Bearer {token}"} for token in tokens)
    wrong, right = (timedelta(), timedelta(hours=-1)) if back else (timedelta(hours=-1), timedelta())
    start = datetime.now(UTC) + wrong
    await shift_clock(superuser, wrong)
    running = body(start - timedelta(hours=1), start + timedelta(hours=2))
    booked = await client.post("/reservations", json=running, headers=one)
    assert booked.status_code == 201, booked.text

    await shift_clock(superuser, right)
    await superuser.execute("call parking.sweep()")
    where = booked.headers["location"]
    assert (await client.get(where, headers=one)).json()["status"] == "active"
    again = body(start, start + timedelta(hours=3))
    problem(await client.post("/reservations", json=again, headers=other), 409, "spot-taken")
    assert (await client.put(f"{where}/complete", headers=one)).status_code == 200
    assert (await client.post("/reservations", json=again, headers=other)).status_code == 201
    assert (await client.get("/readyz")).json()["checks"]["feed"]["status"] == "ok"


async def test_what_has_lapsed_by_a_wrong_clock_stays_so(connect: Connect, superuser: asyncpg.Connection) -> None:
    service = await connect()
    lapsed = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(-1), hours_ahead(0.5))
    await shift_clock(superuser, timedelta(hours=1))
    await superuser.execute("call parking.sweep()")
    await shift_clock(superuser, timedelta())
    with refused("reservation-not-active", 409):
        await service.fetch("select parking.complete($1, $2)", DRIVER_1, lapsed["id"])
    await service.fetch(BOOK, DRIVER_2, 1, hours_ahead(-1), hours_ahead(0.5))


async def test_who_signed_in_by_a_clock_that_was_ahead_signs_in(
    client: httpx.AsyncClient, superuser: asyncpg.Connection
) -> None:
    """Attempts are counted by the moment at which they will be forgotten, and that moment was a day too late."""
    credentials = {"email": "driver1@parking.com", "password": "password123"}
    await shift_clock(superuser, timedelta(days=1))
    assert (await client.post("/login", json=credentials)).status_code == 200
    await shift_clock(superuser, timedelta())
    refused = problem(await client.post("/login", json=credentials), 429, "too-many-attempts")
    assert refused["status"] == 429
    longest = await superuser.fetchval("select max(extract(epoch from every)) from parking.list_limits()")
    await shift_clock(superuser, timedelta(seconds=float(longest)))
    assert (await client.post("/login", json=credentials)).status_code == 200, "soon, and not tomorrow"


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland", "Australia/Lord_Howe"])
@pytest.mark.parametrize("change", [(date(2030, 3, 31), 23), (date(2030, 10, 27), 25)], ids=["spring", "autumn"])
async def test_a_lot_far_from_its_database_when_its_clocks_change(
    connect: Connect, database: Database, superuser: asyncpg.Connection, zone: str, change: tuple[date, int]
) -> None:
    """Each hour of the day can be booked once, also the one that comes twice; and the board says so, slot by slot."""
    await superuser.execute(f"alter database {database.name} set timezone = '{zone}'")
    service = await connect()
    assert await service.fetchval("show timezone") == zone
    day, hours = change
    midnight, next_one = (datetime.combine(at, time(), BERLIN).astimezone(UTC) for at in (day, day + timedelta(days=1)))
    # Four slots of the night, one of which has an hour less or more than the clock on the wall says.
    await superuser.execute("""
        insert into parking.time_slots (tenant_id, lot_id, starts, ends)
        select l.tenant_id, l.id, s.starts::time, s.ends::time
        from parking.lots l, (values ('00:00', '04:00'), ('04:00', '08:00'), ('20:00', '00:00')) s (starts, ends)
        where l.id = 1""")
    await superuser.execute(
        "update parking_private.clock_shift set shift = $1 - clock_timestamp()", midnight - timedelta(hours=2)
    )
    booked = 0
    while midnight + timedelta(hours=booked) < next_one:
        starts = midnight + timedelta(hours=booked)
        await service.fetch(BOOK, DRIVER_1, 1, starts, starts + timedelta(hours=1))
        booked += 1
        with refused("spot-taken", 409):
            await service.fetch(BOOK, DRIVER_2, 1, starts, starts + timedelta(minutes=1))
    assert booked == hours
    rows = await service.fetch("select * from parking.board(1, $1)", day)
    mine = [row for row in rows if row["spot_id"] == 1]
    assert [row["status"] for row in mine] == ["booked"] * 6
    assert sum(((row["ends"] - row["starts"]) for row in mine), timedelta()) == timedelta(hours=hours)
    assert {row["status"] for row in rows if row["spot_id"] == 2} == {"available"}
    assert await broken(superuser) == []
    # At its end everything has lapsed, and nothing before.
    for end, left in ((next_one - timedelta(minutes=30), 1), (next_one, 0)):
        await superuser.execute("update parking_private.clock_shift set shift = $1 - clock_timestamp()", end)
        await superuser.execute("call parking.sweep()")
        assert await superuser.fetchval("select count(*) from parking.reservations where status = 'active'") == left
