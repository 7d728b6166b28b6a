"""Two thousand who want the same spot at the same moment: one gets it, and everybody is told. How soon is a benchmark."""

import asyncio
import resource
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.api.asking import booking, problem
from tests.support import Database, Service, issue_token
from tests.support.invariants import broken

NUMBER = 2000
UNLIMITED = {"PARKING_PERSON_REQUESTS": "0", "PARKING_ADDRESS_REQUESTS": "0"}
# On a machine that has other things to do the last one may wait for longer than anybody would who is not a test.
PATIENT = """
import runpy
from service import database
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


@pytest.mark.usefixtures("many_sockets")
async def test_two_thousand_want_one_spot(database: Database) -> None:
    limits = httpx.Limits(max_connections=NUMBER)
    async with Service(database, environ=UNLIMITED, program=PATIENT) as service:
        drivers = [{"Authorization": f"Bearer {issue_token(service, person)}"} for person in (1, 2)]
        async with httpx.AsyncClient(base_url=service.url, timeout=150, limits=limits, trust_env=False) as crowd:
            answers = await asyncio.gather(
                *(crowd.post("/reservations", json=booking(), headers=drivers[n % 2]) for n in range(NUMBER))
            )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: NUMBER - 1}
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "spot-taken")
    assert database.psql("select count(*) from parking.reservations") == "1"
    superuser = await database.connect("postgres")
    assert await broken(superuser) == []
    await superuser.close()
