"""Drivers who book under any circumstances, and what has become of what they were told."""

import asyncio
import itertools
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import httpx

from tests.api.asking import booking, problem
from tests.support import Database


@asynccontextmanager
async def superuser_of(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await database.connect("postgres")
    try:
        yield connection
    finally:
        await connection.close()


class Booker:
    """Books one period after the other and ends some of it, and asks for each until the answer is certain."""

    def __init__(self, client: httpx.AsyncClient, token: str, seed: int) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}
        self._chance = random.Random(seed)  # noqa: S311 (no secret)
        self.booked: dict[str, dict[str, Any]] = {}
        self.refused: list[str] = []
        self.ended: set[int] = set()
        self.told: Counter[str] = Counter()

    async def go(self, until: asyncio.Event) -> None:
        while not until.is_set():
            number = await self.book()
            if number is not None and self._chance.random() < 0.3:
                await self.end(number)

    async def book(self) -> int | None:
        key = uuid.uuid4().hex
        # One in five wants what everybody wants. Before three there is a night in spring that lacks an hour.
        days, hour = (
            (1, 8) if self._chance.random() < 0.2 else (self._chance.randint(2, 300), self._chance.randrange(3, 23))
        )
        body = booking(self._chance.randint(1, 5), days, (hour, hour + 1))
        headers = self._headers | {"Idempotency-Key": f'"{key}"'}
        answer, _ = await self._settle("POST", "/reservations", json=body, headers=headers)
        if answer.status_code == 409:
            problem(answer, 409, "spot-taken")
            self.refused.append(key)
            return None
        assert answer.status_code == 201, answer.text
        self.booked[key] = answer.json()
        return int(answer.json()["id"])

    async def end(self, number: int) -> None:
        answer, tries = await self._settle("PUT", f"/reservations/{number}/complete", headers=self._headers)
        if answer.status_code == 409:
            # A former try has done it, whose answer was lost.
            problem(answer, 409, "reservation-not-active")
            assert tries > 1
        else:
            assert answer.status_code == 200, answer.text
        self.ended.add(number)

    async def _settle(
        self,
        method: str,
        where: str,
        **options: Any,  # noqa: ANN401 (httpx's own)
    ) -> tuple[httpx.Response, int]:
        """An answer that is certain, and how many tries it took."""
        for tries in itertools.count(1):
            try:
                answer = await self._client.request(method, where, **options)
            except httpx.TransportError:
                self.told["nothing"] += 1
            else:
                if answer.status_code != 503:
                    return answer, tries
                self.told[problem(answer, 503, answer.json()["type"].removeprefix("/problems/"))["type"]] += 1
            await asyncio.sleep(0.05)
        raise AssertionError("one cannot count so far")

    @property
    def certain(self) -> int:
        """How many answers it has got that are certain."""
        return len(self.booked) + len(self.refused)

    @property
    def turned_away(self) -> int:
        """How often it was told that the database is away."""
        return self.told["/problems/database-unavailable"]


async def lost(database: Database, bookers: list[Booker]) -> list[str]:
    """What was told and is not so."""
    stored = """
        select request_id, id, spot_id, starts, ends, status from parking.reservations where request_id is not null"""
    async with superuser_of(database) as superuser:
        rows = {row["request_id"]: row for row in await superuser.fetch(stored)}
    wrong = []
    for booker in bookers:
        for key, told in booker.booked.items():
            row = rows.pop(key, None)
            if row is None:
                wrong.append(f"{told['id']} is gone")
                continue
            status = "completed" if told["id"] in booker.ended else "active"
            if (row["id"], row["spot_id"], row["starts"], row["status"]) != (
                told["id"],
                told["spot_id"],
                datetime.fromisoformat(told["start_time"]),
                status,
            ):
                wrong.append(f"{told} is {dict(row)}")
        wrong += [f"{key} was refused, and is stored" for key in booker.refused if key in rows]
    return wrong + [f"{key} was never acknowledged" for key in rows]
