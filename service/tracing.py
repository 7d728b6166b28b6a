"""Which request this is: its id, and the trace that it is a part of, for every line that is logged on its behalf.

`X-Request-Id` is taken from whoever sends one that is harmless, and answered in any case. `traceparent` is W3C Trace
Context: a request continues the trace of its caller, or begins one; what the service does is one span of it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Final

from msgspec import Struct

# What may stand in a log and in a header without any quoting.
REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
TRACEPARENT: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
NO_TRACE: Final = b"0" * 32
NO_SPAN: Final = b"0" * 16


class RequestContext(Struct):
    """One request, or one socket; `problem` is the slug of what it was refused with.

    `parent_id` is the caller's span, None where the trace begins here; `flags` say whether the caller wants it kept.
    """

    request_id: str
    trace_id: str
    span_id: str
    parent_id: str | None = None
    flags: int = 1
    problem: str | None = None


_current: ContextVar[RequestContext | None] = ContextVar("request", default=None)


def current_request() -> RequestContext | None:
    """The request on whose behalf this runs; None: on nobody's."""
    return _current.get()


def begin_request(headers: Iterable[tuple[bytes, bytes]]) -> RequestContext:
    """From here on, this task runs on behalf of the request with these headers (ASGI's, in small letters)."""
    given: dict[bytes, list[bytes]] = {b"x-request-id": [], b"traceparent": []}
    for name, value in headers:
        if name in given:
            given[name].append(value)
    # Asked for once, since each time costs a call of the operating system.
    fresh = secrets.token_hex(40)
    context = RequestContext(
        request_id=_request_id(given[b"x-request-id"]) or fresh[:32], trace_id=fresh[32:64], span_id=fresh[64:]
    )
    if (caller := _caller(given[b"traceparent"])) is not None:
        context.trace_id, context.parent_id, context.flags = caller
    _current.set(context)
    return context


def note_problem(slug: str) -> None:
    """The current request, if this runs on behalf of one, has met this problem."""
    if (context := _current.get()) is not None:
        context.problem = slug


def _request_id(given: list[bytes]) -> str | None:
    """The caller's, if there is exactly one and it is harmless."""
    if len(given) == 1 and REQUEST_ID.fullmatch(given[0]):
        return given[0].decode("ascii")
    return None


def _caller(given: list[bytes]) -> tuple[str, str, int] | None:
    """The caller's trace, span and flags (W3C Trace Context, 3.2), if they are valid."""
    if len(given) == 1 and (parts := TRACEPARENT.fullmatch(given[0])):
        version, trace, span, flags, beyond = parts.groups()
        if version != b"ff" and trace != NO_TRACE and span != NO_SPAN and not (version == b"00" and beyond):
            return bytes(trace).decode("ascii"), bytes(span).decode("ascii"), int(flags, 16)
    return None
