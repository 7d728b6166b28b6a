"""Tariffs by hand: prices that one can add up oneself, and how tariffs are set, replaced, ended and kept apart."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support.sql import DRIVER_1, DRIVER_2, edit_function, one_row, refused, shift_clock

BERLIN = ZoneInfo("Europe/Berlin")
OPERATOR = 3
LINES = "select q.line, q.amount_cents from parking.quote(1, $1, $2, actor => $3, customer => $4, plate => $5) q"


def moment(text: str) -> datetime:
    """A moment by the lot's wall clock; fold=1, after a *, is the second hour of that name."""
    return datetime.fromisoformat(text.rstrip("*")).replace(tzinfo=BERLIN, fold=int(text.endswith("*")))


async def set_tariff(connection: asyncpg.Connection, name: str = "Day", actor: int = OPERATOR, **words: object) -> int:
    """Call parking.set_tariff for the demo's lot with these arguments; the tariff's number."""
    arguments = "".join(f", {word} => ${number}" for number, word in enumerate(words, 3))
    return int(
        await connection.fetchval(
            f"select id from parking.set_tariff($1, 1, $2{arguments})", actor, name, *words.values()
        )
    )


async def lines(  # noqa: PLR0917
    connection: asyncpg.Connection,
    starts: str,
    ends: str,
    actor: int | None = None,
    customer: int | None = None,
    plate: str | None = None,
) -> list[tuple[str, int]]:
    """The lines of a price and their amounts."""
    rows = await connection.fetch(LINES, moment(starts), moment(ends), actor, customer, plate)
    return [(row["line"], row["amount_cents"]) for row in rows]


HOURLY: dict[str, Any] = {"price_cents": 1000}
NIGHT: dict[str, Any] = {"flat_cents": 500, "times": "Mo-Su 20:00-06:00"}


@pytest.mark.parametrize(
    ("starts", "ends", "expected"),
    [
        ("2030-05-06 08:00", "2030-05-06 08:00", []),
        ("2030-05-06 08:00:30", "2030-05-06 09:00:30", [("Day: 1 started hour at 10.00", 1000)]),
        ("2030-05-06 08:00:30", "2030-05-06 09:00:31", [("Day: 2 started hours at 10.00", 2000)]),
        # An increment that has begun runs on into the night; then the night is flat, and the next day has its own cap.
        (
            "2030-05-06 19:30",
            "2030-05-07 11:00",
            [
                ("Day, 6 May: 1 started hour at 10.00", 1000),
                ("Night, 6 May: flat price 5.00", 500),
                ("Day, 7 May: 5 started hours at 10.00", 5000),
                ("Cap of the day 7 May", -2000),
            ],
        ),
        # Berlin, 31 March 2030: the night has nine hours; 27 October: eleven. Either costs the same.
        ("2030-03-30 20:00", "2030-03-31 06:00", [("Night: flat price 5.00", 500)]),
        ("2030-10-26 20:00", "2030-10-27 06:00", [("Night: flat price 5.00", 500)]),
        (
            "2030-10-26 20:00",
            "2030-10-27 06:00:01",
            [("Night, 26 October: flat price 5.00", 500), ("Day, 27 October: 1 started hour at 10.00", 1000)],
        ),
    ],
)
async def test_day_and_night(connect: Connect, starts: str, ends: str, expected: list[tuple[str, int]]) -> None:
    superuser, service = await connect("postgres"), await connect()
    await set_tariff(superuser, **HOURLY, cap_day_cents=3000)
    await set_tariff(superuser, "Night", **NIGHT)
    assert await lines(service, starts, ends) == expected


@pytest.mark.parametrize(
    ("starts", "ends", "hours"),
    [
        ("2030-03-31 01:00", "2030-03-31 04:00", 2),
        ("2030-10-27 01:00", "2030-10-27 04:00", 4),
        ("2030-10-27 02:30", "2030-10-27 02:30*", 1),
    ],
)
async def test_an_hour_has_sixty_minutes(connect: Connect, starts: str, ends: str, hours: int) -> None:
    superuser, service = await connect("postgres"), await connect()
    await set_tariff(superuser, **HOURLY)
    assert sum(amount for _, amount in await lines(service, starts, ends)) == hours * 1000


