"""What those who run a lot see of it: states with why and who, what happened last, and the figures of a day.

The figures are held against an oracle that walks through the day minute by minute with Python's own time zones, and
shares neither a query nor an idea with the functions.
"""

import datetime as dt
import random
from collections import Counter
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support.sql import BOOK, COMPLETE, DRIVER_1, DRIVER_2, edit_function, hours_ahead, one_row, refused

COURSE = "select * from parking.day_course($1, $2, $3)"
FIGURES = "select * from parking.day_figures($1, $2, $3)"
PEAKS = "select * from parking.day_peaks($1, $2, $3)"
SPOTS = "select * from parking.inspect_spots($1, $2, $3, $4, $5)"
EVENTS = "select * from parking.list_events($1, $2, $3, $4)"
SET = "select * from parking.set_spot_state($1, $2, $3, $4, $5)"

MINUTE = dt.timedelta(minutes=1)
KINDS = ("booked", "rescheduled", "cancelled", "completed", "released")


@pytest.fixture
async def service(connect: Connect) -> asyncpg.Connection:
    return await connect("parking_service")


@pytest.fixture
async def superuser(connect: Connect) -> asyncpg.Connection:
    return await connect("postgres")


@pytest.fixture
async def operator(superuser: asyncpg.Connection) -> int:
    return int(await superuser.fetchval("select id from parking.people where email = 'operator@parking.com'"))


@dataclass
class Stay:
    """A reservation as the oracle knows it."""

    spot: int
    starts: dt.datetime
    ends: dt.datetime
    ended: dt.datetime | None

    def holds(self, minute: dt.datetime) -> bool:
        return self.starts <= minute < self.ends and (self.ended is None or minute < self.ended)


@dataclass
class Lot:
    """A lot of the tests' own, with what was put into it."""

    id: int
    zone: ZoneInfo
    spots: dict[int, str]
    stays: list[Stay] = field(default_factory=list)
    events: list[tuple[str, int, dt.datetime]] = field(default_factory=list)

    def minutes(self, day: dt.date) -> list[dt.datetime]:
        """Every minute whose date there is this day."""
        noon = dt.datetime.combine(day, dt.time(12), dt.UTC)
        around = [noon + n * MINUTE for n in range(-40 * 60, 40 * 60)]
        return [minute for minute in around if minute.astimezone(self.zone).date() == day]

    def course(self, day: dt.date) -> list[tuple[object, ...]]:
        """What parking.day_course should say."""
        minutes = self.minutes(day)
        steps = [minutes[first : first + 30] for first in range(0, len(minutes), 30)]
        held = [max(len({stay.spot for stay in self.stays if stay.holds(minute)}) for minute in step) for step in steps]
        said = [Counter(kind for kind, _, at in self.events if step[0] <= at < step[-1] + MINUTE) for step in steps]
        return [
            (step[0], step[-1] + MINUTE, len(self.spots), most, most > 0 and most == max(held),
             *(counts[kind] for kind in KINDS))
            for step, most, counts in zip(steps, held, said, strict=True)
        ]  # fmt: skip

    def figures(self, day: dt.date) -> dict[str, tuple[int, ...]]:
        """What parking.day_figures should say of what happened."""
        minutes = self.minutes(day)
        today = [(kind, self.spots[spot]) for kind, spot, at in self.events if minutes[0] <= at < minutes[-1] + MINUTE]
        return {
            name: tuple(sum(1 for kind, type_ in today if kind == each and name in {type_, "all"}) for each in KINDS)
            for name in {*self.spots.values(), "all"}
        }


ZONES = {
    "Europe/Berlin": (dt.date(2026, 3, 29), dt.date(2026, 10, 25), dt.date(2026, 11, 3)),
    "Australia/Lord_Howe": (dt.date(2026, 4, 5), dt.date(2026, 10, 4)),
    "America/Havana": (dt.date(2026, 3, 8), dt.date(2026, 11, 1)),
    "Asia/Kathmandu": (dt.date(2026, 7, 1),),
}
LENGTHS = {
    dt.date(2026, 3, 29): 46,
    dt.date(2026, 10, 25): 50,
    dt.date(2026, 11, 3): 48,
    dt.date(2026, 4, 5): 49,
    dt.date(2026, 10, 4): 47,
    dt.date(2026, 3, 8): 46,
    dt.date(2026, 11, 1): 50,
    dt.date(2026, 7, 1): 48,
}
DAYS = [(zone, day) for zone, days in ZONES.items() for day in days]


