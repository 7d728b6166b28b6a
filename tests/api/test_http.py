"""What HTTP asks for beyond the routes: unknown addresses and methods, HEAD and OPTIONS, headers, CSRF."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from service.edge import LARGEST_DISCARD
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


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/login", {"POST", "OPTIONS"}),
        ("/spots", {"GET", "HEAD", "OPTIONS"}),
        ("/stats", {"GET", "HEAD", "OPTIONS"}),
        ("/reservations", {"POST", "OPTIONS"}),
        ("/reservations/1", {"GET", "HEAD", "OPTIONS"}),
        ("/reservations/1/complete", {"PUT", "OPTIONS"}),
    ],
)
async def test_methods(module_client: httpx.AsyncClient, root: str, path: str, allowed: set[str]) -> None:
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


async def test_every_answer_is_secured(module_client: httpx.AsyncClient) -> None:
    for path in ("/", "/sign-in", "/spots", "/openapi.json", "/static/", "/nothing", "/login", "/spots?date=x"):
        assert_secure(await module_client.get(path))


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
