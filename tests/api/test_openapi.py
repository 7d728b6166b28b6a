"""/openapi.json: what it says is there and true, and all of it is tried."""

import datetime as dt
import json
import os
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.asking import ROOTS, booking, moment
from tests.support import DRIVER_1, OPERATOR, PASSWORD, Database, sign_in
from tests.support.days import today

CODE, RESERVATION = "A" * 22, 1_000_000
DESK = "parking.find_person('attendant@parking.com')"


def tomorrow() -> str:
    """A day whose slots are all to come: of one that is over less is told."""
    return str(today() + dt.timedelta(1))


def examples() -> dict[str, dict[str, Any]]:
    """A request for each operation that answers at the root and under /api, in an order in which all succeed."""
    return {
        "sign_in": {"json": {"email": DRIVER_1, "password": PASSWORD}},
        "list_spots": {"params": {"date": tomorrow(), "lot": 1}},
        "book_spot": {"json": booking()},
        "find_reservation": {},
        "complete_reservation": {},
        "show_stats": {"params": {"lot": 1}},
    }


def api_only() -> dict[str, dict[str, Any]]:
    """The same for those that answer under /api only; the numbers in their paths are those of what was made last."""
    return {
        "build_lot": {"json": {"name": "New", "time_zone": "UTC", "layout": {"floors": 1, "rows": 1, "spots": 1}}},
        "list_lots": {},
        "change_lot": {"json": {"name": "Newer"}},
        "set_slots": {"json": {"slots": ["08:00-12:00"]}},
        "list_slots": {},
        "show_board": {"params": {"date": tomorrow()}},
        "add_floor": {"json": {"name": "Roof"}},
        "change_floor": {"json": {"name": "Top"}},
        "find_floor": {},
        "add_row": {"json": {"name": "Row"}},
        "change_row": {"json": {"position": 1}},
        "find_row": {},
        "add_spot": {"json": {"name": "Spot"}},
        "change_spot": {"json": {"type": "ev"}},
        "find_spot": {},
        "describe_lot": {},
        "retire_spot": {},
        "retire_row": {},
        "retire_floor": {},
        "retire_lot": {},
    }


def further_examples() -> dict[str, dict[str, Any]]:
    """The same for those that answer under /api only, by a platform administrator."""
    return {
        "find_spot_state": {"path": {"spot": 1}},
        "list_spot_states": {"path": {"lot": 1}},
        "set_spot_state": {"path": {"spot": 1}, "json": {"state": "maintenance", "reason": "Paint"}},
        "list_reservations": {},
        "expire_old": {},
        "reschedule_reservation": {
            "path": {"reservation": RESERVATION},
            "json": {"end_time": moment(1, 13).isoformat()},
        },
        "issue_pass": {"path": {"reservation": RESERVATION}},
        "check_pass": {"path": {"code": CODE}},
        "cancel_reservation": {"path": {"reservation": RESERVATION}},
        "check_spot": {"path": {"spot": 2}, "json": {k: v for k, v in booking(2).items() if k != "spot_id"}},
        "free_spots": {
            "path": {"lot": 1},
            "params": {"from": moment(1, 8).isoformat(), "to": moment(1, 12).isoformat()},
        },
        "show_occupancy": {"path": {"lot": 1}},
        "show_figures": {"path": {"lot": 1}},
        "find_lots": {"params": {"search": "garage"}},
        "list_problems": {},
        "show_overview": {"path": {"lot": 2}, "params": {"date": tomorrow(), "type": "ev"}},
        "set_tariff": {
            "path": {"lot": 1},
            "json": {"name": "Standard", "tiers": [{"from_minutes": 0, "increment_minutes": 60, "price_cents": 1000}]},
        },
        "list_tariffs": {"path": {"lot": 1}},
        "quote": {
            "path": {"lot": 1},
            "json": {"start_time": "2030-05-06T08:00:00+02:00", "end_time": "2030-05-06T10:00:00+02:00"},
        },
        "retire_tariff": {"path": {"tariff": 2}},
        "grant_concession": {"json": {"kind": "season-pass", "lot_id": 1, "plate": "B AB 123"}},
        "list_concessions": {},
        "end_concession": {"path": {"concession": 1}},
        "set_garage": {"path": {"lot": 4}, "json": {"spaces": 140, "assumed_stay_hours": 4}},
        "find_garage": {"path": {"lot": 4}},
        "enter_garage": {"params": {"lot": 4}, "json": {"licensePlate": "ABC123", "vehicleType": "Car"}},
        "show_garage_stats": {"params": {"lot": 4}},
        "find_ticket": {"path": {"ticketNumber": "PS-0004"}},
        "look_up_ticket": {"path": {"lot": 4}, "params": {"what": "abc 123"}},
        "show_amount_due": {"path": {"ticketNumber": "PS-0004"}},
        "leave_garage": {"path": {"ticketNumber": "PS-0004"}, "json": {"paymentMethod": "Credit Card"}},
        "list_activities": {"params": {"lot": 4, "limit": 10}},
        "refund_ticket": {
            "path": {"ticketNumber": "PS-0004"},
            "json": {"amount_cents": 400, "reason": "The lift was out of order"},
        },
        "correct_ticket": {"path": {"ticketNumber": "PS-0004"}, "json": {"amount_cents": 400, "reason": "It was not"}},
        "void_ticket": {"path": {"ticketNumber": "PS-0001"}, "json": {"reason": "Turned around at the gate"}},
        "lose_ticket": {
            "path": {"ticketNumber": "PS-0002"},
            "json": {"payment_method": "Cash", "reason": "Showed the papers of the car"},
        },
        "list_overstays": {"path": {"lot": 4}},
        "list_payment_methods": {},
        "show_balance": {"path": {"lot": 4}},
        "show_report": {"path": {"lot": 4}, "params": {"from": "2026-11-01", "until": "2026-11-02"}},
        "list_roles": {},
        "list_people": {},
        "add_person": {"json": {"email": "jo@example.org", "display_name": "Jo"}},
        "show_person": {"path": {"person": 2}},
        "change_person": {"path": {"person": 2}, "json": {"display_name": "Jo"}},
        "set_password": {"path": {"person": 2}, "json": {"password": "correct horse"}},
        "assign_role": {"path": {"person": 2, "role": "operator"}},
        "revoke_role": {"path": {"person": 2, "role": "operator"}},
        "deactivate": {"path": {"person": 2}},
        "reactivate": {"path": {"person": 2}},
        "erase_person": {"path": {"person": 2}},
        "list_tenants": {},
        "found_tenant": {"json": {"slug": "far", "name": "Far", "admin_email": "boss@far.example"}},
        "set_registration": {"path": {"tenant": "default"}, "json": {"registration": "closed"}},
        "list_activity": {},
    }


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