async def busy_lot(superuser: asyncpg.Connection, zone: str, day: dt.date, seed: int) -> Lot:
    """A lot of eight spots with stays around this day that were ended early, late, before they began or not at all,
    also two of one spot that overlap on paper, as those do that follow one that was ended early; and events."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    lot_id = await superuser.fetchval(
        "insert into parking.lots (tenant_id, name, time_zone) values (1, $1, $2) returning id", f"Lot {seed}", zone
    )
    floor = await superuser.fetchval(
        "insert into parking.floors (tenant_id, lot_id, name, position) values (1, $1, 'F', 1) returning id", lot_id
    )
    row = await superuser.fetchval(
        "insert into parking.rows (tenant_id, lot_id, floor_id, name, position) values (1, $1, $2, 'R', 1)"
        " returning id",
        lot_id,
        floor,
    )
    lot = Lot(lot_id, ZoneInfo(zone), {})
    for number in range(8):
        kind = "ev" if number % 3 == 0 else "regular"
        spot = await superuser.fetchval(
            "insert into parking.spots (tenant_id, lot_id, row_id, name, type, position)"
            " values (1, $1, $2, $3, $4, $5) returning id",
            lot_id,
            row,
            f"{number}",
            kind,
            number,
        )
        lot.spots[spot] = kind
    middle = dt.datetime.combine(day, dt.time(12), lot.zone).astimezone(dt.UTC)
    for spot in lot.spots:
        for _ in range(5):
            starts = middle + (chance.randrange(-1500, 1000) if chance.random() < 0.8 else -9000) * MINUTE
            ends = starts + chance.choice([20, 45, 60, 240, 600, 10080]) * MINUTE
            ended = chance.choice([starts - MINUTE, starts + (ends - starts) / 2, ends, ends + 90 * MINUTE])
            lot.stays.append(Stay(spot, starts, ends, ended.replace(second=0, microsecond=0)))
        last = middle + chance.randrange(-300, 300) * MINUTE
        lot.stays.append(Stay(spot, last, last + 90 * MINUTE, None))
        for _ in range(12):
            at = middle + chance.randrange(-1500 * 60, 1500 * 60) * dt.timedelta(seconds=1)
            lot.events.append((chance.choice(KINDS), spot, at))
    await superuser.executemany(
        """
        insert into parking.reservations
            (tenant_id, lot_id, spot_id, person_id, starts, ends, status, booked_at, ended_at)
        values (1, $1, $2, 1, $3, $4, case when $5::timestamptz is null then 'active'
            when $5 < $3::timestamptz then 'cancelled' else 'completed' end, $3, $5)""",
        [(lot.id, stay.spot, stay.starts, stay.ends, stay.ended) for stay in lot.stays],
    )
    await superuser.executemany(
        """
        insert into parking.events
            (tenant_id, epoch, type, lot_id, spot_id, reservation_id, actor_id, starts, ends, at,
             former_starts, former_ends)
        select 1, 1, $1, $2, $3, 1, 1, e.at, e.at + interval '1 hour', e.at, e.former, e.former
        from (select $4::timestamptz as at, case when $1 = 'rescheduled' then $4 end as former) e""",
        [(kind, lot.id, spot, at) for kind, spot, at in lot.events],
    )
    return lot


async def course(service: asyncpg.Connection, lot: Lot, day: dt.date, operator: int) -> list[tuple[object, ...]]:
    rows = await service.fetch(COURSE, lot.id, day, operator)
    names = ("starts", "ends", "spots", "held", "peak", *KINDS)
    return [tuple(row[name] for name in names) for row in rows]


@pytest.mark.parametrize(("zone", "day"), DAYS, ids=str)
async def test_a_day_is_as_the_oracle_has_it(
    service: asyncpg.Connection, superuser: asyncpg.Connection, operator: int, zone: str, day: dt.date
) -> None:
    for seed in range(3):
        lot = await busy_lot(superuser, zone, day, seed)
        expected = lot.course(day)
        assert len(expected) == LENGTHS[day]
        assert max(int(str(step[3])) for step in expected) > 2
        assert await course(service, lot, day, operator) == expected
        told = {
            row["type"]: tuple(row[kind] for kind in KINDS)
            for row in await service.fetch(FIGURES, lot.id, day, operator)
        }
        assert told == lot.figures(day)
        assert min(told["all"]) > 0
        peaks = [(row["starts"], row["ends"], row["held"]) for row in await service.fetch(PEAKS, lot.id, day, operator)]
        assert peaks == runs(expected)


def runs(expected: list[tuple[object, ...]]) -> list[tuple[object, object, object]]:
    """The half hours of the peak, those that adjoin as one."""
    found: list[tuple[object, object, object]] = []
    for starts, ends, _, held, peak, *_ in expected:
        if peak and found and found[-1][1] == starts:
            found[-1] = (found[-1][0], ends, held)
        elif peak:
            found.append((starts, ends, held))
    return found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("least(e.ends, e.ended_at)", "e.ends"),
        ("v_from - interval '168 hours'", "v_from"),
        ("group by r.spot_id", "group by r.starts, r.spot_id"),
    ],
)
async def test_a_function_that_counts_otherwise_is_found(
    service: asyncpg.Connection, superuser: asyncpg.Connection, operator: int, old: str, new: str
) -> None:
    """The negative control of the test above: stays that are not ended early, those from the day before, one spot
    counted twice."""
    signature = "parking_private.held_spots(parking.lots,timestamptz,timestamptz)"
    await edit_function(superuser, signature, old, new)
    day = dt.date(2026, 10, 25)
    lot = await busy_lot(superuser, "Europe/Berlin", day, 0)
    assert await course(service, lot, day, operator) != lot.course(day)


async def test_a_retired_spot_counts_until_it_is_retired(
    service: asyncpg.Connection, superuser: asyncpg.Connection, operator: int
) -> None:
    day = dt.date(2026, 11, 3)
    lot = await busy_lot(superuser, "UTC", day, 0)
    noon = dt.datetime.combine(day, dt.time(12), dt.UTC)
    await superuser.execute("update parking.spots set retired_at = $2 where lot_id = $1", lot.id, noon)
    steps = await service.fetch(COURSE, lot.id, day, operator)
    assert {step["spots"] for step in steps if step["starts"] < noon} == {8}
    assert any(step["held"] for step in steps if step["starts"] < noon)
    assert {(step["spots"], step["held"]) for step in steps if step["starts"] >= noon} == {(0, 0)}


async def test_the_states_at_this_moment(service: asyncpg.Connection, operator: int) -> None:
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(-1), hours_ahead(1))
    await service.fetch(BOOK, DRIVER_2, 2, hours_ahead(1), hours_ahead(2))
    await service.fetch(SET, operator, 3, "maintenance", "Oil", hours_ahead(1))
    await service.fetch(SET, operator, 4, "occupied", "Somebody stands there", None)
    await service.fetch(SET, operator, 5, "unknown", "The camera is dark", None)
    figures = {row["type"]: row for row in await service.fetch(FIGURES, 1, None, operator)}
    names = ("spots", "free_now", "held_now", "closed_now", "unknown_now", "booked")
    assert [figures["all"][name] for name in names] == [5, 1, 2, 1, 1, 2]
    assert [figures["handicap"][name] for name in names] == [1, 0, 0, 1, 0, 0]
    (row,) = await service.fetch("select * from parking.count_states(1, $1)", operator)
    assert [row[name] for name in ("spots", "free", "reserved", "occupied", "maintenance", "unknown")] == [
        5,
        1,
        1,
        1,
        1,
        1,
    ]

    seen = [
        (spot["spot"], spot["state"], spot["reason"], spot["who"])
        for spot in await service.fetch(SPOTS, 1, None, operator, 0, 200)
    ]
    assert seen == [
        ("Spot 1", "reserved", None, "Driver One"),
        ("Spot 2", "free", None, None),
        ("Spot 3", "maintenance", "Oil", "Olga Operator"),
        ("Spot 4", "occupied", "Somebody stands there", "Olga Operator"),
        ("Spot 5", "unknown", "The camera is dark", "Olga Operator"),
    ]  # fmt: skip
    log = [(event["type"], event["spot"], event["who"]) for event in await service.fetch(EVENTS, 1, operator, None, 3)]
    assert log == [("overridden", f"Spot {spot}", "Olga Operator") for spot in (5, 4, 3)]
    await service.fetch(COMPLETE, DRIVER_1, booking["id"])
    (last,) = await service.fetch(EVENTS, 1, operator, None, 1)
    assert (last["type"], last["who"], last["reservation_id"]) == ("completed", "Driver One", booking["id"])


async def test_large_lots_are_read_in_parts(service: asyncpg.Connection, operator: int) -> None:
    rows = await service.fetch("select * from parking.count_states(2, $1)", operator)
    assert [(row["floor"], row["row"], row["spots"]) for row in rows[9:11]] == [
        ("Level 1", "J", 50),
        ("Level 2", "A", 50),
    ]
    assert sum(row["spots"] for row in rows) == 1500
    whole = [spot["spot_id"] for spot in await service.fetch(SPOTS, 2, None, operator, 0, 2000)]
    assert len(whole) == 1500
    parts = [await service.fetch(SPOTS, 2, None, operator, skip, 400) for skip in range(0, 2000, 400)]
    assert [spot["spot_id"] for part in parts for spot in part] == whole
    row = rows[10]["row_id"]
    assert [spot["spot_id"] for spot in await service.fetch(SPOTS, 2, row, operator, 0, 200)] == whole[500:550]
    for skip, at_most in ((-1, 10), (None, 10), (0, 0), (0, None), (0, 100_001)):
        with refused("not-a-number-of-rows", 422):
            await service.fetch(SPOTS, 2, None, operator, skip, at_most)


async def test_the_log_is_read_backwards_page_by_page(service: asyncpg.Connection, operator: int) -> None:
    for hour in range(1, 8):
        await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(hour), hours_ahead(hour + 1))
    whole = [event["id"] for event in await service.fetch(EVENTS, 1, operator, None, 100)]
    assert len(whole) == 7
    assert whole == sorted(whole, reverse=True)
    pages: list[int] = []
    while page := await service.fetch(EVENTS, 1, operator, pages[-1] if pages else None, 3):
        pages += [event["id"] for event in page]
    assert pages == whole
    assert await service.fetch(EVENTS, 2, operator, None, 100) == [], "another lot's are not among them"
    for at_most in (0, None, 100_001):
        with refused("not-a-number-of-rows", 422):
            await service.fetch(EVENTS, 1, operator, None, at_most)


async def test_without_a_lot_it_is_the_first_one_of_the_actors_own_tenant(
    service: asyncpg.Connection, superuser: asyncpg.Connection, connect: Connect, operator: int
) -> None:
    far = await superuser.fetchval("select id from parking.people where email = 'operator@riverside.com'")
    dba = await connect("parking_dba")
    for connection, actor, spots in ((service, operator, 5), (service, far, 20), (dba, None, 5)):
        rows = await connection.fetch("select * from parking.count_states(actor => $1)", actor)
        assert sum(row["spots"] for row in rows) == spots
    with refused("unknown-lot", 404):
        await service.fetch(FIGURES, 1, None, far)
    with refused("not-permitted", 403):
        await service.fetch(FIGURES, 1, None, None)
    with refused("day-out-of-range", 422):
        await service.fetch(COURSE, 1, dt.date(2200, 1, 1), operator)


async def test_a_day_in_a_long_record_is_found_by_its_time(superuser: asyncpg.Connection) -> None:
    """Under the policies, as the functions ask for it, and not by looking through the month."""
    for statement in (
        """
        insert into parking.events (tenant_id, epoch, type, lot_id, spot_id, reservation_id, actor_id, starts, ends, at)
        select 1, 1, 'booked', 1, 1, n, 1, m.t, m.t + interval '1 hour', m.t
        from generate_series(1, 100000) n
        cross join lateral (select '2020-01-01'::timestamptz + n * interval '5 minutes' as t) m
        order by m.t""",
        "vacuum analyze parking_private.events_default",
    ):
        await superuser.execute(statement)
    async with superuser.transaction():
        await superuser.execute("set local role parking_owner; select parking_private.enter_tenant(1)")
        plan = "\n".join(
            row[0]
            for row in await superuser.fetch("""
                explain select count(*) from parking.events e
                where e.tenant_id = 1 and e.lot_id = 1 and e.at >= '2020-06-01' and e.at < '2020-06-02'""")
        )
    assert "events_default_at_idx" in plan, plan
