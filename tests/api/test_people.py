"""/api/people, /api/roles, /api/tenants and /api/audit: administration over REST."""

from typing import Any

import httpx
import pytest

from tests.api.asking import booking, problem
from tests.support import DRIVER_1, DRIVER_2, PASSWORD, Database, sign_in

ADMIN = "boss@example.org"
STRANGER = "boss@far.example"


@pytest.fixture
def people(database: Database) -> dict[str, int]:
    """One administrator here and one of another tenant, besides the demo's people; by their e-mails."""
    database.psql(f"select parking.add_person('{ADMIN}', 'Boss', role => 'admin', password => '{PASSWORD}')")
    database.psql("select parking.revoke_role(parking.find_person('admin@parking.com'), 'admin')")
    database.psql(f"select parking.found_tenant('far', 'Far', '{STRANGER}', admin_password => '{PASSWORD}')")
    return {
        email: int(number)
        for email, number in (
            line.split("|")
            for line in database.psql(
                "select email, id from parking.members where tenant in ('default', 'far')"
            ).splitlines()
        )
    }


async def sign_in_far(client: httpx.AsyncClient) -> dict[str, str]:
    answer = await client.post("/login", json={"email": STRANGER, "password": PASSWORD, "tenant": "far"})
    assert answer.status_code == 200
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def test_the_life_of_an_account(client: httpx.AsyncClient, people: dict[str, int]) -> None:
    boss = await sign_in(client, ADMIN)
    body = {"email": "Jo@Example.org", "display_name": "Jo", "password": "correct horse"}
    answer = await client.post("/api/people", json=body, headers=boss)
    assert answer.status_code == 201
    jo = answer.json()
    where = answer.headers["location"]
    assert where == f"/api/people/{jo['id']}"
    assert {key: jo[key] for key in ("tenant", "email", "display_name", "active", "roles")} == {
        "tenant": "default", "email": "jo@example.org", "display_name": "Jo", "active": True, "roles": ["driver"],
    }  # fmt: skip
    assert "password" not in answer.text
    problem(await client.post("/api/people", json=body, headers=boss), 409, "email-taken")
    assert (await client.get(where, headers=boss)).json() == jo

    changed = (await client.patch(where, json={"display_name": "Joe"}, headers=boss)).json()
    assert changed == {**jo, "display_name": "Joe"}
    promoted = (await client.put(f"{where}/roles/operator", headers=boss)).json()
    assert promoted["roles"] == ["driver", "operator"]
    demoted = await client.delete(f"{where}/roles/driver", headers=boss)
    assert (demoted.status_code, demoted.json()["roles"]) == (200, ["operator"])

    assert (await client.put(f"{where}/password", json={"password": "battery staple"}, headers=boss)).is_success
    own = await sign_in(client, "jo@example.org", "battery staple")
    assert (await client.post(f"{where}/deactivate", headers=boss)).json()["active"] is False
    assert (await client.get("/api/people", headers=own)).status_code == 401
    refused = await client.post("/login", json={"email": "jo@example.org", "password": "battery staple"})
    problem(refused, 401, "wrong-credentials")
    assert (await client.post(f"{where}/reactivate", headers=boss)).json()["active"] is True
    await sign_in(client, "jo@example.org", "battery staple")

    erased = await client.delete(where, headers=boss)
    assert (erased.status_code, erased.content) == (204, b"")
    problem(await client.get(where, headers=boss), 404, "unknown-person")
    listed = (await client.get("/api/people", headers=boss)).json()
    assert [person["email"] for person in listed] == sorted(people.keys() - {STRANGER}, key=people.__getitem__)


async def test_people_erase_themselves(client: httpx.AsyncClient, people: dict[str, int]) -> None:
    driver = await sign_in(client)
    problem(await client.delete(f"/api/people/{people[DRIVER_2]}", headers=driver), 403, "not-permitted")
    assert (await client.delete(f"/api/people/{people[DRIVER_1]}", headers=driver)).status_code == 204
    assert (await client.get("/api/people", headers=driver)).status_code == 401


async def test_people_page_by_page(client: httpx.AsyncClient, people: dict[str, int]) -> None:
    boss = await sign_in(client, ADMIN)
    found: list[dict[str, Any]] = []
    while page := (
        await client.get("/api/people", params={"limit": 2, "after": found[-1]["id"] if found else 0}, headers=boss)
    ).json():
        assert len(page) <= 2
        found += page
    assert {person["email"] for person in found} == people.keys() - {STRANGER}
    for limit in ("0", "1001", "x"):
        problem(await client.get("/api/people", params={"limit": limit}, headers=boss), 400, "invalid-request")


def requests(person: int) -> list[tuple[str, str, Any]]:
    """Everything that is an administrator's, about this person."""
    where = f"/api/people/{person}"
    return [
        ("GET", where, None),
        ("PATCH", where, {"display_name": "X"}),
        ("PUT", f"{where}/password", {"password": "correct horse"}),
        ("PUT", f"{where}/roles/admin", None),
        ("DELETE", f"{where}/roles/driver", None),
        ("POST", f"{where}/deactivate", None),
        ("POST", f"{where}/reactivate", None),
        ("DELETE", where, None),
    ]


