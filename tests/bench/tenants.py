"""What keeping tenants apart costs: a booking with and without row-level security, and a large lot's board under it."""

from __future__ import annotations

import time
from statistics import median, quantiles

from tests.bench.load import CLIENTS, sessions
from tests.bench.report import Report, milliseconds, percentile, progress
from tests.support import Database

ROUNDS = 7
TURN_SECONDS = 2
# A booking may cost 15 % more.
LEAST_SHARE = 1 / 1.15

TABLES = """
    select format('alter table %s %s row level security', c.oid::regclass, {!r})
    from pg_class c
    where c.relnamespace in ('parking'::regnamespace, 'parking_private'::regnamespace) and c.relkind in ('r', 'p')
      and exists (select from pg_policy p where p.polrelid = c.oid)
    \\gexec"""

LARGE_LOT = 2
BOOKINGS = 1000
READINGS = 50
MILLISECONDS_AT_MOST = 25.0
BOOK_A_LOT = f"""
    insert into parking.reservations (tenant_id, lot_id, spot_id, person_id, starts, ends, booked_at)
    select s.tenant_id, s.lot_id, s.id, 1, d.day + h.hour, d.day + h.hour + interval '4 hours', parking.clock()
    from (select * from parking.spots where lot_id = {LARGE_LOT} order by id limit {BOOKINGS}) s
    cross join lateral (values (((current_date + 2)::timestamp at time zone 'Europe/Berlin'))) d(day)
    cross join lateral (values (interval '8 hours' + interval '4 hours' * (s.id % 3))) h(hour)"""
BOARD = f"select count(*) from parking.board({LARGE_LOT}, current_date + 2)"


async def measure(database: Database, book: str, report: Report) -> None:
    """Print the two tables."""
    await measure_booking(database, book, report)
    await measure_board(database, report)


async def measure_booking(database: Database, book: str, report: Report) -> None:
    """Taking turns; every other round goes backwards."""
    rates: dict[str, list[float]] = {"enable": [], "disable": []}
    order: list[str] = []
    async with sessions(database, book) as load:
        for number in range(ROUNDS):
            for state in list(rates)[:: 1 if number % 2 == 0 else -1]:
                database.psql(TABLES.format(state))
                database.psql("checkpoint")
                await load.turn(TURN_SECONDS)
                order.append(state)
            progress(f"round {number + 1} of {ROUNDS}")
    database.psql(TABLES.format("enable"))
    for state, turn in zip(order, load.turns, strict=True):
        rates[state].append(turn.rate)
    shares = [with_it / without for with_it, without in zip(rates["enable"], rates["disable"], strict=True)]
    low, middle, high = quantiles(shares, n=4)
    report.table(
        f"Tenants: parking.book, {CLIENTS} connections; {ROUNDS} rounds of {TURN_SECONDS} s",
        ("ratio", "median", "middle half", "with, a second", "without, a second", "bar"),
        [
            (
                "with / without row-level security",
                f"{middle:.2f}",
                f"{low:.2f}–{high:.2f}",
                f"{median(rates['enable']):.0f}",
                f"{median(rates['disable']):.0f}",
                report.judge("row-level security", middle, at_least=LEAST_SHARE),
            )
        ],
    )


async def measure_board(database: Database, report: Report) -> None:
    """As the service reads it, one reading after the other."""
    database.psql(BOOK_A_LOT)
    database.psql("vacuum analyze")
    service = await database.connect()
    try:
        cells = await service.fetchval(BOARD)
        delays = []
        for _ in range(READINGS):
            begun = time.perf_counter()
            assert await service.fetchval(BOARD) == cells
            delays.append(time.perf_counter() - begun)
    finally:
        await service.close()
    middle = percentile(delays, 0.5)
    report.table(
        f"A board of {cells} cells, {BOOKINGS} of them booked; {READINGS} readings",
        ("", "median", "p99", "bar"),
        [
            (
                "parking.board",
                milliseconds(middle),
                milliseconds(percentile(delays, 0.99)),
                report.judge("a large lot's board", middle * 1000, at_most=MILLISECONDS_AT_MOST, unit="ms"),
            )
        ],
    )
