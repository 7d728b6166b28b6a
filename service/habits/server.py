"""How uvicorn listens: requests that are no HTTP, or too long or too slow to become one, are answered like all others.

What is refused here never reaches the application, so no setting and no route has a say in it. The handshake of a
WebSocket is read twice, by httptools and then by the library websockets, which is stricter.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

import msgspec
import websockets.http11
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import SecurityError

from service.habits.headers import SECURITY_HEADERS
from service.problems import PROBLEM_JSON, Problem

# From the first byte of a request, or the opening of a connection, to the end of the headers.
LONGEST_HEAD_SECONDS: Final = 10.0
LARGEST_HEAD: Final = 64 * 1024
# A client that still sends when the connection closes sees it reset, and never the answer that says why.
LINGER_SECONDS: Final = 1.0

# A line of a handshake, such as one that names a long cursor, has 8 kB at most otherwise. The whole head is measured.
websockets.http11.MAX_LINE_LENGTH = LARGEST_HEAD


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it with httptools, which knows no limit for the head of a request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection may wait for its first request as long as a request may take."""
        super().connection_made(transport)
        self._head_size = 0
        self._begun = False
        self._refused = False
        self._awaiting_head: asyncio.TimerHandle | None = None
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Refuse a head that does not end; what comes behind a refusal is not looked at."""
        if self._refused:
            return
        super().data_received(data)
        if self._awaiting_head is not None and self._begun:
            self._head_size += len(data)
            if self._head_size > LARGEST_HEAD:
                self._refuse("head-too-large")

    def on_message_begin(self) -> None:
        """The head of a request begins; it is not the first of this connection, maybe."""
        super().on_message_begin()
        self._begun = True
        self._head_size = 0
        if self._awaiting_head is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """It is there."""
        self._stop_waiting()
        self._begun = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What httptools cannot read is refused as a problem."""
        self._refuse("invalid-request", "This is not a request of HTTP/1.1.")

    def _await_head(self) -> None:
        self._awaiting_head = self.loop.call_later(LONGEST_HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._awaiting_head is not None:
            self._awaiting_head.cancel()
            self._awaiting_head = None

    def _give_up(self) -> None:
        self._awaiting_head = None
        if self._begun:
            self._refuse("too-slow")
        else:
            # A connection that a browser has opened in advance and had no use for.
            self.transport.close()

    def _refuse(self, slug: str, detail: str | None = None) -> None:
        self._stop_waiting()
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        running: Any = self.cycle
        if running is None or running.response_complete:
            _answer_and_close(self.transport, self.loop, Problem.of(slug, detail))
        else:
            # Whose answer has begun must not find another one in the middle of it.
            self.transport.close()


class SocketProtocol(WebSocketsSansIOProtocol):
    """WebSockets as uvicorn speaks them, where a handshake that is none would wait for an answer for ever."""

    def data_received(self, data: bytes) -> None:
        """Refuse what httptools has taken for a handshake and websockets does not."""
        super().data_received(data)
        if self.conn.handshake_exc is None or self.handshake_initiated:
            return
        # Nothing of it reaches the application, and nothing that comes behind it is looked at.
        self.handshake_initiated = self.handshake_complete = self.close_sent = True
        fault = self.conn.handshake_exc.__cause__ or self.conn.handshake_exc
        if isinstance(fault, SecurityError):
            problem = Problem.of("head-too-large")
        else:
            problem = Problem.of("invalid-request", "This is not the handshake of a WebSocket (RFC 6455, 4.1).")
        _answer_and_close(self.transport, self.loop, problem)


def _answer_and_close(transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, problem: Problem) -> None:
    transport.write(_answer(problem))
    transport.write_eof()
    loop.call_later(LINGER_SECONDS, transport.close)


def _answer(problem: Problem) -> bytes:
    body = msgspec.json.encode(problem.document("/"))
    headers: dict[str, Any] = {
        **SECURITY_HEADERS,
        **problem.headers,
        "Content-Type": PROBLEM_JSON,
        "Content-Length": len(body),
        "Connection": "close",
    }
    lines = [
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}",
        *(f"{k}: {v}" for k, v in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
