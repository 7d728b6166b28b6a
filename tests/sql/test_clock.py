"""What a wall clock's time means, where it comes once, twice or never: parking.read_clock() against Python's rules."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from tests.conftest import Connect
from tests.support.sql import refused

READ = "select parking.read_clock($1, $2, $3)"
# As the driver reads it.
INFINITY = dt.datetime.max  # noqa: DTZ901 (a wall clock's)
HALF_AN_HOUR = dt.timedelta(minutes=30)

# An hour, half an hour, before UTC and behind it, at midnight and across it, a day left out, and none at all.
ZONES = {
    "Europe/Berlin": 2027,
    "America/New_York": 2026,
    "Australia/Lord_Howe": 2027,
    "America/Santiago": 2026,
    "America/St_Johns": 2010,
    "Africa/Casablanca": 2026,
    "Pacific/Apia": 2011,
    "Asia/Kolkata": 2026,
}


def moments(local: dt.datetime, zone: ZoneInfo) -> list[dt.datetime]:
    """When the clocks show this, by looking at what they show then."""
    near = {local.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1)}
    return sorted(each for each in near if each.astimezone(zone).replace(tzinfo=None) == local)


@pytest.mark.parametrize("name", ZONES)
async def test_a_year_of_half_hours(connect: Connect, name: str) -> None:
    """Each is the moment, or either of the two, that Python finds; or it is refused, by the name of why."""
    service = await connect()
    year, zone = dt.datetime(ZONES[name], 1, 1), ZoneInfo(name)  # noqa: DTZ001 (a wall clock's)
    found = await service.fetch(
        """
        select t.local, t.local at time zone $1 as taken
        from generate_series($2::timestamp, $2::timestamp + interval '8760 hours', interval '30 minutes') t(local)
        """,
        name,
        year,
    )
    odd = [row["local"] for row in found if len(moments(row["local"], zone)) != 1]
    for row in found:
        local = row["local"]
        # Where nothing changes, PostgreSQL's own rule is right; around a change each half hour is asked for.
        if not any(abs(local - each) <= 4 * HALF_AN_HOUR for each in odd):
            assert [row["taken"]] == moments(local, zone)
            continue
        match moments(local, zone):
            case []:
                for turn in (None, "first", "second"):
                    with refused("time-skipped", 422):
                        await service.fetchval(READ, name, local, turn)
            case [only]:
                assert [await service.fetchval(READ, name, local, turn) for turn in (None, "first", "second")] == (
                    [only] * 3
                )
            case [first, second]:
                assert await service.fetchval(READ, name, local, "first") == first
                assert await service.fetchval(READ, name, local, "second") == second
                for turn in (None, "third"):
                    with refused("time-twice", 422):
                        await service.fetchval(READ, name, local, turn)
    assert bool(odd) is (name not in {"Asia/Kolkata"}), odd


async def test_no_time_is_none(connect: Connect) -> None:
    service = await connect()
    assert await service.fetchval(READ, "Europe/Berlin", None, "first") is None
    assert await service.fetchval(READ, "Europe/Berlin", INFINITY, None)
    for zone in ("Europe/Nowhere", "CEST", "", None):
        with refused("not-a-time-zone", 422):
            await service.fetchval(READ, zone, dt.datetime(2027, 1, 1), None)  # noqa: DTZ001 (a wall clock's)
    for year in ("4713-01-01 BC", "294276-12-31"):
        with refused("day-out-of-range", 422):
            await service.fetchval("select parking.read_clock('UTC', $1::text::timestamp)", year)


async def test_a_time_zone_is_known_by_its_name_and_by_no_other(connect: Connect) -> None:
    """Also one that has come into the world since the migrations were deployed."""
    superuser = await connect("postgres")
    known = "select parking_private.is_time_zone($1)"
    names = "America/Argentina/ComodRivadavia", "Etc/GMT+5", "Europe/Berlin", "UTC"
    others = "CEST", "Foo/-3", "europe/berlin", "Europe/Nowhere", ""
    for _ in range(2):
        assert [name for name in (*names, *others) if await superuser.fetchval(known, name)] == list(names)
        await superuser.execute("delete from parking_private.time_zones")
