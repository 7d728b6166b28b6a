"""Accounts, roles and tenants, as administrators and DBAs change them; and what nobody reaches by way of them."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from tests.api.asking import waiting_for_locks
from tests.conftest import Connect
from tests.support import Database
from tests.support.sql import BOOK, DRIVER_1, DRIVER_2, edit_function, hours_ahead, one_row, refused

BOOK_SIGNATURE = "parking.book(bigint,bigint,timestamptz,timestamptz,text)"
PASSWORD = "correct horse"


@pytest.fixture
async def dba(connect: Connect) -> asyncpg.Connection:
    return await connect("parking_dba")


@pytest.fixture
async def service(connect: Connect) -> asyncpg.Connection:
    return await connect("parking_service")


async def add(dba: asyncpg.Connection, email: str, role: str = "driver", tenant: str = "default") -> int:
    """Somebody new, by their number."""
    row = await one_row(dba, "select * from parking.add_person($1, 'Somebody', $2, $3)", email, tenant, role)
    return int(row["id"])


@pytest.fixture
async def admin(dba: asyncpg.Connection) -> int:
    """An administrator of the demo's tenant."""
    return await add(dba, "boss@example.org", "admin")


@pytest.fixture
async def stranger(dba: asyncpg.Connection) -> int:
    """The administrator of another tenant."""
    row = await one_row(dba, "select * from parking.found_tenant('far', 'Far', 'boss@far.example')")
    return int(row["id"])


@pytest.fixture
async def platform(dba: asyncpg.Connection, stranger: int) -> int:
    """A platform administrator, whose account is in the other tenant."""
    assert stranger
    return await add(dba, "root@far.example", "platform", "far")


async def test_whoever_runs_lots_may_see_their_figures(dba: asyncpg.Connection, connect: Connect) -> None:
    superuser = await connect("postgres")
    may = "select parking_private.has_permission(p, 'read:analytics') from parking.people p where p.id = $1"
    for role, allowed in (
        ("guest", False), ("driver", False), ("operator", True), ("admin", True), ("platform", True)
    ):  # fmt: skip
        person = await add(dba, f"{role}@figures.example", role)
        assert await superuser.fetchval(may, person) is allowed, role


async def test_the_life_of_an_account(service: asyncpg.Connection, dba: asyncpg.Connection, admin: int) -> None:
    added = await one_row(
        service,
        "select * from parking.add_person('Jo@Example.org', 'Jo', password => $1, actor => $2)",
        PASSWORD,
        admin,
    )
    jo = added["id"]
    assert (added["tenant"], added["email"], added["roles"], added["active"]) == (
        "default", "jo@example.org", ["driver"], True,
    )  # fmt: skip
    sign_in = "select outcome from parking.sign_in('jo@example.org', $1)"
    assert await service.fetchval(sign_in, PASSWORD) == "signed-in"

    changed = await one_row(
        service, "select * from parking.change_person($1, 'joe@example.org', actor => $2)", jo, admin
    )
    assert (changed["email"], changed["display_name"]) == ("joe@example.org", "Jo")
    assert await service.fetchval(sign_in, PASSWORD) == "wrong-credentials"
    await service.fetch("select parking.set_password($1, 'battery staple', $2)", jo, admin)
    sign_in = "select outcome from parking.sign_in('joe@example.org', $1)"
    assert await service.fetchval(sign_in, PASSWORD) == "wrong-credentials"
    assert await service.fetchval(sign_in, "battery staple") == "signed-in"

    closed = await one_row(service, "select * from parking.deactivate($1, $2)", jo, admin)
    assert not closed["active"]
    assert await service.fetchval(sign_in, "battery staple") == "wrong-credentials"
    with refused("unknown-actor", 401):
        await service.fetch(BOOK, jo, 1, hours_ahead(1), hours_ahead(2))
    opened = await one_row(service, "select * from parking.reactivate($1, $2)", jo, admin)
    assert opened["active"]
    assert await service.fetchval(sign_in, "battery staple") == "signed-in"

    log = await dba.fetch("""
        select action, actor, details::text from parking.activity
        where object_type = 'person' and actor is not null and action not like 'session.%' order by at""")
    assert [tuple(row) for row in log] == [
        ("person.added", "boss@example.org", '{"role": "driver"}'),
        ("person.changed", "boss@example.org", '{"email": true, "display_name": false}'),
        ("password.changed", "boss@example.org", "{}"),
        ("person.deactivated", "boss@example.org", "{}"),
        ("person.reactivated", "boss@example.org", "{}"),
    ]