FILES: dict[str, str] = {
    "report_file": "/api/lots/4/garage/report.csv",
    "tickets_file": "/api/lots/4/garage/tickets.csv",
    "printed_report": "/api/lots/4/garage/report.pdf",
}
"""Those under /api that answer with a file."""

OPERATIONS = ("show_liveness", "show_readiness", "api_show_status")
"""Whether the service is well: they take nothing."""


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
    everywhere = [f"{prefix}{name}" for name in examples() for prefix in ("", "api_")]
    under_api = [f"api_{name}" for name in [*api_only(), *further_examples(), *FILES]]
    under_auth = [f"auth_{name}" for name in AUTH_EXAMPLES]
    assert sorted(names) == sorted([*everywhere, *under_api, *under_auth, *OPERATIONS])
    by_name = {operation["operationId"]: (path, method) for path, method, operation in operations(document)}
    for name in examples():
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
            kinds = {".csv": "text/csv", ".pdf": "application/pdf"}
            file = kinds.get(Path(path).suffix, "application/json")
            media = file if status.startswith("2") else "application/problem+json"
            if status[0] > "2":
                example = response["content"]["application/problem+json"]["example"]
                assert (str(example["status"]), example["instance"]) == (status, path)
            assert list(response.get("content", [])) == ([] if status == "204" else [media])


