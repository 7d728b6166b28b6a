"""What HTTP costs: bookings over REST beside pgbench calling the same function, and GET /spots beside an empty route.

The service is started as `make up` does it, with its settings; its limits are in force, so that the clients are as many
drivers, each with a token. They are wrk's, on this machine as well, with as many connections as pgbench has.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import msgspec

from service.auth import Tokens
from tests.bench.load import CLIENTS, SECONDS, SPOTS, sessions
from tests.bench.report import Report, milliseconds, progress
from tests.support import ROOT, Database, Service, admission
from tests.support.cluster import run

ROUNDS = 9
TURN_SECONDS = max(2, SECONDS // 3)
LEAST_SHARE_OF_PGBENCH = 0.45
LEAST_SHARE_OF_NOTHING = 0.35
P99_AT_MOST = 100.0

# Enough that nobody comes near the limit of a person.
DRIVERS = 100
SETTINGS = {"PARKING_LOG_FORMAT": "text"}
"""What `make up` sets beside the address and the secret."""

PEOPLE = f"""
    with people as (
        insert into parking.people (tenant_id, email, display_name)
        select 1, format('bench%s@parking.com', n), 'Bench ' || n from generate_series(1, {DRIVERS}) n
        returning tenant_id, id, email
    ), drivers as (
        insert into parking.memberships (tenant_id, person_id, role) select p.tenant_id, p.id, 'driver' from people p
    )
    insert into parking.sessions (tenant_id, person_id, opened_at, renewed_at, expires_at)
    select p.tenant_id, p.id, parking.clock(), parking.clock(), parking.clock() + interval '2 hours' from people p
    order by p.id
    returning person_id, (select p.email from people p where p.id = person_id), id"""

# The same as BOOK of load.py, by one driver after the other.
BOOK = f"""
    select b.id from nextval('bench.turn') t,
    parking.book({{driver}} + t % {DRIVERS}, {{first}} + t % {SPOTS}, bench.hour(t), bench.hour(t + {SPOTS})) b"""


class Answered(msgspec.Struct):
    """What wrk says in the end; times in seconds."""

    requests: int
    seconds: float
    median: float
    p99: float
    failed: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def ask(service: Service, path: str, folder: Path, seconds: int) -> Answered:
    """Every connection asks, gets its answer and asks again; none may fail."""
    script = ROOT / "tests" / "bench" / "rest.lua"
    output = run(
        *("wrk", "-t", "1", "-c", str(CLIENTS), "-d", f"{seconds}s", "--timeout", "10s"),
        *("-s", script, f"{service.url}{path}", "--", folder),
        seconds=seconds + 60,
    )
    answered = msgspec.json.decode(output.splitlines()[-1], type=Answered)
    assert answered.failed == 0, output + service.output()[-5000:]
    return answered


def admit(database: Database, service: Service, folder: Path) -> int:
    """Sign the drivers in: FOLDER/tokens; the number of the first one."""
    tokens = Tokens(service.secret, 7200)
    rows = [row.split("|") for row in database.psql(PEOPLE).splitlines()]
    lines = [tokens.issue(admission(int(person), email, session)) for person, email, session in rows]
    (folder / "tokens").write_text("\n".join(lines), encoding="ascii")
    return min(int(person) for person, _, _ in rows)


async def measure(database: Database, report: Report) -> None:
    """Print the two tables."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        async with Service(database, environ=SETTINGS) as service:
            driver = admit(database, service, folder)
            database.psql("vacuum analyze")
            await measure_reading(service, folder, report)
            await measure_booking(database, service, folder, driver, report)


async def measure_reading(service: Service, folder: Path, report: Report) -> None:
    """Taking turns; every other round goes backwards."""
    answers: dict[str, list[Answered]] = {"/spots": [], "/livez": []}
    for path in answers:
        await asyncio.to_thread(ask, service, path, folder, 2)
    for number in range(ROUNDS):
        for path in list(answers)[:: 1 if number % 2 == 0 else -1]:
            answers[path].append(await asyncio.to_thread(ask, service, path, folder, TURN_SECONDS))
        progress(f"round {number + 1} of {ROUNDS}: {answers['/spots'][-1].rate / answers['/livez'][-1].rate:.2f}")
    shares = [spots.rate / empty.rate for spots, empty in zip(answers["/spots"], answers["/livez"], strict=True)]
    low, middle, high = quantiles(shares, n=4)
    report.table(
        f"REST, reading: {CLIENTS} connections; {ROUNDS} rounds of {TURN_SECONDS} s; the spots are the demo's five,"
        " and who asks for them at the same moment shares a statement",
        ("ratio", "median", "middle half", "GET /spots a second", "GET /livez a second", "bar"),
        [
            (
                "GET /spots / an empty route (GET /livez)",
                f"{middle:.2f}",
                f"{low:.2f}–{high:.2f}",
                *(f"{median(answer.rate for answer in each):.0f}" for each in answers.values()),
                report.judge("GET /spots", middle, at_least=LEAST_SHARE_OF_NOTHING),
            )
        ],
    )


async def measure_booking(database: Database, service: Service, folder: Path, driver: int, report: Report) -> None:
    """Taking turns; every other round goes backwards."""
    first = int(database.psql("select min(spot_id) from parking.places where spot like 'Bench %'"))
    book = BOOK.format(driver=driver, first=first)

    async def over_rest(seconds: int = TURN_SECONDS) -> Answered:
        turn, hour = database.psql(
            "select nextval('bench.turn') + 100 * 1000, extract(epoch from bench.hour(0))::bigint"
        ).split("|")
        (folder / "bookings").write_text(f"{turn} {hour} {first} {SPOTS}", encoding="ascii")
        answered = await asyncio.to_thread(ask, service, "/reservations", folder, seconds)
        # Those that were under way in the end count for none of wrk's requests, and may have booked.
        database.psql(f"select setval('bench.turn', {int(turn) + answered.requests + SPOTS})")
        return answered

    await over_rest(2)
    rest: list[Answered] = []
    async with sessions(database, book) as load:
        for number in range(ROUNDS):
            for name in ("direct", "rest") if number % 2 == 0 else ("rest", "direct"):
                database.psql("checkpoint")
                if name == "direct":
                    await load.turn(TURN_SECONDS)
                else:
                    rest.append(await over_rest())
            progress(f"round {number + 1} of {ROUNDS}: {rest[-1].rate:.0f} a second, p99 {milliseconds(rest[-1].p99)}")
    direct = load.turns
    low, middle, high = quantiles([one.rate / other.rate for one, other in zip(rest, direct, strict=True)], n=4)
    p99 = median(answer.p99 for answer in rest)
    report.table(
        f"REST, booking: {CLIENTS} connections, fsync and synchronous_commit on; {ROUNDS} rounds of {TURN_SECONDS} s",
        ("", "median", "middle half", "REST", "pgbench", "bar"),
        [
            (
                "bookings a second, REST / pgbench",
                f"{middle:.2f}",
                f"{low:.2f}–{high:.2f}",
                f"{median(answer.rate for answer in rest):.0f}",
                f"{median(turn.rate for turn in direct):.0f}",
                report.judge("booking over REST", middle, at_least=LEAST_SHARE_OF_PGBENCH),
            ),
            (
                "p99 of an answer",
                milliseconds(p99),
                "",
                "",
                "",
                report.judge("p99 over REST", p99 * 1000, at_most=P99_AT_MOST),
            ),
        ],
    )
