"""Signing in, refreshing and signing out, as the service's role calls them."""

import asyncio
import statistics
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support.sql import (
    DRIVER_1,
    DRIVER_2,
    edit_function,
    hours_ahead,
    one_row,
    refused,
    shift_clock,
    waits_for_a_lock,
)

SIGN_IN = "select * from parking.sign_in($1, $2, $3, $4)"
REFRESH = "select * from parking.refresh($1, $2)"
SESSION = "select actor, tenant from parking.session($1, $2)"
EMAIL, PASSWORD = "driver1@parking.com", "password123"
HOME, AWAY = "192.0.2.1", "198.51.100.7"
COUNT_ATTEMPT = "parking_private.count_attempt(text[],text[])"
REFRESH_SIGNATURE = "parking.refresh(text,inet)"


async def sign_in(
    connection: asyncpg.Connection,
    email: str | None = EMAIL,
    password: str | None = PASSWORD,
    address: str | None = HOME,
    tenant: str | None = "default",
) -> asyncpg.Record:
    return await one_row(connection, SIGN_IN, email, password, tenant, address)


async def refresh(connection: asyncpg.Connection, token: str, address: str = HOME) -> asyncpg.Record:
    return await one_row(connection, REFRESH, token, address)


async def audit(superuser: asyncpg.Connection, *columns: str) -> list[tuple[Any, ...]]:
    rows = await superuser.fetch(
        f"select {', '.join(columns)} from parking.audit where object_type <> 'lot' order by id"
    )
    return [tuple(row) for row in rows]


