"""Two thousand want the same spot at the same moment: one gets it, and all are told. How soon is a benchmark."""

import asyncio
import resource
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.api.asking import booking
from tests.support import Database, Service, issue_token
from tests.support.invariants import broken

NUMBER = 2000
UNLIMITED = {"PARKING_PERSON_REQUESTS": "0", "PARKING_ADDRESS_REQUESTS": "0"}
# On a machine that has other things to do the last one may wait for longer than anybody would who is not a test.
PATIENT = """
import runpy
from service import database
from service.habits import server
server.LONGEST_HEAD_SECONDS = 100.0
database.LONGEST_QUEUE_SECONDS = database.LANE_SECONDS = database.ACQUIRE_SECONDS = 100.0
runpy.run_module("service", run_name="__main__")
"""


@pytest.fixture
def many_sockets() -> Iterator[None]:
    """As many as this process may have."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    assert before[1] > 2 * NUMBER
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def ask(service: Service, token: str) -> tuple[int, dict[str, Any]]:
    """Book the spot over a connection of one's own; the answer's status and body."""
    body = msgspec.json.encode(booking())
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(
        b"POST /reservations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
        + f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), msgspec.json.decode(body, type=dict[str, Any])


@pytest.mark.usefixtures("many_sockets")
async def test_two_thousand_want_one_spot(database: Database) -> None:
    async with Service(database, environ=UNLIMITED, program=PATIENT) as service:
        tokens = [issue_token(service, person) for person in (1, 2)]
        answers = await asyncio.gather(*(ask(service, tokens[n % 2]) for n in range(NUMBER)))
    assert Counter(status for status, _ in answers) == {201: 1, 409: NUMBER - 1}
    assert Counter(body.get("type") for _, body in answers) == {None: 1, "/problems/spot-taken": NUMBER - 1}
    assert database.psql("select count(*) from parking.reservations") == "1"
    superuser = await database.connect("postgres")
    assert await broken(superuser) == []
    await superuser.close()
