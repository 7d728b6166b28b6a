"""How many requests one person or one address may send (draft-ietf-httpapi-ratelimit-headers).

A bucket holds as many tokens as there may be requests at once, and fills up within WINDOW_SECONDS. Buckets live in the
process: with n processes behind a proxy somebody may get n times as much. This keeps a client's loop from taking the
service from everybody else; what a password may be guessed with is counted in the database, for all processes alike.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple

from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.auth import Connection, Identity, bearer, network_of, session
from service.habits.headers import encoded
from service.problems import Problem
from service.settings import Settings

WINDOW_SECONDS: Final = 10
# Those that have asked least recently are forgotten beyond this number, which are full again anyway.
MOST_BUCKETS: Final = 100_000


ExceptionHandler = Callable[[Request[Any, Any, Any], Exception], Response[Any]]


class Left(NamedTuple):
    """What is left after a request: whole tokens, and in how many seconds there will be another, and all."""

    granted: bool
    tokens: int
    next_in: int
    full_in: int


class Buckets:
    """Buckets of `size` tokens each, which fill up in WINDOW_SECONDS. A size of zero is no limit."""

    def __init__(self, name: str, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.size = size
        self.policy = f'"{name}";q={size};w={WINDOW_SECONDS}'
        self._clock = clock
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable) -> Left:
        """Take a token from this bucket, if there is one."""
        now, rate = self._clock(), self.size / WINDOW_SECONDS
        tokens, at = self._levels.get(key, (float(self.size), now))
        tokens = min(tokens + (now - at) * rate, self.size)
        granted = tokens >= 1
        tokens -= granted
        self._levels[key] = tokens, now
        self._levels.move_to_end(key)
        if len(self._levels) > MOST_BUCKETS:
            self._levels.popitem(last=False)
        next_in = 0 if tokens >= 1 else math.ceil((1 - tokens) / rate)
        return Left(granted, int(tokens), next_in, math.ceil((self.size - tokens) / rate))


class Limits(ASGIMiddleware):
    """Counts the requests of each route but those of `exclude_path_pattern`; the problem too-many-requests.

    The handshake of a socket is one: it costs a statement, too.
    """

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)
    # What a page consists of is asked for once and kept; and whoever watches over the service must always get in.
    exclude_path_pattern = ("^/static/", "^/livez$", "^/readyz$", "^/metrics$")

    def __init__(self, settings: Settings) -> None:
        self._people = Buckets("person", settings.person_requests)
        self._addresses = Buckets("address", settings.address_requests)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Take a token for this request, and say in the answer how many are left."""
        scope["state"]["counted"] = True
        headers = self._count(ASGIConnection(scope))
        if not headers:
            await next_app(scope, receive, send)
            return

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *encoded(headers)]
            await send(message)

        await next_app(scope, receive, send_counted)

    def counting(self, answer: ExceptionHandler) -> ExceptionHandler:
        """An exception handler that counts what has no route: Litestar finds that out before any middleware."""

        def answer_counted(request: Request[Any, Any, Any], exc: Exception) -> Response[Any]:
            if "counted" in request.scope["state"]:
                return answer(request, exc)
            try:
                headers = self._count(request)
            except Problem as refusal:
                return answer(request, refusal)
            response = answer(request, exc)
            response.headers.update(headers)
            return response

        return answer_counted

    def _count(self, connection: Connection) -> dict[str, str]:
        """What the answer says of the bucket that a token has been taken from; nothing, where there is no limit."""
        identity = _known(connection)
        buckets = self._addresses if identity is None else self._people
        if not buckets.size:
            return {}
        left = buckets.take(network_of(connection) if identity is None else identity.person)
        headers = {
            "RateLimit-Policy": buckets.policy,
            "RateLimit": f'"{buckets.name}";r={left.tokens};t={left.full_in}',
        }
        if not left.granted:
            raise Problem.of("too-many-requests", headers=headers | {"Retry-After": str(max(left.next_in, 1))})
        return headers


def _known(connection: Connection) -> Identity | None:
    """Who signs the request. A token that is not ours counts as none, so nobody gets a bucket by inventing one."""
    if "authorization" not in connection.headers:
        return session(connection)
    try:
        return bearer(connection)
    except Problem:
        return None