async def test_signing_in_opens_a_session(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    known = await sign_in(service, "Driver1@Parking.com")
    assert (known["outcome"], known["person_id"], known["email"]) == ("signed-in", DRIVER_1, EMAIL)
    assert (known["tenant"], known["roles"]) == ("default", ["driver"])
    assert known["permissions"] == ["read:own_data", "read:parking", "write:reservation"]
    assert known["retry_after"] is None
    row = await one_row(service, SESSION, known["session_id"], HOME)
    assert tuple(row) == (DRIVER_1, "default")
    again = await sign_in(service)
    assert again["session_id"] != known["session_id"]
    assert again["refresh_token"] != known["refresh_token"]
    stored = str(await superuser.fetch("select * from parking.sessions, parking.refresh_tokens, parking.audit"))
    assert known["refresh_token"] not in stored, "the token itself is kept nowhere"
    assert PASSWORD not in stored
    assert (
        await audit(superuser, "action", "actor_id", "host(address)", "database_role")
        == [("session.opened", DRIVER_1, HOME, "parking_service")] * 2
    )


async def test_whatever_is_wrong_it_looks_the_same_and_leaves_the_same(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await superuser.execute("update parking.people set active = false where id = $1", DRIVER_2)
    tried = [
        (EMAIL, "password124", "default"),
        (EMAIL, "", "default"),
        (EMAIL, None, "default"),
        ("nobody@parking.com", PASSWORD, "default"),
        ("driver2@parking.com", PASSWORD, "default"),
        (None, None, "default"),
        ("x" * 10_000, "y" * 10_000, "default"),
        (EMAIL, PASSWORD, "elsewhere"),
        (None, None, None),
    ]
    for number, (email, password, tenant) in enumerate(tried):
        row = await sign_in(service, email, password, f"192.0.2.{number}", tenant)
        assert tuple(row) == ("wrong-credentials", *[None] * 10)
    traces = await audit(superuser, "action", "actor_id", "object_type", "details")
    assert traces == [("session.refused", None, "person", "{}")] * 7, (
        "an unknown e-mail leaves what a wrong password does"
    )
    counted = await superuser.fetch("select kind, count(*) as n from parking_private.attempts group by kind")
    assert {row["kind"]: row["n"] for row in counted} == {
        "sign-in": 9,
        "account and address": 9,
        "address": 9,
        "account": 7,
    }
    assert await superuser.fetchval("select count(*) from parking.sessions") == 0


async def test_an_unknown_email_costs_as_much_work_as_a_wrong_password(connect: Connect) -> None:
    """Both run bcrypt at the same cost: the stand-in for an unknown person's hash is a real one."""
    superuser = await connect("postgres")
    source = await superuser.fetchval(
        "select pg_get_functiondef('parking_private.check_password(parking.people,text)'::regprocedure)"
    )
    stand_in = source.split("'$2a$10$")[1].split("'")[0]
    real = await superuser.fetchval("select password_hash from parking.people where id = $1", DRIVER_1)
    assert real.startswith("$2a$10$")
    assert len(f"$2a$10${stand_in}") == len(real) == 60
    assert len(await superuser.fetchval("select extensions.crypt('x', $1)", f"$2a$10${stand_in}")) == 60


async def test_no_clock_tells_an_unknown_email_from_a_wrong_password(connect: Connect) -> None:
    """The medians of interleaved trials lie much closer together than what a skipped hash would save."""
    service, superuser = await connect(), await connect("postgres")
    await superuser.execute("update parking_private.limits set attempts = 1000")

    async def seconds(email: str) -> float:
        begun = time.perf_counter()
        await sign_in(service, email, "wrong")
        return time.perf_counter() - begun

    async def medians() -> tuple[float, float]:
        pairs = [(await seconds(EMAIL), await seconds("nobody@parking.com")) for _ in range(25)]
        known, unknown = zip(*pairs, strict=True)
        return statistics.median(known), statistics.median(unknown)

    known, unknown = await medians()
    assert abs(known - unknown) < 0.25 * known
    # The control: without the stand-in it shows.
    text = await superuser.fetchval(
        "select pg_get_functiondef('parking_private.check_password(parking.people,text)'::regprocedure)"
    )
    stand_in = text.split("'$2a$10$")[1].split("'")[0]
    await superuser.execute(text.replace(f"'$2a$10${stand_in}'", "null"))
    known, unknown = await medians()
    assert abs(known - unknown) > 0.25 * known


async def test_bcrypt_reads_72_bytes_and_a_longer_password_is_another_one(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await superuser.execute(
        "update parking.people set password_hash = extensions.crypt($1, extensions.gen_salt('bf', 4)) where id = $2",
        "x" * 72,
        DRIVER_1,
    )
    assert (await sign_in(service, password="x" * 73))["outcome"] == "wrong-credentials"
    assert (await sign_in(service, password="x" * 72))["outcome"] == "signed-in"


async def guesses(connect: Connect, number: int, address: str = AWAY) -> Counter[str]:
    connections = [await connect() for _ in range(number)]
    rows = await asyncio.gather(
        *(sign_in(c, password=f"guess {n}", address=address) for n, c in enumerate(connections))
    )
    assert all((row["retry_after"] is None) == (row["outcome"] == "wrong-credentials") for row in rows)
    return Counter(row["outcome"] for row in rows)


async def test_a_hundred_guesses_at_once_do_not_get_past_the_limit(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    assert (await sign_in(service, address=HOME))["outcome"] == "signed-in"
    await let_everybody_wait(superuser)
    assert await guesses(connect, 100) == {"wrong-credentials": 5, "too-many-attempts": 95}
    assert (await audit(superuser, "action")).count(("session.refused",)) == 5

    assert (await sign_in(service, address=AWAY))["outcome"] == "too-many-attempts", "not even with the right password"
    assert (await sign_in(service, address=HOME))["outcome"] == "signed-in", "the owner is at home"
    assert (await sign_in(service, address="203.0.113.9"))["outcome"] == "signed-in", "or elsewhere"
    assert (await sign_in(service, "driver2@parking.com", address=AWAY))["outcome"] == "signed-in", (
        "and others are not meant"
    )


async def test_without_the_lock_they_do(connect: Connect) -> None:
    """The negative control: counted by reading first, many read the same."""
    superuser = await connect("postgres")
    await edit_function(
        superuser,
        COUNT_ATTEMPT,
        "on conflict (key) do update set kind = excluded.kind;",
        "on conflict (key) do nothing;",
    )
    await let_everybody_wait(superuser)
    # Their rows are there, as they are in an account that is in use, and somebody holds them until ten have read.
    await guesses(connect, 1)
    holder = await connect("postgres")
    async with holder.transaction():
        await holder.execute("select from parking_private.attempts for update")
        ended = asyncio.create_task(guesses(connect, 10))
        await waits_for_a_lock(superuser, 10)
    assert await ended == {"wrong-credentials": 10}


async def let_everybody_wait(superuser: asyncpg.Connection) -> None:
    """On a slow machine none of a hundred may give up waiting for its turn: that would prove nothing."""
    name = await superuser.fetchval("select current_database()")
    for timeout in ("lock_timeout", "statement_timeout"):
        await superuser.execute(f"alter role parking_service in database {name} set {timeout} = '30s'")


async def test_an_attempt_comes_back_with_time(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    for _ in range(5):
        assert (await sign_in(service, password="guess"))["outcome"] == "wrong-credentials"
    row = await sign_in(service)
    assert row["outcome"] == "too-many-attempts"
    assert 100 <= row["retry_after"] <= 120
    await shift_clock(superuser, timedelta(seconds=row["retry_after"]))
    assert (await sign_in(service))["outcome"] == "signed-in"
    assert (await sign_in(service))["outcome"] == "signed-in", "what succeeds does not count"
    assert (await sign_in(service, password="guess"))["outcome"] == "wrong-credentials"
    assert (await sign_in(service, password="guess"))["outcome"] == "too-many-attempts"


async def test_a_thousand_machines_do_not_guess_for_long_and_do_not_lock_out_the_owner(connect: Connect) -> None:
    service = await connect()
    await sign_in(service, address=HOME)
    outcomes = [(await sign_in(service, password="guess", address=f"198.51.100.{n}"))["outcome"] for n in range(25)]
    assert outcomes == ["wrong-credentials"] * 20 + ["too-many-attempts"] * 5
    assert (await sign_in(service, address="203.0.113.9"))["outcome"] == "too-many-attempts", "somebody unknown"
    assert (await sign_in(service, address=HOME))["outcome"] == "signed-in"


async def test_one_machine_does_not_go_through_all_accounts(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await superuser.execute("select parking.limit_attempts('address', attempts => 10, every => '1 minute')")
    outcomes = [(await sign_in(service, f"driver{n}@parking.com", "guess", AWAY))["outcome"] for n in range(15)]
    assert Counter(outcomes) == {"wrong-credentials": 10, "too-many-attempts": 5}
    # A household has one network of IPv6 addresses.
    for n in range(10):
        await sign_in(service, f"driver{n}@parking.com", "guess", f"2001:db8:0:1::{n}")
    assert (await sign_in(service, address="2001:db8:0:1:ffff::1"))["outcome"] == "too-many-attempts"
    assert (await sign_in(service, address="2001:db8:0:2::1"))["outcome"] == "signed-in"


async def test_the_right_password_counts_as_a_sign_in(connect: Connect) -> None:
    """Or whoever has one account could keep the cores busy with it."""
    service, superuser = await connect(), await connect("postgres")
    await superuser.execute("select parking.limit_attempts('sign-in', attempts => 4, every => '10 seconds')")
    rows = [await sign_in(service) for _ in range(5)]
    assert [row["outcome"] for row in rows] == ["signed-in"] * 4 + ["too-many-attempts"]
    assert 0 < rows[-1]["retry_after"] <= 10
    assert (await sign_in(service, "driver2@parking.com"))["outcome"] == "too-many-attempts", "whatever the account"
    assert (await sign_in(service, address=AWAY))["outcome"] == "signed-in", "and others are not meant"


async def test_what_is_refused_fills_no_table(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    await superuser.execute("select parking.limit_attempts('address', attempts => 3, every => '1 hour')")
    outcomes = [(await sign_in(service, f"made-up-{n}@parking.com", "guess"))["outcome"] for n in range(20)]
    assert Counter(outcomes) == {"wrong-credentials": 3, "too-many-attempts": 17}
    counted = await superuser.fetch("select kind, count(*) as n from parking_private.attempts group by kind")
    assert {row["kind"]: row["n"] for row in counted} == {
        "sign-in": 1,
        "account and address": 3,
        "address": 1,
        "account": 3,
    }


async def without_hashes(superuser: asyncpg.Connection) -> None:
    """From now on a new hash is an error."""
    signature = "parking_private.hash_password(text,text)"
    await edit_function(superuser, signature, "return extensions.crypt", "raise 'hashed'; return extensions.crypt")


async def test_what_is_refused_costs_no_hash(connect: Connect) -> None:
    """Neither of a new password of too many registrations nor beside a wrong old password."""
    service, superuser = await connect(), await connect("postgres")
    await superuser.execute("select parking.limit_attempts('registration', attempts => 1, every => '1 hour')")
    register = "select outcome from parking.register($1, 'correct horse', 'New', 'default', $2)"
    change = "select outcome from parking.change_password($1, $2, 'correct horse')"
    assert await service.fetchval(register, "new1@parking.com", HOME) == "registered"
    await without_hashes(superuser)
    assert await service.fetchval(register, "new2@parking.com", HOME) == "too-many-attempts"
    assert await service.fetchval(change, DRIVER_1, "guess") == "wrong-password"
    # The control: what is not refused is hashed.
    with pytest.raises(asyncpg.RaiseError):
        await service.fetchval(register, "new2@parking.com", AWAY)
    with pytest.raises(asyncpg.RaiseError):
        await service.fetchval(change, DRIVER_1, PASSWORD)


async def test_sixty_networks_do_not_help_whoever_has_a_session(connect: Connect) -> None:
    service = await connect()
    here = await sign_in(service)
    change = """
        select c.outcome
        from parking.session($1, $2) s
        cross join lateral parking.change_password(s.actor, $3, 'correct horse', keep => $1) c"""
    addresses = [f"198.51.100.{n}" for n in range(60)]
    for address in addresses:
        # From where the owner has signed in before as well.
        await sign_in(service, address=address)
    outcomes = [await service.fetchval(change, here["session_id"], address, "guess") for address in addresses]
    assert outcomes == ["wrong-password"] * 20 + ["too-many-attempts"] * 40
    assert await service.fetchval(change, here["session_id"], HOME, PASSWORD) == "too-many-attempts"
    assert (await sign_in(service))["outcome"] == "signed-in", "signing in is another matter"


async def test_strangers_who_guess_do_not_keep_the_owner_from_changing_the_password(connect: Connect) -> None:
    service = await connect()
    await sign_in(service)
    for n in range(21):
        await sign_in(service, password="guess", address=f"198.51.100.{n}")
    assert (await sign_in(service, address="203.0.113.9"))["outcome"] == "too-many-attempts"
    outcome = await service.fetchval(
        "select outcome from parking.change_password($1, $2, 'correct horse')", DRIVER_1, PASSWORD
    )
    assert outcome == "changed"


async def test_fifty_times_two_tabs_refresh_at_once(connect: Connect) -> None:
    """One family, nobody is locked out, and whichever of the two answers is kept is good."""
    service, superuser = await connect(), await connect("postgres")
    tabs = [await connect(), await connect()]
    begun = await sign_in(service)
    token = begun["refresh_token"]
    for turn in range(50):
        rows = await asyncio.gather(*(refresh(tab, token) for tab in tabs))
        assert [row["outcome"] for row in rows] == ["refreshed"] * 2, turn
        assert {row["session_id"] for row in rows} == {begun["session_id"]}
        assert rows[0]["refresh_token"] != rows[1]["refresh_token"]
        token = rows[turn % 2]["refresh_token"]
    assert await superuser.fetchval("select count(*) from parking.sessions where revoked_at is null") == 1
    assert (await refresh(service, token))["outcome"] == "refreshed"


async def test_without_the_grace_the_second_tab_ends_the_session(connect: Connect) -> None:
    """The negative control: the race of the test above does happen."""
    service, superuser = await connect(), await connect("postgres")
    await edit_function(superuser, REFRESH_SIGNATURE, "v_given_up < v_now - v_rules.grace", "v_given_up < v_now")
    tabs = [await connect(), await connect()]
    token = (await sign_in(service))["refresh_token"]
    rows = await asyncio.gather(*(refresh(tab, token) for tab in tabs))
    assert Counter(row["outcome"] for row in rows) == {"refreshed": 1, "session-over": 1}


async def test_without_the_sessions_lock_both_believe_to_be_first(connect: Connect) -> None:
    """The other negative control: behind the lock a refresh sees what the one before it has done."""
    service, superuser = await connect(), await connect("postgres")
    first, second = await connect(), await connect()
    token = (await sign_in(service))["refresh_token"]
    transaction = first.transaction()
    await transaction.start()
    await refresh(first, token)
    late = asyncio.create_task(refresh(second, token))
    await waits_for_a_lock(superuser)
    await transaction.commit()
    assert (await late)["outcome"] == "refreshed"
    chain = await superuser.fetch(
        "select superseded_at is null as present from parking.refresh_tokens order by issued_at"
    )
    assert [row["present"] for row in chain] == [False, True, True], "one was exchanged, once; two are its successors"


async def test_a_replay_ends_the_session_and_leaves_a_trace(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    begun = await sign_in(service)
    second = await refresh(service, begun["refresh_token"])
    third = await refresh(service, second["refresh_token"])
    await shift_clock(superuser, timedelta(seconds=11))
    stolen = await refresh(service, begun["refresh_token"], AWAY)
    assert tuple(stolen) == ("session-over", *[None] * 10)
    assert (await refresh(service, third["refresh_token"]))["outcome"] == "session-over"
    with refused("session-over", 401):
        await service.fetch(SESSION, begun["session_id"], HOME)
    row = await one_row(superuser, "select revoked_because, revoked_at from parking.sessions")
    assert row["revoked_because"] == "token-reused"
    (trace,) = [
        t
        for t in await audit(superuser, "action", "host(address)", "object_id", "details")
        if t[0] == "session.revoked"
    ]
    assert trace[1:3] == (AWAY, DRIVER_1)
    assert "token-reused" in trace[3]


async def test_a_thief_within_the_grace_is_noticed_too(connect: Connect) -> None:
    """What the grace gives is one more present token; the use of one of them supersedes the other."""
    service, superuser = await connect(), await connect("postgres")
    begun = await sign_in(service)
    owner, thief = [await refresh(service, begun["refresh_token"]) for _ in range(2)]
    await shift_clock(superuser, timedelta(minutes=15))
    assert (await refresh(service, thief["refresh_token"], AWAY))["outcome"] == "refreshed"
    await shift_clock(superuser, timedelta(minutes=15, seconds=30))
    assert (await refresh(service, owner["refresh_token"]))["outcome"] == "session-over"
    with refused("session-over", 401):
        await service.fetch(SESSION, begun["session_id"], AWAY)


async def test_a_session_slides_and_ends(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    begun = await sign_in(service)
    await shift_clock(superuser, timedelta(hours=719))
    second = await refresh(service, begun["refresh_token"])
    assert second["session_expires_at"] - begun["session_expires_at"] > timedelta(hours=718)
    await shift_clock(superuser, timedelta(hours=719 + 721))
    with refused("session-over", 401):
        await service.fetch(SESSION, begun["session_id"], HOME)
    assert (await refresh(service, second["refresh_token"]))["outcome"] == "session-over"
    assert await service.fetch("select * from parking.ended_sessions($1)", [begun["session_id"]])


@pytest.mark.parametrize("token", ["", "x", "x" * 10_000, None])
async def test_what_is_no_token_opens_nothing(connect: Connect, token: str | None) -> None:
    service = await connect()
    assert tuple(await one_row(service, REFRESH, token, HOME)) == ("session-over", *[None] * 10)
    assert await service.fetchval("select parking.session_of($1)", token) is None


async def test_a_closed_account_acts_no_more_and_refreshes_no_more(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    begun = await sign_in(service)
    assert await service.fetch("select * from parking.ended_sessions($1)", [begun["session_id"]]) == []
    await superuser.execute("update parking.people set active = false where id = $1", DRIVER_1)
    with refused("session-over", 401):
        await service.fetch(
            "select b.* from parking.session($1) s cross join lateral parking.book(s.actor, $2, $3, $4) b",
            begun["session_id"], 1, hours_ahead(1), hours_ahead(2),
        )  # fmt: skip
    assert (await refresh(service, begun["refresh_token"]))["outcome"] == "session-over"
    assert [r[0] for r in await service.fetch("select * from parking.ended_sessions($1)", [begun["session_id"]])] == [
        begun["session_id"]
    ]


async def test_signing_out(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    one, two, three = [await sign_in(service) for _ in range(3)]
    other = await sign_in(service, "driver2@parking.com")
    assert await service.fetchval("select parking.sign_out($1)", one["session_id"])
    assert not await service.fetchval("select parking.sign_out($1)", one["session_id"]), "it is over already"
    assert (await refresh(service, one["refresh_token"]))["outcome"] == "session-over"
    assert (await one_row(service, SESSION, two["session_id"], HOME))["actor"] == DRIVER_1

    assert await service.fetchval("select parking.sign_out_everywhere($1)", DRIVER_1) == 2
    ids = [row["session_id"] for row in (one, two, three, other)]
    ended = {row[0] for row in await service.fetch("select * from parking.ended_sessions($1)", ids)}
    assert ended == set(ids[:3]), "another person's session goes on"
    revoked = [t for t in await audit(superuser, "action", "actor_id") if t[0] == "session.revoked"]
    assert revoked == [("session.revoked", DRIVER_1)] * 2


async def test_changing_the_password(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    change = "select * from parking.change_password($1, $2, $3, $4)"
    here, elsewhere = await sign_in(service), await sign_in(service)
    for weak in ("", "seven 7", EMAIL.upper(), None):
        with refused("password-too-weak", 422):
            await service.fetch(change, DRIVER_1, "wrong", weak, None)
    with refused("password-too-long", 422):
        await service.fetch(change, DRIVER_1, PASSWORD, "ü" * 37, None)

    assert tuple(await one_row(service, change, DRIVER_1, "wrong", "correct horse", None)) == ("wrong-password", None)
    assert tuple(await one_row(service, change, DRIVER_1, PASSWORD, "correct horse", here["session_id"])) == (
        "changed",
        None,
    )
    assert (await one_row(service, SESSION, here["session_id"], HOME))["actor"] == DRIVER_1
    with refused("session-over", 401):
        await service.fetch(SESSION, elsewhere["session_id"], HOME)
    assert (await sign_in(service))["outcome"] == "wrong-credentials"
    assert (await sign_in(service, password="correct horse"))["outcome"] == "signed-in"
    actions = [t[0] for t in await audit(superuser, "action")]
    assert {"password.refused", "password.changed"} <= set(actions)

    for _ in range(5):
        await one_row(service, change, DRIVER_1, "wrong", "correct horse", None)
    row = await one_row(service, change, DRIVER_1, "correct horse", "correct donkey", None)
    assert row["outcome"] == "too-many-attempts", "who has got hold of a session does not guess the password either"
    assert row["retry_after"] > 0


async def test_a_sign_in_that_is_under_way_while_the_password_changes_opens_nothing(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    changing = await connect("postgres")
    transaction = changing.transaction()
    await transaction.start()
    await changing.execute(
        "update parking.people set password_hash = extensions.crypt('new', extensions.gen_salt('bf', 4)) where id = $1",
        DRIVER_1,
    )
    late = asyncio.create_task(sign_in(service))
    await waits_for_a_lock(superuser)
    await transaction.commit()
    assert (await late)["outcome"] == "wrong-credentials"
    assert await superuser.fetchval("select count(*) from parking.sessions") == 0


async def test_registering(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    register = "select * from parking.register($1, $2, $3, $4, $5)"
    free = await one_row(service, register, "New@Parking.com", "correct horse", " New ", "default", HOME)
    taken = await one_row(service, register, EMAIL, "correct horse", "Somebody Else", "default", HOME)
    assert tuple(free) == tuple(taken) == ("registered", None)
    assert (await sign_in(service, "new@parking.com", "correct horse"))["roles"] == ["driver"]
    assert (await sign_in(service, EMAIL, "correct horse"))["outcome"] == "wrong-credentials"
    account = await one_row(service, "select * from parking.my_account($1)", DRIVER_1)
    assert (account["email"], account["display_name"], account["roles"]) == (EMAIL, "Driver One", ["driver"])
    actions = [t[0] for t in await audit(superuser, "action")]
    assert actions[:2] == ["person.registered", "registration.refused"]

    for email, name, tenant, slug, status in [
        ("nobody", "New", "default", "not-an-email", 422),
        ("a b@parking.com", "New", "default", "not-an-email", 422),
        ("x" * 250 + "@x.de", "New", "default", "not-an-email", 422),
        (None, "New", "default", "not-an-email", 422),
        ("newer@parking.com", " ", "default", "not-a-name", 422),
        ("newer@parking.com", "x" * 201, "default", "not-a-name", 422),
        ("newer@parking.com", None, "default", "not-a-name", 422),
        ("newer@parking.com", "New", "elsewhere", "registration-closed", 403),
        ("newer@parking.com", "New", None, "registration-closed", 403),
    ]:
        with refused(slug, status):
            await service.fetch(register, email, "correct horse", name, tenant, HOME)
    with refused("password-too-weak", 422):
        await service.fetch(register, "newer@parking.com", "Newer@parking.com", "New", "default", HOME)

    outcomes = [
        (await one_row(service, register, f"new{n}@parking.com", "correct horse", "New", "default", HOME))["outcome"]
        for n in range(10)
    ]
    assert outcomes == ["registered"] * 8 + ["too-many-attempts"] * 2
    assert (await one_row(service, register, "new@parking.com", "correct horse", "N", "default", AWAY))[
        0
    ] == "registered"


async def test_one_registers_only_where_registration_is_open(connect: Connect) -> None:
    """And cannot tell a closed tenant from one that there is not."""
    service, dba, superuser = await connect(), await connect("parking_dba"), await connect("postgres")
    admin = await dba.fetchval("select parking.find_person('admin@riverside.com', 'riverside')")

    async def register(tenant: str, email: str = "new@riverside.com") -> str:
        try:
            row = await one_row(
                service, "select outcome from parking.register($1, 'correct horse', 'New', $2)", email, tenant
            )
        except asyncpg.PostgresError as refusal:
            return f"{refusal.sqlstate} {refusal.constraint_name} {refusal.message} {refusal.detail} {refusal.hint}"
        return str(row["outcome"])

    closed = await register("riverside")
    assert closed.startswith("PK403 registration-closed ")
    assert await register("elsewhere") == closed
    assert await register("riverside", "not an e-mail") == await register("elsewhere", "not an e-mail") == closed

    turn = "select parking.set_registration($1, $2, $3)"
    for mode in ("ajar", None):
        with refused("not-a-registration", 422):
            await dba.fetch(turn, "riverside", mode, None)
    with refused("unknown-tenant", 404):
        await dba.fetch(turn, "default", "closed", admin)
    with refused("not-permitted", 403):
        await dba.fetch(turn, "default", "closed", DRIVER_1)
    for _ in range(2):
        assert await dba.fetchval(turn, "riverside", "open", admin) == "open"
    assert await register("riverside") == "registered"
    assert await dba.fetchval(turn, "riverside", "closed", None) == "closed"
    assert await register("riverside", "newer@riverside.com") == closed
    traces = await audit(superuser, "action", "actor_id", "details")
    assert [trace for trace in traces if trace[0] == "tenant.changed"] == [
        ("tenant.changed", admin, '{"registration": "open"}'),
        ("tenant.changed", None, '{"registration": "closed"}'),
    ]


async def test_two_register_the_same_email_at_once(connect: Connect) -> None:
    register = "select * from parking.register('new@parking.com', $1, 'New', 'default', $2)"
    connections = [await connect() for _ in range(8)]
    rows = await asyncio.gather(
        *(one_row(c, register, f"password {n}", f"192.0.2.{n}") for n, c in enumerate(connections))
    )
    assert {tuple(row) for row in rows} == {("registered", None)}
    outcomes = [
        (await sign_in(connections[0], "new@parking.com", f"password {n}", f"192.0.2.{n}"))["outcome"] for n in range(8)
    ]
    assert Counter(outcomes) == {"signed-in": 1, "wrong-credentials": 7}


async def test_a_session_is_of_one_tenant(connect: Connect) -> None:
    """The session says whose data a call is about, whatever the transaction was told before."""
    service, superuser = await connect(), await connect("postgres")
    await superuser.execute("""
        insert into parking.tenants (slug, name) values ('other', 'Other');
        insert into parking.people (tenant_id, email, display_name, password_hash)
        select t.id, p.email, 'Namesake', p.password_hash
        from parking.tenants t, parking.people p where t.slug = 'other' and p.id = 1""")
    namesake = await sign_in(service, tenant="other")
    assert namesake["person_id"] != DRIVER_1
    assert (await one_row(service, SESSION, namesake["session_id"], HOME))["tenant"] == "other"
    await service.fetchval("select parking.sign_out_everywhere($1)", DRIVER_1)
    assert (await refresh(service, namesake["refresh_token"]))["tenant"] == "other"


async def test_what_is_good_for_nothing_is_tidied(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    over, begun = await sign_in(service), await sign_in(service)
    await service.fetchval("select parking.sign_out($1)", over["session_id"])
    await sign_in(service, password="guess")
    second = await refresh(service, begun["refresh_token"])
    await shift_clock(superuser, timedelta(hours=1))
    dba = await connect("parking_dba")
    assert tuple(await one_row(dba, "select * from parking.tidy_sessions()")) == (0, 1, 4)
    assert (await sign_in(service, address=HOME))["outcome"] == "signed-in"
    assert (await refresh(service, begun["refresh_token"]))["outcome"] == "session-over", "a replay is still one"
    assert (await refresh(service, second["refresh_token"]))["outcome"] == "session-over"
    await shift_clock(superuser, timedelta(hours=3000))
    assert (await one_row(dba, "select * from parking.tidy_sessions()"))["sessions"] == 3
    assert await superuser.fetchval("select count(*) from parking.sessions, parking.refresh_tokens") == 0


@pytest.mark.parametrize("lifetime", ["1 day", "1 month", "12 months", "1 month -24 hours", "59 seconds", "8785 hours"])
async def test_a_session_lasts_for_hours_and_not_for_days_or_months(connect: Connect, lifetime: str) -> None:
    """How long those are depends on the calendar, and on the time zone of whoever signs in."""
    superuser = await connect("postgres")
    with refused("not-a-lifetime", 422):
        await superuser.execute(f"select parking.keep_sessions(lifetime => '{lifetime}')")
    # Whatever words the session has for it.
    await superuser.execute("set intervalstyle = 'postgres_verbose'")
    await superuser.execute("select parking.keep_sessions(lifetime => '8784 hours')")
