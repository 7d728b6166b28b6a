"""The habits of HTTP that save bytes and protect: entity tags, compression, limits, other sites' scripts."""

import asyncio
import gzip
import re
from collections.abc import Callable
from typing import Any

import brotli
import httpx
import pytest
import websockets

from service.habits.conditional import tags_in
from service.habits.limits import MOST_BUCKETS, WINDOW_SECONDS, Buckets
from tests.api.asking import assert_secure, booking, problem
from tests.support import OPERATOR, Database, Service, issue_token, sign_in

TAGGED = [
    "/spots",
    "/spots?date=2026-12-01",
    "/api/lots",
    "/api/lots/1",
    "/api/lots/1/slots",
    "/api/lots/1/board?date=2026-12-01",
    "/api/lots/1/states",
    "/api/floors/1",
    "/api/rows/1",
    "/api/spots/1",
    "/api/spots/1/state",
    "/stats",
    "/openapi.json",
    "/asyncapi.json",
]
IDENTITY = {"Accept-Encoding": "identity"}


@pytest.mark.parametrize("path", TAGGED)
async def test_what_has_not_changed_is_not_sent_again(module_client: httpx.AsyncClient, path: str) -> None:
    plain = await module_client.get(path, headers=IDENTITY)
    packed = await module_client.get(path, headers={"Accept-Encoding": "gzip"})
    assert plain.json() == packed.json()
    tag = plain.headers["etag"]
    assert re.fullmatch(r'"[\w-]{20}"', tag)
    if "content-encoding" in packed.headers:
        assert packed.headers["etag"] == f'{tag[:-1]}-gzip"'
    else:
        assert packed.headers["etag"] == tag
        assert len(packed.content) < 1000
    for answer in (plain, packed):
        assert answer.headers["cache-control"] == "private, no-cache"
        assert "Accept-Encoding" in answer.headers["vary"]
    for known in (tag, packed.headers["etag"], f"W/{tag}", f'"other", {tag}', "*"):
        for method in ("GET", "HEAD"):
            answer = await module_client.request(method, path, headers=IDENTITY | {"If-None-Match": known})
            assert (answer.status_code, answer.content) == (304, b""), known
            assert answer.headers["etag"] == tag
            assert "content-type" not in answer.headers
            assert_secure(answer)
    for other in ('"other"', tag.strip('"'), "", ",", '"'):
        answer = await module_client.get(path, headers=IDENTITY | {"If-None-Match": other})
        assert (answer.status_code, answer.content) == (200, plain.content), other


async def test_a_tag_changes_with_what_it_names_and_only_then(client: httpx.AsyncClient) -> None:
    driver = await sign_in(client)
    board = f"/api/lots/1/board?date={booking()['start_time'][:10]}"
    before = {path: (await client.get(path)).headers["etag"] for path in (board, "/api/lots/1", "/api/spots/1")}
    made = await client.post("/reservations", json=booking(), headers=driver)
    assert "etag" not in made.headers
    own = f"/reservations/{made.json()['id']}"
    before[own] = (await client.get(own, headers=driver)).headers["etag"]
    answers = {path: await client.get(path, headers=driver | {"If-None-Match": tag}) for path, tag in before.items()}
    assert {path: answer.status_code for path, answer in answers.items()} == {
        board: 200,
        "/api/lots/1": 304,
        "/api/spots/1": 304,
        own: 304,
    }
    await client.put(f"{own}/complete", headers=driver)
    assert (await client.get(own, headers=driver | {"If-None-Match": before[own]})).json()["status"] == "completed"


async def test_what_is_refused_has_no_tag(module_client: httpx.AsyncClient) -> None:
    for path in ("/api/lots/999", "/reservations/1", "/nothing", "/spots?date=x"):
        answer = await module_client.get(path, headers={"If-None-Match": "*"})
        assert answer.status_code >= 400
        assert "etag" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"


def test_tags_in_a_header() -> None:
    assert tags_in('"a", W/"b-gzip" ,"c-br", "d-bra"') == {"a", "b", "c", "d-bra"}
    assert tags_in(" * ") == {"*"}
    assert tags_in("nonsense") == set()
    assert tags_in('"a,b"') == {"a,b"}


