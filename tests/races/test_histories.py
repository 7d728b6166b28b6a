"""What many clients were told over HTTP at the same time could have been told one after the other, spot by spot."""

import asyncio
import random
import time
from collections import Counter
from itertools import pairwise

import httpx
import pytest

from tests.api.asking import moment
from tests.support import Database, Service, issue_token
from tests.support.invariants import broken
from tests.support.linear import SPOT, Operation, is_linearizable
from tests.support.sql import edit_function

SPOTS = (1, 2)
SLOTS = ((8, 12), (12, 16), (16, 20))
CLIENTS, OPERATIONS = 8, 25


class Client:
    """One of those who ask, one question after the other, and write down what they were told, and when."""

    def __init__(self, client: httpx.AsyncClient, token: str, seed: int) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}
        self._chance = random.Random(seed)  # noqa: S311 (no secret)
        self._booked: list[tuple[int, int]] = []
        self.history: dict[int, list[Operation]] = {spot: [] for spot in SPOTS}

    async def go(self) -> None:
        for _ in range(OPERATIONS):
            await self._chance.choice((self.book, self.book, self.end, self.end, self.look))()

    async def book(self) -> None:
        spot, starts = self._chance.choice(SPOTS), self._chance.randrange(8, 19)
        ends = self._chance.randrange(starts + 1, 21)
        body = {"spot_id": spot, "start_time": moment(1, starts).isoformat(), "end_time": moment(1, ends).isoformat()}
        called_at = time.monotonic()
        answer = await self._client.post("/reservations", json=body, headers=self._headers)
        answered_at = time.monotonic()
        match answer.status_code:
            case 201:
                told: int | str = answer.json()["id"]
                self._booked.append((spot, answer.json()["id"]))
            case 409:
                told = "taken"
            case _:
                raise AssertionError(answer.text)
        self.history[spot].append(Operation("book", (starts, ends), told, called_at, answered_at))

    async def end(self) -> None:
        """One of one's own, which may have been ended before."""
        if not self._booked:
            return
        spot, number = self._chance.choice(self._booked)
        method, how = self._chance.choice((("PUT", "complete"), ("POST", "cancel")))
        called_at = time.monotonic()
        answer = await self._client.request(method, f"/api/reservations/{number}/{how}", headers=self._headers)
        answered_at = time.monotonic()
        word = {200: "ended", 409: "over"}[answer.status_code]
        self.history[spot].append(Operation("end", number, word, called_at, answered_at))

    async def look(self) -> None:
        called_at = time.monotonic()
        answer = await self._client.get("/spots", params={"date": moment(1, 0).date().isoformat()})
        answered_at = time.monotonic()
        assert answer.status_code == 200, answer.text
        for spot in answer.json():
            if spot["id"] in SPOTS:
                booked = tuple(
                    hours for hours, slot in zip(SLOTS, spot["slots"], strict=True) if slot["status"] == "booked"
                )
                self.history[spot["id"]].append(Operation("look", SLOTS, booked, called_at, answered_at))


async def histories(database: Database, seed: int) -> dict[int, list[Operation]]:
    """What everybody was told, by spot."""
    async with Service(database) as service:
        limits = httpx.Limits(max_connections=CLIENTS)
        async with httpx.AsyncClient(base_url=service.url, timeout=60, limits=limits, trust_env=False) as client:
            clients = [
                Client(client, await asyncio.to_thread(issue_token, service, n % 2 + 1), seed * CLIENTS + n)
                for n in range(CLIENTS)
            ]
            await asyncio.gather(*(each.go() for each in clients))
    return {spot: [operation for each in clients for operation in each.history[spot]] for spot in SPOTS}


@pytest.mark.parametrize("seed", range(3))
async def test_every_history_could_have_been_one_after_the_other(database: Database, seed: int) -> None:
    for history in (await histories(database, seed)).values():
        told = Counter(
            operation.answer if isinstance(operation.answer, str) else operation.name for operation in history
        )
        assert told.keys() >= {"book", "taken", "ended", "over", "look"}, "it is about everything"
        calls = sorted((operation.called_at, operation.answered_at) for operation in history)
        assert sum(after[0] < before[1] for before, after in pairwise(calls)) > len(history) / 4, "and at the same time"
        assert is_linearizable(SPOT, history)
    superuser = await database.connect("postgres")
    assert await broken(superuser) == []
    await superuser.close()


UNGUARDED = (
    "parking_private.require_room(bigint,bigint,bigint,text,timestamptz,timestamptz,timestamptz,text,bigint)",
    "v_next < require_room.ends",
    "false",
)
BLIND = (
    "parking_private.cells(parking.lots,date,timestamptz,bigint[])",
    "when h.spot_id is not null then 'booked'",
    "when h.spot_id % 7 = 0 then 'booked'",
)


@pytest.mark.parametrize("fault", [UNGUARDED, BLIND])
async def test_a_service_that_tells_what_is_not_so_is_found(database: Database, fault: tuple[str, str, str]) -> None:
    """The negative controls: two at a time may have a spot; and a board on which nobody sees what is booked."""
    superuser = await database.connect("postgres")
    await edit_function(superuser, *fault)
    await superuser.execute("alter table parking.reservations drop constraint spot_taken")
    await superuser.close()
    assert not all(is_linearizable(SPOT, history) for history in (await histories(database, 0)).values())
