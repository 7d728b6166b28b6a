"""The city of `make bench-growth` is one that its functions could have brought about, and survives an interruption."""

import pytest

from tests.bench import city
from tests.bench.growth import ASKED, BOOK, PLACES, arguments
from tests.conftest import Connect
from tests.support import Database

SIZE = city.Size(lots=6, spots=40, drivers=50, per_day=60, first=30)
TO_COME = "select string_agg(r::text, ' ' order by r.id) from parking.reservations r where r.status = 'active'"
# Each is a count of what must not be.
WRONG = {
    "two at once on a spot": """
        select count(*) from parking.reservations a join parking.reservations b using (tenant_id, spot_id)
        where a.id < b.id and a.during && b.during and 'cancelled' not in (a.status, b.status)""",
    "not booked exactly once": """
        select count(*) from parking.reservations r where 1 <> (
            select count(*) from parking.events e
            where e.reservation_id = r.id and e.type = 'booked' and e.at = r.booked_at and e.actor_id = r.person_id)""",
    "not ended exactly once, or ended while it is active": """
        select count(*) from parking.reservations r where (r.status <> 'active')::integer <> (
            select count(*) from parking.events e
            where e.reservation_id = r.id and e.type <> 'booked' and e.at = r.ended_at)""",
    "active, and over": """
        select count(*) from parking.reservations r, bench.city c where r.status = 'active' and r.ends <= c.now""",
    "ended, and to come": """
        select count(*) from parking.reservations r, bench.city c where r.status <> 'active' and r.ends > c.now""",
    "booked after it began": "select count(*) from parking.reservations r where r.booked_at >= r.starts",
    "at night": """
        select count(*) from parking.reservations r
        where (r.starts at time zone 'Europe/Berlin')::time < '06:00'
           or (r.ends at time zone 'Europe/Berlin')::time > '22:00'""",
    "events that no month has": "select count(*) from parking_private.events_default",
}


@pytest.fixture
def founded(database: Database) -> Database:
    city.found(database, SIZE)
    city.fill(database, SIZE, SIZE.first)
    return database


def test_what_is_made_up_could_have_happened(founded: Database) -> None:
    city.fill(founded, SIZE, 700)
    assert {name: founded.psql(sql) for name, sql in WRONG.items()} == dict.fromkeys(WRONG, "0")
    kinds = founded.psql("select string_agg(distinct type, ' ' order by type) from parking.events")
    assert kinds == "booked cancelled completed released"
    hours = dict(
        line.split("|")
        for line in founded.psql("""
            select extract(hour from starts at time zone 'Europe/Berlin'), count(*) from parking.reservations
            group by 1""").splitlines()
    )
    assert int(hours["7"]) > int(hours["19"])


def test_what_lies_ahead_stays_as_it_is(founded: Database) -> None:
    assert founded.psql("select count(*) from parking.reservations") == str(SIZE.first)
    ahead = founded.psql(TO_COME)
    assert ahead
    city.fill(founded, SIZE, 400)
    assert founded.psql(TO_COME) == ahead


def test_whoever_is_interrupted_goes_on(founded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    patiently, days = city.patiently, 0

    def interrupted(database: Database, sql: str) -> str:
        nonlocal days
        days += "fill_day" in sql
        if days == 4:
            # In the middle of a day, which leaves nothing.
            sql = f"begin; {sql}; select pg_terminate_backend(pg_backend_pid())"
        return patiently(database, sql)

    with monkeypatch.context() as patch, pytest.raises(AssertionError, match="terminating connection"):
        patch.setattr(city, "patiently", interrupted)
        city.fill(founded, SIZE, 500)
    assert 0 < city.filled(founded) < 500
    city.fill(founded, SIZE, 500)
    assert founded.psql("select count(*) from parking.reservations") == "500" == str(city.filled(founded))
    assert {name: founded.psql(sql) for name, sql in WRONG.items()} == dict.fromkeys(WRONG, "0")


async def test_what_is_asked_of_it_has_answers(founded: Database, connect: Connect) -> None:
    city.set_clock(founded)
    founded.psql(PLACES)
    service = await connect(database=founded)
    many = ASKED["booking"]._replace(times=300)
    booked = [await service.fetchval(BOOK, *about) for about in await arguments(founded, many)]
    assert len(set(booked)) == 300  # also those that come back to a spot
    answers = {
        name: await service.fetchval(asked.statement, *(await arguments(founded, asked))[0])
        for name, asked in ASKED.items()
        if asked.statement != BOOK
    }
    assert answers["board of a typical lot"] == answers["board of the largest lot"] == 3 * SIZE.spots
    assert 0 < answers["free spots of the largest lot"] <= answers["free spots of a typical lot"] <= SIZE.spots
    assert answers["my bookings, a regular's"] > 0
    assert answers["stats of the largest lot"] > answers["stats of a typical lot"] > 0
