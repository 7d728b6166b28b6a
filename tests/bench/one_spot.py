"""Everybody wants the same spot: 2,000 clients, each signed in as somebody else, ask for one cell at the same moment.

They keep their connections open before they all ask, as browsers do, and are one process as cheap as Python makes it,
on the same machine.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import NamedTuple

from service.auth import Tokens
from tests.bench.report import Report, percentile, progress
from tests.support import Database, Service, admission

CLIENTS = 2000
ROUNDS = 3
SECONDS_AT_MOST = 5.0
AT_A_TIME = 100

CROWD = f"""
    with people as (
        insert into parking.people (tenant_id, email, display_name)
        select 1, format('crowd%s@parking.example', n), 'One of many' from generate_series(1, {CLIENTS}) n
        returning tenant_id, id, email
    ), members as (
        insert into parking.memberships (tenant_id, person_id, role) select p.tenant_id, p.id, 'driver' from people p
    ), sessions as (
        insert into parking.sessions (tenant_id, person_id, opened_at, renewed_at, expires_at)
        select p.tenant_id, p.id, parking.clock(), parking.clock(), parking.clock() + interval '1 hour' from people p
        returning id, person_id
    )
    select s.id, p.id, p.email from sessions s join people p on p.id = s.person_id"""
BOOKED = "select count(*) from parking.reservations where spot_id = {spot}"


class Answer(NamedTuple):
    """The status of an answer, and the seconds since everybody asked."""

    status: int
    seconds: float


async def measure(database: Database, report: Report) -> None:
    """Print the table of the crowd."""
    crowd = [line.split("|") for line in database.psql(CROWD).splitlines()]
    answers: list[list[Answer]] = []
    async with Service(database) as service:
        tokens = Tokens(service.secret, 3600)
        signed_in = [tokens.issue(admission(int(person), email, session)) for session, person, email in crowd]
        for spot in range(1, 1 + ROUNDS):
            answers.append(await rush(service.port, spot, signed_in))
            assert database.psql(BOOKED.format(spot=spot)) == "1"
            progress(f"crowd, round {spot} of {ROUNDS}: {answers[-1][-1].seconds:.2f} s")
    statuses = [Counter(answer.status for answer in each) for each in answers]
    assert all(each[201] == 1 for each in statuses), statuses
    others = sum(number for each in statuses for status, number in each.items() if status not in {201, 409})
    last = max(each[-1].seconds for each in answers)
    report.table(
        f"Crowd: {CLIENTS:,} clients ask for one spot at once; {ROUNDS} rounds, one winner each",
        ("", "median", "last", "bar", "neither 201 nor 409", "bar"),
        [
            (
                "POST /reservations",
                f"{percentile([answer.seconds for each in answers for answer in each], 0.5):.2f} s",
                f"{last:.2f} s",
                report.judge(f"{CLIENTS:,} clients, one spot: last answer", last, at_most=SECONDS_AT_MOST, unit="s"),
                str(others),
                report.judge(f"{CLIENTS:,} clients, one spot: refused otherwise", others, at_most=0, unit="answers"),
            )
        ],
    )


async def rush(port: int, spot: int, tokens: list[str]) -> list[Answer]:
    """All of them at once; the answers in the order in which they came."""
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 2 * 86400))
    body = json.dumps({"spot_id": spot, "start_time": f"{day}T08:00:00Z", "end_time": f"{day}T12:00:00Z"})
    head = (
        f"POST /reservations HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nConnection: close"
    )
    connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    try:
        while len(connections) < len(tokens):
            connections += await asyncio.gather(
                *(asyncio.open_connection("127.0.0.1", port) for _ in tokens[len(connections) :][:AT_A_TIME])
            )
        begun = time.perf_counter()
        answers = await asyncio.gather(
            *(
                ask(
                    *both,
                    f"{head}\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n{body}",
                    begun,
                )
                for both, token in zip(connections, tokens, strict=True)
            )
        )
    finally:
        for _, writer in connections:
            writer.close()
    return sorted(answers, key=lambda answer: answer.seconds)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: str, begun: float) -> Answer:
    """One request, to the last byte of its answer."""
    writer.write(request.encode())
    await writer.drain()
    answer = await reader.read()
    return Answer(int(answer.split(b" ", 2)[1]), time.perf_counter() - begun)
