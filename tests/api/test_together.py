"""GET /spots by many at once: one statement for all of them, and each is told what holds after they have asked."""

import asyncio
import datetime as dt
from typing import Any

import asyncpg
import httpx
import pytest

from service.together import WIDTH, Together
from tests.api.asking import problem
from tests.conftest import Connect
from tests.support import DRIVER_1, DRIVER_2, OPERATOR, Database, Service, sign_in

OPERATORS_OWN = "update parking.lots set public = false where id = 2"


class Slow:
    """Answers each question with who has asked it, when it is let."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[int]]] = []
        self.turns = asyncio.Semaphore(0)

    async def __call__(self, question: str, members: list[int]) -> str:
        self.asked.append((question, members))
        await self.turns.acquire()
        if question == "wrong":
            raise LookupError(question)
        return f"{question}{len(self.asked)}"


async def asking(together: Together[str, int, str], question: str, *members: int) -> list[asyncio.Task[str]]:
    """These wait for their answer, in this order."""
    tasks = [asyncio.create_task(together.answer(question, member)) for member in members]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_who_asks_at_the_same_time_is_told_together() -> None:
    slow = Slow()
    together = Together(slow)
    tasks = await asking(together, "a", 1, 2, 3) + await asking(together, "b", 4)
    assert slow.asked == [("a", [1, 2, 3]), ("b", [4])], "another question is another statement"
    slow.turns.release()
    slow.turns.release()
    assert await asyncio.gather(*tasks) == ["a2", "a2", "a2", "b2"]


async def test_who_asks_later_is_not_told_what_was_asked_before() -> None:
    """A statement that has begun may not know what they know; and so few are under way that the next is worth it."""
    slow = Slow()
    together = Together(slow)
    first = await asking(together, "a", 1)
    second = await asking(together, "a", 2)
    rest = await asking(together, "a", 3) + await asking(together, "a", 4)
    assert slow.asked == [("a", [1]), ("a", [2])]
    assert len(slow.asked) == WIDTH
    slow.turns.release()
    await asyncio.gather(*first)
    await asyncio.sleep(0)
    assert slow.asked[WIDTH:] == [("a", [3, 4])]
    assert not any(task.done() for task in rest)
    for _ in range(2):
        slow.turns.release()
    assert await asyncio.gather(*second, *rest) == ["a3", "a3", "a3"]
    assert (together._waiting, together._running) == ({}, {}), "nothing is kept"


async def test_an_answer_is_kept_for_a_moment_for_whoever_has_asked_before_it_began() -> None:
    slow, now = Slow(), asyncio.get_running_loop().time
    together = Together(slow, keep_seconds=0.2)
    for _ in range(5):
        slow.turns.release()
    asked_at = now()
    await asyncio.sleep(0.01)
    assert await together.answer("a", 1, asked_at) == "a1"
    assert await together.answer("a", 2, asked_at) == "a1"
    assert await together.answer("b", 2, asked_at) == "b2", "another question"
    assert await together.answer("a", 2) == "a3", "for who asks now it is too old"
    assert await together.answer("a", 2, asked_at) == "a3"
    await asyncio.sleep(1)
    assert together._kept == {}
    assert await together.answer("a", 2, asked_at) == "a4"
    with pytest.raises(LookupError):
        await together.answer("wrong", 1, asked_at)
    slow.turns.release()
    with pytest.raises(LookupError):
        await together.answer("wrong", 1, asked_at)
    assert len(slow.asked) == 6, "what went wrong is tried anew"


async def test_what_goes_wrong_goes_wrong_for_all_and_who_leaves_takes_nobody_along() -> None:
    slow = Slow()
    together = Together(slow)
    gone, left = await asking(together, "wrong", 1, 2)
    gone.cancel()
    slow.turns.release()
    with pytest.raises(LookupError):
        await left
    assert gone.cancelled()
    gone, left = await asking(together, "a", 1, 2)
    gone.cancel()
    slow.turns.release()
    assert await left == "a2"
    assert gone.cancelled()


@pytest.fixture
async def drivers(client: httpx.AsyncClient) -> list[dict[str, str]]:
    return [await sign_in(client, email) for email in (DRIVER_1, DRIVER_2)]


async def many(client: httpx.AsyncClient, headers: list[dict[str, str]], **query: Any) -> list[httpx.Response]:  # noqa: ANN401
    return list(await asyncio.gather(*(client.get("/spots", params=query, headers=each) for each in headers)))


async def test_a_session_that_has_ended_is_told_so_among_others(
    client: httpx.AsyncClient, drivers: list[dict[str, str]]
) -> None:
    ended = await sign_in(client)
    assert (await client.post("/api/auth/logout", headers=ended)).status_code == 204
    for _ in range(3):
        answers = await many(client, [*drivers, ended, {}, {"Authorization": "Bearer x"}] * 5)
        for number, answer in enumerate(answers):
            match number % 5:
                case 2:
                    problem(answer, 401, "session-over")
                case 4:
                    problem(answer, 401, "invalid-token")
                case _:
                    assert (answer.status_code, len(answer.json())) == (200, 5)


async def test_a_lot_that_is_not_public_is_its_own_peoples(
    client: httpx.AsyncClient, drivers: list[dict[str, str]], database: Database
) -> None:
    database.psql(OPERATORS_OWN)
    stranger, ended = await sign_in(client, OPERATOR), await sign_in(client)
    assert (await client.post("/api/auth/logout", headers=ended)).status_code == 204
    own, nobody, over = await many(client, [stranger, {}, ended], lot=2)
    assert (own.status_code, len(own.json()) > 0) == (200, True)
    problem(nobody, 404, "unknown-lot")
    problem(over, 401, "session-over")
    wrong = await many(client, [*drivers, {}], date="2999-01-01")
    for answer in wrong:
        problem(answer, 422, "day-out-of-range")


async def test_everybody_sees_their_own_booking_at_once(
    client: httpx.AsyncClient, drivers: list[dict[str, str]]
) -> None:
    """While others never stop asking: whoever has been answered 201 is answered with it."""
    stopped = False

    async def ask_on() -> None:
        while not stopped:
            assert (await client.get("/spots", headers=drivers[1])).status_code == 200

    others = [asyncio.create_task(ask_on()) for _ in range(12)]
    now = dt.datetime.now(dt.UTC)
    period = {"start_time": now.isoformat(), "end_time": (now + dt.timedelta(hours=1)).isoformat()}
    try:
        for spot in (1, 2, 3, 4, 5) * 4:
            booked = await client.post("/reservations", json={"spot_id": spot, **period}, headers=drivers[0])
            assert booked.status_code == 201, booked.text
            listed = (await client.get("/spots", headers=drivers[0])).json()
            assert {each["id"] for each in listed if each["status"] == "booked"} == {spot}
            await client.put(f"{booked.headers['location']}/complete", headers=drivers[0])
            listed = (await client.get("/spots")).json()
            assert {each["status"] for each in listed} == {"available"}
    finally:
        stopped = True
        await asyncio.gather(*others)


async def test_many_who_ask_at_once_take_few_statements(database: Database, connect: Connect) -> None:
    superuser: asyncpg.Connection = await connect("postgres")
    begun = "select calls from pg_stat_user_functions where schemaname = 'parking' and funcname = 'list_spots'"
    await superuser.execute(f"alter role parking_service in database {database.name} set track_functions = 'all'")
    with Service(database) as service:
        async with httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client:
            headers = [await sign_in(client)] * 200
            answers = await many(client, headers, date=str(dt.date.today() + dt.timedelta(days=1)))  # noqa: DTZ011
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    # The figures come when the service's connections are closed.
    calls = None
    for _ in range(300):
        if (calls := await superuser.fetchval(begun)) is not None:
            break
        await asyncio.sleep(0.1)
    assert calls is not None
    assert 1 <= calls < 150, calls
