"""What is wrapped around the whole application: HEAD, and bodies that are read in time and to their end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.exceptions import WebSocketException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import Problem, to_problem

# 64 kB take a modem some ten seconds. Whoever takes longer holds a connection, and nothing of the database.
LONGEST_BODY_SECONDS: Final = 10.0

LARGEST_DISCARD: Final = 1024 * 1024
LONGEST_DISCARD_SECONDS: Final = 1.0


async def log_socket_failure(exc: Exception, scope: Scope) -> None:
    """An after_exception hook: Litestar closes a socket whose handler fails and tells nobody why."""
    if scope["type"] == ScopeType.WEBSOCKET and not isinstance(exc, WebSocketException):
        to_problem(exc)


def answer_head(app: ASGIApp) -> ASGIApp:
    """Answer HEAD as GET without its body, wherever there is a GET (RFC 9110, 9.3.2)."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "HEAD":
            await app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await app({**scope, "method": "GET"}, receive, send_head)

    return answer


def finish_reading(app: ASGIApp) -> ASGIApp:
    """Wait for a body, but not for long; and read the rest of a refused one, within limits, before answering.

    A client that is still sending when the connection closes sees it reset, and never the answer that says why.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await app(scope, receive, send)
            return
        more = True
        give_up_at = asyncio.get_running_loop().time() + LONGEST_BODY_SECONDS

        async def receive_part() -> Any:  # noqa: ANN401 (of the kinds of message, only http.request has a body)
            nonlocal more
            if not more:
                return await receive()
            try:
                async with asyncio.timeout_at(give_up_at):
                    message: Any = await receive()
            except TimeoutError:
                more = False
                raise Problem.of("too-slow", headers={"Connection": "close"}) from None
            more = message.get("more_body", False)
            if message["type"] == "http.disconnect":
                # Litestar makes a 500 of it, as if it were our doing.
                raise Problem.of("invalid-request", "The connection ended before the body did.")
            return message

        async def send_late(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= HTTPStatus.BAD_REQUEST:
                read = 0
                with suppress(TimeoutError, Problem):
                    async with asyncio.timeout(LONGEST_DISCARD_SECONDS):
                        while more and read < LARGEST_DISCARD:
                            read += len((await receive_part()).get("body", b""))
            await send(message)

        await app(scope, receive_part, send_late)

    return answer
