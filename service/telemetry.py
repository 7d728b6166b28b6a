"""Spans: what a request is made of and how long each part took, for whoever collects them.

This is all that the rest of the service knows of them. Without PARKING_OTLP_ENDPOINT there are none, and nothing of
OpenTelemetry is imported; with it, they are those of otlp.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from importlib import import_module
from typing import Protocol

from service.tracing import RequestContext


class RequestSpan(Protocol):
    """The span of a request that runs."""

    def end(self, method: str, route: str, status: int, problem: str | None, *, failed: bool) -> None:
        """Say what has become of it."""


StatementSpans = Callable[[str, str], AbstractContextManager[object]]
"""Makes the span of a statement, from its text and its pool."""

statement_spans: ContextVar[StatementSpans | None] = ContextVar("statement_spans", default=None)
"""Those of the request on whose behalf this runs."""


class Telemetry:
    """Makes no spans."""

    @contextlib.contextmanager
    def span_of(self, _: RequestContext) -> Iterator[RequestSpan | None]:
        """The span of a request, if there is to be one; it has the context's ids."""
        yield None

    async def stop(self) -> None:
        """Send what is left."""


def telemetry_to(endpoint: str | None) -> Telemetry:
    """What makes spans for a collector; without one, none."""
    if endpoint is None:
        return Telemetry()
    telemetry: Telemetry = import_module("service.otlp").OtlpTelemetry(endpoint)
    return telemetry


def span_of_statement(sql: str, pool: str) -> AbstractContextManager[object]:
    """A span for a statement, the wait for its turn and for a connection included, if its request has one."""
    make = statement_spans.get()
    return contextlib.nullcontext() if make is None else make(sql, pool)
