"""Whatever is sent, the answer is a problem with the right 4xx, and nothing is stored."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from service.app import LARGEST_BODY
from tests.api.asking import ROOTS, booking, problem, stored
from tests.support import DRIVER_1, PASSWORD, Database, Service, issue_token

JSON = {"Content-Type": "application/json"}


def in_words(value: object) -> str:
    """A test's name: a set has no order, and processes that share a suite must agree on its names."""
    return str(sorted(value) if isinstance(value, set) else value)


@pytest.fixture(scope="module", autouse=True)
def nothing_is_stored(module_database: Database) -> Iterator[None]:
    before = stored(module_database)
    yield
    assert stored(module_database) == before


@pytest.fixture(scope="module", autouse=True)
def nothing_is_unexpected(module_service: Service) -> Iterator[None]:
    yield
    assert "Traceback" not in module_service.output()


@pytest.fixture(scope="module")
def driver(module_database: Database, module_service: Service) -> dict[str, str]:
    """The header of a signed-in driver."""
    person = int(module_database.psql(f"select parking.find_person('{DRIVER_1}')"))
    return {"Authorization": f"Bearer {issue_token(module_service, person)}"}


def errors(answer: httpx.Response, status: int = 400, slug: str = "invalid-request") -> dict[str, str]:
    """Where the problem's errors point: pointer or parameter -> detail."""
    entries = problem(answer, status, slug).get("errors", [])
    assert all(entry.keys() in ({"pointer", "detail"}, {"parameter", "detail"}) for entry in entries)
    return {entry.get("pointer", entry.get("parameter")): entry["detail"] for entry in entries}


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{}x",
        b"not json",
        b"{'spot_id': 1}",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b'{"spot_id": NaN}',
        b'{"spot_id": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"spot_id": "\xed\xa0\x80"}',
        b'{"x": "\xff"}',
        b"[" * 50_000,
        b'{"spot_id": ' + b"[" * 50_000,
        b'{"x": ' + b'{"x": ' * 8_000,
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_what_is_not_json(
    module_client: httpx.AsyncClient, driver: dict[str, str], root: str, body: bytes
) -> None:
    for path in (f"{root}/reservations", f"{root}/login"):
        errors(await module_client.post(path, content=body, headers=driver | JSON))


async def test_no_body_is_called_a_body(module_client: httpx.AsyncClient, driver: dict[str, str]) -> None:
    for path in ("/reservations", "/login"):
        assert errors(await module_client.post(path, headers=driver | JSON)) == {"": "A body is required"}


@pytest.mark.parametrize("body", ["null", "true", "1", '"text"', "[]", "[1, 2, 3]"])
async def test_json_that_is_no_object(module_client: httpx.AsyncClient, driver: dict[str, str], body: str) -> None:
    for path in ("/reservations", "/login"):
        assert errors(await module_client.post(path, content=body, headers=driver | JSON)).keys() == {""}


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"spot_id": "1"}, {"/spot_id"}),
        ({"spot_id": 1.5}, {"/spot_id"}),
        ({"spot_id": True}, {"/spot_id"}),
        ({"spot_id": None}, {"/spot_id"}),
        ({"spot_id": [1]}, {"/spot_id"}),
        ({"spot_id": 0}, {"/spot_id"}),
        ({"spot_id": -1}, {"/spot_id"}),
        ({"spot_id": 2**53}, {"/spot_id"}),
        ({"spot_id": 2**63}, {"/spot_id"}),
        ({"spot_id": 10**400}, {"/spot_id"}),
        ({"start_time": "2026-12-01T08:00:00"}, {"/start_time"}),
        ({"start_time": "2026-12-01"}, {"/start_time"}),
        ({"start_time": "tomorrow"}, {"/start_time"}),
        ({"start_time": "infinity"}, {"/start_time"}),
        ({"start_time": ""}, {"/start_time"}),
        ({"start_time": 1_700_000_000}, {"/start_time"}),
        ({"start_time": "10000-01-01T00:00:00Z"}, {"/start_time"}),
        ({"start_time": "0000-01-01T00:00:00Z"}, {"/start_time"}),
        ({"start_time": "2026-02-30T00:00:00Z"}, {"/start_time"}),
        ({"start_time": "2026-12-01T24:00:00Z"}, {"/start_time"}),
        ({"start_time": "2026-12-01T08:00:00+24:00"}, {"/start_time"}),
        ({"start_time": "2026-12-01T08:00:00Z\x00"}, {"/start_time"}),
        ({"start_time": None, "end_time": None}, {"/start_time", "/end_time"}),
        ({"colour": "red"}, {"/colour"}),
        ({"user_id": DRIVER_1}, {"/user_id"}),
        ({"a/b~c": 1, "": 2}, {"/a~1b~0c", ""}),
        ({"spot_id": "x", "end_time": 5, "id": 7}, {"/spot_id", "/end_time", "/id"}),
    ],
    ids=in_words,
)
async def test_fields_that_are_wrong(
    module_client: httpx.AsyncClient, driver: dict[str, str], change: dict[str, Any], pointers: set[str]
) -> None:
    for root in ROOTS:
        content = json.dumps(booking() | change)
        answer = await module_client.post(f"{root}/reservations", content=content, headers=driver | JSON)
        assert errors(answer).keys() == pointers


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"layout": [{"rows": [{"spots": 1}, {"spots": "x"}]}]}, {"/layout/0/rows/1/spots"}),
        ({"layout": [{"rows": 1}, {"rows": -1}]}, {"/layout/1/rows"}),
        ({"layout": {"floors": 1, "rows": 1, "spots": "1"}}, {"/layout/spots"}),
        ({"amenities": ["ev", 2], "name": ""}, {"/amenities/1", "/name"}),
        ({"slots": ["08:00-12:00", "x" * 30]}, {"/slots/1"}),
    ],
    ids=in_words,
)
async def test_fields_that_are_wrong_deep_inside(
    module_client: httpx.AsyncClient, driver: dict[str, str], change: dict[str, Any], pointers: set[str]
) -> None:
    body = {"name": "Deep", "time_zone": "UTC", "layout": {"floors": 1, "rows": 1, "spots": 1}} | change
    assert errors(await module_client.post("/api/lots", json=body, headers=driver)).keys() == pointers


