"""What is seen of every request from outside: how long it took and how it ended, for the figures and for the log.

`note_route` stands next to the application and `observe` outermost: in between HEAD becomes GET, and only the innermost
learns to which route a request went.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from time import perf_counter
from typing import Final, cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

from service.logs import RequestRecord
from service.metrics import Metrics
from service.telemetry import RequestSpan, Telemetry
from service.tracing import RequestContext, begin_request

log = logging.getLogger("service.requests")

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNROUTED: Final = "none"
# Of a request, and of a handshake that is refused.
ANSWERS: Final = frozenset({"http.response.start", "websocket.http.response.start"})
# Programs ask for these every few seconds, and are told each time the same; only what is wrong is worth a line.
QUIET_ROUTES: Final = frozenset({"/livez", "/readyz", "/metrics"})


def note_route(app: ASGIApp) -> ASGIApp:
    """Have `observe` know the template of the route, such as /reservations/{reservation}; an address it never sees."""

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        finally:
            scope["state"]["route"] = scope.get("path_template")

    return note


def observe(app: ASGIApp, metrics: Metrics, telemetry: Telemetry) -> ASGIApp:
    """Measure and log each request, under an id that is also answered; a socket when it ends."""

    async def observed(scope: Scope, receive: Receive, send: Send) -> None:
        context = begin_request(scope["headers"])
        ending = Ending()

        async def send_noting(message: Message) -> None:
            ending.note(message)
            if message["type"] in ANSWERS:
                message = cast("HTTPResponseStartEvent", message)
                message["headers"] = [*message["headers"], (b"x-request-id", context.request_id.encode("ascii"))]
            await send(message)

        with telemetry.span_of(context) as span:
            started = perf_counter()
            try:
                await app(scope, receive, send_noting)
            finally:
                _record(scope, context, ending.status, perf_counter() - started, metrics, span)

    return observed


class Ending:
    """How a request ended: the status of the answer; of a socket that was open, the code that we closed it with."""

    def __init__(self) -> None:
        self.status: int = HTTPStatus.INTERNAL_SERVER_ERROR

    def note(self, message: Message) -> None:
        """What is sent tells."""
        if message["type"] in ANSWERS:
            self.status = cast("HTTPResponseStartEvent", message)["status"]
        elif message["type"] == "websocket.accept":
            self.status = HTTPStatus.SWITCHING_PROTOCOLS
        elif message["type"] == "websocket.close":
            # Closed before it was accepted, the server answers the handshake with 403.
            opened = self.status == HTTPStatus.SWITCHING_PROTOCOLS
            self.status = message["code"] if opened else HTTPStatus.FORBIDDEN


def _record(  # noqa: PLR0917 (its caller is one, and here)
    scope: Scope, context: RequestContext, status: int, seconds: float, metrics: Metrics, span: RequestSpan | None
) -> None:
    route = scope["state"].get("route") or UNROUTED
    method = "WS"
    level = logging.DEBUG if route in QUIET_ROUTES else logging.INFO
    if scope["type"] == ScopeType.HTTP:
        method = str(scope["method"]) if scope["method"] in METHODS else "other"
        metrics.time_request(method, route, status, seconds)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            level = logging.WARNING
    if context.problem is not None:
        metrics.count_error(context.problem)
    if span is not None:
        span.end(method, route, int(status), context.problem, failed=level == logging.WARNING)
    if log.isEnabledFor(level):
        told = {"method": method, "route": route, "status": int(status), "duration_ms": round(seconds * 1000, 2)}
        if context.problem is not None:
            told["problem"] = context.problem
        log.handle(RequestRecord(log.name, level, "%s %s %d", (method, route, status), told))
