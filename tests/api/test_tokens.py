"""Tokens that are missing, expired, forged or otherwise not ours: 401, and nothing is stored."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from service.auth import Tokens
from service.problems import Problem
from tests.api.asking import ROOTS, booking, problem, stored
from tests.support import DRIVER_1, PASSWORD, Database, Service

SECRET = "a secret of the tests, long enough for HS512, and known to nobody: 0123456789"


def claims(**changes: object) -> dict[str, Any]:
    """What a token of ours says, with changes; None leaves a claim out."""
    now = int(time.time())
    usual = {"sub": "1", "email": DRIVER_1, "iat": now, "exp": now + 60, "jti": "0", "iss": "parking"}
    return {name: value for name, value in (usual | changes).items() if value is not None}


def encode(header: object, payload: object, secret: str | None = None) -> str:
    """A JWT as PyJWT would refuse to make it."""
    parts = [
        base64.urlsafe_b64encode(part if isinstance(part, bytes) else json.dumps(part).encode()).rstrip(b"=")
        for part in (header, payload)
    ]
    signed = b".".join(parts)
    signature = hmac.digest(secret.encode(), signed, hashlib.sha256) if secret else b""
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


HS256 = {"alg": "HS256", "typ": "JWT"}

FORGERIES = {
    "empty": "",
    "word": "token",
    "two dots": "..",
    "three dots": "a.b.c.d",
    "alg none": encode({"alg": "none", "typ": "JWT"}, claims()),
    "alg None": encode({"alg": "None", "typ": "JWT"}, claims()),
    "alg none, signed": encode({"alg": "none"}, claims(), SECRET),
    "alg missing": encode({"typ": "JWT"}, claims(), SECRET),
    "alg a list": encode({"alg": ["HS256"]}, claims(), SECRET),
    "alg RS256": encode({"alg": "RS256"}, claims(), SECRET),
    "HS512": jwt.encode(claims(), SECRET, "HS512"),
    "HS384": jwt.encode(claims(), SECRET, "HS384"),
    "wrong key": encode(HS256, claims(), "another secret, which is just as long as the right one is"),
    "no signature": encode(HS256, claims()),
    "expired": encode(HS256, claims(exp=int(time.time()) - 1), SECRET),
    "expired long ago": encode(HS256, claims(exp=1), SECRET),
    "not yet issued": encode(HS256, claims(iat=int(time.time()) + 3600), SECRET),
    "not yet valid": encode(HS256, claims(nbf=int(time.time()) + 3600), SECRET),
    "another issuer": encode(HS256, claims(iss="elsewhere"), SECRET),
    "for an audience": encode(HS256, claims(aud="somebody else"), SECRET),
    "critical extension": encode({**HS256, "crit": ["x"], "x": 1}, claims(), SECRET),
    "header no object": encode(["HS256"], claims(), SECRET),
    "header nested deeply": encode(b"[" * 2900, b"", SECRET),
    "payload no object": encode(HS256, [1], SECRET),
    "payload no JSON": encode(HS256, b"\xff{", SECRET),
    "payload nested deeply": encode(HS256, b"[" * 2900, SECRET),
    "endless": encode(HS256, claims(note="x" * 20_000), SECRET),
    **{f"without {name}": encode(HS256, claims(**{name: None}), SECRET) for name in claims()},
    **{
        f"{name} {value!r}": encode(HS256, claims(**{name: value}), SECRET)
        for name, values in {
            "sub": [1, "one", "", "-1", "+1", " 1", "1.0", "0", "٣", "1\x00", str(2**63), "9" * 3000, ["1"], True],
            "email": [1, [DRIVER_1], {}, True],
            "exp": ["tomorrow", [], {}, float("inf"), float("nan"), -(10**30)],
            "iat": ["yesterday", [], float("inf")],
            "iss": [1, ["parking", "x"], ""],
            "jti": [1, {}],
        }.items()
        for value in values
    },
}


def test_a_token_of_ours_is_read() -> None:
    tokens = Tokens(SECRET, 60)
    identity = tokens.read(tokens.issue(7, DRIVER_1))
    assert (identity.person, identity.email) == (7, DRIVER_1)
    assert 0 < identity.expires - time.time() <= 60
    assert tokens.read(encode(HS256, claims(), SECRET)).person == 1


@pytest.mark.parametrize("token", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forgery_is_not(token: str) -> None:
    with pytest.raises(Problem) as refused:
        Tokens(SECRET, 60).read(token)
    assert (refused.value.slug, refused.value.status) == ("invalid-token", 401)


def test_every_changed_character_of_a_token_counts() -> None:
    tokens = Tokens(SECRET, 60)
    token = tokens.issue(1, DRIVER_1)
    payload = token.index(".") + 1
    for place in range(payload, len(token) - 1):  # the last character has bits to spare
        if token[place] != ".":
            with pytest.raises(Problem):
                tokens.read(token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :])


@pytest.fixture
def nothing_is_stored(module_database: Database) -> Iterator[None]:
    before = stored(module_database)
    yield
    assert stored(module_database) == before


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.usefixtures("nothing_is_stored")
async def test_no_route_takes_one(module_client: httpx.AsyncClient, module_service: Service, root: str) -> None:
    requests: list[tuple[str, str, Any]] = [
        ("POST", f"{root}/reservations", booking()),
        ("POST", f"{root}/reservations", {"not": "even valid"}),
        ("GET", f"{root}/reservations/1", None),
        ("PUT", f"{root}/reservations/1/complete", None),
    ]
    expired = Tokens(module_service.secret, -1).issue(1, DRIVER_1)
    foreign = Tokens(SECRET, 60).issue(1, DRIVER_1)
    valid = Tokens(module_service.secret, 60).issue(1, DRIVER_1)
    for method, path, body in requests:
        for authorization in (f"Bearer {expired}", f"Bearer {foreign}", "Bearer x", f"Bearer {valid} x"):
            answer = await module_client.request(method, path, json=body, headers={"Authorization": authorization})
            problem(answer, 401, "invalid-token")
            assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        for authorization in ("", "Basic ZHJpdmVyOnBhc3N3b3Jk", valid, f"Token {valid}"):
            answer = await module_client.request(method, path, json=body, headers={"Authorization": authorization})
            problem(answer, 401, "not-signed-in")
            assert "error" not in answer.headers["www-authenticate"]
        problem(await module_client.request(method, path, json=body), 401, "not-signed-in")


@pytest.mark.usefixtures("nothing_is_stored")
async def test_the_pages_cookie_does_not_count(module_client: httpx.AsyncClient, module_service: Service) -> None:
    module_client.cookies.set("session", Tokens(module_service.secret, 60).issue(1, DRIVER_1))
    problem(await module_client.post("/reservations", json=booking()), 401, "not-signed-in")


@pytest.mark.usefixtures("nothing_is_stored")
async def test_a_token_of_nobody(module_client: httpx.AsyncClient, module_service: Service) -> None:
    for person in (999_999, 2**63 - 1):
        headers = {"Authorization": f"bearer {Tokens(module_service.secret, 60).issue(person, DRIVER_1)}"}
        problem(await module_client.post("/reservations", json=booking(), headers=headers), 401, "unknown-actor")


async def test_no_secret_is_logged(module_client: httpx.AsyncClient, module_service: Service) -> None:
    token = Tokens(module_service.secret, 60).issue(1, DRIVER_1)
    await module_client.post("/login", json={"email": DRIVER_1, "password": PASSWORD})
    await module_client.post("/login", json={"email": f"{DRIVER_1}\x00", "password": f"{PASSWORD}\x00"})
    await module_client.post("/login", content=f'{{"password": "{PASSWORD}')
    await module_client.get("/reservations/1", headers={"Authorization": f"Bearer {token}"})
    await module_client.get("/reservations/1", headers={"Authorization": f"Bearer {token}x"})
    output = module_service.output()
    assert "SQLSTATE 22" in output
    assert not [secret for secret in (PASSWORD, token, module_service.secret) if secret in output]
    assert PASSWORD not in module_service.database.cluster.log.read_text(errors="replace")
