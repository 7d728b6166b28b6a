"""Registering, signing in, refreshing and signing out, over REST."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jwt
import pytest

from tests.api.asking import ROOTS, booking, problem
from tests.support import DRIVER_1, DRIVER_2, PASSWORD, Database, Service, sign_in

AUTH_ROOTS = (*ROOTS, "/api/auth")
CREDENTIALS = {"email": DRIVER_1, "password": PASSWORD}


async def tokens(client: httpx.AsyncClient, email: str = DRIVER_1, password: str = PASSWORD) -> dict[str, Any]:
    answer = await client.post("/api/auth/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def bearing(token: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {token['token']}"}


@asynccontextmanager
async def client_at(service: Service, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client with another address of the loopback network."""
    transport = httpx.AsyncHTTPTransport(local_address=address)
    async with httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False, transport=transport) as client:
        yield client


@pytest.mark.parametrize("root", AUTH_ROOTS)
@pytest.mark.parametrize("email", [DRIVER_1, DRIVER_2, DRIVER_1.upper()])
async def test_a_driver_gets_a_token(module_client: httpx.AsyncClient, root: str, email: str) -> None:
    answer = await module_client.post(f"{root}/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"token", "token_type", "expires_in", "refresh_token"}
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 900
    assert answer.headers["cache-control"] == "no-store"
    assert not answer.cookies


async def test_the_token_says_who_and_until_when(module_client: httpx.AsyncClient, module_service: Service) -> None:
    answer = await module_client.post("/login", json={**CREDENTIALS, "tenant": "default"})
    token = answer.json()["token"]
    claims = jwt.decode(token, module_service.secret, algorithms=["HS256"], issuer="parking")
    assert claims.keys() == {"sub", "email", "tenant", "roles", "permissions", "iat", "exp", "jti", "sid", "iss"}
    assert claims["sub"].isdigit()
    assert (claims["email"], claims["tenant"], claims["roles"]) == (DRIVER_1, "default", ["driver"])
    assert claims["permissions"] == ["read:own_data", "read:parking", "write:reservation"]
    assert claims["exp"] - claims["iat"] == 900
    assert jwt.get_unverified_header(token).keys() == {"alg", "typ", "kid"}


async def test_wrong_credentials_look_the_same_whatever_is_wrong(client: httpx.AsyncClient) -> None:
    answers = [
        await client.post("/login", json=credentials)
        for credentials in (
            {"email": DRIVER_1, "password": "guess"},
            {"email": DRIVER_1, "password": ""},
            {"email": "nobody@parking.com", "password": PASSWORD},
            {"email": "", "password": PASSWORD},
            {"email": DRIVER_1, "password": PASSWORD, "tenant": "elsewhere"},
            {"email": "' or true --", "password": "' or true --"},
        )
    ]
    for answer in answers:
        problem(answer, 401, "wrong-credentials")
    assert {answer.content for answer in answers} == {answers[0].content}
    own = {"date", "x-request-id"}
    assert len({tuple((k, v) for k, v in answer.headers.items() if k not in own) for answer in answers}) == 1


async def test_guesses_are_limited_and_the_owner_signs_in_from_elsewhere(service: Service) -> None:
    """A hundred at once, through two processes on one database."""
    async with (
        Service(service.database) as another,
        client_at(service, "127.0.0.2") as one,
        client_at(another, "127.0.0.2") as two,
        client_at(service, "127.0.0.3") as owner,
    ):
        guesses = [
            client.post("/login", json={"email": DRIVER_1, "password": f"guess {n}"})
            for n in range(50)
            for client in (one, two)
        ]
        answers = await asyncio.gather(*guesses)
        # Where so many wait for two connections, some are told at once that there is too much going on.
        ended = Counter(answer.status_code for answer in answers)
        assert ended[401] == 5
        assert ended.keys() <= {401, 429, 503}
        assert ended[429] > 20
        for answer in answers:
            if answer.status_code == 429:
                problem(answer, 429, "too-many-attempts")
                assert 0 < int(answer.headers["retry-after"]) <= 120
        problem(await one.post("/login", json=CREDENTIALS), 429, "too-many-attempts")
        assert (await owner.post("/login", json=CREDENTIALS)).status_code == 200
        assert (await one.post("/login", json={**CREDENTIALS, "email": DRIVER_2})).status_code == 200


@pytest.mark.parametrize(
    ("trusted", "forwarded", "believed"),
    [
        ("", "192.0.2.1", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "203.0.113.5, 192.0.2.1", "192.0.2.1"),
        ("127.0.0.0/8, 192.0.2.1", "203.0.113.5, 192.0.2.1", "203.0.113.5"),
        ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1", "::ffff:192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
    ],
)
async def test_which_address_is_believed(database: Database, trusted: str, forwarded: str, believed: str) -> None:
    async with (
        Service(database, environ={"PARKING_TRUSTED_PROXIES": trusted}) as service,
        httpx.AsyncClient(base_url=service.url, trust_env=False) as client,
    ):
        answer = await client.post("/login", json=CREDENTIALS, headers={"X-Forwarded-For": forwarded})
        assert answer.status_code == 200
    assert database.psql("select host(address) from parking.sessions") == believed
    assert database.psql("select host(address) from parking.audit") == believed


async def test_a_refresh_gives_the_next_two(client: httpx.AsyncClient, service: Service) -> None:
    first = await tokens(client)
    service.database.psql("""
        insert into parking.memberships select tenant_id, id, 'operator' from parking.people where id = 1""")
    answer = await client.post("/api/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert answer.status_code == 200
    second = answer.json()
    assert second.keys() == first.keys()
    assert second["refresh_token"] != first["refresh_token"]
    assert not answer.cookies
    decoded = [jwt.decode(t["token"], service.secret, algorithms=["HS256"], issuer="parking") for t in (first, second)]
    assert decoded[0]["sid"] == decoded[1]["sid"]
    assert decoded[0]["jti"] != decoded[1]["jti"]
    assert (decoded[0]["roles"], decoded[1]["roles"]) == (["driver"], ["driver", "operator"])


async def test_two_refreshes_at_once_fifty_times(service: Service, client: httpx.AsyncClient) -> None:
    async with (
        Service(service.database, environ={"PARKING_JWT_SECRET": service.secret}) as another,
        httpx.AsyncClient(base_url=another.url, timeout=20, trust_env=False) as second,
    ):
        token, answers = (await tokens(client))["refresh_token"], list[httpx.Response]()
        for turn in range(50):
            body = {"refresh_token": token}
            answers = await asyncio.gather(*(c.post("/api/auth/refresh", json=body) for c in (client, second)))
            assert [answer.status_code for answer in answers] == [200, 200]
            token = answers[turn % 2].json()["refresh_token"]
        me = await client.get("/api/auth/me", headers=bearing(answers[1].json()))
        assert me.status_code == 200, me.text
        assert me.json()["sessions"] == 1


async def test_a_replay_ends_the_session_for_both(service: Service, client: httpx.AsyncClient) -> None:
    service.database.psql("select parking.keep_sessions(grace => '0 seconds')")
    first = await tokens(client)
    second = (await client.post("/api/auth/refresh", json={"refresh_token": first["refresh_token"]})).json()
    for token in (first, second):
        answer = await client.post("/api/auth/refresh", json={"refresh_token": token["refresh_token"]})
        problem(answer, 401, "session-over")
    problem(await client.get("/api/auth/me", headers=bearing(second)), 401, "session-over")
    problem(await client.post("/reservations", json=booking(), headers=bearing(second)), 401, "session-over")
    trace = "select details ->> 'because' from parking.audit where action = 'session.revoked'"
    assert service.database.psql(trace) == "token-reused"


@pytest.mark.parametrize("body", [{}, {"refresh_token": None}, {"refresh_token": ""}, {"refresh_token": "x" * 43}])
async def test_a_refresh_with_nothing(module_client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    problem(await module_client.post("/api/auth/refresh", json=body), 401, "session-over")
    problem(await module_client.post("/api/auth/refresh"), 401, "session-over")


async def test_a_closed_account_cannot_sign_in_and_its_token_ends(service: Service, client: httpx.AsyncClient) -> None:
    token = await tokens(client, DRIVER_2)
    service.database.psql(f"update parking.people set active = false where email = '{DRIVER_2}'")
    problem(await client.post("/login", json={"email": DRIVER_2, "password": PASSWORD}), 401, "wrong-credentials")
    for method, path in (("GET", "/reservations/1"), ("PUT", "/reservations/1/complete"), ("GET", "/api/auth/me")):
        problem(await client.request(method, path, headers=bearing(token)), 401, "session-over")
    answer = await client.post("/api/auth/refresh", json={"refresh_token": token["refresh_token"]})
    problem(answer, 401, "session-over")


async def test_signing_out(client: httpx.AsyncClient) -> None:
    by_token, by_refresh_token, other = [await tokens(client) for _ in range(3)]
    for _ in range(2):
        answer = await client.post("/api/auth/logout", headers=bearing(by_token))
        assert (answer.status_code, answer.content) == (204, b"")
        body = {"refresh_token": by_refresh_token["refresh_token"]}
        assert (await client.post("/api/auth/logout", json=body)).status_code == 204
    for token in (by_token, by_refresh_token):
        problem(await client.get("/api/auth/me", headers=bearing(token)), 401, "session-over")
        answer = await client.post("/api/auth/refresh", json={"refresh_token": token["refresh_token"]})
        problem(answer, 401, "session-over")
    assert (await client.get("/api/auth/me", headers=bearing(other))).status_code == 200
    problem(await client.post("/api/auth/logout"), 401, "not-signed-in")


async def test_signing_out_everywhere(client: httpx.AsyncClient) -> None:
    here, there = [await tokens(client) for _ in range(2)]
    another = await tokens(client, DRIVER_2)
    assert (await client.post("/api/auth/logout-everywhere", headers=bearing(here))).status_code == 204
    for token in (here, there):
        problem(await client.get("/api/auth/me", headers=bearing(token)), 401, "session-over")
    assert (await client.get("/api/auth/me", headers=bearing(another))).status_code == 200


async def test_registering(client: httpx.AsyncClient) -> None:
    body = {"email": "New@parking.com", "password": "correct horse", "display_name": "New Driver"}
    free = await client.post("/api/auth/register", json=body)
    taken = await client.post("/api/auth/register", json={**body, "email": DRIVER_1})
    assert (free.status_code, free.content) == (taken.status_code, taken.content) == (204, b"")
    token = await tokens(client, "new@parking.com", "correct horse")
    me = (await client.get("/api/auth/me", headers=bearing(token))).json()
    assert (me["email"], me["display_name"], me["tenant"]) == ("new@parking.com", "New Driver", "default")
    assert (me["roles"], me["sessions"]) == (["driver"], 1)
    await sign_in(client)
    problem(await client.post("/login", json={**CREDENTIALS, "password": "correct horse"}), 401, "wrong-credentials")

    for change, status, slug in (
        ({"password": "short"}, 422, "password-too-weak"),
        ({"password": "ü" * 40}, 422, "password-too-long"),
        ({"password": "NEW@parking.com"}, 422, "password-too-weak"),
        ({"email": "new"}, 422, "not-an-email"),
        ({"display_name": " "}, 422, "not-a-name"),
        ({"tenant": "elsewhere"}, 403, "registration-closed"),
        ({"tenant": "riverside"}, 403, "registration-closed"),
        ({"role": "admin"}, 400, "invalid-request"),
    ):
        problem(await client.post("/api/auth/register", json=body | change), status, slug)
    for _ in range(8):
        await client.post("/api/auth/register", json=body)
    answer = await client.post("/api/auth/register", json=body)
    problem(answer, 429, "too-many-attempts")
    assert 0 < int(answer.headers["retry-after"]) <= 360


async def test_changing_the_password(client: httpx.AsyncClient) -> None:
    here, there = [await tokens(client) for _ in range(2)]
    change = {"old_password": PASSWORD, "new_password": "correct horse"}
    wrong = {**change, "old_password": "guess"}
    problem(await client.put("/api/auth/password", json=wrong, headers=bearing(here)), 403, "wrong-password")
    weak = {**change, "new_password": "short"}
    problem(await client.put("/api/auth/password", json=weak, headers=bearing(here)), 422, "password-too-weak")
    assert (await client.put("/api/auth/password", json=change, headers=bearing(here))).status_code == 204
    assert (await client.get("/api/auth/me", headers=bearing(here))).status_code == 200
    problem(await client.get("/api/auth/me", headers=bearing(there)), 401, "session-over")
    problem(await client.post("/login", json=CREDENTIALS), 401, "wrong-credentials")
    await tokens(client, password="correct horse")
    for _ in range(3):
        problem(await client.put("/api/auth/password", json=wrong, headers=bearing(here)), 403, "wrong-password")
    answer = await client.put("/api/auth/password", json=wrong, headers=bearing(here))
    problem(answer, 429, "too-many-attempts")
    assert int(answer.headers["retry-after"]) > 0


async def test_the_pages_cookie_counts_for_ones_own_session_if_the_page_is_ours(
    service: Service, client: httpx.AsyncClient
) -> None:
    own, foreign = {"Origin": service.url}, {"Origin": "https://elsewhere.example"}
    token = await tokens(client)
    client.cookies.update({"session": token["token"], "refresh": token["refresh_token"]})
    assert (await client.get("/api/auth/me")).json()["email"] == DRIVER_1
    change = {"old_password": PASSWORD, "new_password": "correct horse"}
    for headers in ({}, foreign, {"Origin": "null"}, {"Origin": "http://["}, {"Origin": "ftp" + service.url[4:]}):
        problem(await client.post("/api/auth/logout", headers=headers), 403, "not-allowed")
        problem(await client.post("/api/auth/logout-everywhere", headers=headers), 403, "not-allowed")
        problem(await client.put("/api/auth/password", json=change, headers=headers), 403, "not-allowed")
        problem(await client.post("/api/auth/refresh", headers=headers), 403, "not-allowed")

    answer = await client.post("/api/auth/refresh", headers=own)
    assert answer.status_code == 200
    assert answer.json().keys() == {"token", "token_type", "expires_in"}, "scripts do not learn the refresh token"
    cookies = [line for line in answer.headers.get_list("set-cookie") if "HttpOnly" in line]
    assert len(cookies) == 2
    client.cookies.clear()
    client.cookies.update({line.partition("=")[0]: line.partition("=")[2].partition(";")[0] for line in cookies})
    assert (await client.put("/api/auth/password", json=change, headers=own)).status_code == 204
    answer = await client.post("/api/auth/logout", headers=own)
    assert answer.status_code == 204
    assert {line.partition("=")[0] for line in answer.headers.get_list("set-cookie")} == {"session", "refresh"}
    problem(await client.get("/api/auth/me", headers={"Cookie": f"session={token['token']}"}), 401, "session-over")


@pytest.mark.parametrize(("secure", "statuses"), [("true", [403, 204]), ("false", [204, 204])])
async def test_where_cookies_are_secure_the_page_comes_by_https(
    database: Database, secure: str, statuses: list[int]
) -> None:
    async with (
        Service(database, environ={"PARKING_SECURE_COOKIES": secure}) as service,
        httpx.AsyncClient(base_url=service.url, trust_env=False) as client,
    ):
        ended = []
        for scheme in ("http", "https"):
            cookie = f"session={(await tokens(client))['token']}"
            headers = {"Origin": scheme + service.url[4:], "Cookie": cookie}
            ended.append((await client.post("/api/auth/logout-everywhere", headers=headers)).status_code)
    assert ended == statuses


async def test_a_lapsed_cookie_can_still_sign_out(database: Database) -> None:
    async with (
        Service(database, environ={"PARKING_TOKEN_SECONDS": "60"}) as service,
        httpx.AsyncClient(base_url=service.url, trust_env=False) as client,
    ):
        token = await tokens(client)
        headers = {"Origin": service.url, "Cookie": f"session=lapsed; refresh={token['refresh_token']}"}
        problem(await client.post("/api/auth/logout", headers={**headers, "Origin": "null"}), 403, "not-allowed")
        assert (await client.post("/api/auth/logout", headers=headers)).status_code == 204
        problem(await client.get("/api/auth/me", headers=bearing(token)), 401, "session-over")