async def test_free_minutes_tiers_and_a_cap_of_the_stay(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    tiers = '[{"from_minutes": 0, "increment_minutes": 30, "price_cents": 100},'
    tiers += ' {"from_minutes": 75, "increment_minutes": 60, "price_cents": 50}]'
    await set_tariff(superuser, tiers=tiers, free_minutes=15, cap_stay_cents=275)
    assert await lines(service, "2030-05-06 08:00", "2030-05-06 08:15") == [("Day: first 15 minutes free", 0)]
    assert await lines(service, "2030-05-06 08:00", "2030-05-06 11:16") == [
        ("Day: first 15 minutes free", 0),
        ("Day: 2 × started 30 minutes at 1.00", 200),
        ("Day: 3 started hours at 0.50", 150),
        ("Cap of the stay", -75),
    ]


async def test_outside_all_times_nothing_is_charged(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await set_tariff(superuser, **HOURLY, times="Mo-Fr 08:00-18:00")
    assert await lines(service, "2030-05-06 17:30", "2030-05-07 08:30") == [
        ("Day, 6 May: 1 started hour at 10.00", 1000),
        ("Free of charge", 0),
        ("Day, 7 May: 1 started hour at 10.00", 1000),
    ]
    # It is valid, but on other days.
    assert await lines(service, "2030-05-11 10:00", "2030-05-11 12:00") == [("Free of charge", 0)]


async def test_where_no_tariff_is_valid_there_is_no_price(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    with refused("no-tariff", 422):
        await lines(service, "2030-05-06 08:00", "2030-05-06 09:00")
    await set_tariff(superuser, **HOURLY, vehicle="Bus", valid_from=moment("2030-05-06 09:00"))
    with refused("no-tariff", 422):
        await lines(service, "2030-05-06 09:00", "2030-05-06 10:00")
    priced = "select sum(amount_cents) from parking.quote(1, $1, $2, vehicle => 'BUS')"
    with refused("no-tariff", 422):
        await service.fetchval(priced, moment("2030-05-06 08:00"), moment("2030-05-06 09:00"))
    assert await service.fetchval(priced, moment("2030-05-06 08:00"), moment("2030-05-06 09:01")) == 1000


@pytest.mark.parametrize(
    ("starts", "ends", "slug"),
    [
        (None, "2030-05-06 08:00", "period-incomplete"),
        ("2030-05-06 08:00", "2030-05-06 07:59", "period-backwards"),
        ("1999-05-06 08:00", "2030-05-06 07:59", "day-out-of-range"),
        ("2010-05-06 08:00", "2030-05-06 07:59", "period-too-long"),
    ],
)
async def test_what_is_no_stay(connect: Connect, starts: str | None, ends: str, slug: str) -> None:
    service = await connect()
    with refused(slug, 422):
        await service.fetch(LINES, starts and moment(starts), moment(ends), None, None, None)


async def test_who_pays_less_and_who_may_know(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await set_tariff(superuser, price_cents=333)
    grant = (
        "select id from parking.grant_concession($1, $2, 1, person => $3, plate => $4, percent => $5, valid_from => $6)"
    )
    await superuser.fetch(grant, OPERATOR, "discount", DRIVER_1, None, 15, moment("2030-05-06 00:00"))
    await superuser.fetch(grant, OPERATOR, "season-pass", None, "b-ab 123", 50, moment("2030-05-06 09:00"))
    period = "2030-05-06 08:00", "2030-05-06 10:00"
    full = [("Day: 2 started hours at 3.33", 666)]
    assert await lines(service, *period) == full
    assert await lines(service, *period, DRIVER_2) == full
    # 15 % of 6.66 are 0.999.
    assert await lines(service, *period, DRIVER_1) == [*full, ("Discount 15 %", -100)]
    assert await lines(service, *period, OPERATOR, DRIVER_1) == [*full, ("Discount 15 %", -100)]
    # Half of 3.33 is rounded half up.
    assert await lines(service, *period, OPERATOR, None, "BAB123") == [
        ("Day: 1 started hour at 3.33", 333),
        ("Day: 1 started hour at 1.67, season pass 50 % less", 167),
    ]
    for asking in ((DRIVER_2, DRIVER_1, None), (None, DRIVER_1, None), (DRIVER_1, None, "BAB123")):
        with refused("not-permitted", 403):
            await lines(service, *period, *asking)
    # A discount of the day after is none.
    assert await lines(service, "2030-05-05 23:00", "2030-05-06 01:00", DRIVER_1) == [
        ("Day, 5 May: 1 started hour at 3.33", 333),
        ("Day, 6 May: 1 started hour at 3.33", 333),
    ]


async def test_what_stays_cost_up_to_now_never_changes(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    first = await set_tariff(superuser, **HOURLY)
    start = await service.fetchval("select parking.clock()")
    await shift_clock(superuser, timedelta(hours=3))
    priced = "select sum(amount_cents) from parking.quote(1, $1, $2)"
    past = start, start + timedelta(hours=2, minutes=30)
    assert await service.fetchval(priced, *past) == 3000
    with refused("not-a-tariff", 422):
        await set_tariff(superuser, price_cents=1, valid_from=start)
    second = await set_tariff(superuser, price_cents=200)
    assert await service.fetchval(priced, *past) == 3000
    # What begins after the change has the new price: the fourth hour began before it.
    assert await service.fetchval(priced, start, start + timedelta(hours=6)) == 4 * 1000 + 2 * 200
    retire = "select valid_until from parking.retire_tariff($1, $2, $3)"
    with refused("unknown-tariff", 404):
        await superuser.fetchval(retire, OPERATOR, first, None)
    with refused("not-a-tariff", 422):
        await superuser.fetchval(retire, OPERATOR, second, start)
    for never in (datetime.max.replace(tzinfo=UTC), moment("2200-01-01 01:00")):
        with refused("not-a-tariff", 422):
            await superuser.fetchval(retire, OPERATOR, second, never)
    await superuser.fetchval(retire, OPERATOR, second, None)
    assert await service.fetchval(priced, *past) == 3000
    assert await service.fetch("select id from parking.list_tariffs(1)") == []
    actions = await superuser.fetch("select action from parking.audit where object_type = 'tariff' order by id")
    assert [row["action"] for row in actions] == ["tariff.set", "tariff.set", "tariff.retired"]


async def test_a_concession_ends_in_this_calendar(connect: Connect) -> None:
    superuser = await connect("postgres")
    number = await superuser.fetchval(
        "select id from parking.grant_concession($1, 'discount', person => $2, percent => 10)", OPERATOR, DRIVER_2
    )
    end = "select valid_until from parking.end_concession($1, $2, $3::text::timestamptz)"
    for never in ("infinity", "2200-01-01 00:00+00"):
        with refused("not-a-concession", 422):
            await superuser.fetchval(end, OPERATOR, number, never)
    assert await superuser.fetchval(end, OPERATOR, number, "2199-12-31 23:59:59+00")


async def test_a_version_to_come_is_replaced_by_a_sooner_one(connect: Connect) -> None:
    superuser, service = await connect("postgres"), await connect()
    await set_tariff(superuser, **HOURLY)
    await set_tariff(superuser, price_cents=300, valid_from=moment("2030-06-01 00:00"))
    assert len(await service.fetch("select id from parking.list_tariffs(1)")) == 2
    await set_tariff(superuser, price_cents=200, valid_from=moment("2030-05-01 00:00"))
    assert await lines(service, "2030-04-30 23:00", "2030-05-01 01:00") == [
        ("Day, 30 April: 1 started hour at 10.00", 1000),
        ("Day, 1 May: 1 started hour at 2.00", 200),
    ]
    assert await lines(service, "2030-06-30 10:00", "2030-06-30 11:00") == [("Day: 1 started hour at 2.00", 200)]


@pytest.mark.parametrize(
    ("words", "collides"),
    [
        ({}, True),
        ({"priority": 1}, False),
        ({"times": "Mo 08:00-09:00"}, False),  # it is narrower
        ({"vehicle": "car"}, False),
        ({"valid_from": moment("2030-01-01 00:00")}, True),
    ],
)
async def test_two_tariffs_that_would_apply_at_once(connect: Connect, words: dict[str, Any], collides: bool) -> None:
    superuser = await connect("postgres")
    await set_tariff(superuser, **HOURLY)
    if collides:
        with refused("tariffs-collide", 409):
            await set_tariff(superuser, "Other", price_cents=1, **words)
    else:
        await set_tariff(superuser, "Other", price_cents=1, **words)


@pytest.mark.parametrize(
    ("one", "other", "collides"),
    [
        ({"times": "Mo-Fr 08:00-20:00"}, {"times": "Mo-Fr 20:00-08:00"}, False),
        ({"times": "Mo-Fr 08:00-20:00"}, {"times": "Mo 19:59-08:00"}, True),
        # The night of Sunday lasts into Monday.
        ({"times": "Su 20:00-06:00"}, {"times": "Mo 05:00-06:00"}, True),
        ({"times": "Su 20:00-06:00"}, {"times": "Mo 06:00-07:00"}, False),
        ({"vehicle": "car"}, {"spot_type": "ev"}, True),
        ({"vehicle": "car"}, {"vehicle": "bus"}, False),
        ({"last_day": moment("2030-05-05").date()}, {"first_day": moment("2030-05-06").date()}, False),
        ({"last_day": moment("2030-05-06").date()}, {"first_day": moment("2030-05-06").date()}, True),
    ],
)
async def test_tariffs_side_by_side(
    connect: Connect, one: dict[str, Any], other: dict[str, Any], collides: bool
) -> None:
    superuser = await connect("postgres")
    await set_tariff(superuser, **HOURLY, **one)
    if collides:
        with refused("tariffs-collide", 409):
            await set_tariff(superuser, "Other", price_cents=1, **other)
    else:
        await set_tariff(superuser, "Other", price_cents=1, **other)


async def test_without_the_check_two_tariffs_apply_at_once(connect: Connect) -> None:
    """The negative control of the tests above."""
    superuser = await connect("postgres")
    signature = "parking_private.require_unambiguous(parking.lots,parking.tariffs)"
    await edit_function(superuser, signature, "if found then", "if false then")
    await set_tariff(superuser, **HOURLY)
    await set_tariff(superuser, "Other", price_cents=1)
    assert (await one_row(superuser, "select count(*) from parking.list_tariffs(1)"))["count"] == 2


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        ({}, "not-a-tariff"),
        ({"price_cents": 1, "flat_cents": 1}, "not-a-tariff"),
        ({"price_cents": -1}, "not-a-tariff"),
        ({"price_cents": 1, "increment_minutes": 0}, "not-a-tariff"),
        ({"price_cents": 1, "increment_minutes": None}, "not-a-tariff"),
        ({"tiers": "[]"}, "not-a-tariff"),
        ({"tiers": '[{"from_minutes": 5, "price_cents": 1}]'}, "not-a-tariff"),
        ({"tiers": '[{"from_minutes": 0, "price_cents": 1.5}]'}, "not-a-tariff"),
        ({"tiers": '[{"from_minutes": 0, "price_cents": 1, "price": 2}]'}, "not-a-tariff"),
        ({"tiers": '[{"from_minutes": 0, "price_cents": 1}, {"from_minutes": 0, "price_cents": 1}]'}, "not-a-tariff"),
        ({"tiers": '{"from_minutes": 0}'}, "not-a-tariff"),
        ({"price_cents": 1, "free_minutes": -1}, "not-a-tariff"),
        ({"price_cents": 1, "cap_day_cents": -1}, "not-a-tariff"),
        ({"price_cents": 1, "cap_stay_cents": 100000001}, "not-a-tariff"),
        ({"price_cents": 1, "times": None}, "not-a-tariff"),
        ({"price_cents": 1, "times": "Mo"}, "not-hours"),
        ({"price_cents": 1, "vehicle": " "}, "not-a-tariff"),
        ({"price_cents": 1, "spot_type": "boat"}, "not-a-spot-type"),
        ({"price_cents": 1, "currency": "Euro"}, "not-a-tariff"),
        ({"price_cents": 1, "priority": None}, "not-a-tariff"),
        ({"price_cents": 1, "valid_until": moment("2020-01-01")}, "not-a-tariff"),
        ({"price_cents": 1, "valid_from": moment("2199-12-31"), "valid_until": moment("2200-02-01")}, "not-a-tariff"),
        (
            {"price_cents": 1, "first_day": moment("2030-05-06").date(), "last_day": moment("2030-05-05").date()},
            "not-a-tariff",
        ),
    ],
)
async def test_what_is_no_tariff(connect: Connect, words: dict[str, Any], slug: str) -> None:
    with refused(slug, 422):
        await set_tariff(await connect("postgres"), **words)


async def test_a_lot_has_one_currency(connect: Connect) -> None:
    superuser = await connect("postgres")
    await set_tariff(superuser, **HOURLY, currency="CHF")
    await set_tariff(superuser, "Night", **NIGHT)
    assert await superuser.fetchval("select array_agg(distinct currency) from parking.list_tariffs(1)") == ["CHF"]
    with refused("not-a-tariff", 422):
        await set_tariff(superuser, "Bus", **HOURLY, vehicle="bus", currency="EUR")
