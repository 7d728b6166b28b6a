"""Tokens that are missing, expired, forged or otherwise not ours: 401, and nothing is stored."""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from service.auth import Tokens
from service.problems import Problem
from tests.api.asking import ROOTS, booking, problem, stored
from tests.support import DRIVER_1, PASSWORD, Database, Service, admission, issue_token

SECRET = "a secret of the tests, long enough for HS512, and known to nobody: 0123456789"

LIFE = 24 * 3600
"""Seconds that the tokens here live: the forged ones are made when this file is read, and refused for what
they are, not for their age."""


def claims(**changes: object) -> dict[str, Any]:
    """What a token of ours says, with changes; None leaves a claim out."""
    now = int(time.time())
    usual = {
        "sub": "1",
        "email": DRIVER_1,
        "tenant": "default",
        "roles": ["driver"],
        "permissions": ["write:reservation"],
        "iat": now,
        "exp": now + LIFE,
        "jti": "0",
        "sid": "00000000-0000-0000-0000-000000000001",
        "iss": "parking",
    }
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


KID = jwt.get_unverified_header(Tokens(SECRET, 60).issue(admission()))["kid"]
HS256 = {"alg": "HS256", "typ": "JWT", "kid": KID}

FORGERIES = {
    "empty": "",
    "word": "token",
    "two dots": "..",
    "three dots": "a.b.c.d",
    "alg none": encode({**HS256, "alg": "none"}, claims()),
    "alg None": encode({**HS256, "alg": "None"}, claims()),
    "alg none, signed": encode({**HS256, "alg": "none"}, claims(), SECRET),
    "alg missing": encode({"typ": "JWT", "kid": KID}, claims(), SECRET),
    "alg a list": encode({**HS256, "alg": ["HS256"]}, claims(), SECRET),
    "alg RS256": encode({**HS256, "alg": "RS256"}, claims(), SECRET),
    "HS512": jwt.encode(claims(), SECRET, "HS512", {"kid": KID}),
    "HS384": jwt.encode(claims(), SECRET, "HS384", {"kid": KID}),
    "kid missing": encode({"alg": "HS256", "typ": "JWT"}, claims(), SECRET),
    **{
        f"kid {kid!r}": encode({**HS256, "kid": kid}, claims(), SECRET)
        for kid in ("", "0" * 16, KID.upper(), [KID], {KID: KID}, 1, None, "../" + KID)
    },
    "wrong key": encode(HS256, claims(), "another secret, which is just as long as the right one is"),
    "no signature": encode(HS256, claims()),
    "expired": encode(HS256, claims(exp=int(time.time()) - 1), SECRET),
    "expired long ago": encode(HS256, claims(exp=1), SECRET),
    "not yet issued": encode(HS256, claims(iat=int(time.time()) + LIFE), SECRET),
    "not yet valid": encode(HS256, claims(nbf=int(time.time()) + LIFE), SECRET),
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
            "sid": [1, "", "one", ["00000000-0000-0000-0000-000000000001"], {}],
            "tenant": [1, ["default"], {}],
            "roles": ["driver", [1], {"driver": 1}, 1],
            "permissions": ["*", [["*"]], {}, 1],
        }.items()
        for value in values
    },
}


def test_a_token_of_ours_is_read() -> None:
    tokens = Tokens(SECRET, 60)
    identity = tokens.read(tokens.issue(admission(7)))
    assert (identity.person, identity.email, identity.tenant) == (7, DRIVER_1, "default")
    assert (identity.roles, "write:reservation" in identity.permissions) == (("driver",), True)
    assert 0 < identity.expires - time.time() <= 60
    assert tokens.read(encode(HS256, claims(), SECRET)).person == 1


def test_a_retired_secret_still_verifies_and_signs_nothing() -> None:
    """Replacing a secret signs nobody out: tokens name their secret, and the ring knows the former one."""
    former, present = Tokens(SECRET, 60), "another secret, which is just as long as the first one was: 0123456789"
    ring = Tokens(present, 60, retired=[SECRET])
    assert ring.read(former.issue(admission(7))).person == 7
    with pytest.raises(Problem):
        former.read(ring.issue(admission(7)))
    assert Tokens(present, 60).read(ring.issue(admission(7))).person == 7
    with pytest.raises(Problem):
        Tokens(present, 60).read(former.issue(admission(7)))
    # The right name with another secret's signature.
    with pytest.raises(Problem):
        ring.read(encode(HS256, claims(), present))


@pytest.mark.parametrize("token", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forgery_is_not(token: str) -> None:
    with pytest.raises(Problem) as refused:
        Tokens(SECRET, 60).read(token)
    assert (refused.value.slug, refused.value.status) == ("invalid-token", 401)


def test_every_changed_character_of_a_token_counts() -> None:
    tokens = Tokens(SECRET, 60)
    token = tokens.issue(admission())
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
    expired = issue_token(module_service, seconds=-1)
    foreign = Tokens(SECRET, 60).issue(admission())
    valid = issue_token(module_service)
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
    module_client.cookies.set("session", issue_token(module_service))
    problem(await module_client.post("/reservations", json=booking()), 401, "not-signed-in")


@pytest.mark.usefixtures("nothing_is_stored")
async def test_a_token_of_no_session(module_client: httpx.AsyncClient, module_service: Service) -> None:
    """Whoever the token says it is: the session says who it is, and there is none."""
    for person in (1, 999_999, 2**63 - 1):
        headers = {"Authorization": f"bearer {Tokens(module_service.secret, 60).issue(admission(person))}"}
        problem(await module_client.post("/reservations", json=booking(), headers=headers), 401, "session-over")


async def test_no_secret_is_logged(module_client: httpx.AsyncClient, module_service: Service) -> None:
    token = issue_token(module_service)
    refresh = (await module_client.post("/login", json={"email": DRIVER_1, "password": PASSWORD})).json()[
        "refresh_token"
    ]
    answer = await module_client.post("/api/auth/refresh", json={"refresh_token": refresh})
    await module_client.post("/api/auth/refresh", json={"refresh_token": f"{refresh}\x00"})
    again = answer.json()["refresh_token"]
    await module_client.post("/login", json={"email": f"{DRIVER_1}\x00", "password": f"{PASSWORD}\x00"})
    await module_client.post("/login", content=f'{{"password": "{PASSWORD}')
    await module_client.get("/reservations/1", headers={"Authorization": f"Bearer {token}"})
    await module_client.get("/reservations/1", headers={"Authorization": f"Bearer {token}x"})
    output = module_service.output()
    assert "SQLSTATE 22" in output
    assert not [secret for secret in (PASSWORD, token, refresh, again, module_service.secret) if secret in output]
    log = module_service.database.cluster.log.read_text(errors="replace")
    # The cluster is everybody's, and other tests have passwords in their statements.
    entries = re.split(r"^(?=\d{4}-\d\d-\d\d )", log, flags=re.MULTILINE)
    log = "".join(entry for entry in entries if f"@{module_service.database.name} " in entry)
    assert "invalid byte sequence" in log
    assert not [secret for secret in (PASSWORD, refresh, again) if secret in log]
