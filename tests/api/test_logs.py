"""What is logged: a line of JSON a request, under an id and within a trace; and never what people keep secret."""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import jwt
import pytest
import websockets

from service.tracing import begin_request
from tests.api.asking import booking, problem
from tests.conftest import Connect
from tests.support import DRIVER_1, OPERATOR, PASSWORD, Database, Service, sign_in

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


def lines(service: Service) -> list[dict[str, Any]]:
    """All that was logged; each line is an object of its own."""
    return [json.loads(line) for line in service.output().splitlines()]


async def line_of(service: Service, request_id: str) -> dict[str, Any]:
    """The one line about a request, which is written when its answer has gone out."""
    deadline = time.monotonic() + 10
    while True:
        found = [
            line
            for line in lines(service)
            if line.get("request_id") == request_id and line["logger"] == "service.requests"
        ]
        if found:
            (line,) = found
            return line
        assert time.monotonic() < deadline, service.output()
        await asyncio.sleep(0.02)


async def test_a_line_a_request(service: Service, client: httpx.AsyncClient) -> None:
    driver = await sign_in(client)
    answer = await client.get("/reservations/77?secret=1", headers=driver | {"X-Request-Id": "the.one:2"})
    problem(answer, 404, "unknown-reservation")
    assert answer.headers["x-request-id"] == "the.one:2"
    line = await line_of(service, "the.one:2")
    assert line.keys() == {
        "timestamp",
        "level",
        "logger",
        "message",
        "context",
        "request_id",
        "trace_id",
        "span_id",
    }
    assert line["message"] == "GET /reservations/{reservation} 404"
    assert line["timestamp"].endswith("Z")
    duration = line["context"].pop("duration_ms")
    assert 0 < duration < 20_000
    assert line["context"] == {
        "method": "GET",
        "route": "/reservations/{reservation}",
        "status": 404,
        "problem": "unknown-reservation",
    }


async def test_every_answer_has_an_id_of_its_own(service: Service, client: httpx.AsyncClient) -> None:
    """Pages, files, refusals of the router and of the middleware, HEAD."""
    seen = set()
    for method, path in [
        ("GET", "/"),
        ("HEAD", "/spots"),
        ("GET", "/nothing"),
        ("DELETE", "/spots"),
        ("POST", "/sign-in"),
        ("GET", "/static/no"),
        ("GET", "/openapi.json"),
    ]:
        answer = await client.request(method, path)
        (request_id,) = answer.headers.get_list("x-request-id")
        assert re.fullmatch("[0-9a-f]{32}", request_id)
        assert (await line_of(service, request_id))["context"]["status"] == answer.status_code
        seen.add(request_id)
    assert len(seen) == 7


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("", False),
        ("two words", False),
        ('"quoted"', False),
        ("<script>", False),
        ("\u00fc", False),
    ],
)
def test_an_id_is_kept_if_it_is_harmless(given: str, kept: bool) -> None:
    context = begin_request([(b"x-request-id", given.encode())])
    assert (context.request_id == given) is kept
    assert kept or re.fullmatch("[0-9a-f]{32}", context.request_id)


def test_two_ids_are_none() -> None:
    assert begin_request([(b"x-request-id", b"a"), (b"x-request-id", b"b")]).request_id not in {"a", "b"}


@pytest.mark.parametrize(
    ("given", "continued"),
    [
        ([f"00-{TRACE}-{SPAN}-01"], True),
        ([f"00-{TRACE}-{SPAN}-00"], True),
        ([f"cc-{TRACE}-{SPAN}-01-what-comes-later"], True),
        ([f"00-{TRACE}-{SPAN}-01-more"], False),
        ([f"ff-{TRACE}-{SPAN}-01"], False),
        ([f"00-{'0' * 32}-{SPAN}-01"], False),
        ([f"00-{TRACE}-{'0' * 16}-01"], False),
        ([f"00-{TRACE.upper()}-{SPAN}-01"], False),
        ([f"00-{TRACE}-{SPAN}"], False),
        ([f"00-{TRACE}-{SPAN}-01"] * 2, False),
        ([], False),
    ],
)
def test_a_trace_is_continued_if_it_is_valid(given: list[str], continued: bool) -> None:
    """W3C Trace Context, 3.2."""
    context = begin_request([(b"traceparent", value.encode()) for value in given])
    assert (context.trace_id == TRACE) is continued
    assert re.fullmatch("[0-9a-f]{32}", context.trace_id)
    assert re.fullmatch("[0-9a-f]{16}", context.span_id)
    assert context.span_id != SPAN


async def test_a_trace_is_in_the_log(service: Service, client: httpx.AsyncClient) -> None:
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "X-Request-Id": "traced"}
    await client.get("/spots", headers=headers)
    assert (await line_of(service, "traced"))["trace_id"] == TRACE


