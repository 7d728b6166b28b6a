"""Which other sites' scripts may use the REST interface (the Fetch standard's CORS): those of the settings, else none.

They never act with somebody's cookies: no answer allows credentials. A preflight is the route's own OPTIONS, which says
what it answers to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_HEADERS: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Prefer, Traceparent, X-Request-Id"
)
ANSWER_HEADERS: Final = (
    "ETag, Idempotency-Replayed, Link, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, "
    "WWW-Authenticate, X-Request-Id"
)
PREFLIGHT_SECONDS: Final = 600
ANY: Final = "*"


def admit_origins(app: ASGIApp, allowed: Sequence[str]) -> ASGIApp:
    """Let scripts from these origins read what the application answers; `*` stands for all."""
    if not allowed:
        return app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        asked = Headers.from_scope(scope)
        origin = asked.get("origin", "")
        admitted = origin in allowed or (ANY in allowed and origin)

        async def send_admitted(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                headers.extend_header_value("vary", "Origin")
                if admitted:
                    headers["Access-Control-Allow-Origin"] = origin
                    headers["Access-Control-Expose-Headers"] = ANSWER_HEADERS
                if admitted and scope["method"] == "OPTIONS" and "access-control-request-method" in asked:
                    headers["Access-Control-Allow-Methods"] = headers.get("Allow", "")
                    headers["Access-Control-Allow-Headers"] = REQUEST_HEADERS
                    headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
            await send(message)

        await app(scope, receive, send_admitted)

    return answer
