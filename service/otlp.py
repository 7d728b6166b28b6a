"""Spans for OpenTelemetry: one a request, and in it one for each statement, sent to a collector by OTLP over HTTP.

They are sent in batches, from a thread of their own: a collector that is away costs no request anything, only the
spans. Like a line of the log, a span names the route and never the address. Imported only where a collector is
configured, because it takes the packages of the extra `telemetry`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)

from service.telemetry import RequestSpan, Telemetry, statement_spans
from service.tracing import RequestContext

SERVICE_NAME: Final = "smart-parking"
# How long one sending may take, and so about how long a collector that is away holds up the end of the process.
EXPORT_SECONDS: Final = 2.0
CALLED: Final = re.compile(r"\bparking\.(\w+)\(")


class OtlpTelemetry(Telemetry):
    """Sends spans to this endpoint, such as http://collector:4318/v1/traces."""

    def __init__(self, endpoint: str) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": SERVICE_NAME}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint, timeout=EXPORT_SECONDS)))
        self._tracer = self._provider.get_tracer("service")

    @contextlib.contextmanager
    def span_of(self, request: RequestContext) -> Iterator[RequestSpan | None]:
        """A span for this request, which gets the span's ids; it continues the trace of the caller, if there is one."""
        statement_spans.set(self._statement)
        # What an exception says may repeat what somebody has typed.
        with self._tracer.start_as_current_span(
            "request",
            context=_caller(request),
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            ids = span.get_span_context()
            request.trace_id, request.span_id = format_trace_id(ids.trace_id), format_span_id(ids.span_id)
            yield _RequestSpan(span)

    async def stop(self) -> None:
        """Send what is left."""
        await asyncio.to_thread(self._provider.shutdown)

    def _statement(self, sql: str, pool: str) -> AbstractContextManager[object]:
        return self._tracer.start_as_current_span(
            _function_in(sql),
            kind=SpanKind.CLIENT,
            attributes={"db.system.name": "postgresql", "parking.pool": pool},
            record_exception=False,
            set_status_on_exception=False,
        )


class _RequestSpan:
    def __init__(self, span: Span) -> None:
        self._span = span

    def end(self, method: str, route: str, status: int, problem: str | None, *, failed: bool) -> None:
        """Say what has become of the request (OpenTelemetry's semantic conventions for HTTP)."""
        self._span.update_name(f"{method} {route}")
        self._span.set_attribute("http.request.method", method)
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if problem is not None:
            self._span.set_attribute("parking.problem", problem)
        if failed:
            self._span.set_attribute("error.type", problem or str(status))
            self._span.set_status(StatusCode.ERROR)


@lru_cache(maxsize=512)
def _function_in(sql: str) -> str:
    """What a statement is about: the function that it calls last, once it knows who is asking."""
    called = CALLED.findall(sql)
    return f"parking.{called[-1]}" if called else "statement"


def _caller(request: RequestContext) -> Context:
    """The span that the request comes from; none when it begins a trace."""
    if request.parent_id is None:
        return Context()
    caller = SpanContext(
        trace_id=int(request.trace_id, 16),
        span_id=int(request.parent_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(request.flags),
    )
    return set_span_in_context(NonRecordingSpan(caller), Context())
