"""Idempotency-Key: a booking that is sent again because its answer was lost, or was about to be."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.api.asking import booking, moment, problem, stored
from tests.support import DRIVER_2, Database, Service, sign_in

REPLAYED = "idempotency-replayed"


async def book(
    client: httpx.AsyncClient, driver: dict[str, str], key: str | None, body: dict[str, Any] | None = None
) -> httpx.Response:
    headers = driver if key is None else {**driver, "Idempotency-Key": key}
    return await client.post("/reservations", json=body or booking(), headers=headers)


@pytest.mark.parametrize("again", ['"a-1"', "a-1"])
async def test_the_same_request_has_the_same_answer(client: httpx.AsyncClient, database: Database, again: str) -> None:
    driver = await sign_in(client)
    first = await book(client, driver, '"a-1"')
    assert (first.status_code, first.headers.get(REPLAYED)) == (201, None)
    second = await book(client, driver, again)
    assert (second.status_code, second.headers.get(REPLAYED)) == (201, "true")
    assert (second.json(), second.headers["location"]) == (first.json(), first.headers["location"])
    in_body = await book(client, driver, None, {**booking(), "request_id": "a-1"})
    assert (in_body.status_code, in_body.headers.get(REPLAYED), in_body.json()) == (201, "true", first.json())
    in_both = await book(client, driver, '"a-1"', {**booking(), "request_id": "a-1"})
    assert in_both.json() == first.json()
    # The same moments, written otherwise.
    body = booking() | {"start_time": moment(1, 8).astimezone().isoformat()}
    assert (await book(client, driver, '"a-1"', body)).json() == first.json()
    assert database.psql("select count(*) from parking.reservations") == "1"


async def test_another_request_of_the_same_name(client: httpx.AsyncClient, database: Database) -> None:
    first, second = await sign_in(client), await sign_in(client, DRIVER_2)
    await book(client, first, '"once"')
    before = stored(database)
    problem(await book(client, first, '"once"', booking(2)), 422, "request-id-reused")
    problem(await book(client, first, '"once"', booking(hours=(8, 13))), 422, "request-id-reused")
    assert stored(database) == before
    # Another driver's names are another driver's.
    assert (await book(client, second, '"once"', booking(2))).status_code == 201
    # Without a name, or under another one, it is a new request.
    problem(await book(client, first, None), 409, "spot-taken")
    problem(await book(client, first, '"ONCE"'), 409, "spot-taken")


async def test_a_refused_request_may_be_sent_again(client: httpx.AsyncClient) -> None:
    first, second = await sign_in(client), await sign_in(client, DRIVER_2)
    held = (await book(client, second, None)).json()
    document = problem(await book(client, first, '"once"'), 409, "spot-taken")
    assert document["alternatives"]
    await client.post(f"/api/reservations/{held['id']}/cancel", headers=second)
    answer = await book(client, first, '"once"')
    assert (answer.status_code, answer.headers.get(REPLAYED)) == (201, None)


@pytest.mark.parametrize(
    "key",
    ["", '"', '""', '"a', 'a"b', '"a"b', '"a\\b"', "two words", '"' + "x" * 201 + '"', "x" * 201, '"a";b=1', '"ä"'],
)
async def test_what_is_no_key(module_client: httpx.AsyncClient, module_database: Database, key: str) -> None:
    driver = await sign_in(module_client)
    before = stored(module_database)
    headers = httpx.Headers(driver, encoding="utf-8")
    headers["Idempotency-Key"] = key
    answer = await module_client.post("/reservations", json=booking(), headers=headers)
    document = problem(answer, 400, "invalid-request")
    assert [error["parameter"] for error in document["errors"]] == ["Idempotency-Key"]
    assert stored(module_database) == before


async def test_keys_and_names_that_contradict_each_other(module_client: httpx.AsyncClient) -> None:
    driver = await sign_in(module_client)
    problem(await book(module_client, driver, '"a"', {**booking(), "request_id": "b"}), 400, "invalid-request")
    twice = [*driver.items(), ("Idempotency-Key", '"a"'), ("Idempotency-Key", '"b"')]
    problem(await module_client.post("/reservations", json=booking(), headers=twice), 400, "invalid-request")
    for name in ("", "x" * 201, 1, None):
        answer = await book(module_client, driver, None, {**booking(), "request_id": name})
        problem(answer, 400, "invalid-request")


async def test_a_key_is_what_stands_between_its_marks(module_client: httpx.AsyncClient) -> None:
    driver = await sign_in(module_client)
    first = await book(module_client, driver, r'"a \"b\" \\ c"', booking(3))
    body = {**booking(3), "request_id": 'a "b" \\ c'}
    assert (await book(module_client, driver, None, body)).json() == first.json()


@pytest.fixture
async def crowd(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=service.url, timeout=60, limits=limits, trust_env=False) as client:
        yield client


async def test_fifty_at_once_half_of_which_hang_up_and_come_back(
    crowd: httpx.AsyncClient, service: Service, database: Database
) -> None:
    """One booking, and everybody who waits for an answer gets the same one."""
    driver = await sign_in(crowd)
    chance = random.Random(20261121)  # noqa: S311 (no secret)

    async def hang_up() -> None:
        """Send it on a connection of its own, and close that without waiting for the answer."""
        async with httpx.AsyncClient(base_url=service.url, timeout=60, trust_env=False) as own:
            sending = asyncio.create_task(book(own, driver, '"fifty"'))
            await asyncio.sleep(chance.uniform(0, 0.1))
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def ask(number: int) -> httpx.Response:
        if number % 2:
            await hang_up()
        return await book(crowd, driver, '"fifty"')

    answers = await asyncio.gather(*(ask(number) for number in range(50)))
    assert Counter(answer.status_code for answer in answers) == {201: 50}
    assert len({answer.text for answer in answers}) == 1
    assert len({answer.headers["location"] for answer in answers}) == 1
    # At most one was the first; it may have been one of those who hung up.
    assert sum(REPLAYED not in answer.headers for answer in answers) <= 1
    assert database.psql("select count(*) from parking.reservations") == "1"
    assert database.psql("select count(*) from parking.events") == "1"
