"""parking.quote() against an oracle that walks minute by minute: any tariff, any stay, both changes of the clocks."""

import asyncio
import datetime as dt
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from tests.conftest import Connect
from tests.support import Database
from tests.support.prices import MINUTE, Less, Stay, Tariff, Tier, Times, price
from tests.support.sql import edit_function

# Each with moments about which the clocks change; in two zones they change at midnight, in one by half an hour, and in
# Beirut and Santiago the day before comes once more.
CHANGES = {
    "Europe/Berlin": ("2030-03-31T01:00", "2030-10-27T01:00"),
    "Asia/Beirut": ("2030-03-30T22:00", "2030-10-26T21:00"),
    "America/Santiago": ("2030-04-07T03:00", "2030-09-08T04:00"),
    "America/Havana": ("2030-03-10T05:00", "2030-11-03T05:00"),
    "Australia/Lord_Howe": ("2030-04-06T15:00", "2030-10-05T15:30"),
    "Asia/Kolkata": ("2030-02-28T20:00",),
}

OPERATOR = 3
DRIVER = 1
LOT = 1

minute_of_day = st.sampled_from([0, 30, 60, 120, 150, 165, 180, 240, 480, 720, 1200, 1380, 1410, 1439]) | st.integers(
    0, 1439
)
cents = st.sampled_from([0, 1, 50, 333, 1000]) | st.integers(0, 2000)


@st.composite
def stays(draw: st.DrawFn) -> Stay:
    zone = draw(st.sampled_from(sorted(CHANGES)))
    about = dt.datetime.fromisoformat(draw(st.sampled_from(CHANGES[zone]))).replace(tzinfo=dt.UTC)
    starts = about + draw(st.integers(-2000, 1500)) * MINUTE
    length = draw(st.integers(1, 300) | st.integers(1, 4500)) * MINUTE
    ends = starts + length - draw(st.sampled_from([0, 0, 1, 59])) * dt.timedelta(seconds=1)
    return Stay(zone, starts, ends, draw(st.sampled_from([None, "car", "bus"])), draw(st.sampled_from([None, "ev"])))


@st.composite
def times(draw: st.DrawFn) -> tuple[Times, ...]:
    if draw(st.booleans()):
        return ()
    opens, closes = draw(st.lists(minute_of_day, min_size=2, max_size=2, unique=True))
    if draw(st.integers(0, 3)) == 0 and opens > 0:
        closes = 1440
    days = draw(st.sampled_from([range(7), range(5), (5, 6), (6,), (0, 3, 6)]))
    return tuple(Times(day, opens, closes) for day in days)


@st.composite
def tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    starts = draw(st.lists(st.sampled_from([30, 60, 90, 240, 1440]), max_size=3, unique=True))
    increment = st.sampled_from([1, 7, 15, 30, 60, 60, 90, 1440])
    return tuple(
        Tier(start, draw(increment if draw(st.integers(0, 4)) else st.none()), draw(cents))
        for start in sorted([0, *starts])
    )


@st.composite
def validities(draw: st.DrawFn, stay: Stay) -> tuple[dt.datetime, dt.datetime | None]:
    if draw(st.booleans()):
        return stay.starts - dt.timedelta(days=30), None
    first = stay.starts + draw(st.integers(-3000, 3000)) * MINUTE
    return first, draw(st.none() | st.integers(1, 3000).map(lambda n: first + n * MINUTE))


@st.composite
def tariffs_for(draw: st.DrawFn, stay: Stay) -> list[Tariff]:
    made = []
    for number in range(draw(st.integers(1, 4))):
        valid_from, valid_until = draw(validities(stay))
        day = stay.starts.date()
        first_day = draw(st.sampled_from([None, None, None, -1, 0, 1]))
        last_day = draw(st.sampled_from([None, None, None, 1, 2]))
        made.append(
            Tariff(
                f"Tariff {number}",
                draw(tiers()),
                valid_from,
                valid_until,
                draw(times()),
                None if first_day is None else day + dt.timedelta(days=first_day),
                None if last_day is None else day + dt.timedelta(days=last_day),
                draw(st.sampled_from([None, None, "car"])),
                draw(st.sampled_from([None, None, "ev"])),
                draw(st.integers(0, 2)),
                draw(st.sampled_from([0, 0, 10, 15, 45, 90])),
                draw(st.none() | st.integers(0, 5000)),
                draw(st.none() | st.integers(0, 3000)),
            )
        )
    return made


