"""What the tests of the garage share: its desk, its clock, and the ways in and out."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg

from tests.support.sql import one_row, shift_clock

BERLIN = ZoneInfo("Europe/Berlin")
OPERATOR = 3
ATTENDANT = 10
LOT = 4
"""The demo's garage: 140 spaces, 10.00 for each started hour, and an assumed stay of four hours."""
SPOT, OTHER_SPOT = 1526, 1527
"""Two of it that can be booked."""

ENTER = "select * from parking.enter_garage($1, $2, $3)"
LEAVE = "select * from parking.leave_garage($1, $2, $3)"


async def enter(connection: asyncpg.Connection, plate: str, actor: int = ATTENDANT, lot: int = LOT) -> str:
    """Let a vehicle in; the number of its ticket."""
    return str((await one_row(connection, ENTER, actor, lot, plate))["ticket_number"])


async def leave(connection: asyncpg.Connection, ticket: str, method: str = "Cash") -> asyncpg.Record:
    """Let a vehicle out; its ticket."""
    return await one_row(connection, LEAVE, ATTENDANT, ticket, method)


async def set_garage(connection: asyncpg.Connection, spaces: int = 140, hours: float = 4, lot: int = LOT) -> None:
    """How many fit inside, and how long one is assumed to stay."""
    await connection.fetch(
        "select from parking.set_garage($1, $2, $3, $4::double precision::numeric)", OPERATOR, lot, spaces, hours
    )


async def set_clock(superuser: asyncpg.Connection, wall: str) -> None:
    """Set parking.clock() to this moment of the garage's wall clock; with a * it is the second one of that name."""
    moment = datetime.fromisoformat(wall.rstrip("*")).replace(tzinfo=BERLIN, fold=int(wall.endswith("*")))
    real: datetime = await superuser.fetchval("select clock_timestamp()")
    await shift_clock(superuser, moment - real)


async def pass_time(superuser: asyncpg.Connection, **by: float) -> None:
    """Move the clock on."""
    await superuser.execute("update parking_private.clock_shift set shift = shift + $1", timedelta(**by))


async def unbalanced(superuser: asyncpg.Connection, lot: int = LOT) -> list[str]:
    """The tickets that the ledger does not explain to the cent, and `sums` when its sides differ; none, it is hoped."""
    balance = await one_row(superuser, "select * from parking.ledger_balance($1, $2)", OPERATOR, lot)
    sides = {balance["amount_cents"], balance["line_cents"], balance["payment_cents"]}
    return [*balance["out_of_balance"], *(["sums"] if len(sides) > 1 else [])]
