"""What the OpenAPI document says, and the handler that serves it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from litestar import Request, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.types import ControllerRouterHandler, Method
from litestar.types.internal_types import PathParameterDefinition

from service.problems import PROBLEM_JSON, ProblemDocument


class _Unrouted(Router):
    """Litestar insists on a router for its schema pages; ours are ordinary handlers, so this one stays empty."""

    def register(self, value: ControllerRouterHandler) -> list[Any]:
        return []


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """A handler's `responses`: problem documents with these statuses, and those that any handler may answer."""
    return {
        status: ResponseSpec(
            ProblemDocument,
            generate_examples=False,
            description=HTTPStatus(status).phrase,
            media_type=PROBLEM_JSON,
        )
        for status in sorted({*statuses, 500, 503, 504})
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
        Tag("reservations", "Book, look up and complete."),
        Tag("statistics", "How a lot is used."),
        Tag("people", "The people of a tenant and their roles, for its administrators."),
        Tag("tenants", "Found and list tenants, for platform administrators."),
        Tag("audit", "Who did what, for administrators."),
    ],
    operation_id_creator=operation_id,
    use_handler_docstrings=True,
    openapi_router=_Unrouted("/", route_handlers=[]),
)


@get(
    "/openapi.json",
    include_in_schema=False,
    media_type="application/vnd.oai.openapi+json",
    opt={"exclude_from_csrf": True},
    sync_to_thread=False,
)
def openapi_document(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The description of the REST interface, OpenAPI 3.1."""
    return request.app.openapi_schema.to_schema()