@st.composite
def reductions(draw: st.DrawFn, stay: Stay) -> list[Less]:
    percents = draw(st.sampled_from([(), (), (100,), (50,), (33, 15)]))
    return [Less(percent, *draw(validities(stay))) for percent in percents]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Stay, list[Tariff], list[Less], list[Less]]:
    stay = draw(stays())
    return stay, draw(tariffs_for(stay)), draw(reductions(stay)), draw(reductions(stay))


SET_TARIFF = """
    select id
    from parking.set_tariff($1, $2, $3, tiers => $4, free_minutes => $5, cap_stay_cents => $6, cap_day_cents => $7,
        times => $8, first_day => $9, last_day => $10, vehicle => $11, spot_type => $12, priority => $13,
        valid_from => $14, valid_until => $15)"""


async def set_tariff(connection: asyncpg.Connection, tariff: Tariff) -> int:
    """As an operator sets it."""
    tiers_as_json = json.dumps(
        [{"from_minutes": t.start, "increment_minutes": t.increment, "price_cents": t.cents} for t in tariff.tiers]
    )
    number: int = await connection.fetchval(
        SET_TARIFF,
        OPERATOR,
        LOT,
        tariff.name,
        tiers_as_json,
        tariff.free_minutes,
        tariff.cap_stay,
        tariff.cap_day,
        "; ".join(map(str, tariff.times)) or "24/7",
        tariff.first_day,
        tariff.last_day,
        tariff.vehicle,
        tariff.spot_type,
        tariff.priority,
        tariff.valid_from,
        tariff.valid_until,
    )
    return number


QUOTE = """
    select q.line, q.quantity, q.unit_cents, q.amount_cents, q.position
    from parking.quote($1, $2, $3, $4, $5, $6, $7) q"""


async def quote(connection: asyncpg.Connection, stay: Stay, ends: dt.datetime) -> int | None:
    """The sum of the lines, each of which is its quantity times its unit; None: there is no tariff."""
    try:
        async with connection.transaction():
            lines = await connection.fetch(QUOTE, LOT, stay.starts, ends, stay.vehicle, stay.spot_type, DRIVER, DRIVER)
    except asyncpg.PostgresError as refusal:
        if refusal.constraint_name != "no-tariff":
            raise
        return None
    assert [line["position"] for line in lines] == list(range(1, len(lines) + 1))
    assert all(line["quantity"] * line["unit_cents"] == line["amount_cents"] for line in lines)
    return int(sum(line["amount_cents"] for line in lines))


async def prepare(
    superuser: asyncpg.Connection,
    stay: Stay,
    tariffs: Sequence[Tariff],
    passes: Sequence[Less],
    discounts: Sequence[Less],
) -> list[Tariff]:
    """Set all that is said; the tariffs that are not refused because they would be ambiguous."""
    await superuser.execute("update parking.lots set time_zone = $1 where id = $2", stay.zone, LOT)
    accepted = []
    for tariff in tariffs:
        try:
            async with superuser.transaction():
                await set_tariff(superuser, tariff)
            accepted.append(tariff)
        except asyncpg.PostgresError as refusal:
            if refusal.constraint_name != "tariffs-collide":
                raise
    for kind, given_ in (("season-pass", passes), ("discount", discounts)):
        await superuser.executemany(
            """
            insert into parking.concessions (tenant_id, kind, lot_id, person_id, percent, valid_from, valid_until)
            values (1, $1, $2, $3, $4, $5, $6)""",
            [(kind, LOT, DRIVER, less.percent, less.valid_from, less.valid_until) for less in given_],
        )
    return accepted


