"""The code that a driver shows, and what it tells to whom."""

import asyncio
import re
from datetime import timedelta

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support.sql import (
    BOOK,
    CANCEL,
    COMPLETE,
    DRIVER_1,
    DRIVER_2,
    OPERATOR,
    hours_ahead,
    one_row,
    refused,
    shift_clock,
)

ISSUE = "select parking.issue_pass($1, $2)"
CHECK = "select * from parking.check_pass($1, $2)"


@pytest.fixture
async def service(connect: Connect) -> asyncpg.Connection:
    return await connect("parking_service")


async def test_a_pass_tells_what_the_moment_makes_of_it(service: asyncpg.Connection, connect: Connect) -> None:
    superuser = await connect("postgres")
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(3))
    code = await service.fetchval(ISSUE, DRIVER_1, booking["id"])
    states = []
    for hours in (0, 2, 4):
        await shift_clock(superuser, timedelta(hours=hours))
        states.append((await one_row(service, CHECK, code, None))["state"])
    assert states == ["early", "valid", "over"]
    await superuser.execute("call parking.sweep()")
    row = await one_row(service, CHECK, code, None)
    assert (row["state"], row["status"]) == ("over", "completed"), "released, after its time"
    assert (row["spot"], row["lot"], row["starts"], row["time_zone"]) == (
        "Spot 1", "Demo Garage", booking["starts"], "Europe/Berlin",
    )  # fmt: skip


@pytest.mark.parametrize(("end", "status"), [(CANCEL, "cancelled"), (COMPLETE, "completed")])
async def test_what_was_ended_early_says_so_for_ever(
    service: asyncpg.Connection, connect: Connect, end: str, status: str
) -> None:
    superuser = await connect("postgres")
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(3))
    code = await service.fetchval(ISSUE, DRIVER_1, booking["id"])
    await service.fetch(end, DRIVER_1, booking["id"])
    for hours in (0, 2, 4):
        await shift_clock(superuser, timedelta(hours=hours))
        row = await one_row(service, CHECK, code, None)
        assert (row["state"], row["status"]) == ("ended", status)


async def test_a_pass_is_the_same_each_time_and_like_no_other(service: asyncpg.Connection) -> None:
    codes = set()
    for spot in (1, 2, 3, 4, 5):
        booking = await one_row(service, BOOK, DRIVER_1, spot, hours_ahead(1), hours_ahead(2))
        issued = {await service.fetchval(ISSUE, DRIVER_1, booking["id"]) for _ in range(3)}
        assert len(issued) == 1
        codes |= issued
    assert len(codes) == 5
    # 22 letters of base64 are 132 bits, the last of which carries two.
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{21}[AQgw]", code) for code in codes)


async def test_two_who_ask_at_once_get_the_same_pass(service: asyncpg.Connection, connect: Connect) -> None:
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    connections = [await connect() for _ in range(12)]
    codes = await asyncio.gather(*(c.fetchval(ISSUE, DRIVER_1, booking["id"]) for c in connections))
    assert len(set(codes)) == 1
    assert codes[0]


async def test_only_operators_of_the_tenant_learn_whose_it_is(service: asyncpg.Connection, connect: Connect) -> None:
    superuser = await connect("postgres")
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    code = await service.fetchval(ISSUE, DRIVER_1, booking["id"])
    people = {row["email"]: row["id"] for row in await superuser.fetch("select id, email from parking.people")}
    knows = {
        email for email, person in people.items() if (await one_row(service, CHECK, code, person))["driver"] is not None
    }
    assert knows == {"operator@parking.com", "admin@parking.com", "platform@parking.com"}
    for nobody in (None, 999_999):
        row = await one_row(service, CHECK, code, nobody)
        assert (row["driver"], row["spot"]) == (None, "Spot 1")
    name = await superuser.fetchval("select display_name from parking.people where id = $1", DRIVER_1)
    assert (await one_row(service, CHECK, code, OPERATOR))["driver"] == name
    await superuser.execute("update parking.people set active = false where id = $1", OPERATOR)
    assert (await one_row(service, CHECK, code, OPERATOR))["driver"] is None


async def test_only_its_driver_gets_a_pass(service: asyncpg.Connection) -> None:
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    for actor in (DRIVER_2, OPERATOR):
        with refused("not-your-reservation", 403):
            await service.fetchval(ISSUE, actor, booking["id"])
    with refused("unknown-reservation", 404):
        await service.fetchval(ISSUE, DRIVER_1, booking["id"] + 1)
    with refused("unknown-actor", 401):
        await service.fetchval(ISSUE, None, booking["id"])


@pytest.mark.parametrize("code", ["", "A" * 22, "A" * 10_000, "'; drop table", None])
async def test_an_unknown_pass(service: asyncpg.Connection, code: str | None) -> None:
    booking = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    await service.fetchval(ISSUE, DRIVER_1, booking["id"])
    with refused("unknown-pass", 404):
        await service.fetch(CHECK, code, OPERATOR)
