"""Prefer: return=minimal: a change is answered with no more than that it is done."""

import json
from typing import Any

import httpx
import pytest

from service.habits.preferences import wants_little
from tests.api.asking import assert_secure, booking, problem
from tests.support import OPERATOR, sign_in

MINIMAL = {"Prefer": "return=minimal"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["return=minimal"], True),
        (['Return = "minimal"'], True),
        (["respond-async, return=minimal; foo=1"], True),
        (["respond-async", "return=minimal"], True),
        (["return=representation, return=minimal"], False),
        (["return=representation", "return=minimal"], False),
        (["return"], False),
        (["minimal"], False),
        (["no-return=minimal"], False),
        ([""], False),
        ([], False),
        (["\xff;=,,return==minimal"], False),
    ],
    ids=repr,
)
def test_what_is_preferred(values: list[str], expected: bool) -> None:
    headers = [(b"accept", b"return=minimal"), *((b"prefer", value.encode("latin-1")) for value in values)]
    assert wants_little(headers) == expected


def brief(answer: httpx.Response) -> None:
    """It is done, and nothing else is said."""
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["preference-applied"] == "return=minimal"
    assert "content-type" not in answer.headers
    assert_secure(answer)


async def test_who_wants_little_gets_little(client: httpx.AsyncClient) -> None:
    driver, operator = await sign_in(client), await sign_in(client, OPERATOR)
    made = await client.post("/reservations", json=booking(), headers=driver | MINIMAL)
    brief(made)
    where = made.headers["location"]
    whole = (await client.get(where, headers=driver)).json()
    assert (whole["spot_id"], whole["status"]) == (1, "active")
    later: dict[str, Any] = {"end_time": booking(hours=(8, 13))["end_time"]}
    brief(await client.patch(f"/api{where}", json=later, headers=driver | MINIMAL))
    assert (await client.get(where, headers=driver)).json()["end_time"] != whole["end_time"]
    brief(await client.put(f"{where}/complete", headers=driver | MINIMAL))
    assert (await client.get(where, headers=driver)).json()["status"] == "completed"
    row = await client.post("/api/floors/1/rows", json={"name": "New"}, headers=operator | MINIMAL)
    brief(row)
    assert (await client.get(row.headers["location"])).json()["name"] == "New"


async def test_what_is_asked_for_is_told_all_the_same(client: httpx.AsyncClient) -> None:
    """A refusal, a token and a search are what the request was for."""
    driver = await sign_in(client)
    answers = [
        await client.get("/spots", headers=MINIMAL),
        await client.post("/login", json={"email": "driver1@parking.com", "password": "password123"}, headers=MINIMAL),
        await client.post("/reservations", json=booking(), headers=driver | {"Prefer": "return=representation"}),
        await client.post("/reservations", json=booking(2), headers=driver),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 201, 201]
    for answer in answers:
        assert answer.json()
        assert "preference-applied" not in answer.headers
    problem(await client.post("/reservations", json=booking(), headers=driver | MINIMAL), 409, "spot-taken")
    problem(await client.put("/reservations/999/complete", headers=driver | MINIMAL), 404, "unknown-reservation")


async def test_a_pass_is_told_all_the_same(client: httpx.AsyncClient) -> None:
    """No GET gives its code."""
    driver = await sign_in(client)
    where = (await client.post("/reservations", json=booking(), headers=driver)).headers["location"]
    answer = await client.put(f"/api{where}/pass", headers=driver | MINIMAL)
    assert (answer.status_code, len(answer.json()["code"]) > 20) == (200, True)
    assert "preference-applied" not in answer.headers


async def test_only_what_can_be_had_again_is_kept_short(module_client: httpx.AsyncClient) -> None:
    """What PUT and PATCH answer with, where they may be asked not to, is of some GET's model, or what was sent."""
    paths = (await module_client.get("/openapi.json")).json()["paths"]
    read = json.dumps([item["get"]["responses"]["200"] for item in paths.values() if "get" in item])
    spared = {}
    for path, item in paths.items():
        for method in {"put", "patch"} & item.keys():
            responses, sent = item[method]["responses"], item[method].get("requestBody", {})
            if "Preference-Applied" in json.dumps(responses.get("204", {})):
                model = responses["200"]["content"]["application/json"]["schema"]["$ref"]
                spared[f"{method} {path}"] = f'"{model}"' in read + json.dumps(sent)
    assert len(spared) > 8
    assert [path for path, known in spared.items() if not known] == []


async def test_the_document_says_where(module_client: httpx.AsyncClient) -> None:
    paths = (await module_client.get("/openapi.json")).json()["paths"]
    offered = {
        (method, path)
        for path, item in paths.items()
        for method, operation in item.items()
        if any(parameter["name"] == "Prefer" for parameter in operation.get("parameters", []))
    }
    assert offered >= {
        ("post", "/reservations"),
        ("post", "/api/lots"),
        ("patch", "/api/reservations/{reservation}"),
        ("put", "/api/lots/{lot}/slots"),
    }
    assert not offered & {
        ("post", "/login"),
        ("post", "/api/auth/register"),
        ("get", "/spots"),
        ("put", "/api/reservations/{reservation}/pass"),
        ("put", "/api/spots/{spot}/state"),
    }
    for method, path in offered:
        assert "Preference-Applied" in paths[path][method]["responses"]["204"]["headers"], path