async def test_what_changes_nothing_leaves_no_trace(dba: asyncpg.Connection) -> None:
    for call in (
        "parking.assign_role($1, 'driver')",
        "parking.revoke_role($1, 'operator')",
        "parking.reactivate($1)",
        "parking.change_person($1)",
    ):
        await dba.fetch(f"select {call}", DRIVER_1)
    assert await dba.fetchval("select count(*) from parking.activity where object_id = $1", DRIVER_1) == 0


@pytest.mark.parametrize(
    ("given", "slug", "status"),
    [
        ({"email": "driver1@parking.com"}, "email-taken", 409),
        ({"email": "DRIVER1@parking.com"}, "email-taken", 409),
        ({"email": "jo"}, "not-an-email", 422),
        ({"email": "jo@ex ample.org"}, "not-an-email", 422),
        ({"email": None}, "not-an-email", 422),
        ({"email": "j" * 250 + "@x.org"}, "not-an-email", 422),
        ({"display_name": " "}, "not-a-name", 422),
        ({"display_name": "x" * 201}, "not-a-name", 422),
        ({"role": "king"}, "unknown-role", 404),
        ({"role": None}, "unknown-role", 404),
        ({"password": "1234567"}, "password-too-weak", 422),
        ({"password": "Jo@Example.Org"}, "password-too-weak", 422),
        ({"password": "é" * 37}, "password-too-long", 422),
    ],
)
async def test_what_makes_no_account(
    dba: asyncpg.Connection, given: dict[str, str | None], slug: str, status: int
) -> None:
    whole: dict[str, str | None] = {"email": "jo@example.org", "display_name": "Jo", "role": "driver", "password": None}
    with refused(slug, status):
        await dba.fetch("select parking.add_person($1, $2, role => $3, password => $4)", *(whole | given).values())
    await dba.fetch("select parking.add_person($1, $2, role => $3, password => $4)", *whole.values())


async def test_bcrypt_reads_all_of_the_longest_password(dba: asyncpg.Connection, service: asyncpg.Connection) -> None:
    longest = "é" * 36
    await dba.fetch("select parking.set_password($1, $2)", DRIVER_1, longest)
    sign_in = "select outcome from parking.sign_in('driver1@parking.com', $1)"
    assert await service.fetchval(sign_in, longest) == "signed-in"
    assert await service.fetchval(sign_in, longest[:-1] + "è") == "wrong-credentials"


CALLS = {
    "add_person": "select parking.add_person('new@example.org', 'New', actor => $1)",
    "show_person": "select parking.show_person(1, $1)",
    "change_person": "select parking.change_person(1, display_name => 'X', actor => $1)",
    "set_password": "select parking.set_password(1, 'correct horse', $1)",
    "deactivate": "select parking.deactivate(1, $1)",
    "reactivate": "select parking.reactivate(1, $1)",
    "erase_person": "select parking.erase_person(1, $1)",
    "assign_role": "select parking.assign_role(1, 'guest', $1)",
    "revoke_role": "select parking.revoke_role(1, 'driver', $1)",
    "list_people": "select parking.list_people($1)",
    "list_tenants": "select * from parking.list_tenants($1)",
    "found_tenant": "select parking.found_tenant('new', 'New', 'a@new.example', actor => $1)",
}


@pytest.mark.parametrize("call", CALLS)
async def test_who_may_not(
    service: asyncpg.Connection, dba: asyncpg.Connection, admin: int, stranger: int, call: str
) -> None:
    """A driver and an operator neither see nor change people; to be nobody does not make the service a DBA."""
    await dba.fetch("select parking.assign_role($1, 'operator')", DRIVER_2)
    for actor in (DRIVER_2, None):
        with refused("not-permitted", 403):
            await service.fetch(CALLS[call], actor)
    with refused("unknown-actor", 401):
        await service.fetch(CALLS[call], 999_999)
    if "tenant" in call:
        with refused("not-permitted", 403):
            await service.fetch(CALLS[call], admin)
    else:
        await service.fetch(CALLS[call], admin)
    assert stranger


