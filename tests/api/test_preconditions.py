"""If-Match: change only what still is as it was seen. Of two who saw the same and change it at once, one does."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any

import httpx
import pytest

from service.habits.conditional import strong_tags_in
from tests.api.asking import booking, problem, waiting_for_locks
from tests.conftest import Connect
from tests.support import DRIVER_2, OPERATOR, Database, sign_in
from tests.support.sql import edit_function

SLOTS = {"slots": ["08:00-12:00", "13:00-17:00"]}
CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "/api/lots/1": ("PATCH", {"address": "Elsewhere"}),
    "/api/lots/1/slots": ("PUT", SLOTS),
    "/api/floors/1": ("PATCH", {"name": "Elsewhere"}),
    "/api/rows/1": ("PATCH", {"name": "Elsewhere"}),
    "/api/spots/1": ("PATCH", {"name": "Elsewhere"}),
}
RETIRED = [path for path in CHANGES if path != "/api/lots/1/slots"]
EXPECT = "parking.expect(bigint, text, bigint, text[])"


async def see(client: httpx.AsyncClient, path: str, **headers: str) -> str:
    """The tag of what is there now."""
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 200
    return answer.headers["etag"]


@pytest.mark.parametrize("path", CHANGES)
async def test_only_what_was_seen_is_changed(client: httpx.AsyncClient, path: str) -> None:
    method, change = CHANGES[path]
    operator = await sign_in(client, OPERATOR)
    seen = await see(client, path)
    before = (await client.get(path)).json()
    for stale in ('"other"', f"W/{seen}", seen.strip('"'), "", '"*"', '"\'"', '"a", "b"'):
        refused = await client.request(method, path, json=change, headers=operator | {"If-Match": stale})
        problem(refused, 412, "precondition-failed")
        assert (await client.get(path)).json() == before
    answer = await client.request(method, path, json=change, headers=operator | {"If-Match": f'"other", {seen}'})
    assert answer.status_code == 200
    assert answer.json().items() >= change.items()
    changed = await see(client, path)
    assert changed != seen
    refused = await client.request(method, path, json=change, headers=operator | {"If-Match": seen})
    problem(refused, 412, "precondition-failed")
    for fitting in ({"If-Match": "*"}, {"If-Match": changed}, {}):
        answer = await client.request(method, path, json=change, headers=operator | fitting)
        assert answer.status_code == 200, fitting


@pytest.mark.parametrize("path", RETIRED)
async def test_only_what_was_seen_is_retired(client: httpx.AsyncClient, path: str) -> None:
    operator = await sign_in(client, OPERATOR)
    seen = await see(client, path)
    await client.patch(path, json=CHANGES[path][1], headers=operator)
    problem(await client.delete(path, headers=operator | {"If-Match": seen}), 412, "precondition-failed")
    assert (await client.delete(path, headers=operator | {"If-Match": await see(client, path)})).status_code == 204
    # Without the condition it would be refused as well, and so that is what is said.
    slug = f"unknown-{path.split('/')[2].removesuffix('s')}"
    for tag in (seen, "*"):
        problem(await client.delete(path, headers=operator | {"If-Match": tag}), 404, slug)


async def test_the_lot_is_another_when_anything_in_it_is(client: httpx.AsyncClient) -> None:
    operator = await sign_in(client, OPERATOR)
    seen = await see(client, "/api/lots/1")
    await client.patch("/api/spots/3", json={"width_cm": 333}, headers=operator)
    refused = await client.patch("/api/lots/1", json={"name": "Other"}, headers=operator | {"If-Match": seen})
    problem(refused, 412, "precondition-failed")
    await client.patch("/api/spots/3", json={"width_cm": None}, headers=operator)


async def test_the_tag_of_what_came_compressed_will_do(client: httpx.AsyncClient) -> None:
    operator = await sign_in(client, OPERATOR)
    made = await client.post(
        "/api/lots",
        json={"name": "Large", "time_zone": "UTC", "layout": {"floors": 1, "rows": 2, "spots": 50}},
        headers=operator,
    )
    where = made.headers["location"]
    seen = await see(client, where, **{"Accept-Encoding": "gzip"})
    assert seen.endswith('-gzip"')
    assert seen.replace("-gzip", "") == await see(client, where, **{"Accept-Encoding": "identity"})
    answer = await client.patch(where, json={"name": "Larger"}, headers=operator | {"If-Match": seen})
    assert answer.status_code == 200


async def test_who_may_not_change_it_is_told_nothing_of_versions(client: httpx.AsyncClient) -> None:
    driver = await sign_in(client)
    for path, (method, change) in CHANGES.items():
        for tag in (await see(client, path), '"other"'):
            answer = await client.request(method, path, json=change, headers=driver | {"If-Match": tag})
            problem(answer, 403, "not-permitted")


async def test_no_change_is_made_under_a_condition_that_nobody_looks_at(client: httpx.AsyncClient) -> None:
    """Who sends it counts on it, and would undo somebody else's change unawares."""
    admin, operator = await sign_in(client, "admin@parking.com"), await sign_in(client, OPERATOR)
    person = "/api/people/2"
    for method, path, change, who in (
        ("PATCH", person, {"display_name": "Unseen"}, admin),
        ("PUT", "/api/spots/1/state", {"state": "occupied", "reason": "Unseen"}, operator),
        ("POST", "/api/lots/1/floors", {"name": "Unseen"}, operator),
    ):
        for tag in ('"other"', await see(client, person, **admin), "*"):
            refused = await client.request(method, path, json=change, headers=who | {"If-Match": tag})
            (error,) = problem(refused, 400, "invalid-request")["errors"]
            assert error["parameter"] == "If-Match"
    assert (await client.get(person, headers=admin)).json()["display_name"] != "Unseen"
    # To look is no change, and nothing is lost by it.
    assert (await client.get(person, headers=admin | {"If-Match": '"other"'})).status_code == 200


