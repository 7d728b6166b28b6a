"""What a garage's past costs its desk: the same calls with a thousand tickets behind them and with a million.

Two databases take turns, one call after the other, so that whatever else the machine does meets both. Both have the
same last thousand tickets, of which some are today's; the million reaches back for three years.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from statistics import median

import asyncpg

from tests.bench.report import Report, milliseconds, percentile, progress
from tests.support import Cluster, Database, new_database

FEW, MANY = 1_000, 1_000_000
INSIDE = 70
ROUNDS = 300
WARM = 20
MOST = 1.5
LOT, ATTENDANT = 4, 10

# A vehicle every 94 seconds, which stays for ten minutes to an hour and a half, all of them gone by now.
NUMBERS = """
    with numbers as (
        select n, c.now - interval '2 hours' - make_interval(secs => 94.0 * (%(many)s - n)) as entered,
               make_interval(mins => 10 + n %% 80) as stay, 1000 * (1 + (9 + n %% 80) / 60) as cents
        from parking.clock() c(now), generate_series(%(many)s - %(count)s + 1, %(many)s) n
    )"""
TICKETS = """
    insert into parking.tickets (tenant_id, lot_id, id, plate, vehicle, entered_at, entered_by, status, left_at,
        left_by, amount_cents, currency, method)
    select 1, %(lot)s, n, 'H' || n, 'Car', entered, %(actor)s, 'paid', entered + stay, %(actor)s, cents, 'EUR', 'Cash'
    from numbers;
    insert into parking.ticket_counters (tenant_id, issued) values (1, %(many)s)"""
LINES = """
    insert into parking.ticket_lines (tenant_id, ticket_id, position, kind, line, quantity, unit_cents, amount_cents,
        tariff_id)
    select 1, n, 1, 'started', 'Standard', cents / 1000, 1000, cents, 1
    from numbers"""
PAYMENTS = """
    insert into parking.payments (tenant_id, lot_id, ticket_id, position, kind, method, amount_cents, currency, at,
        actor_id)
    select 1, %(lot)s, n, 1, 'payment', 'Cash', cents, 'EUR', entered + stay, %(actor)s
    from numbers"""

ENTRY, DUE, EXIT, STATS, ACTIVITIES = "entry", "amount due", "exit", "stats", "activities"
CALLS = {
    ENTRY: "select ticket_number from parking.enter_garage($1, $2, $3)",
    DUE: "select sum(amount_cents) from parking.amount_due($1, $2)",
    EXIT: "select amount_cents from parking.leave_garage($1, $2, 'Credit Card')",
    STATS: "select todays_revenue_cents from parking.garage_stats($1, $2)",
    ACTIVITIES: "select count(*) from parking.list_activities($1, $2, 10)",
}


async def fill(database: Database, count: int) -> None:
    """Let the database have this many closed tickets, and INSIDE vehicles."""
    words = {"many": MANY, "count": count, "lot": LOT, "actor": ATTENDANT}

    async def insert(*statements: str) -> None:
        # Whether each line has its ticket is not looked up: that takes as long as all the rest, and they come at once.
        script = ["set session_replication_role = replica", *((NUMBERS + each) % words for each in statements)]
        await asyncio.to_thread(database.psql, ";".join(script))

    await asyncio.gather(insert(TICKETS), insert(LINES, PAYMENTS))
    database.psql(
        f"select from generate_series(1, {INSIDE}) n, parking.enter_garage({ATTENDANT}, {LOT}, 'INSIDE' || n)"
    )
    database.psql("vacuum (analyze) parking.tickets, parking.ticket_lines, parking.payments")
    database.psql("checkpoint")


async def desk(connection: asyncpg.Connection, number: int) -> dict[str, float]:
    """One vehicle's way through the garage, and a look at the dashboard while it is inside: seconds by call."""
    took: dict[str, float] = {}

    async def call(name: str, *arguments: object) -> object:
        began = time.perf_counter()
        answer = await connection.fetchval(CALLS[name], ATTENDANT, *arguments)
        took[name] = time.perf_counter() - began
        return answer

    ticket = await call(ENTRY, LOT, f"B {number}")
    await call(STATS, LOT)
    await call(ACTIVITIES, LOT)
    await call(DUE, ticket)
    assert await call(EXIT, ticket) == 1000
    return took


async def measure(cluster: Cluster, template: str, report: Report) -> None:
    """Print the table."""
    with new_database(cluster, template=template) as few, new_database(cluster, template=template) as many:
        await fill(few, FEW)
        await fill(many, MANY)
        progress(f"garage: {MANY} tickets are there")
        tell(await take_turns(few, many), report)


async def take_turns(few: Database, many: Database) -> dict[str, list[tuple[float, float]]]:
    """Seconds of each call, with few tickets and with many; every other round begins with the many."""
    connections = {FEW: await few.connect(), MANY: await many.connect()}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in CALLS}
    try:
        for number in range(WARM + ROUNDS):
            order: Sequence[int] = (FEW, MANY) if number % 2 == 0 else (MANY, FEW)
            took = {count: await desk(connections[count], number) for count in order}
            if number >= WARM:
                for name in CALLS:
                    taken[name].append((took[FEW][name], took[MANY][name]))
    finally:
        for connection in connections.values():
            await connection.close()
    return taken


def tell(taken: dict[str, list[tuple[float, float]]], report: Report) -> None:
    """The ratio is that of the medians."""
    rows = []
    for name, pairs in taken.items():
        few, many = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        ratio = median(many) / median(few)
        rows.append(
            (
                name,
                f"{ratio:.2f}",
                *(milliseconds(seconds) for seconds in (median(few), median(many))),
                *(milliseconds(percentile(seconds, 0.99)) for seconds in (few, many)),
                report.judge(f"garage, {name}", ratio, at_most=MOST),
            )
        )
    report.table(
        f"Garage: {INSIDE} vehicles inside, {ROUNDS} calls of each kind in turns, by what lies in the past",
        ("", "ratio", f"{FEW} tickets", f"{MANY} tickets", "p99", "p99", "bar"),
        rows,
    )