@pytest.mark.parametrize("call", sorted(CALLS.keys() - {"add_person", "list_people", "list_tenants", "found_tenant"}))
async def test_another_tenants_person_does_not_exist(service: asyncpg.Connection, stranger: int, call: str) -> None:
    """To the word, but for the number, what is said of nobody at all."""
    messages = []
    for number in ("1", "999999"):
        with pytest.raises(asyncpg.PostgresError) as caught:
            await service.fetch(CALLS[call].replace("(1", f"({number}"), stranger)
        messages.append(
            (caught.value.sqlstate, caught.value.constraint_name, caught.value.message.replace(number, "?"))
        )
    assert messages[0] == messages[1]
    assert messages[0][:2] == ("PK404", "unknown-person")


async def test_another_tenant_cannot_be_named(service: asyncpg.Connection, admin: int, stranger: int) -> None:
    for tenant in ("default", "nowhere"):
        with refused("unknown-tenant", 404):
            await service.fetch("select parking.add_person('x@x.example', 'X', $1, actor => $2)", tenant, stranger)
        with refused("unknown-tenant", 404):
            await service.fetch("select parking.list_people($1, tenant => $2)", stranger, tenant)
    mine = await service.fetch("select * from parking.list_people($1)", stranger)
    assert [row["email"] for row in mine] == ["boss@far.example"]
    assert "boss@far.example" not in str(await service.fetch("select * from parking.list_people($1)", admin))


async def test_people_are_listed_page_by_page(service: asyncpg.Connection, dba: asyncpg.Connection, admin: int) -> None:
    erased = await add(dba, "gone@example.org")
    await add(dba, "last@example.org")
    await dba.fetch("select parking.erase_person($1)", erased)
    everybody = [row["id"] for row in await service.fetch("select * from parking.list_people($1)", admin)]
    assert erased not in everybody
    assert everybody == sorted(everybody)
    paged: list[int] = []
    while page := await service.fetch(
        "select * from parking.list_people($1, $2, 2)", admin, paged[-1] if paged else None
    ):
        assert len(page) <= 2
        paged += [row["id"] for row in page]
    assert paged == everybody
    for at_most in (0, None, 100_001):
        with refused("not-a-number-of-rows", 422):
            await service.fetch("select parking.list_people($1, at_most => $2)", admin, at_most)


async def test_nobody_rises_above_the_own_tenant(
    service: asyncpg.Connection, dba: asyncpg.Connection, platform: int, stranger: int
) -> None:
    """Neither by a role, nor by way of the account of somebody who is there already."""
    with refused("not-permitted", 403):
        await service.fetch("select parking.assign_role($1, 'platform', $1)", stranger)
    with refused("not-permitted", 403):
        await service.fetch(
            "select parking.add_person('x@far.example', 'X', role => 'platform', actor => $1)", stranger
        )
    for call in CALLS.keys() - {"add_person", "list_people", "list_tenants", "found_tenant", "show_person"}:
        with refused("not-permitted", 403):
            await service.fetch(CALLS[call].replace("(1", f"({platform}"), stranger)
    with refused("not-permitted", 403):
        await service.fetch("select parking.revoke_role($1, 'platform', $2)", platform, stranger)
    assert (await one_row(dba, "select * from parking.show_person($1)", platform))["roles"] == ["platform"]


async def test_without_that_check_a_password_would_be_enough(
    service: asyncpg.Connection, connect: Connect, platform: int, stranger: int
) -> None:
    """The negative control of the test above."""
    superuser = await connect("postgres")
    await edit_function(
        superuser,
        "parking_private.lock_person(bigint,parking.people)",
        "parking_private.has_permission(v_person, 'write:tenants')",
        "false",
    )
    await service.fetch("select parking.set_password($1, $2, $3)", platform, PASSWORD, stranger)
    row = await one_row(service, "select * from parking.sign_in('root@far.example', $1, 'far')", PASSWORD)
    assert row["person_id"] == platform