async def change_at_once(client: httpx.AsyncClient, number: int) -> Counter[int]:
    """How so many are answered who all saw the same lot and each give it a name of their own."""
    operator = await sign_in(client, OPERATOR)
    headers = operator | {"If-Match": await see(client, "/api/lots/1")}
    answers = await asyncio.gather(
        *(client.patch("/api/lots/1", json={"name": f"Lot {n} of {number}"}, headers=headers) for n in range(number))
    )
    for answer in answers:
        if answer.status_code != 200:
            problem(answer, 412, "precondition-failed")
    winners = [answer.json()["name"] for answer in answers if answer.status_code == 200]
    assert (await client.get("/api/lots/1")).json()["name"] in winners
    return Counter(answer.status_code for answer in answers)


async def test_of_many_who_saw_the_same_one_changes_it(client: httpx.AsyncClient, database: Database) -> None:
    for number in (2, 20):
        assert await change_at_once(client, number) == {200: 1, 412: number - 1}
    assert database.psql("select count(*) from parking.audit where action = 'lot.changed'") == "2"


PATIENT = """
    select format('alter role parking_service in database %I set %s = %L', current_database(), setting, '60s')
    from unnest(array['lock_timeout', 'statement_timeout']) setting
    \\gexec"""
"""Two who wait for a lock on a slow machine are to wait, and not to be sent away."""


async def both_behind_a_lock(
    database: Database, connect: Connect, lock: str, asks: Sequence[Coroutine[Any, Any, httpx.Response]]
) -> Counter[int]:
    """How they are answered who have all come before any of them could go on."""
    holder = await connect("postgres")
    async with holder.transaction():
        await holder.execute(lock)
        asking = [asyncio.create_task(ask) for ask in asks]
        await waiting_for_locks(database, len(asking), seconds=60)
    answers = await asyncio.gather(*asking)
    for answer in answers:
        if answer.status_code != 200:
            problem(answer, 412, "precondition-failed")
    return Counter(answer.status_code for answer in answers)


