"""If-Match: change only what still is as it was seen. Of two who saw the same and change it at once, one does."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from service.habits.conditional import strong_tags_in
from tests.api.asking import problem
from tests.conftest import Connect
from tests.support import OPERATOR, Database, sign_in
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


async def test_without_the_lock_several_would(client: httpx.AsyncClient, connect: Connect) -> None:
    """The control: who looks first and waits then has looked at what is over by the time of the change."""
    superuser = await connect("postgres")
    await edit_function(
        superuser,
        EXPECT,
        "perform parking_private.hold_lot(actor, place);",
        "perform parking_private.require_actor(actor, 'write:parking');",
    )
    # Between looking and changing, so that all have looked.
    await edit_function(
        superuser, EXPECT, "    return actor;\nend", "    perform pg_sleep(0.5);\n    return actor;\nend"
    )
    assert (await change_at_once(client, 4))[200] > 1


def test_weak_tags_promise_too_little() -> None:
    assert strong_tags_in('W/"a", "b-gzip" ,"c"') == {"b", "c"}
    assert strong_tags_in("*") == {"*"}
    assert strong_tags_in('"*"') == set()
    assert strong_tags_in("nonsense") == set()