@pytest.mark.parametrize(("encoding", "unpack"), [("gzip", gzip.decompress), ("br", brotli.decompress)])
async def test_the_same_is_compressed_to_the_same(
    module_client: httpx.AsyncClient, encoding: str, unpack: Callable[[bytes], bytes]
) -> None:
    async def raw() -> bytes:
        async with module_client.stream("GET", "/openapi.json", headers={"Accept-Encoding": encoding}) as answer:
            assert answer.headers["content-encoding"] == encoding
            return b"".join([part async for part in answer.aiter_raw()])

    first = await raw()
    await asyncio.sleep(1.1)  # the clock of gzip's header
    assert await raw() == first
    plain = (await module_client.get("/openapi.json", headers=IDENTITY)).content
    assert unpack(first) == plain
    assert len(first) < len(plain) / 5


@pytest.mark.parametrize(
    ("accept", "encoding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("br", "br"),
        ("br;q=0.5, gzip;q=0.8", "gzip"),
        ("abr, brotli", None),
        ("br;q=often", None),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("identity", None),
        ("", None),
        ("gzip;q=0", None),
        ("gzip; q=0.000, *", None),
        ("x-gzip-like", None),
    ],
)
async def test_each_gets_the_encoding_that_it_likes_best(
    module_client: httpx.AsyncClient, accept: str, encoding: str | None
) -> None:
    for path in ("/openapi.json", "/", "/problems/"):
        module_client.cookies.clear()
        answer = await module_client.get(path, headers={"Accept-Encoding": accept})
        assert answer.headers.get("content-encoding") == encoding, path


@pytest.mark.parametrize(
    ("site", "encoding"),
    [("same-origin", "gzip"), ("none", "gzip"), ("cross-site", None), ("same-site", None), (None, None)],
)
async def test_what_another_site_has_caused_is_not_compressed(
    module_client: httpx.AsyncClient, module_service: Service, site: str | None, encoding: str | None
) -> None:
    """Not in somebody's name, so that how well a page compresses says nothing about the token in it."""
    headers = {"Cookie": f"session={issue_token(module_service)}", "Accept-Encoding": "gzip"}
    answer = await module_client.get("/", headers=headers | ({} if site is None else {"Sec-Fetch-Site": site}))
    assert answer.headers.get("content-encoding") == encoding
    assert "_csrf_token" in answer.text


