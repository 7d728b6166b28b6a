"""What HTTP asks for beyond the routes: unknown addresses and methods, HEAD and OPTIONS, headers, CSRF."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from litestar import Litestar, get
from litestar.di import NamedDependency, Provide

from service.habits.dependencies import resolve_one_by_one
from service.habits.exchange import LARGEST_DISCARD
from tests.api.asking import ROOTS, assert_secure, booking, problem, stored
from tests.support import Database, Service, issue_token


@pytest.fixture(scope="module", autouse=True)
def nothing_is_stored(module_database: Database) -> Iterator[None]:
    before = stored(module_database)
    yield
    assert stored(module_database) == before


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/nothing", "/spots/1", "/schema", "/reservations/1/delete"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_nothing_is_here(module_client: httpx.AsyncClient, method: str, path: str) -> None:
    problem(await module_client.request(method, path), 404, "not-found")


METHODS = {
    "/login": {"POST", "OPTIONS"},
    "/spots": {"GET", "HEAD", "OPTIONS"},
    "/stats": {"GET", "HEAD", "OPTIONS"},
    "/reservations": {"POST", "OPTIONS"},
    "/reservations/1": {"GET", "HEAD", "OPTIONS"},
    "/reservations/1/complete": {"PUT", "OPTIONS"},
}
FURTHER_METHODS = {"/api/reservations": {"GET", "HEAD"}, "/api/reservations/1": {"PATCH"}}


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("path", METHODS)
async def test_methods(module_client: httpx.AsyncClient, root: str, path: str) -> None:
    allowed = METHODS[path] | FURTHER_METHODS.get(f"{root}{path}", set())

    def allow(answer: httpx.Response) -> set[str]:
        return set(answer.headers["allow"].replace(" ", "").split(","))

    options = await module_client.options(f"{root}{path}")
    assert (options.status_code, options.content) == (204, b"")
    assert allow(options) == allowed
    assert_secure(options)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - allowed:
        answer = await module_client.request(method, f"{root}{path}")
        problem(answer, 405, "method-not-allowed")
        assert allow(answer) == allowed
    if "HEAD" not in allowed:
        answer = await module_client.head(f"{root}{path}")
        assert (answer.status_code, answer.content) == (405, b"")


@pytest.mark.parametrize("path", ["/spots", "/stats", "/api/spots?date=2026-12-01", "/openapi.json", "/spots?lot=x"])
async def test_head_is_get_without_the_body(module_client: httpx.AsyncClient, path: str) -> None:
    get, head = await module_client.get(path), await module_client.head(path)
    assert head.content == b""
    assert head.status_code == get.status_code
    own = {"date": "", "x-request-id": ""}
    assert {**head.headers, **own} == {**get.headers, **own}


async def test_https_is_insisted_on_where_cookies_are_for_it_alone(
    module_client: httpx.AsyncClient, module_database: Database
) -> None:
    assert "strict-transport-security" not in (await module_client.get("/spots")).headers
    with Service(module_database, environ={"PARKING_SECURE_COOKIES": "true"}) as service:
        for path in ("/", "/spots", "/nothing"):
            answer = await module_client.get(f"{service.url}{path}")
            assert "max-age=63072000" in answer.headers["strict-transport-security"]


async def test_every_answer_is_secured(module_client: httpx.AsyncClient) -> None:
    for path in ("/", "/sign-in", "/spots", "/openapi.json", "/static/", "/nothing", "/login", "/spots?date=x"):
        assert_secure(await module_client.get(path))


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/book", 405)])
async def test_a_browser_that_is_lost_sees_a_page(
    module_client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    page = await module_client.request(method, path, headers=BROWSER)
    assert page.status_code == status
    assert page.headers["content-type"].startswith("text/html")
    assert "<h1>" in page.text
    assert page.headers["vary"] == "Accept"
    assert_secure(page)
    for accept in ("*/*", "application/json", "application/json, text/html;q=0.9", "text/html;q=0", "", ";;q=x,,"):
        answer = await module_client.request(method, path, headers={"Accept": accept})
        document = problem(answer, status, "not-found" if status == 404 else "method-not-allowed")
        assert document["status"] == status
        assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("application/*;q=0.1", 200),
        ("text/html, */*;q=0.01", 200),
        ("APPLICATION/JSON", 200),
        ("", 200),
        (",", 406),
        ("application/xml", 406),
        ("text/html", 406),
        ("application/json;q=0, */*", 406),
        ("application/json;q=0", 406),
        ("application/json;q=inf", 406),
        ("application/json;q=nan", 406),
        ("a/b" + ",a/b" * 100, 406),
    ],
)
async def test_json_for_those_who_want_it(module_client: httpx.AsyncClient, accept: str, status: int) -> None:
    answer = await module_client.get("/spots", headers={"Accept": accept})
    assert answer.status_code == status
    if status == 406:
        problem(answer, 406, "not-acceptable")


async def exchange(service: Service, *parts: bytes, pause: float = 0) -> bytes:
    """What comes back for these bytes until the service closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    try:
        answer = asyncio.create_task(reader.read())
        for part in parts:
            if not answer.done():
                writer.write(part)
                await asyncio.sleep(pause)
        async with asyncio.timeout(20):
            return await answer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def told(answer: bytes, status: int, slug: str) -> None:
    """Assert that this is that problem, and the last word."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert first.split()[1] == str(status), answer
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert headers["x-content-type-options"] == "nosniff"
    assert int(headers["content-length"]) == len(body)
    assert json.loads(body)["type"] == f"/problems/{slug}"


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"FETCH /spots HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /spots HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n",
        b"GET /spots HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=lambda request: repr(request[:30]),
)
async def test_what_is_no_http_is_refused_as_a_problem(module_service: Service, request_: bytes) -> None:
    told(await exchange(module_service, request_), 400, "invalid-request")


@pytest.mark.parametrize("head", [b"GET /" + b"x" * 100_000, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000])
async def test_a_head_without_an_end_is_refused(module_service: Service, head: bytes) -> None:
    told(await exchange(module_service, head), 431, "head-too-large")


HANDSHAKE = (
    b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize(
    ("request_", "status", "slug"),
    [
        (b"GET /ws HTTP/1.1\r\nA: \x01\r\n" + HANDSHAKE, 400, "invalid-request"),
        (b"GET /ws HTTP/1.1\r\nContent-Length: 1\r\n" + HANDSHAKE, 400, "invalid-request"),
        (b"GET /ws HTTP/1.1\r\n" + b"A: b\r\n" * 200 + HANDSHAKE, 431, "head-too-large"),
        (b"GET /ws?after=" + b"x" * 66_000 + b" HTTP/1.1\r\n" + HANDSHAKE, 431, "head-too-large"),
    ],
    ids=lambda given: repr(given[:12]) if isinstance(given, bytes) else None,
)
async def test_what_is_no_handshake_is_refused_and_waits_for_nothing(
    module_service: Service, request_: bytes, status: int, slug: str
) -> None:
    told(await exchange(module_service, request_ + b"\r\n"), status, slug)


SLOW = 0.7
"""Instead of ten seconds; the figure itself is no test's business."""

