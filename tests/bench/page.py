"""The page: how long it takes on the server, and how long a client waits for it, one request after the other.

On the server is what the service says of each request in its log: from when it has been read to when the last byte has
been handed on, with all that is around the page, who asks and may, its statement, and its template. The client, in
another process, adds the socket and the server's reading and writing. The large lot is the demo's, three floors of ten
rows of 50 spots, with a month of bookings ahead; its page is the summary of its rows, and from there the board of one.
Beside them stands what the database needs for each alone.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Callable

from tests.bench.report import Report, milliseconds, percentile, progress
from tests.support import Database, Service

TIMES = 200
SMALL_AT_MOST = 5.0
LARGE_AT_MOST = 50.0
SUMMARY_AT_MOST = 25.0

# Two of three slots of every spot, for thirty days.
BOOKINGS = """
    insert into parking.reservations (tenant_id, lot_id, spot_id, person_id, starts, ends, booked_at)
    select 1, 2, s.id, 1, h.starts, h.starts + interval '4 hours', parking.clock()
    from parking.spots s, generate_series(date_trunc('hour', parking.clock()) + interval '1 hour',
        parking.clock() + interval '30 days', interval '12 hours') h(starts)
    where s.lot_id = 2 and s.id % 5 > 0"""
DAY = "(select today + 7 from parking.find_lot())"

PAGES = (
    ("5 × 3 board", "/?date={day}", f"parking.board_section(1, {DAY})", SMALL_AT_MOST),
    ("1,500 spots: rows", "/?lot=2&date={day}", f"parking.overview(2, {DAY})", LARGE_AT_MOST),
    (
        "1,500 spots: a row",
        "/?lot=2&date={day}&row=7",
        f"parking.board_section(2, {DAY}, spot_row => 7)",
        LARGE_AT_MOST,
    ),
    ("lots", "/lots", "parking.find_lots()", LARGE_AT_MOST),
)


async def measure(database: Database, report: Report) -> None:
    """Print the table of the page."""
    database.psql(BOOKINGS)
    database.psql("vacuum analyze")
    bookings = database.psql("select count(*) from parking.reservations")
    day = database.psql(f"select {DAY}")
    connection = await database.connect("parking_service")
    rows = []
    async with Service(database, environ={"PARKING_LOG_FORMAT": "json"}) as service:
        for name, address, statement, most in PAGES:
            path = address.format(day=day)
            length = 0
            # One for each: an idle one is closed.
            client = http.client.HTTPConnection("127.0.0.1", service.port)

            def ask(path: str = path, client: http.client.HTTPConnection = client) -> None:
                nonlocal length
                client.request("GET", path)
                answer = client.getresponse()
                length = len(answer.read())
                assert answer.status == 200, answer.status

            before = len(_served(service))
            pages = await asyncio.to_thread(_time, ask)
            client.close()
            served = _served(service)[before:][-TIMES:]
            statements = []
            for _turn in range(TIMES):
                begun = time.perf_counter()
                await connection.fetch(f"select count(*) from {statement}")
                statements.append(time.perf_counter() - begun)
            bar = report.judge(f"page, {name}", percentile(served, 0.5) * 1000, at_most=most, unit="ms")
            if "overview" in statement:
                report.judge("summary in SQL", percentile(statements, 0.5) * 1000, at_most=SUMMARY_AT_MOST, unit="ms")
            on_server, whole = (
                [milliseconds(percentile(each, share)) for share in (0.5, 0.99)] for each in (served, pages)
            )
            in_sql = milliseconds(percentile(statements, 0.5))
            rows.append((name, *on_server, bar, in_sql, *whole, f"{length / 1000:.0f} kB"))
            progress(f"{name}: {on_server[0]} of {whole[0]}")
    await connection.close()
    report.table(
        f"Page, {TIMES} times: on the server, and over HTTP as a client sees it; {bookings} bookings, nearly all in the"
        " lot of 1,500",
        ("", "on the server", "p99", "median, ms", "SQL alone", "over HTTP", "p99", "HTML"),
        rows,
    )


def _served(service: Service) -> list[float]:
    """The seconds that the service took for each page so far, by its own log."""
    said = (json.loads(line)["context"] for line in service.output().splitlines() if '"duration_ms"' in line)
    return [each["duration_ms"] / 1000 for each in said if each["route"] in {"/", "/lots"}]


def _time(ask: Callable[[], None]) -> list[float]:
    """The seconds that each request takes, after some that nobody counts."""
    seconds = []
    for turn in range(TIMES + 20):
        begun = time.perf_counter()
        ask()
        if turn >= 20:
            seconds.append(time.perf_counter() - begun)
    return seconds
