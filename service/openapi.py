"""What the OpenAPI document says, and the handlers that serve it: to programs, to try out, and to read."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Litestar, Request, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.response import Template
from litestar.routes import HTTPRoute
from litestar.serialization import encode_json
from litestar.types import ControllerRouterHandler, Method
from litestar.types.internal_types import PathParameterDefinition

from service.edge import StrictJson
from service.habits.preferences import is_always_whole
from service.problems import PROBLEM_JSON, TRANSPORT, Problem, ProblemDocument

DOCS_POLICY: Final = (
    # Swagger UI and ReDoc make their styles as they go, and ReDoc searches in a worker that it makes out of itself.
    # No script comes from anywhere but static/, and nothing is asked of anybody else.
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self'; worker-src blob:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


# Requests that were sent and what they were answered: tests/api/test_openapi.py records and checks them.
EXAMPLES: Final = Path(__file__).with_name("examples.json")

# A session may also be named by the token or by a cookie, so that there is nothing to say in a body.
BODY_OPTIONAL: Final = {"auth_sign_out", "auth_refresh"}

# What any handler may answer: JSON not wanted, too many requests, and what goes wrong on our side.
ANYWHERE: Final = (406, 429, 500, 503, 504)
WITH_A_BODY: Final = (408, 413, 415)


PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "`return=minimal` (RFC 7240): when it is done, answer 204 and no more than that.",
    "examples": {"minimal": {"value": "return=minimal"}},
}


class _Unrouted(Router):
    """Litestar insists on a router for its schema pages; ours are ordinary handlers, so this one stays empty."""

    def register(self, value: ControllerRouterHandler) -> list[Any]:
        return []


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """A handler's `responses`: problem documents with these statuses, and those that any handler may answer."""
    more = WITH_A_BODY if HTTPStatus.REQUEST_ENTITY_TOO_LARGE in statuses else ()
    return {
        status: ResponseSpec(
            ProblemDocument,
            generate_examples=False,
            description=HTTPStatus(status).phrase,
            media_type=PROBLEM_JSON,
        )
        for status in sorted({*statuses, *ANYWHERE, *more})
    }


def operation_id(handler: HTTPRouteHandler, _: Method, path: list[str | PathParameterDefinition]) -> str:
    """The handler's name, marked when it answers under /api or /api/auth."""
    for prefix in (["api", "auth"], ["api"]):
        if path[: len(prefix)] == prefix:
            return f"{prefix[-1]}_{handler.handler_name}"
    return handler.handler_name


config = OpenAPIConfig(
    title="Smart Parking",
    version="1",
    description="Book a parking spot for a period, complete it, see what is free. Errors are RFC 9457 documents.",
    components=Components(
        security_schemes={"Bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")},
    ),
    tags=[
        Tag("sessions", "Register, sign in for a token, refresh it, sign out; one's own account."),
        Tag("spots", "What is free, now and on a day."),
        Tag("lots", "What a lot consists of, and its board."),
        Tag("prices", "What a stay costs; tariffs, season passes and discounts."),
        Tag("garage", "Tickets at the gate, for vehicles without a booking: in, out, and the garage in numbers."),
        Tag("reservations", "Book, look up and complete."),
        Tag("statistics", "How a lot is used."),
        Tag("people", "The people of a tenant and their roles, for its administrators."),
        Tag("tenants", "Found and list tenants, for platform administrators."),
        Tag("audit", "Who did what, for administrators."),
        Tag("operations", "Whether the service is well, for whoever runs it. Public."),
    ],
    operation_id_creator=operation_id,
    use_handler_docstrings=True,
    openapi_router=_Unrouted("/", route_handlers=[]),
)


def describe(app: Litestar) -> dict[str, Any]:
    """The document, with what Litestar does not say as exactly as it is, and with the recorded examples."""
    document: dict[str, Any] = app.openapi_schema.to_schema()
    document = msgspec.json.decode(encode_json(document))
    # msgspec reads the bodies, so its own schemas are the truth: limits of what may be null, unknown members refused.
    models = sorted(StrictJson.models, key=lambda model: model.__name__)
    _, exact = msgspec.json.schema_components(models, ref_template="#/components/schemas/{name}")
    document["components"]["schemas"] |= exact
    examples = msgspec.json.decode(EXAMPLES.read_bytes())
    whole = set(_always_whole(app))
    for path, item in document["paths"].items():
        for operation in item.values():
            _give_examples(path, operation, examples.get(operation["operationId"], {}))
            if operation["operationId"] in BODY_OPTIONAL:
                operation["requestBody"]["required"] = False
        for method, operation in item.items():
            if (method, path) not in whole:
                _offer_brevity(method, operation)
    return document


def _always_whole(app: Litestar) -> Iterator[tuple[str, str]]:
    """The methods and addresses whose answers no preference makes shorter."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler, _ in route.route_handler_map.values():
                if is_always_whole(handler):
                    yield from ((str(method).lower(), route.path_format) for method in handler.http_methods)


def _offer_brevity(method: str, operation: dict[str, Any]) -> None:
    """What `Prefer: return=minimal` does; see service.habits.preferences."""
    responses = operation["responses"]
    location = responses.get("201", {}).get("headers", {}).get("Location")
    if location is None and not (method in {"put", "patch"} and "content" in responses.get("200", {})):
        return
    operation.setdefault("parameters", []).append(PREFER)
    headers = {"Preference-Applied": {"schema": {"type": "string"}, "description": "return=minimal"}}
    if location is not None:
        headers["Location"] = location
    responses["204"] = {"description": "Done, where that is all that is to be said", "headers": headers}


def _give_examples(path: str, operation: dict[str, Any], example: dict[str, Any]) -> None:
    if "request" in example:
        operation["requestBody"]["content"]["application/json"]["example"] = example["request"]
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            if media_type == PROBLEM_JSON:
                slug = next(slug for slug, kind in TRANSPORT.items() if kind.status == int(status))
                content["example"] = msgspec.to_builtins(Problem.of(slug).document(path))
            elif "answer" in example:
                content["example"] = example["answer"]


@get(
    "/openapi.json",
    include_in_schema=False,
    media_type="application/vnd.oai.openapi+json",
    opt={"exclude_from_csrf": True},
    sync_to_thread=False,
)
def openapi_document(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The description of the REST interface, OpenAPI 3.1."""
    state = request.app.state
    if "openapi" not in state:
        state.openapi = describe(request.app)
    document: dict[str, Any] = state.openapi
    return document


@get("/docs", include_in_schema=False, opt={"exclude_from_csrf": True}, sync_to_thread=False)
def swagger() -> Template:
    """The same in Swagger UI, where one can try it out."""
    return Template("swagger.html", headers={"Content-Security-Policy": DOCS_POLICY})


@get("/redoc", include_in_schema=False, opt={"exclude_from_csrf": True}, sync_to_thread=False)
def redoc() -> Template:
    """The same in ReDoc, which is better to read."""
    return Template("redoc.html", headers={"Content-Security-Policy": DOCS_POLICY})


handlers = [openapi_document, swagger, redoc]