async def test_static_files_are_kept_and_packed_for_whom_it_may_concern(module_client: httpx.AsyncClient) -> None:
    page = (await module_client.get("/")).text
    style = re.findall(r'href="(/static/[^"]+\.css)"', page)[0]
    answer = await module_client.get(style, headers={"Accept-Encoding": "gzip"})
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    plain = await module_client.get(style, headers={"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in plain.headers
    assert (plain.content, plain.headers["vary"]) == (answer.content, "Accept-Encoding")
    assert int(answer.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert "ratelimit" not in answer.headers
    for nothing in ("no", "../service/app.py", "%2e%2e/pyproject.toml", "vendor", ""):
        assert (await module_client.get(f"{style.rpartition('/')[0]}/{nothing}")).status_code == 404
    options = await module_client.options(style)
    assert set(options.headers["allow"].replace(" ", "").split(",")) == {"GET", "HEAD", "OPTIONS"}
    head = await module_client.head(style, headers={"Accept-Encoding": "identity"})
    assert head.headers["content-length"] == str(len(answer.content))
    refused = await module_client.delete(style)
    problem(refused, 405, "method-not-allowed")
    assert "GET" in refused.headers["allow"]


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_holds_so_much_and_fills_up_again() -> None:
    clock = Clock()
    buckets = Buckets("person", 20, clock)
    assert [buckets.take("a").granted for _ in range(21)] == [True] * 20 + [False]
    refused = buckets.take("a")
    assert refused == (False, 0, 1, WINDOW_SECONDS)
    assert buckets.take("b") == (True, 19, 0, 1)
    clock.now = WINDOW_SECONDS / 20
    assert buckets.take("a").granted
    assert not buckets.take("a").granted
    clock.now += WINDOW_SECONDS
    assert [buckets.take("a").granted for _ in range(21)] == [True] * 20 + [False]
    clock.now += 100 * WINDOW_SECONDS
    assert buckets.take("a").tokens == 19


def test_buckets_are_bounded_in_number() -> None:
    buckets = Buckets("address", 10)
    for number in range(MOST_BUCKETS + 10):
        buckets.take(number)
    assert len(buckets._levels) == MOST_BUCKETS


def limits(answer: httpx.Response) -> tuple[str, int, int, str, int, int]:
    """Name, quota and window of the policy; name, rest and seconds of the state."""
    policy = re.fullmatch(r'"(\w+)";q=(\d+);w=(\d+)', answer.headers["ratelimit-policy"])
    state = re.fullmatch(r'"(\w+)";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert policy
    assert state
    return policy[1], int(policy[2]), int(policy[3]), state[1], int(state[2]), int(state[3])


async def test_everybody_is_told_how_much_is_left(module_client: httpx.AsyncClient, module_service: Service) -> None:
    driver = {"Authorization": f"Bearer {issue_token(module_service)}"}
    for path, headers, name, quota in (
        ("/spots", {}, "address", 10_000),
        ("/", {}, "address", 10_000),
        ("/spots", driver, "person", 2000),
        ("/spots", {"Authorization": "Bearer invented"}, "address", 10_000),
        ("/spots?date=x", driver, "person", 2000),
        ("/", {"Cookie": f"session={issue_token(module_service)}"}, "person", 2000),
    ):
        left = limits(await module_client.get(path, headers=headers))
        assert left[:4] == (name, quota, 10, name)
        assert quota - 200 < left[4] < quota
        assert 0 < left[5] <= 10


async def test_too_many_requests_are_refused_and_nobody_else_is(database: Database) -> None:
    environ = {"PARKING_PERSON_REQUESTS": "30", "PARKING_ADDRESS_REQUESTS": "40"}
    with Service(database, environ=environ) as service:
        tokens = [{"Authorization": f"Bearer {issue_token(service, person)}"} for person in (1, 1, 2)]
        async with httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client:

            async def ask(number: int, path: str, headers: dict[str, str]) -> list[httpx.Response]:
                return list(await asyncio.gather(*(client.get(path, headers=headers) for _ in range(number))))

            answers = await ask(60, "/spots", tokens[0])
            refused = [answer for answer in answers if answer.status_code == 429]
            assert 20 < len(refused) <= 30
            for answer in refused:
                problem(answer, 429, "too-many-requests")
                assert int(answer.headers["retry-after"]) >= 1
                assert limits(answer)[4] == 0
            # Another session of the same person does not help; another person has not sent anything yet.
            assert {answer.status_code for answer in await ask(5, "/spots", tokens[1])} >= {429}
            assert {answer.status_code for answer in await ask(20, "/spots", tokens[2])} == {200}
            # Invented tokens count for the address, and so does a page.
            pages = await ask(80, "/", {"Authorization": "Bearer invented"})
            page = next(answer for answer in pages if answer.status_code == 429)
            assert page.headers["content-type"].startswith("text/html")
            assert "too many requests" in page.text.lower()
            assert int(page.headers["retry-after"]) >= 1
            assert {answer.status_code for answer in await ask(5, "/spots", tokens[2])} == {200}
            await asyncio.sleep(int(refused[-1].headers["retry-after"]) + 0.5)
            assert (await client.get("/spots", headers=tokens[0])).status_code == 200


async def test_what_has_no_route_counts_as_well(database: Database) -> None:
    with Service(database, environ={"PARKING_PERSON_REQUESTS": "30", "PARKING_ADDRESS_REQUESTS": "20"}) as service:
        driver = {"Authorization": f"Bearer {issue_token(service)}"}
        async with httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client:
            first = await client.get("/nothing")
            problem(first, 404, "not-found")
            assert limits(first)[:2] == ("address", 20)
            assert 17 <= limits(first)[4] <= 19
            wrong = await client.delete("/spots", headers=driver)
            problem(wrong, 405, "method-not-allowed")
            assert limits(wrong)[:2] == ("person", 30)
            assert "GET" in wrong.headers["allow"]
            answers = await asyncio.gather(*(client.get(f"/nothing/{number}") for number in range(60)))
            refused = [answer for answer in answers if answer.status_code == 429]
            assert len(refused) > 10
            for answer in refused:
                problem(answer, 429, "too-many-requests")
                assert int(answer.headers["retry-after"]) >= 1
            lost = await asyncio.gather(*(client.get("/nothing", headers={"Accept": "text/html"}) for _ in range(60)))
            page = next(answer for answer in lost if answer.status_code == 429)
            assert page.headers["content-type"].startswith("text/html")
            # Handlers that find nothing have been counted before.
            found = await client.get("/reservations/999", headers=driver)
            assert len(found.headers.get_list("ratelimit")) == 1


async def test_sockets_are_counted_as_they_are_opened(database: Database) -> None:
    with Service(database, environ={"PARKING_ADDRESS_REQUESTS": "20"}) as service:

        async def opens(path: str) -> bool:
            try:
                async with websockets.connect(f"{service.ws_url}{path}"):
                    return True
            except websockets.InvalidStatus as refusal:
                return refusal.response.status_code not in {404, 429}

        # Those of a lot that there is not are refused as well, and count.
        assert not any([await opens("/ws?lot=999999") for _ in range(10)])
        assert any([await opens("/ws") for _ in range(2)])
        opened = await asyncio.gather(*(opens("/ws") for _ in range(40)))
        assert 1 <= sum(opened) <= 30
        async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
            assert limits(await client.get("/spots"))[4] < 15


async def test_zero_is_no_limit(database: Database) -> None:
    environ = {"PARKING_PERSON_REQUESTS": "0", "PARKING_ADDRESS_REQUESTS": "0"}
    with Service(database, environ=environ) as service:
        async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
            answer = await client.get("/spots")
            assert answer.status_code == 200
            assert "ratelimit" not in answer.headers


SITE = "https://app.example"


def asks(service: Service) -> Callable[..., Any]:
    """A request of a script of another site."""

    async def ask(method: str, path: str, origin: str = SITE, **headers: str) -> httpx.Headers:
        async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
            answer = await client.request(method, path, headers={"Origin": origin} | headers)
            assert_secure(answer)
            return answer.headers

    return ask


async def test_other_sites_scripts_by_configuration(module_database: Database) -> None:
    with Service(module_database, environ={"PARKING_ALLOWED_ORIGINS": f"{SITE}, http://localhost:3000"}) as service:
        ask = asks(service)
        for path in ("/spots", "/reservations/1", "/nothing", "/spots?date=x"):
            headers = await ask("GET", path)
            assert headers["access-control-allow-origin"] == SITE
            assert "ETag" in headers["access-control-expose-headers"]
            assert "Origin" in headers["vary"]
            assert "access-control-allow-credentials" not in headers
        preflight = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
        headers = await ask("OPTIONS", "/reservations/1/complete", **preflight)
        assert headers["access-control-allow-origin"] == SITE
        assert "PUT" in headers["access-control-allow-methods"]
        assert "Authorization" in headers["access-control-allow-headers"]
        assert (await ask("GET", "/spots", "http://localhost:3000"))["access-control-allow-origin"]
        for stranger in ("https://app.example.evil.example", "http://app.example", "null", "https://app.example:444"):
            for method in ("GET", "OPTIONS"):
                headers = await ask(method, "/spots", stranger, **preflight)
                assert not [name for name in headers if name.startswith("access-control-")], stranger
                assert "Origin" in headers["vary"]


async def test_every_route_answers_options_and_head(
    module_client: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    document = (await module_client.get("/openapi.json")).json()
    operator = await sign_in(client, OPERATOR)
    same = 0
    for path, item in {**document["paths"], "/": {"get": 1}, "/problems/": {"get": 1}, "/book": {"post": 1}}.items():
        address = re.sub(r"\{[^}]+\}", "1", path)
        options = await module_client.options(address)
        assert options.status_code == 204, path
        methods = {method.upper() for method in item if method in {"get", "post", "put", "patch", "delete"}}
        wanted = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        assert set(options.headers["allow"].replace(" ", "").split(",")) == wanted, path
        assert_secure(options)
        if "GET" in methods:
            get = await client.get(address, headers=operator)
            head = await client.head(address, headers=operator)
            assert (head.status_code, head.content) == (get.status_code, b""), path
            again = await client.get(address, headers=operator)
            # What tells the time of day is another document each time.
            if again.headers.get("etag") == get.headers.get("etag"):
                assert head.headers.get("etag") == get.headers.get("etag"), path
                same += "etag" in head.headers
    assert same > 15