IMPATIENT = f"""
import sys
import service.__main__
from service.habits import exchange, server
assert (exchange.LONGEST_BODY_SECONDS, server.LONGEST_HEAD_SECONDS) == (10, 10)
exchange.LONGEST_BODY_SECONDS = server.LONGEST_HEAD_SECONDS = {SLOW}
sys.exit(service.__main__.main())
"""


async def test_slow_senders_are_refused_while_others_are_served(module_database: Database) -> None:
    with Service(module_database, program=IMPATIENT) as service:
        head = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        drips = [b"G", b"E", b"T", b" ", b"/"] * 3
        slow = [
            *(asyncio.create_task(exchange(service, *drips, pause=0.1)) for _ in range(50)),
            *(asyncio.create_task(exchange(service, head, b"{", b"}", pause=0.1)) for _ in range(50)),
            asyncio.create_task(exchange(service)),
        ]
        async with httpx.AsyncClient(base_url=service.url, timeout=5, trust_env=False) as client:
            served = 0
            while not all(task.done() for task in slow):
                assert (await client.get("/spots")).status_code == 200
                served += 1
            assert served > 10
        *answers, nothing = await asyncio.gather(*slow)
        assert nothing == b""
        for answer in answers:
            told(answer, 408, "too-slow")


@pytest.mark.parametrize("size", [60_000, LARGEST_DISCARD + 10_000])
async def test_an_early_refusal_is_heard_by_a_client_that_still_sends(
    module_client: httpx.AsyncClient, size: int
) -> None:
    body = b"x" * size
    problem(await module_client.post("/reservations", content=body), 401, "not-signed-in")
    problem(await module_client.post("/nothing", content=body), 404, "not-found")
    problem(await module_client.put("/spots", content=body), 405, "method-not-allowed")