async def test_a_platform_administrator_acts_in_every_tenant(
    service: asyncpg.Connection, dba: asyncpg.Connection, platform: int, admin: int
) -> None:
    tenants = await service.fetch("select slug from parking.list_tenants($1)", platform)
    assert {row["slug"] for row in tenants} >= {"default", "far"}
    founded = await one_row(
        service, "select * from parking.found_tenant('new', 'New', 'a@new.example', actor => $1)", platform
    )
    assert (founded["tenant"], founded["roles"]) == ("new", ["admin"])
    await service.fetch("select parking.assign_role($1, 'platform', $2)", DRIVER_1, platform)
    await service.fetch("select parking.deactivate($1, $2)", admin, platform)
    people = await service.fetch("select email from parking.list_people($1, tenant => 'default')", platform)
    assert "driver1@parking.com" in {row["email"] for row in people}
    log = await dba.fetch(
        "select tenant, action from parking.activity where tenant <> 'far' and database_role = 'parking_service'"
    )
    assert {tuple(row) for row in log} == {
        ("new", "tenant.founded"),
        ("new", "person.added"),
        ("default", "role.assigned"),
        ("default", "person.deactivated"),
    }


@pytest.mark.parametrize(
    ("slug", "name", "problem", "status"),
    [
        ("default", "Twice", "tenant-taken", 409),
        ("Capital", "Capital", "not-a-tenant", 422),
        ("a b", "Space", "not-a-tenant", 422),
        (None, "Nothing", "not-a-tenant", 422),
        ("new", "", "not-a-name", 422),
        ("new", None, "not-a-name", 422),
    ],
)
async def test_what_founds_no_tenant(
    dba: asyncpg.Connection, slug: str | None, name: str | None, problem: str, status: int
) -> None:
    with refused(problem, status):
        await dba.fetch("select parking.found_tenant($1, $2, 'a@new.example')", slug, name)


@pytest.mark.parametrize(
    "call",
    ["parking.revoke_role($1, 'admin', $1)", "parking.deactivate($1, $1)", "parking.erase_person($1, $1)"],
)
async def test_the_last_administrator_stays(
    service: asyncpg.Connection, dba: asyncpg.Connection, stranger: int, call: str
) -> None:
    with refused("last-admin", 409):
        await service.fetch(f"select {call}", stranger)
    # Neither somebody whose account is closed nor an administrator elsewhere is another one.
    closed = await add(dba, "closed@far.example", "admin", "far")
    await add(dba, "elsewhere@example.org", "admin")
    await dba.fetch("select parking.deactivate($1)", closed)
    with refused("last-admin", 409):
        await service.fetch(f"select {call}", stranger)
    await dba.fetch("select parking.reactivate($1)", closed)
    await service.fetch(f"select {call}", stranger)


REMOVE = "select parking.revoke_role($1, 'admin', $2)"


async def two_administrators_remove_each_other(
    database: Database, connect: Connect, dba: asyncpg.Connection, first: int
) -> str:
    """How the second one fared, whose statement ran before the first one's transaction ended."""
    second = await add(dba, "second@far.example", "admin", "far")
    one, other = await connect(), await connect()
    transaction = one.transaction()
    await transaction.start()
    await one.fetch(REMOVE, second, first)
    removal = asyncio.create_task(other.fetch(REMOVE, first, second))
    await asyncio.wait([removal, asyncio.create_task(waiting_for_locks(database))], return_when="FIRST_COMPLETED")
    await transaction.commit()
    try:
        await removal
    except asyncpg.PostgresError as error:
        return str(error.constraint_name)
    return "removed"


async def test_two_administrators_who_remove_each_other(
    database: Database, connect: Connect, dba: asyncpg.Connection, stranger: int
) -> None:
    # The second one is no administrator any more when the turn comes.
    assert await two_administrators_remove_each_other(database, connect, dba, stranger) == "last-admin"


async def test_without_the_tenants_lock_both_would_be_gone(
    database: Database, connect: Connect, dba: asyncpg.Connection, stranger: int
) -> None:
    """The negative control of the test above."""
    superuser = await connect("postgres")
    signature = "parking_private.require_another_admin(parking.people,parking.people)"
    await edit_function(superuser, signature, "for no key update", "")
    assert await two_administrators_remove_each_other(database, connect, dba, stranger) == "removed"
    assert "{admin}" not in str(await dba.fetch("select roles::text from parking.members where tenant = 'far'"))