async def test_where_one_may_write_any_text_its_refusal_is_declared(document: dict[str, Any]) -> None:
    """A NUL is text that no database stores: 422, or 400 where the document of the garage's desk has it so."""

    def takes_any(schema: dict[str, Any]) -> bool:
        return any(
            each.get("type") == "string" and not each.keys() & {"enum", "format", "pattern"}
            for each in (schema, *schema.get("oneOf", ()), *schema.get("anyOf", ()))
        )

    taking = {
        f"{method} {path}": operation["responses"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if any(
            takes_any(parameter["schema"])
            for parameter in operation.get("parameters", ())
            if parameter["in"] != "header"
        )
    }
    assert {"get /api/people", "get /api/passes/{code}", "get /api/tickets/{ticketNumber}"} <= set(taking)
    silent = {name for name, responses in taking.items() if "422" not in responses}
    assert silent == {"get /api/tickets/{ticketNumber}", "put /api/tickets/{ticketNumber}/exit"}
    assert all("400" in taking[name] for name in silent)


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


RECORDED = Path(__file__).parents[2] / "service" / "examples.json"
RECORDING = "RECORD_EXAMPLES" in os.environ
"""With it in the environment these tests write the examples anew, and without it they compare."""

SECRETS = {
    "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl",
    "refresh_token": "c2VjcmV0LWZvci10aGUtc2FrZS1vZi1hbi1leGFtcGxl",
}


def cut(node: Any) -> Any:  # noqa: ANN401 (any JSON)
    """Two of what there are many of, and no secret."""
    if isinstance(node, dict):
        return {name: SECRETS.get(name, cut(child)) for name, child in node.items()}
    return [cut(child) for child in node[:2]] if isinstance(node, list) else node


def shape(node: Any) -> Any:  # noqa: ANN401 (any JSON)
    """What kinds of values there are where; of a list, that of its first. Null stands for whatever it lacks."""
    if isinstance(node, dict):
        return {name: kind for name, child in node.items() if (kind := shape(child)) is not None}
    if isinstance(node, list):
        return [shape(child) for child in node[:1]]
    return None if node is None else "number" if isinstance(node, int | float) else type(node).__name__


def check_example(answer: httpx.Response, operation: dict[str, Any]) -> None:
    """Assert that the document's example is what was asked and answered now; or record it."""
    name = operation["operationId"]
    asked = json.loads(answer.request.content) if answer.request.content else None
    real = {"request": asked, "answer": answer.json() if answer.content else None}
    real = {key: value for key, value in real.items() if value is not None}
    if RECORDING:
        recorded = json.loads(RECORDED.read_text()) | {name: cut(real)}
        RECORDED.write_text(json.dumps(dict(sorted(recorded.items())), indent=1, ensure_ascii=False) + "\n")
        return
    documented = {}
    if "requestBody" in operation and asked is not None:
        documented["request"] = operation["requestBody"]["content"]["application/json"].get("example")
    if content := operation["responses"][str(answer.status_code)].get("content"):
        documented["answer"] = content["application/json"].get("example")
    assert shape(documented) == shape(cut(real)), f"{name}: record the examples anew with RECORD_EXAMPLES=1"


def check_answer(answer: httpx.Response, operation: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Assert that the answer is the success that the operation describes; its body, or the first of a list."""
    assert answer.is_success, answer.text
    check_example(answer, operation)
    response = operation["responses"][str(answer.status_code)]
    assert {header.lower() for header in response.get("headers", {})} <= answer.headers.keys()
    if answer.status_code == 204:
        assert answer.content == b""
        return {}
    assert answer.headers["content-type"] in response["content"]
    schema = response["content"]["application/json"]["schema"]
    body: dict[str, Any] = answer.json()[0] if schema.get("type") == "array" else answer.json()
    described = schemas[schema.get("items", schema)["$ref"].rpartition("/")[2]]
    assert set(described["required"]) <= body.keys() <= described["properties"].keys()
    return body


async def test_the_operations_on_the_service_itself_answer_as_they_are_described(
    module_client: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    found = {operation["operationId"]: (path, operation) for path, _, operation in operations(document)}
    for name in OPERATIONS:
        path, operation = found[name]
        check_answer(await module_client.get(path), operation, document["components"]["schemas"])


@pytest.mark.parametrize("root", ROOTS)
async def test_every_operation_answers_as_it_is_described(client: httpx.AsyncClient, root: str) -> None:
    document = (await client.get("/openapi.json")).json()
    driver = await sign_in(client)
    found = {
        operation["operationId"].removeprefix("api_"): (path, method, operation)
        for path, method, operation in operations(document)
        if path.startswith("/api/") == bool(root) and not path.startswith("/api/auth/")
    }
    staff = await sign_in(client, OPERATOR)
    numbers = {"reservation": ""}
    for name, example in {**examples(), **(api_only() if root else {})}.items():
        path, method, operation = found[name]
        headers = (staff if name in api_only() else driver) if operation.get("security") else {}
        answer = await client.request(method, path.format_map(numbers), headers=headers, **example)
        body = check_answer(answer, operation, document["components"]["schemas"])
        if answer.status_code == HTTPStatus.CREATED:
            numbers["reservation" if name == "book_spot" else name.rpartition("_")[2]] = str(body["id"])


async def test_every_further_operation_answers_as_it_is_described(
    client: httpx.AsyncClient, database: Database
) -> None:
    database.psql("select parking.assign_role(1, 'platform')")
    database.psql(f"""
        insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at)
        overriding system value
        values (1, 1, 3, {RESERVATION}, 1, '{moment(1, 8)}', '{moment(1, 12)}', parking.clock()),
               (1, 1, 2, {RESERVATION + 1}, 1, '{moment(-2, 8)}', '{moment(-2, 12)}', parking.clock());
        insert into parking.passes (tenant_id, reservation_id, code, issued_at)
        values (1, {RESERVATION}, '{CODE}', parking.clock())""")
    database.psql(f"""
        select parking.enter_garage({DESK}, 4, plate) from unnest('{{ABC124,ABC125,ABC126}}'::text[]) plate;
        update parking.tickets set entered_at = entered_at - interval '6 hours' where plate = 'ABC126'""")
    document = (await client.get("/openapi.json")).json()
    found = {operation["operationId"]: (path, method, operation) for path, method, operation in operations(document)}
    headers = await sign_in(client)
    for name, example in further_examples().items():
        path, method, operation = found[f"api_{name}"]
        answer = await client.request(
            method,
            path.format(**example.get("path", {})),
            headers=headers,
            json=example.get("json"),
            params=example.get("params"),
        )
        check_answer(answer, operation, document["components"]["schemas"])


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
        given |= check_answer(answer, operation, schemas)
