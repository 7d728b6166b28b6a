"""Spans, sent to a real receiver of OTLP over HTTP: whose they are, what they say, and what they must not."""

import asyncio
import datetime as dt
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from service.settings import Settings, SettingsError
from tests.api.asking import booking
from tests.api.test_settings import REQUIRED
from tests.support import Database, Service, free_port, sign_in

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


class Collector:
    """Takes what is sent to it."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *_: object) -> None:  # noqa: A002 (the name that it has)
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}/v1/traces"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def spans(self) -> list[Span]:
        """All that have come so far."""
        return [
            span
            for body in list(self.received)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.stop()


def attributes(span: Span) -> dict[str, str | int]:
    """The attributes of a span."""
    return {
        each.key: each.value.int_value if each.value.HasField("int_value") else each.value.string_value
        for each in span.attributes
    }


async def test_a_request_and_its_statement_are_spans_of_the_callers_trace(
    database: Database, collector: Collector
) -> None:
    secret = "canary-in-a-path-or-header"
    async with (
        Service(database, environ={"PARKING_OTLP_ENDPOINT": collector.endpoint}) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        driver = await sign_in(client)
        traced = {"traceparent": f"00-{TRACE}-{CALLER}-01", "X-Request-Id": "traced"}
        answer = await client.get(f"/reservations/77?x={secret}", headers=driver | traced | {"Referer": secret})
        assert answer.status_code == 404
        await client.post("/login", json={"email": "driver1@parking.com", "password": secret})
        # What is left is sent when the service ends.
        await service.stop()
        log = service.output()
    mine = [span for span in collector.spans if span.trace_id.hex() == TRACE]
    (request,) = [span for span in mine if span.kind == Span.SPAN_KIND_SERVER]
    (statement,) = [span for span in mine if span.kind == Span.SPAN_KIND_CLIENT]
    assert request.parent_span_id.hex() == CALLER
    assert statement.parent_span_id == request.span_id
    assert (request.name, statement.name) == ("GET /reservations/{reservation}", "parking.find_reservation")
    assert attributes(request) == {
        "http.request.method": "GET",
        "http.route": "/reservations/{reservation}",
        "http.response.status_code": 404,
        "parking.problem": "unknown-reservation",
    }
    assert request.start_time_unix_nano <= statement.start_time_unix_nano
    assert statement.end_time_unix_nano <= request.end_time_unix_nano
    assert request.status.code == Status.STATUS_CODE_UNSET, "a refusal is no error of ours"
    assert f'"request_id":"traced","trace_id":"{TRACE}","span_id":"{request.span_id.hex()}"' in log
    sent = b"".join(collector.received)
    assert b"POST /login" in sent
    for hidden in (secret, service.secret, driver["Authorization"].removeprefix("Bearer "), "password123", "77?"):
        assert hidden.encode() not in sent


async def test_requests_at_the_same_time_keep_their_traces_apart(database: Database, collector: Collector) -> None:
    async with (
        Service(database, environ={"PARKING_OTLP_ENDPOINT": collector.endpoint}) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        traces = [f"{number:032x}" for number in range(1, 21)]
        headers = [{"traceparent": f"00-{trace}-{CALLER}-01"} for trace in traces]
        today = dt.datetime.now(dt.UTC).date()
        days = [str(today + dt.timedelta(days=number)) for number in range(20)]
        # Who asks the same shares a statement; these do not.
        await asyncio.gather(
            *(client.get("/spots", params={"date": day}, headers=each) for day, each in zip(days, headers, strict=True))
        )
        # Not wanted: the caller has decided that this trace is not kept.
        await client.get("/spots", headers={"traceparent": f"00-{'f' * 32}-{CALLER}-00"})
        await service.stop()
    spans = [span for span in collector.spans if span.name in {"GET /spots", "parking.list_spots"}]
    found = sorted((span.trace_id.hex(), span.kind) for span in spans)
    kinds = (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    assert found == sorted((trace, kind) for trace in traces for kind in kinds)


async def test_a_statement_for_many_belongs_to_one_of_those_who_asked_for_it(
    database: Database, collector: Collector
) -> None:
    """Many wait for each; it begins after that request, and before its answer."""
    async with (
        Service(database, environ={"PARKING_OTLP_ENDPOINT": collector.endpoint}) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        traces = [f"{number:032x}" for number in range(1, 101)]
        headers = [{"traceparent": f"00-{trace}-{CALLER}-01"} for trace in traces]
        await asyncio.gather(*(client.get("/spots", headers=each) for each in headers))
        await service.stop()
    requests = {span.trace_id.hex(): span for span in collector.spans if span.name == "GET /spots"}
    statements = [span for span in collector.spans if span.name == "parking.list_spots"]
    assert sorted(requests) == traces
    assert 0 < len(statements) < len(requests)
    for statement in statements:
        request = requests[statement.trace_id.hex()]
        assert statement.parent_span_id == request.span_id
        assert request.start_time_unix_nano <= statement.start_time_unix_nano
        assert statement.end_time_unix_nano <= request.end_time_unix_nano


async def test_a_failure_of_ours_is_an_error(database: Database, collector: Collector) -> None:
    environ = {
        "PARKING_OTLP_ENDPOINT": collector.endpoint,
        "PARKING_DATABASE_URL": "postgresql://parking_service@/parking?host=/nowhere",
    }
    async with (
        Service(database, environ=environ) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        assert (await client.get("/spots")).status_code == 503
        await service.stop()
    (span,) = [span for span in collector.spans if span.name == "GET /spots"]
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert attributes(span)["error.type"] == "database-unavailable"


async def test_a_collector_that_is_away_costs_no_request_anything(database: Database) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/v1/traces"
    async with (
        Service(database, environ={"PARKING_OTLP_ENDPOINT": nobody}) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        driver = await sign_in(client)
        assert (await client.post("/reservations", json=booking(), headers=driver)).status_code == 201
        began = time.monotonic()
        for _ in range(20):
            assert (await client.get("/spots")).status_code == 200
        assert time.monotonic() - began < 10
        await service.stop(seconds=15)


@pytest.mark.parametrize("wrong", ["localhost:4318", "grpc://collector:4317", "http://user:hidden@collector/v1/traces"])
def test_an_endpoint_that_is_none(wrong: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ(REQUIRED | {"PARKING_OTLP_ENDPOINT": wrong})
    (fault,) = raised.value.faults
    assert fault.startswith("PARKING_OTLP_ENDPOINT")
    assert "hidden" not in fault


def test_without_the_extra_the_setting_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.settings.find_spec", lambda _: None)
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ(REQUIRED | {"PARKING_OTLP_ENDPOINT": "http://collector:4318/v1/traces"})
    assert "telemetry" in str(raised.value)