async def test_what_is_logged_underway_names_its_request(service: Service, client: httpx.AsyncClient) -> None:
    """And what nobody has asked for names none; requests at the same time are not taken for each other."""
    wrong = {"email": "x@example.org", "password": "a\0b"}
    ids = [f"request-{number}" for number in range(10)]
    await asyncio.gather(*(client.post("/login", headers={"X-Request-Id": each}, json=wrong) for each in ids))
    await asyncio.gather(*(line_of(service, each) for each in ids))
    warnings = [line for line in lines(service) if line["logger"] == "service.problems"]
    assert sorted(line["request_id"] for line in warnings) == sorted(ids)
    (listening,) = [line for line in lines(service) if line["message"] == "Listening"]
    assert "request_id" not in listening


async def test_a_socket_has_a_line_when_it_ends(service: Service, client: httpx.AsyncClient) -> None:
    headers = {"X-Request-Id": "socket"}
    async with websockets.connect(f"{service.ws_url}/ws", additional_headers=headers) as socket:
        await socket.recv()
        assert "socket" not in {line.get("request_id") for line in lines(service)}
    line = await line_of(service, "socket")
    assert (line["context"]["method"], line["context"]["route"]) == ("WS", "/ws")
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(f"{service.ws_url}/ws?lot=77", additional_headers={"X-Request-Id": "refused"})
    line = await line_of(service, "refused")
    assert line["context"]["problem"] == "unknown-lot"
    assert 400 <= line["context"]["status"] < 500