async def test_an_erased_person_is_nobody(
    service: asyncpg.Connection, dba: asyncpg.Connection, connect: Connect, admin: int
) -> None:
    superuser = await connect("postgres")
    past = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    await service.fetch("select parking.complete($1, $2)", DRIVER_1, past["id"])
    live = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    running = await one_row(service, BOOK, DRIVER_1, 2, hours_ahead(-1), hours_ahead(2))
    await service.fetch("select parking.change_person($1, 'one@example.org', 'Only One', $2)", DRIVER_1, admin)

    await service.fetch("select parking.erase_person($1, $1)", DRIVER_1)

    row = await one_row(superuser, "select * from parking.people where id = $1", DRIVER_1)
    assert row["email"].endswith("@erased.invalid")
    assert (row["display_name"], row["password_hash"], row["active"]) == ("Erased", None, False)
    for table in ("people", "memberships", "audit", "events", "reservations"):
        rows = await superuser.fetch(f"select t::text as text from parking.{table} t where tenant_id = 1")
        assert not [r for r in rows if "driver1" in r["text"] or "one@" in r["text"] or "Only One" in r["text"]], table
    bookings = await dba.fetch("select id, status, driver from parking.bookings order by id")
    assert [(b["id"], b["status"], b["driver"]) for b in bookings] == [
        (past["id"], "completed", row["email"]),
        (live["id"], "cancelled", row["email"]),
        (running["id"], "completed", row["email"]),
    ]
    events = await superuser.fetch("select type, reservation_id, actor_id from parking.events order by id desc limit 2")
    assert {tuple(event) for event in events} == {
        ("cancelled", live["id"], DRIVER_1),
        ("completed", running["id"], DRIVER_1),
    }
    await service.fetch(BOOK, DRIVER_2, 1, hours_ahead(1), hours_ahead(2))

    assert (
        await service.fetchval("select outcome from parking.sign_in('one@example.org', 'password123')") != "signed-in"
    )
    with refused("unknown-actor", 401):
        await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    for call in CALLS.keys() - {"add_person", "list_people", "list_tenants", "found_tenant"}:
        with refused("unknown-person", 404):
            await service.fetch(CALLS[call], admin)
    # The e-mail is free again.
    await add(dba, "one@example.org")


async def test_whoever_has_no_role_any_more_may_still_erase_themselves(
    service: asyncpg.Connection, dba: asyncpg.Connection
) -> None:
    await dba.fetch("select parking.revoke_role($1, 'driver')", DRIVER_1)
    with refused("not-permitted", 403):
        await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    with refused("not-permitted", 403):
        await service.fetch("select parking.erase_person($1, $2)", DRIVER_2, DRIVER_1)
    await service.fetch("select parking.erase_person($1, $1)", DRIVER_1)
    with refused("unknown-actor", 401):
        await service.fetch("select parking.erase_person($1, $1)", DRIVER_1)


async def locked_by_an_erasure_that_waits(
    database: Database, connect: Connect, first: int, then: int
) -> tuple[bool, bool]:
    """Whether an erasure has locked these bookings while somebody holds the first."""
    holder, dba, observer = await connect("postgres"), await connect("parking_dba"), await connect("postgres")
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("select from parking.reservations where id = $1 for update", first)
    erasure = asyncio.create_task(dba.fetch("select parking.erase_person($1)", DRIVER_1))
    await waiting_for_locks(database)
    free = await observer.fetch("select id from parking.reservations for update skip locked")
    await transaction.rollback()
    await erasure
    return first not in {row["id"] for row in free}, then not in {row["id"] for row in free}


ERASED_IN_ORDER = [
    ("order by r.ends, r.id", (True, False)),
    # The negative control: book(), which comes by the ends, would hold the first and wait for the other.
    ("order by r.id", (True, True)),
]


