"""PUT /api/tenants/{slug}/registration: whether people may open an account by themselves."""

import httpx

from tests.api.asking import assert_secure, problem
from tests.support import DRIVER_1, OPERATOR, Database, sign_in

NEW = {"email": "new@parking.com", "password": "correct horse", "display_name": "New", "tenant": "riverside"}


def audited(database: Database) -> list[str]:
    return database.psql(
        "select details ->> 'registration', actor_id is not null, address is not null from parking.audit"
        " where action = 'tenant.changed' order by id"
    ).splitlines()


async def test_a_tenants_administrator_opens_and_closes_it(client: httpx.AsyncClient, database: Database) -> None:
    credentials = {"email": "admin@riverside.com", "password": "password123", "tenant": "riverside"}
    token = (await client.post("/login", json=credentials)).json()["token"]
    admin, path = {"Authorization": f"Bearer {token}"}, "/api/tenants/riverside/registration"
    problem(await client.post("/api/auth/register", json=NEW), 403, "registration-closed")
    for _ in range(2):
        opened = await client.put(path, json={"registration": "open"}, headers=admin)
        assert (opened.status_code, opened.json()) == (200, {"registration": "open"})
        assert_secure(opened)
    assert (await client.post("/api/auth/register", json=NEW)).status_code == 204
    assert (await client.put(path, json={"registration": "closed"}, headers=admin)).status_code == 200
    problem(await client.post("/api/auth/register", json=NEW), 403, "registration-closed")
    assert audited(database) == ["open|t|t", "closed|t|t"], "each change once"


async def test_nobody_else_does(client: httpx.AsyncClient, database: Database) -> None:
    path = "/api/tenants/default/registration"
    problem(await client.put(path, json={"registration": "open"}), 401, "not-signed-in")
    for person in (DRIVER_1, OPERATOR):
        answer = await client.put(path, json={"registration": "open"}, headers=await sign_in(client, person))
        problem(answer, 403, "not-permitted")
    admin = await sign_in(client, "admin@parking.com")
    for slug in ("riverside", "nowhere", "%00", "x" * 100):
        answer = await client.put(f"/api/tenants/{slug}/registration", json={"registration": "open"}, headers=admin)
        assert answer.status_code in ({404, 422} if slug == "%00" else {404}), answer.text
    for body in ({"registration": "ajar"}, {}, {"registration": None}, {"registration": "open", "by": "me"}):
        problem(await client.put(path, json=body, headers=admin), 400, "invalid-request")
    assert audited(database) == []
