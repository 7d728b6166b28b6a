"""What a client would rather not be sent: `Prefer: return=minimal` (RFC 7240, 4.2)."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.handlers.base import BaseRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

CHANGES: Final = frozenset({"PUT", "PATCH"})
APPLIED: Final = (b"preference-applied", b"return=minimal")
# The option of a handler whose answer no GET gives again.
ALWAYS_WHOLE: Final = "always_whole"
# What is said of a body.
ABOUT_A_BODY: Final = frozenset({b"content-type", b"content-length", b"content-encoding", b"etag"})


def wants_little(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the first that these headers (ASGI's) say of `return` is `minimal`."""
    for header, value in headers:
        if header == b"prefer":
            for preference in value.lower().split(b","):
                name, _, wanted = preference.partition(b";")[0].partition(b"=")
                if name.strip() == b"return":
                    return wanted.strip().strip(b'"') == b"minimal"
    return False


def answer_briefly(app: ASGIApp) -> ASGIApp:
    """Answer 204 who wants no more than to know that it is done: that something was made, and where; or changed.

    It holds for what can be asked for again: a 201 with its Location, and JSON that PUT or PATCH answer with, but for
    what a handler that is ALWAYS_WHOLE says. Nobody is kept from a token, a price or a search by a preference.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != ScopeType.HTTP
            or scope["method"] not in {"POST", *CHANGES}
            or not wants_little(scope["headers"])
        ):
            await app(scope, receive, send)
            return
        brief = False

        async def send_brief(message: Message) -> None:
            nonlocal brief
            if message["type"] == "http.response.start" and _can_be_brief(scope, str(scope["method"]), message):
                brief = True
                message["status"] = HTTPStatus.NO_CONTENT
                headers = (header for header in message["headers"] if header[0] not in ABOUT_A_BODY)
                message["headers"] = [*headers, APPLIED]
            elif brief and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        await app(scope, receive, send_brief)

    return answer


def _can_be_brief(scope: Scope, method: str, start: Any) -> bool:  # noqa: ANN401 (ASGI's http.response.start)
    headers = dict(start["headers"])
    if start["status"] == HTTPStatus.CREATED:
        return b"location" in headers
    json = headers.get(b"content-type", b"").partition(b";")[0].endswith(b"json")
    if start["status"] != HTTPStatus.OK or method not in CHANGES or not json:
        return False
    return not is_always_whole(scope["route_handler"])


def is_always_whole(handler: BaseRouteHandler) -> bool:
    """Whether nothing but this handler says what it answers with."""
    return bool(handler.opt.get(ALWAYS_WHOLE))