@pytest.mark.parametrize(("order", "locked"), ERASED_IN_ORDER)
async def test_an_erasure_locks_bookings_in_the_order_of_booking(
    database: Database, connect: Connect, service: asyncpg.Connection, order: str, locked: tuple[bool, bool]
) -> None:
    superuser = await connect("postgres")
    await edit_function(superuser, "parking_private.end_all(parking.people,bigint)", "order by r.ends, r.id", order)
    late = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(3), hours_ahead(4))
    early = await one_row(service, BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
    assert late["id"] < early["id"]
    assert await locked_by_an_erasure_that_waits(database, connect, early["id"], late["id"]) == locked


async def test_the_audit_believes_the_service_about_addresses_and_no_dba(
    service: asyncpg.Connection, dba: asyncpg.Connection, connect: Connect, admin: int
) -> None:
    superuser = await connect("postgres")
    for connection, actor in ((service, admin), (dba, None)):
        await connection.fetch(
            "select p.id from parking.session(null, '192.0.2.1'), parking.deactivate($1, $2) p", DRIVER_1, actor
        )
        await connection.fetch(
            "select p.id from parking.session(null, '192.0.2.1'), parking.reactivate($1, $2) p", DRIVER_1, actor
        )
    rows = await superuser.fetch("""
        select database_role, host(address) as address
        from parking.audit where action = 'person.reactivated' order by id""")
    assert rows[0]["address"] == "192.0.2.1"
    assert [row["address"] for row in rows] == ["192.0.2.1", None]


async def test_an_overdue_booking_of_an_erased_person_is_left_to_the_checker(
    service: asyncpg.Connection, dba: asyncpg.Connection, connect: Connect
) -> None:
    superuser = await connect("postgres")
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(-2), hours_ahead(1))
    await superuser.execute("update parking_private.clock_shift set shift = '2 hours'")
    await dba.fetch("select parking.erase_person($1)", DRIVER_1)
    released = await dba.fetch("select spot from parking.release_stale()")
    assert [row["spot"] for row in released] == ["Spot 1"]


async def book_while_an_account_is_closed(database: Database, connect: Connect, closing: str) -> str:
    """How the booking ended, which began before the account was closed and went on after."""
    dba, service = await connect("parking_dba"), await connect()
    transaction = dba.transaction()
    await transaction.start()
    await dba.fetch(f"select parking.{closing}($1)", DRIVER_1)
    booking = asyncio.create_task(service.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2)))
    await waiting_for_locks(database)
    await transaction.commit()
    try:
        await booking
    except asyncpg.PostgresError as error:
        return str(error.constraint_name)
    return "booked"


@pytest.mark.parametrize("closing", ["deactivate", "erase_person"])
async def test_a_booking_of_an_account_that_is_being_closed(database: Database, connect: Connect, closing: str) -> None:
    assert await book_while_an_account_is_closed(database, connect, closing) == "unknown-actor"


async def test_without_the_persons_lock_the_erased_would_have_a_booking(database: Database, connect: Connect) -> None:
    """The negative control: the foreign key alone waits, and then finds the row still there."""
    superuser = await connect("postgres")
    await edit_function(superuser, BOOK_SIGNATURE, "for key share of p", "")
    assert await book_while_an_account_is_closed(database, connect, "erase_person") == "booked"
    assert await superuser.fetchval("select count(*) from parking.bookings where status = 'active'") == 1


async def test_a_reporter_is_added_moved_and_removed(dba: asyncpg.Connection, connect: Connect, stranger: int) -> None:
    assert stranger
    superuser = await connect("postgres")
    name = f"reporter_{uuid4().hex[:8]}"
    with refused("not-a-reporter", 422):
        await dba.fetch("select parking.add_reporter($1, 'far')", name)
    await superuser.execute(f"create role {name} login")
    try:
        with refused("not-a-reporter", 422):
            await dba.fetch("select parking.add_reporter($1, 'far')", name)
        await superuser.execute(f"grant parking_reporting to {name}")
        with refused("unknown-tenant", 404):
            await dba.fetch("select parking.add_reporter($1, 'nowhere')", name)
        reporter = await connect(name)
        tenants = "select distinct tenant from parking.members"
        assert await reporter.fetch(tenants) == []
        await dba.fetch("select parking.add_reporter($1, 'far')", name)
        assert [row["tenant"] for row in await reporter.fetch(tenants)] == ["far"]
        await dba.fetch("select parking.add_reporter($1, 'default')", name)
        assert [row["tenant"] for row in await reporter.fetch(tenants)] == ["default"]
        await dba.fetch("select parking.remove_reporter($1)", name)
        assert await reporter.fetch(tenants) == []
        with refused("not-a-reporter", 422):
            await dba.fetch("select parking.remove_reporter($1)", name)
        log = await dba.fetch(
            "select tenant, action, database_role from parking.activity where object_type = 'database_role' order by at"
        )
        assert [tuple(row) for row in log] == [
            ("far", "reporter.added", "dba"),
            ("default", "reporter.added", "dba"),
            ("default", "reporter.removed", "dba"),
        ]
        reporter.terminate()
    finally:
        await superuser.execute(f"drop role {name}")