async def test_who_may_not(client: httpx.AsyncClient, database: Database, people: dict[str, int]) -> None:
    """Nobody: 401. A driver: 403. Another tenant's administrator: 404, as of somebody who does not exist."""
    driver, stranger = await sign_in(client), await sign_in_far(client)
    members = "select id, email, display_name, active, roles from parking.members order by id"
    before = database.psql(members)
    for method, path, body in requests(people[DRIVER_2]):
        problem(await client.request(method, path, json=body), 401, "not-signed-in")
        problem(await client.request(method, path, json=body, headers=driver), 403, "not-permitted")
        strange = problem(await client.request(method, path, json=body, headers=stranger), 404, "unknown-person")
        missing = path.replace(f"/{people[DRIVER_2]}", "/999999")
        nobody = problem(await client.request(method, missing, json=body, headers=stranger), 404, "unknown-person")
        assert strange["detail"] == nobody["detail"].replace("999999", str(people[DRIVER_2]))
    for path in ("/api/people", "/api/audit"):
        problem(await client.get(path), 401, "not-signed-in")
        problem(await client.get(path, headers=driver), 403, "not-permitted")
    for headers in (driver, stranger, await sign_in(client, ADMIN)):
        problem(await client.get("/api/tenants", headers=headers), 403, "not-permitted")
        tenant = {"slug": "new", "name": "New", "admin_email": "a@new.example"}
        problem(await client.post("/api/tenants", json=tenant, headers=headers), 403, "not-permitted")
    assert database.psql(members) == before


async def test_what_the_rules_refuse(client: httpx.AsyncClient, people: dict[str, int]) -> None:
    boss = await sign_in(client, ADMIN)
    where = f"/api/people/{people[DRIVER_1]}"
    new = {"email": "jo@example.org", "display_name": "Jo"}
    for change, status, slug in (
        ({"email": "jo"}, 422, "not-an-email"),
        ({"display_name": " "}, 422, "not-a-name"),
        ({"role": "king"}, 404, "unknown-role"),
        ({"role": "platform"}, 403, "not-permitted"),
        ({"password": "short"}, 422, "password-too-weak"),
        ({"password": "x" * 73}, 422, "password-too-long"),
        ({"tenant": "far"}, 404, "unknown-tenant"),
        ({"email": 1}, 400, "invalid-request"),
        ({"colour": "red"}, 400, "invalid-request"),
    ):
        problem(await client.post("/api/people", json={**new, **change}, headers=boss), status, slug)
    problem(await client.patch(where, json={"email": ""}, headers=boss), 422, "not-an-email")
    problem(await client.patch(where, json={"email": DRIVER_2}, headers=boss), 409, "email-taken")
    problem(await client.put(f"{where}/roles/king", headers=boss), 404, "unknown-role")
    mine = f"/api/people/{people[ADMIN]}"
    for method, path in (("DELETE", f"{mine}/roles/admin"), ("POST", f"{mine}/deactivate"), ("DELETE", mine)):
        problem(await client.request(method, path, headers=boss), 409, "last-admin")


async def test_a_platform_administrator(client: httpx.AsyncClient, database: Database, people: dict[str, int]) -> None:
    database.psql(f"select parking.assign_role({people[DRIVER_1]}, 'platform')")
    root = await sign_in(client)
    body = {"slug": "new", "name": "New", "admin_email": "a@new.example", "admin_password": PASSWORD}
    founded = await client.post("/api/tenants", json=body, headers=root)
    assert founded.status_code == 201
    assert (founded.json()["tenant"], founded.json()["roles"]) == ("new", ["admin"])
    problem(await client.post("/api/tenants", json=body, headers=root), 409, "tenant-taken")
    problem(await client.post("/api/tenants", json={**body, "slug": "A b"}, headers=root), 422, "not-a-tenant")
    tenants = (await client.get("/api/tenants", headers=root)).json()
    assert {tenant["slug"] for tenant in tenants} >= {"default", "far", "new"}
    far = (await client.get("/api/people", params={"tenant": "far"}, headers=root)).json()
    assert [person["email"] for person in far] == [STRANGER]


async def test_the_roles(module_client: httpx.AsyncClient) -> None:
    roles = {role["role"]: role["permissions"] for role in (await module_client.get("/api/roles")).json()}
    assert roles["driver"] == ["read:own_data", "read:parking", "write:reservation"]
    assert roles["admin"] == ["*"]


async def test_the_audit(client: httpx.AsyncClient, people: dict[str, int]) -> None:
    boss, driver = await sign_in(client, ADMIN), await sign_in(client)
    await client.put(f"/api/people/{people[DRIVER_2]}/roles/operator", headers=boss)
    booked = (await client.post("/api/reservations", json=booking(), headers=driver)).json()
    whole = (await client.get("/api/audit", headers=boss)).json()
    assigned = next(entry for entry in whole if entry["action"] == "role.assigned")
    assert (assigned["actor"], assigned["object_type"], assigned["object_id"], assigned["details"]) == (
        ADMIN, "person", people[DRIVER_2], {"role": "operator"},
    )  # fmt: skip
    assert [(entry["actor"], entry["action"], entry["object_id"]) for entry in whole[:2]] == [
        (DRIVER_1, "reservation.booked", booked["id"]),
        (ADMIN, "role.assigned", people[DRIVER_2]),
    ]
    assert PASSWORD not in str(whole)
    paged: list[dict[str, Any]] = []
    while page := (
        await client.get(
            "/api/audit", params={"limit": 1, **({"after": paged[-1]["cursor"]} if paged else {})}, headers=boss
        )
    ).json():
        paged += page
    assert paged == whole
    problem(await client.get("/api/audit", params={"after": "x"}, headers=boss), 422, "not-a-cursor")
    assert "role.assigned" not in (await client.get("/api/audit", headers=await sign_in_far(client))).text