async def test_numbers_that_no_float_holds(module_client: httpx.AsyncClient, driver: dict[str, str]) -> None:
    for number in ("1e400", "-1e999", "1.0", "1e0"):
        content = json.dumps(booking()).replace('"spot_id": 1', f'"spot_id": {number}')
        errors(await module_client.post("/reservations", content=content, headers=driver | JSON))


@pytest.mark.parametrize("field", ["spot_id", "start_time", "end_time"])
async def test_fields_that_are_missing(module_client: httpx.AsyncClient, driver: dict[str, str], field: str) -> None:
    body = {name: value for name, value in booking().items() if name != field}
    assert errors(await module_client.post("/reservations", json=body, headers=driver)).keys() == {f"/{field}"}


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {"/email", "/password"}),
        ({"email": DRIVER_1}, {"/password"}),
        ({"email": [DRIVER_1], "password": {}}, {"/email", "/password"}),
        ({"email": DRIVER_1, "password": PASSWORD, "admin": True}, {"/admin"}),
        ({"email": "x" * 255, "password": "x" * 1025}, {"/email", "/password"}),
        ({"email": DRIVER_1, "password": PASSWORD, "tenant": 1}, {"/tenant"}),
    ],
    ids=in_words,
)
async def test_credentials_of_a_wrong_form(
    module_client: httpx.AsyncClient, body: dict[str, Any], pointers: set[str]
) -> None:
    assert errors(await module_client.post("/login", json=body)).keys() == pointers


async def test_many_wrong_fields_are_named_in_part(module_client: httpx.AsyncClient) -> None:
    answer = await module_client.post("/login", json={f"field{n}": n for n in range(1000)})
    assert len(errors(answer)) == 20