async def test_what_programs_ask_every_few_seconds_is_not_logged(service: Service, client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(20):  # it answers before its feed listens
        while (await client.get("/readyz")).status_code != 200:  # noqa: ASYNC110 (another process's state)
            await asyncio.sleep(0.05)
    for path in ("/livez", "/readyz", "/metrics"):
        assert (await client.get(path, headers={"X-Request-Id": "quiet"})).status_code == 200
    await client.get("/spots", headers={"X-Request-Id": "loud"})
    await line_of(service, "loud")
    assert "quiet" not in {line.get("request_id") for line in lines(service)}


async def test_a_failure_of_ours_is_one_line_with_its_traceback(database: Database) -> None:
    """And the client is told the id by which it is found."""
    program = """
import service.api.stats, sys
def broken(*_): raise RuntimeError("two\\nlines")
service.api.stats.caller = broken
from service.__main__ import main
sys.exit(main())
"""
    async with (
        Service(database, program=program) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        answer = await client.get("/stats")
        problem(answer, 500, "internal-error")
        request_id = answer.headers["x-request-id"]
        line = await line_of(service, request_id)
        assert (line["level"], line["context"]["status"]) == ("WARNING", 500)
        (error,) = [line for line in lines(service) if line["level"] == "ERROR"]
        assert error["request_id"] == request_id
        assert "RuntimeError: two\nlines" in error["exception"]
        assert "two" not in answer.text


async def test_people_read_text(database: Database) -> None:
    environ = {"PARKING_LOG_FORMAT": "text"}
    async with (
        Service(database, environ=environ) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        await client.get("/spots")
        await asyncio.sleep(0.2)
        assert re.search(r"^\S+ \S+ INFO service.requests: GET /spots 200 [0-9.]+ ms$", service.output(), re.MULTILINE)


async def test_a_level_is_for_what_is_ours(database: Database) -> None:
    """At debug a library would log the headers of every handshake; and at warning no request has a line."""
    async with (
        Service(database, environ={"PARKING_LOG_LEVEL": "debug"}) as chatty,
        Service(database, environ={"PARKING_LOG_LEVEL": "warning"}) as silent,
    ):
        for service in (chatty, silent):
            async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
                await client.get("/livez", headers={"X-Request-Id": "here"})
            async with websockets.connect(f"{service.ws_url}/ws") as socket:
                await socket.recv()
        await line_of(chatty, "here")
        assert {line["logger"].partition(".")[0] for line in lines(chatty)} == {"service"}
        assert silent.output() == ""


# --- Secrets ---------------------------------------------------------------------------------------------------------


class Canaries:
    """Makes secrets, and finds them again."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def plant(self, place: str) -> str:
        """A new one, as long as a refresh token."""
        self.planted[place] = f"canary{secrets.token_hex(19)}"[:43]
        return self.planted[place]

    def found(self, text: str) -> set[str]:
        """The places whose secrets are in a text."""
        return {place for place, secret in self.planted.items() if secret in text}


async def plant_everywhere(service: Service, client: httpx.AsyncClient, canaries: Canaries) -> None:
    """Whatever a client may take for a place to put a secret in, rightly or not."""
    headers, operator = await sign_in(client), await sign_in(client, OPERATOR)
    canaries.planted["a good token"] = headers["Authorization"].removeprefix("Bearer ")
    signed_in = (await client.post("/login", json={"email": DRIVER_1, "password": PASSWORD})).json()
    canaries.planted["a good refresh token"] = signed_in["refresh_token"]
    refreshed = await client.post("/api/auth/refresh", json={"refresh_token": signed_in["refresh_token"]})
    canaries.planted["the next refresh token"] = refreshed.json()["refresh_token"]
    canaries.planted["CSRF cookie"] = csrf = (await client.get("/sign-in")).cookies["csrf"]

    async def send(method: str, path: str, **options: Any) -> None:  # noqa: ANN401 (httpx's own)
        answer = await client.request(method, path, **options)
        assert answer.status_code < 500, answer.text

    for method, path, options in [
        *bodies(canaries.plant, headers, operator),
        *forms(canaries.plant, csrf),
        *parts_of_any_request(canaries.plant),
    ]:
        await send(method, path, **options)
    for path in ("/ws", "/ws/board"):
        for where, further in socket_canaries(path, canaries.plant).items():
            try:
                async with websockets.connect(f"{service.ws_url}{where}", additional_headers=further) as socket:
                    await socket.send(canaries.plant(f"{path}: message"))
                    await asyncio.wait_for(socket.recv(), 10)
            except (websockets.InvalidStatus, websockets.ConnectionClosed):
                continue


Plant = Callable[[str], str]
Asked = tuple[str, str, dict[str, Any]]


def bodies(plant: Plant, headers: dict[str, str], operator: dict[str, str]) -> Iterator[Asked]:
    """Requests with secrets in JSON: right ones, wrong ones, and in places where none belongs."""
    for path in ("/login", "/api/auth/login"):
        for body in (
            {"email": DRIVER_1, "password": plant(f"{path}: password")},
            {"email": DRIVER_1, "password": plant(f"{path}: password that cannot be stored") + "\0"},
            {"email": plant(f"{path}: e-mail"), "password": "x"},
            {"email": DRIVER_1, "password": [plant(f"{path}: password of a wrong type")]},
            {"email": DRIVER_1, "password": "x", plant(f"{path}: field"): 1},
        ):
            yield "POST", path, {"json": body}
        yield "POST", path, {"content": f'{{"password": "{plant(f"{path}: broken JSON")}"'.encode()}
        yield "POST", path, {"data": {"password": plant(f"{path}: form")}}
    for place, times in (("register", 1), ("register, too long", 3)):
        body = {"email": "n@example.org", "password": plant(place) * times, "display_name": "N"}
        yield "POST", "/api/auth/register", {"json": body}
    yield "POST", "/api/auth/refresh", {"json": {"refresh_token": plant("refresh")}}
    yield "POST", "/api/auth/logout", {"json": {"refresh_token": plant("logout")}}
    passwords = {"old_password": plant("old password"), "new_password": plant("new password")}
    yield "PUT", "/api/auth/password", {"json": passwords, "headers": headers}
    yield "PUT", "/api/people/1/password", {"json": {"password": plant("another's password")}, "headers": operator}
    yield "POST", "/reservations", {"json": booking(), "headers": {"Authorization": plant("no scheme")}}


def forms(plant: Plant, csrf: str) -> Iterator[Asked]:
    """The page's."""
    for path in ("/sign-in", "/register"):
        form = {"email": DRIVER_1, "password": plant(f"{path}: password"), "display_name": "D", "_csrf_token": csrf}
        yield "POST", path, {"data": form}
        yield "POST", path, {"data": {"password": plant(f"{path}: without a token")}, "headers": {"Cookie": ""}}


def parts_of_any_request(plant: Plant) -> Iterator[Asked]:
    """Headers, cookies, queries and paths."""
    for path in ("/", "/spots", "/reservations/1", "/api/auth/me", "/nothing", "/metrics", "/readyz"):
        for scheme in ("Bearer", "Basic", "bearer"):
            yield "GET", path, {"headers": {"Authorization": f"{scheme} {plant(f'{path}: {scheme}')}"}}
        yield "GET", path, {"headers": {"Authorization": f"Bearer {broken_token(plant(f'{path}: claims'))}"}}
        cookies = "; ".join(f"{name}={plant(f'{path}: cookie {name}')}" for name in ("session", "refresh", "csrf", "x"))
        yield "GET", path, {"headers": {"Cookie": cookies}}
        yield "GET", f"{path}?token={plant(f'{path}: query')}&date={plant(f'{path}: wrong date')}", {}
        yield "GET", f"{path}/{plant(f'{path}: path')}", {}
        for header in ("User-Agent", "Referer", "traceparent", "X-Api-Key", "X-CSRFToken", "Idempotency-Key"):
            yield "GET", path, {"headers": {header: plant(f"{path}: {header}")}}


def broken_token(secret: str) -> str:
    """Looks like a JSON Web Token."""
    return f"eyJhbGciOiJIUzI1NiJ9.{secret}.{secret}"


def socket_canaries(path: str, plant: Plant) -> dict[str, Mapping[str, str]]:
    """Addresses with headers."""
    return {
        f"{path}?after={plant(f'{path}: cursor')}": {},
        f"{path}?lot=1&token={plant(f'{path}: query')}": {"Cookie": f"session={plant(f'{path}: cookie')}"},
        f"{path}?lot=1": {"Authorization": f"Bearer {plant(f'{path}: token')}"},
        f"{path}?lot=2": {"Sec-WebSocket-Protocol": plant(f"{path}: protocol")},
        f"{path}?date=2026-12-01": {"Cookie": f"refresh={plant(f'{path}: refresh')}"},
    }


async def fail_while_signing_in(
    database: Database, client: httpx.AsyncClient, connect: Connect, canaries: Canaries
) -> None:
    """PostgreSQL logs the statement that fails, and would log its parameters if the role let it."""
    holder = await connect("postgres", database)
    async with holder.transaction():
        await holder.execute("lock table parking.people in access exclusive mode")
        credentials = {"email": DRIVER_1, "password": canaries.plant("password of a failing statement")}
        assert (await client.post("/login", json=credentials)).status_code == 503


async def refuse_files(client: httpx.AsyncClient, canaries: Canaries) -> None:
    """COPY takes no parameters: what a CSV is asked with stands in its statement."""
    driver = await sign_in(client)
    claims = jwt.decode(driver["Authorization"].removeprefix("Bearer "), options={"verify_signature": False})
    canaries.planted["the session of a refused CSV"] = claims["sid"]
    canaries.planted["the address of a refused CSV"] = address = "2001:db8:ca:4a:1e5::77"
    for path in ("report", "tickets"):
        answer = await client.get(
            f"/api/lots/1/garage/{path}.csv?from=2026-11-01&until=2026-11-20",
            headers=driver | {"X-Forwarded-For": address},
        )
        problem(answer, 403, "not-permitted")


async def logged(service: Service, client: httpx.AsyncClient, since: int) -> tuple[str, str]:
    """What the service and PostgreSQL have logged."""
    await client.get("/spots", headers={"X-Request-Id": "the.end"})
    await line_of(service, "the.end")
    with service.database.cluster.log.open(errors="replace") as log:
        log.seek(since)
        return service.output(), log.read()


async def test_no_secret_is_in_any_log(database: Database, connect: Connect) -> None:
    since = database.cluster.log.stat().st_size
    canaries = Canaries()
    environ = {
        "PARKING_LOG_LEVEL": "debug",
        "PARKING_DATABASE_PASSWORD": canaries.plant("the database's password"),
        "PARKING_METRICS_TOKEN": canaries.plant("the metrics' token"),
        "PARKING_JWT_RETIRED_SECRETS": canaries.plant("a retired secret"),
        "PARKING_TRUSTED_PROXIES": "127.0.0.1",
    }
    async with (
        Service(database, environ=environ) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        canaries.planted["the secret"] = service.secret
        await plant_everywhere(service, client, canaries)
        await refuse_files(client, canaries)
        await fail_while_signing_in(database, client, connect, canaries)
        ours, servers = await logged(service, client, since)
    assert len(canaries.planted) > 100
    assert "GET /reservations/{reservation} 401" in ours
    assert "lock timeout" in servers, "the failing statement is there"
    assert (canaries.found(ours), canaries.found(servers)) == (set(), set())


async def test_a_role_that_logs_its_parameters_would_be_found(database: Database, connect: Connect) -> None:
    """The negative control of the test above."""
    since = database.cluster.log.stat().st_size
    for setting in ("log_parameter_max_length", "log_parameter_max_length_on_error"):
        database.psql(f"alter role parking_service in database {database.name} set {setting} = -1")
    canaries = Canaries()
    async with (
        Service(database) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        await fail_while_signing_in(database, client, connect, canaries)
        _, servers = await logged(service, client, since)
    assert canaries.found(servers) == {"password of a failing statement"}


async def test_a_role_that_logs_its_statements_would_be_found(database: Database) -> None:
    """The negative control of refused files."""
    since = database.cluster.log.stat().st_size
    database.psql(f"alter role parking_service in database {database.name} set log_min_error_statement = 'error'")
    canaries = Canaries()
    environ = {"PARKING_TRUSTED_PROXIES": "127.0.0.1"}
    async with (
        Service(database, environ=environ) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        await refuse_files(client, canaries)
        _, servers = await logged(service, client, since)
    assert canaries.found(servers) == {"the session of a refused CSV", "the address of a refused CSV"}
