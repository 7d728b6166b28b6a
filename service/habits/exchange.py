"""What is wrapped around the whole application: HEAD, bodies that are read in time and to their end, and refusals of
sockets that say why."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar.enums import ScopeType
from litestar.exceptions import WebSocketException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.habits.headers import SECURITY_HEADERS, encoded
from service.problems import PROBLEM_JSON, Problem, to_problem

# 64 kB take a modem some ten seconds. Whoever takes longer holds a connection, and nothing of the database.
LONGEST_BODY_SECONDS: Final = 10.0

LARGEST_DISCARD: Final = 1024 * 1024
LONGEST_DISCARD_SECONDS: Final = 1.0


async def note_socket_failure(exc: Exception, scope: Scope) -> None:
    """An after_exception hook: Litestar closes a socket whose handler fails and tells nobody why."""
    if scope["type"] == ScopeType.WEBSOCKET and not isinstance(exc, WebSocketException):
        scope["state"]["refusal"] = to_problem(exc)


def explain_refusals(app: ASGIApp) -> ASGIApp:
    """Answer the handshake of a socket that is refused as any other request: by the problem, with its status.

    A server by itself says 403 and no more, whatever is the matter, also where it is to be tried again in a moment.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.WEBSOCKET or "websocket.http.response" not in (scope.get("extensions") or {}):
            await app(scope, receive, send)
            return
        accepted = False

        async def send_refusal(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message["type"] == "websocket.accept"
            problem: Problem | None = scope["state"].get("refusal")
            if accepted or message["type"] != "websocket.close" or problem is None:
                await send(message)
                return
            body = msgspec.json.encode(problem.document(scope["path"]))
            start: Any = {
                "type": "websocket.http.response.start",
                "status": problem.status,
                "headers": encoded({**SECURITY_HEADERS, **problem.headers, "Content-Type": PROBLEM_JSON}),
            }
            end: Any = {"type": "websocket.http.response.body", "body": body, "more_body": False}
            await send(start)
            await send(end)

        await app(scope, receive, send_refusal)

    return answer


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