@pytest.mark.parametrize("field", ["email", "password", "tenant"])
async def test_a_nul_byte(module_client: httpx.AsyncClient, field: str) -> None:
    body = {"email": DRIVER_1, "password": PASSWORD, "tenant": "default"} | {field: "a\x00b"}
    problem(await module_client.post("/login", json=body), 422, "invalid-value")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("0001-01-01T00:00:00+14:00", "0001-01-01T02:00:00+14:00"),
        ("9999-12-31T20:00:00-14:00", "9999-12-31T23:59:59-14:00"),
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
        ("1000-01-01T00:00:00Z", "1000-01-01T01:00:00Z"),
        ("9999-12-31T20:00:00Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
async def test_times_at_the_edge_of_the_calendar(
    module_client: httpx.AsyncClient, driver: dict[str, str], start: str, end: str
) -> None:
    body = {"spot_id": 1, "start_time": start, "end_time": end}
    answer = await module_client.post("/reservations", json=body, headers=driver)
    problem(answer, 422, answer.json()["type"].removeprefix("/problems/"))


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "application/msgpack",
        "application/xml",
        "application/jsonp",
        "/",
        ";",
        "application/json, text/plain",
    ],
)
async def test_a_wrong_content_type(
    module_client: httpx.AsyncClient, driver: dict[str, str], content_type: str | None
) -> None:
    headers = driver if content_type is None else driver | {"Content-Type": content_type}
    for path, body in (("/reservations", booking()), ("/login", {"email": DRIVER_1, "password": PASSWORD})):
        answer = await module_client.post(path, content=json.dumps(body).encode(), headers=headers)
        problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_the_right_content_type_spelled_otherwise(module_client: httpx.AsyncClient, content_type: str) -> None:
    body = json.dumps({"email": DRIVER_1, "password": PASSWORD})
    answer = await module_client.post("/login", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 200


async def test_brackets_without_end_while_others_are_served(
    module_client: httpx.AsyncClient, driver: dict[str, str]
) -> None:
    """A million deep is too large; the deepest that is not is no JSON that anything here could be made of."""
    bodies = {
        413: [b"[" * 1_000_000, b'{"spot_id":' * 1_000_000, b"[" * (LARGEST_BODY + 1), b"[" * 500_000 + b"]" * 500_000],
        400: [
            b"[" * LARGEST_BODY,
            b"[" * (LARGEST_BODY // 2) + b"]" * (LARGEST_BODY // 2),
            (b'{"spot_id":' * LARGEST_BODY)[:LARGEST_BODY],
            b'{"spot_id":' + b"[" * (LARGEST_BODY - 11),
        ],
    }
    asks = [
        (status, body, path) for status, each in bodies.items() for body in each for path in ("/reservations", "/login")
    ]
    asking = [
        asyncio.create_task(module_client.post(path, content=body, headers=driver | JSON)) for _, body, path in asks * 3
    ]
    served = 0
    while not all(task.done() for task in asking):
        assert (await module_client.get("/spots")).status_code == 200
        served += 1
    assert served > 0
    for (status, *_), answer in zip(asks * 3, await asyncio.gather(*asking), strict=True):
        problem(answer, status, "too-large" if status == 413 else "invalid-request")


async def test_a_body_that_is_too_large(module_client: httpx.AsyncClient, driver: dict[str, str]) -> None:
    large = json.dumps(booking() | {"note": "x" * 70_000}).encode()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 1000):
            yield large[start : start + 1000]
            await asyncio.sleep(0)

    for root in ROOTS:
        for path in (f"{root}/reservations", f"{root}/login"):
            problem(await module_client.post(path, content=large, headers=driver | JSON), 413, "too-large")
            problem(await module_client.post(path, content=chunks(), headers=driver | JSON), 413, "too-large")


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("date=garbage", {"date"}),
        ("date=", {"date"}),
        ("date=null", {"date"}),
        ("date=2026-13-01", {"date"}),
        ("date=2026-2-1", {"date"}),
        ("date=10000-01-01", {"date"}),
        ("date=20261120", {"date"}),
        ("date=2026-11-20T08:00:00Z", {"date"}),
        ("date=2026-11-20%00", {"date"}),
        ("date=%ff", {"date"}),
        ("date=%ED%A0%80", {"date"}),
        ("date=2026-11-20&date=2026-11-21", {"date"}),
        ("date=2026-11-20&date=2026-11-20", {"date"}),
        ("lot=x", {"lot"}),
        ("lot=", {"lot"}),
        ("lot=0", {"lot"}),
        ("lot=-1", {"lot"}),
        ("lot=1.5", {"lot"}),
        ("lot=1_0", {"lot"}),
        ("lot=%D9%A1", {"lot"}),
        ("lot=9223372036854775808", {"lot"}),
        (f"lot={'9' * 5000}", {"lot"}),
        ("lot=1&lot=2", {"lot"}),
        ("lot=x&date=y", {"lot", "date"}),
    ],
)
async def test_query_parameters_that_are_wrong(
    module_client: httpx.AsyncClient, query: str, parameters: set[str]
) -> None:
    for root in ROOTS:
        assert errors(await module_client.get(f"{root}/spots?{query}")).keys() == parameters
        if "lot" in parameters and "date" not in parameters:
            assert errors(await module_client.get(f"{root}/stats?{query}")).keys() == parameters


@pytest.mark.parametrize("number", ["0", "-1", "9007199254740992", "9223372036854775808", "9" * 4000])
async def test_numbers_of_reservations_that_cannot_be(
    module_client: httpx.AsyncClient, driver: dict[str, str], number: str
) -> None:
    assert errors(await module_client.get(f"/reservations/{number}", headers=driver)).keys() == {"reservation"}
    answer = await module_client.put(f"/reservations/{number}/complete", headers=driver)
    assert errors(answer).keys() == {"reservation"}


@pytest.mark.parametrize("number", ["abc", "1.5", "1%00", "%ff", "%F0%9F%9A%97", "9" * 5000, "null", "1%2F2", "'"])
async def test_what_is_no_number_of_a_reservation(
    module_client: httpx.AsyncClient, driver: dict[str, str], number: str
) -> None:
    answer = await module_client.get(f"/reservations/{number}/", headers=driver)
    assert answer.status_code in {404, 405}
    problem(await module_client.put(f"/reservations/{number}/complete", headers=driver), 404, "not-found")