async def test_a_client_that_stops_sending_is_answered(module_service: Service) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", module_service.port)
    writer.write(b"POST /reservations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
    async with asyncio.timeout(10):
        assert b" 401 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_leaves_while_sending_is_no_error_of_ours(
    module_service: Service, module_client: httpx.AsyncClient
) -> None:
    for path in ("/login", "/sign-in"):
        _, writer = await asyncio.open_connection("127.0.0.1", module_service.port)
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
        writer.write(head.encode() + b"{")
        await writer.drain()
        await asyncio.sleep(0.3)
        writer.close()
        await writer.wait_closed()
    await asyncio.sleep(0.3)
    assert (await module_client.get("/spots")).status_code == 200
    assert "Traceback" not in module_service.output()


@pytest.mark.parametrize("host", ["", "a b", "[", "x" * 300, "ex\x7fample", "evil/path"])
async def test_an_odd_host_is_no_error_of_ours(module_client: httpx.AsyncClient, host: str) -> None:
    answer = await module_client.get("/spots", headers={"Host": host})
    assert answer.status_code in {200, 400}


async def test_forms_need_a_csrf_token_and_the_rest_interface_does_not(
    module_client: httpx.AsyncClient, module_service: Service
) -> None:
    token = issue_token(module_service)
    module_client.cookies.set("session", token)
    for path in ("/book", "/complete", "/sign-in", "/sign-out"):
        answer = await module_client.post(path, data={"reservation": "1"})
        assert answer.status_code == 403, path
        assert_secure(answer)
    answer = await module_client.post("/reservations", json={}, headers={"Authorization": f"Bearer {token}"})
    problem(answer, 400, "invalid-request")

    page = await module_client.get("/")
    cookie = next(line for line in page.headers.get_list("set-cookie") if line.startswith("csrf="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert not (await module_client.get("/spots")).headers.get_list("set-cookie")


async def test_another_sites_page_may_read_nothing(module_client: httpx.AsyncClient) -> None:
    headers = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        await module_client.options("/reservations", headers=headers),
        await module_client.get("/spots", headers=headers),
        await module_client.post("/reservations", json=booking(), headers=headers),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("one_by_one", [True, False])
async def test_what_handlers_ask_for_takes_no_tasks(one_by_one: bool) -> None:
    """The control: a release of Litestar that starts none by itself needs resolve_one_by_one() no more."""

    @get("/")
    async def add(first: NamedDependency[int], second: NamedDependency[int], third: NamedDependency[int]) -> int:
        return first + second + third

    def both(first: NamedDependency[int], second: NamedDependency[int]) -> int:
        return first * second

    app: Any = Litestar(
        [add],
        dependencies={
            "first": Provide(lambda: 2, sync_to_thread=False),
            "second": Provide(lambda: 3, sync_to_thread=False),
            "third": Provide(both, sync_to_thread=False),
        },
    )
    if one_by_one:
        resolve_one_by_one(app)
    started = 0

    def start(loop: asyncio.AbstractEventLoop, work: Any, **further: Any) -> asyncio.Task[Any]:  # noqa: ANN401
        nonlocal started
        started += 1
        return asyncio.Task(work, loop=loop, **further)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(start)
        try:
            answer = await client.get("/")
        finally:
            loop.set_task_factory(None)
    assert answer.json() == 11
    assert (started == 0) is one_by_one
