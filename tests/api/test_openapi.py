"""/openapi.json: what it says is there and true, and all of it is tried."""

from typing import Any

import httpx
import pytest

from tests.api.asking import ROOTS, booking
from tests.support import DRIVER_1, PASSWORD, sign_in

EXAMPLES: dict[str, dict[str, Any]] = {
    "sign_in": {"json": {"email": DRIVER_1, "password": PASSWORD}},
    "list_spots": {"params": {"date": "2026-12-01", "lot": 1}},
    "book_spot": {"json": booking()},
    "find_reservation": {},
    "complete_reservation": {},
    "show_stats": {"params": {"lot": 1}},
}
"""A request for each operation, in an order in which all succeed."""

AUTH_EXAMPLES: dict[str, dict[str, Any]] = {
    "register": {"json": {"email": "new@parking.com", "password": "correct horse", "display_name": "New"}},
    "sign_in": {"json": {"email": DRIVER_1, "password": PASSWORD}},
    "refresh": {},
    "show_account": {},
    "change_password": {"json": {"old_password": PASSWORD, "new_password": "correct horse"}},
    "sign_out": {},
    "sign_out_everywhere": {},
}
"""The same for those under /api/auth, but that `refresh` and `sign_out` take what the one before them gave."""


@pytest.fixture
async def document(module_client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await module_client.get("/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json())


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of every route."""
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "put", "delete", "patch", "head", "options"}
    ]


async def test_the_document_lists_each_route_at_the_root_and_under_api(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    names = [operation["operationId"] for _, _, operation in operations(document)]
    doubled = [f"{prefix}{name}" for name in EXAMPLES for prefix in ("", "api_")]
    assert sorted(names) == sorted([*doubled, *(f"auth_{name}" for name in AUTH_EXAMPLES)])
    by_name = {operation["operationId"]: (path, method) for path, method, operation in operations(document)}
    for name in EXAMPLES:
        path, method = by_name[name]
        assert by_name[f"api_{name}"] == (f"/api{path}", method)


async def test_errors_are_declared_as_problems(document: dict[str, Any]) -> None:
    scheme = document["components"]["securitySchemes"]["Bearer"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    tags = {tag["name"] for tag in document["tags"]}
    for path, _, operation in operations(document):
        assert operation["summary"]
        assert operation["description"]
        assert set(operation["tags"]) <= tags
        responses = operation["responses"]
        assert {"500", "503", "504"} <= responses.keys()
        assert ("401" in responses) == (bool(operation.get("security")) or path.endswith(("/login", "/refresh")))
        assert {"400", "413", "415"} <= responses.keys() or "requestBody" not in operation
        for status, response in responses.items():
            media = "application/json" if status.startswith("2") else "application/problem+json"
            assert list(response.get("content", {})) == ([] if status == "204" else [media])


async def test_every_link_in_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [reference for child in node.values() for reference in references(child)]
        return [reference for child in node for reference in references(child)] if isinstance(node, list) else []

    for reference in references(document):
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


@pytest.mark.parametrize("root", ROOTS)
async def test_every_operation_answers_as_it_is_described(client: httpx.AsyncClient, root: str) -> None:
    document = (await client.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    driver = await sign_in(client)
    found = {
        operation["operationId"].removeprefix("api_"): (path, method, operation)
        for path, method, operation in operations(document)
        if path.startswith("/api/") == bool(root) and not path.startswith("/api/auth/")
    }
    number = ""
    for name, example in EXAMPLES.items():
        path, method, operation = found[name]
        headers = driver if operation.get("security") else {}
        answer = await client.request(method, path.replace("{reservation}", number), headers=headers, **example)
        response = operation["responses"][str(answer.status_code)]
        assert answer.is_success, answer.text
        assert answer.headers["content-type"] in response["content"]
        assert {header.lower() for header in response.get("headers", {})} <= answer.headers.keys()
        schema = response["content"]["application/json"]["schema"]
        body = answer.json()[0] if schema.get("type") == "array" else answer.json()
        described = schemas[schema.get("items", schema)["$ref"].rpartition("/")[2]]
        assert set(described["required"]) <= body.keys() <= described["properties"].keys()
        if name == "book_spot":
            number = str(body["id"])


async def test_every_operation_on_sessions_answers_as_it_is_described(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    found = {operation["operationId"]: (path, method, operation) for path, method, operation in operations(document)}
    given: dict[str, Any] = {}
    for name, example in AUTH_EXAMPLES.items():
        path, method, operation = found[f"auth_{name}"]
        body = {"json": {"refresh_token": given["refresh_token"]}} if name in {"refresh", "sign_out"} else example
        headers = await sign_in(client, password="correct horse") if name == "sign_out_everywhere" else {}
        if operation.get("security") and not headers:
            headers = {"Authorization": f"Bearer {given['token']}"}
        answer = await client.request(method, path, headers=headers, **body)
        response = operation["responses"][str(answer.status_code)]
        assert answer.is_success, answer.text
        if "content" in response and answer.content:
            described = schemas[response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]]
            assert set(described["required"]) <= answer.json().keys() <= described["properties"].keys()
            given |= answer.json()
        else:
            assert answer.status_code == 204