async def test_without_the_lock_both_would(client: httpx.AsyncClient, database: Database, connect: Connect) -> None:
    """The control: who looks first and waits then has looked at what is over by the time of the change."""
    database.psql(PATIENT)
    operator = await sign_in(client, OPERATOR)
    superuser = await connect("postgres")
    for number, outcome in ((1, {200: 1, 412: 1}), (2, {200: 2})):
        headers = operator | {"If-Match": await see(client, "/api/lots/1")}
        asks = [client.patch("/api/lots/1", json={"name": f"{name} {number}"}, headers=headers) for name in "ab"]
        lock = "select from parking.lots where id = 1 for update"
        assert await both_behind_a_lock(database, connect, lock, asks) == outcome
        if number == 1:
            await edit_function(
                superuser,
                EXPECT,
                "perform parking_private.hold_lot(actor, place);",
                "perform parking_private.require_actor(actor, 'write:parking');",
            )


ENDS: dict[str, tuple[str, str, int | None]] = {
    "reschedule": ("PATCH", "", 13),
    "complete": ("PUT", "/complete", None),
    "cancel": ("POST", "/cancel", None),
}
"""How it is asked for, and the hour until which it is to be."""


async def booked(client: httpx.AsyncClient, driver: dict[str, str], spot: int = 1) -> str:
    """The address of a new reservation."""
    made = await client.post("/api/reservations", json=booking(spot), headers=driver)
    assert made.status_code == 201, made.text
    return made.headers["location"]


@pytest.mark.parametrize("change", ENDS)
async def test_only_the_reservation_that_was_seen_is_changed(client: httpx.AsyncClient, change: str) -> None:
    method, way, until = ENDS[change]
    body = {"end_time": booking(hours=(8, until))["end_time"]} if until else None
    driver = await sign_in(client)
    where = await booked(client, driver)
    seen = await see(client, where, **driver)
    assert seen == await see(client, where.removeprefix("/api"), **driver)
    for stale in ('"other"', f"W/{seen}", ""):
        refused = await client.request(method, where + way, json=body, headers=driver | {"If-Match": stale})
        problem(refused, 412, "precondition-failed")
        assert await see(client, where, **driver) == seen
    later = {"end_time": booking(hours=(8, 11))["end_time"]}
    assert (await client.patch(where, json=later, headers=driver | {"If-Match": seen})).status_code == 200
    refused = await client.request(method, where + way, json=body, headers=driver | {"If-Match": seen})
    problem(refused, 412, "precondition-failed")
    moved = await see(client, where, **driver)
    assert moved != seen
    # Whose it is not learns nothing of versions, and what there is not has none.
    stranger = await sign_in(client, DRIVER_2)
    for tag in (moved, "*"):
        refused = await client.request(method, where + way, json=body, headers=stranger | {"If-Match": tag})
        problem(refused, 403, "not-your-reservation")
        nowhere = f"/api/reservations/999{way}"
        refused = await client.request(method, nowhere, json=body, headers=driver | {"If-Match": tag})
        problem(refused, 404, "unknown-reservation")
    answer = await client.request(method, where + way, json=body, headers=driver | {"If-Match": f'"x", {moved}'})
    assert answer.status_code == 200
    assert await see(client, where, **driver) != moved


async def test_of_two_who_saw_the_same_reservation_one_moves_it(
    client: httpx.AsyncClient, database: Database, connect: Connect
) -> None:
    """And, as a control, both would if it were not held from the look to the change."""
    database.psql(PATIENT)
    driver = await sign_in(client)
    superuser = await connect("postgres")
    for spot, outcome in ((1, {200: 1, 412: 1}), (2, {200: 2})):
        where = await booked(client, driver, spot)
        headers = driver | {"If-Match": await see(client, where, **driver)}
        asks = [
            client.patch(where, json={"end_time": booking(spot, hours=(8, hour))["end_time"]}, headers=headers)
            for hour in (13, 14)
        ]
        lock = f"select from parking.spots where id = {spot} for update"
        assert await both_behind_a_lock(database, connect, lock, asks) == outcome
        if spot == 1:
            held = "parking_private.hold_reservation(bigint, bigint)"
            await edit_function(superuser, held, "s.id = v_spot\n    for update;", "s.id = v_spot;")
            await edit_function(superuser, held, ".reservation\n    for update;", ".reservation;")


def test_weak_tags_promise_too_little() -> None:
    assert strong_tags_in('W/"a", "b-gzip" ,"c"') == {"b", "c"}
    assert strong_tags_in("*") == {"*"}
    assert strong_tags_in('"*"') == set()
    assert strong_tags_in("nonsense") == set()
