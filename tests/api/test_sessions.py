"""POST /login."""

import httpx
import jwt
import pytest

from tests.api.asking import ROOTS, problem
from tests.support import DRIVER_1, DRIVER_2, PASSWORD, Service


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("email", [DRIVER_1, DRIVER_2, DRIVER_1.upper()])
async def test_a_driver_gets_a_token(module_client: httpx.AsyncClient, root: str, email: str) -> None:
    answer = await module_client.post(f"{root}/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"token", "token_type", "expires_in"}
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 28800
    assert answer.headers["cache-control"] == "no-store"
    assert not answer.cookies


async def test_the_token_says_who_and_until_when(module_client: httpx.AsyncClient, module_service: Service) -> None:
    answer = await module_client.post("/login", json={"email": DRIVER_1, "password": PASSWORD, "tenant": "default"})
    claims = jwt.decode(answer.json()["token"], module_service.secret, algorithms=["HS256"], issuer="parking")
    assert claims.keys() == {"sub", "email", "iat", "exp", "jti", "iss"}
    assert claims["sub"].isdigit()
    assert claims["email"] == DRIVER_1
    assert claims["exp"] - claims["iat"] == 28800


async def test_wrong_credentials_look_the_same_whatever_is_wrong(module_client: httpx.AsyncClient) -> None:
    documents = [
        problem(await module_client.post("/login", json=credentials), 401, "wrong-credentials")
        for credentials in (
            {"email": DRIVER_1, "password": "guess"},
            {"email": DRIVER_1, "password": ""},
            {"email": "nobody@parking.com", "password": PASSWORD},
            {"email": "", "password": PASSWORD},
            {"email": DRIVER_1, "password": PASSWORD, "tenant": "elsewhere"},
            {"email": "' or true --", "password": "' or true --"},
        )
    ]
    assert all(document == documents[0] for document in documents)


async def test_a_closed_account_cannot_sign_in_and_its_token_ends(service: Service, client: httpx.AsyncClient) -> None:
    answer = await client.post("/login", json={"email": DRIVER_2, "password": PASSWORD})
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    service.database.psql(f"update parking.people set active = false where email = '{DRIVER_2}'")
    problem(await client.post("/login", json={"email": DRIVER_2, "password": PASSWORD}), 401, "wrong-credentials")
    problem(await client.get("/reservations/1", headers=headers), 401, "unknown-actor")