async def judge(
    superuser: asyncpg.Connection, case: tuple[Stay, list[Tariff], list[Less], list[Less]]
) -> tuple[int | None, int | None, int | None]:
    """What quote() says, what the oracle says, and what quote() says of half the stay; nothing is left behind."""
    stay, tariffs, passes, discounts = case
    transaction = superuser.transaction()
    await transaction.start()
    try:
        accepted = await prepare(superuser, stay, tariffs, passes, discounts)
        half = stay.starts + (stay.ends - stay.starts) / 2
        return (
            await quote(superuser, stay, stay.ends),
            price(accepted, stay, passes, discounts),
            await quote(superuser, stay, half),
        )
    finally:
        await transaction.rollback()


def compare(where: Database, examples: int, seen: Counter[str], **options: Any) -> None:  # noqa: ANN401 (Hypothesis's own)
    """Any tariffs, any stays: as many examples as this."""
    with asyncio.Runner() as runner:
        # One that is wrong may well never come to an end.
        superuser = runner.run(where.connect("postgres", statement_timeout="10s"))

        @settings(max_examples=examples, report_multiple_bugs=False, **options)
        @given(case=cases())
        def every_stay(case: tuple[Stay, list[Tariff], list[Less], list[Less]]) -> None:
            said, right, half = runner.run(judge(superuser, case))
            event("no tariff" if right is None else "free" if right == 0 else "paid")
            seen["paid" if right else "free"] += 1
            assert said == right
            # A longer stay has the same increments, and perhaps more.
            assert half is None or said is None or half <= said

        try:
            every_stay()
        finally:
            superuser.terminate()


def test_a_quote_is_what_the_words_of_the_tariffs_say(module_database: Database) -> None:
    seen: Counter[str] = Counter()
    compare(module_database, 300, seen)
    assert seen["paid"] > 50, f"most stays should cost something: {seen}"


WALK = "parking_private.charges(parking.lots,timestamptz,timestamptz,text,text,bigint,text)"
SEGMENTS = "parking_private.tariff_segments(parking.lots,timestamptz,timestamptz,text,text,bigint,text)"
LINES = "parking_private.quote_lines(parking.lots,timestamptz,timestamptz,text,text,bigint,text)"


@pytest.mark.parametrize(
    ("function", "old", "new"),
    [
        ("parking_private.started_increments(interval,integer)", "ceil(", "1 + floor("),
        (WALK, "v_next := v_at + quantity * minutes * c_minute;", "v_next := v_segment.seg_ends;"),
        (WALK, "price := round(", "price := trunc("),
        (WALK, "coalesce(v_tariff.cap_day_cents, c_no_cap) - v_today", "coalesce(v_tariff.cap_day_cents, c_no_cap)"),
        (SEGMENTS, "c.priority desc, c.narrowness desc", "c.narrowness desc, c.priority desc"),
        (SEGMENTS, "time zone 'UTC' from walls", "time zone lot.time_zone from walls"),
        (LINES, "c.valid_until > quote_lines.starts", "c.valid_until < quote_lines.starts"),
    ],
    ids=["started", "changes", "half-up", "caps", "priority", "clocks", "discount"],
)
async def test_a_quote_that_is_wrong_is_found(
    connect: Connect, database: Database, function: str, old: str, new: str
) -> None:
    """The negative control of the test above; always the same stays, so that what is found once is found each time."""
    await edit_function(await connect("postgres"), function, old, new)
    with pytest.raises(
        (AssertionError, asyncpg.QueryCanceledError),
        match=r"^assert (None|\d+) (==|<=) (None|\d+)|^canceling statement",
    ):
        always: dict[str, Any] = {"derandomize": True, "database": None, "phases": [Phase.generate]}
        await asyncio.to_thread(compare, database, 400, Counter[str](), **always)
