"""The rules of the house, asked of the catalogue: whoever adds a table or a function and forgets one is told here."""

import re

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support import ROOT, Database, psql

OURS = "('parking', 'parking_private')"
FUNCTIONS = f"""
    select p.oid, p.oid::regprocedure::text as signature, n.nspname as schema, p.proname as name,
           p.prosecdef as definer,
           p.proconfig as config, p.prokind, l.lanname as language, p.proowner::regrole::text as owner,
           pg_get_functiondef(p.oid) as text, obj_description(p.oid, 'pg_proc') as comment
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
    where n.nspname in {OURS} order by 1"""


async def functions(connect: Connect) -> list[asyncpg.Record]:
    superuser = await connect("postgres")
    found = await superuser.fetch(FUNCTIONS)
    assert len(found) > 20
    return found


async def test_every_function_passes_plpgsql_check(connect: Connect) -> None:
    superuser = await connect("postgres")
    await superuser.execute("create extension plpgsql_check")
    faults = await superuser.fetch(f"""
        select p.oid::regprocedure::text as function, c.lineno, c.statement, c.sqlstate, c.message, c.level
        from pg_proc p
        join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
        cross join lateral plpgsql_check_function_tb(p.oid, other_warnings => true, extra_warnings => true,
            performance_warnings => false, security_warnings => true) c
        where p.pronamespace::regnamespace::text in {OURS} and p.prorettype <> 'trigger'::regtype""")
    assert [dict(fault) for fault in faults] == []


async def test_plpgsql_check_would_find_a_fault(connect: Connect) -> None:
    """The negative control of the test above."""
    superuser = await connect("postgres")
    await superuser.execute("create extension plpgsql_check")
    await superuser.execute("""
        create function parking.broken() returns void language plpgsql
        as $$ begin perform no_such_column from parking.lots; end $$""")
    faults = await superuser.fetch("select * from plpgsql_check_function_tb('parking.broken()')")
    assert [fault["sqlstate"] for fault in faults] == ["42703"]


async def test_only_clock_reads_the_time(connect: Connect) -> None:
    forbidden = re.compile(
        r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\(\s*\)"
        r"|\b(current_timestamp|current_date|current_time|localtimestamp|localtime)\b",
        re.IGNORECASE,
    )
    readers = {f["signature"] for f in await functions(connect) if forbidden.search(f["text"])}
    assert readers == {"parking.clock()"}


# What looks across tenants: it finds out whose data a call is about, or passes on what happens everywhere.
PLATFORM = {
    "parking_private.all_tenants()",
    "parking_private.count_events(integer,pg_snapshot)",
    "parking_private.find_actor(bigint,text)",
    "parking_private.find_lot_of(text,bigint)",
    "parking_private.find_tenant_of_lot(bigint,text)",
    "parking_private.find_tenant_of_pass(text)",
    "parking_private.find_tenant_of_person(bigint)",
    "parking.ended_sessions(uuid[])",
    "parking.event_cursor()",
    "parking.events_after(text,bigint,text,integer)",
    "parking.lost_lots(bigint[],bigint[])",
    "parking.session(uuid,inet)",
    "parking_private.find_tenant_of_session(uuid)",
    "parking_private.measure_use()",
    "parking.readiness(text,timestamp with time zone)",
    "parking_private.find_tenant_of_token(bytea)",
    "parking_private.readable_tenants(name)",
    "parking_private.tenant_of(text)",
}


async def test_who_runs_a_function_and_with_what_search_path(connect: Connect) -> None:
    for function in await functions(connect):
        signature, config = function["signature"], function["config"] or []
        platform = signature in PLATFORM
        assert function["owner"] == ("parking_platform" if platform else "parking_owner"), signature
        if platform:
            assert function["definer"], signature
            assert config == ["search_path=pg_catalog, parking, parking_private, pg_temp"], signature
        elif function["schema"] == "parking_private" or function["prokind"] == b"p":
            assert not function["definer"], f"{signature}: helpers and procedures run as whoever calls them"
            assert not config, f"{signature}: a SET clause keeps a procedure from committing and a helper slow"
        else:
            assert function["definer"], f"{signature}: public functions are the one door to the tables"
            assert config == ["search_path=pg_catalog, parking, parking_private, pg_temp"], signature
    superuser = await connect("postgres")
    above_the_policies = """
        select rolname from pg_roles where rolname like 'parking%' and (rolsuper or rolbypassrls or rolcreaterole)"""
    assert await superuser.fetch(above_the_policies) == []


SERVICE = {
    "add_floor",
    "add_person",
    "add_row",
    "add_spot",
    "agree",
    "alternatives",
    "amount_due",
    "assign_role",
    "board",
    "board_section",
    "book",
    "build_lot",
    "cancel",
    "change_floor",
    "change_lot",
    "change_password",
    "change_person",
    "change_row",
    "change_spot",
    "check_pass",
    "check_spot",
    "clock",
    "complete",
    "correct_ticket",
    "count_states",
    "day_course",
    "day_figures",
    "day_peaks",
    "deactivate",
    "describe_lot",
    "end_concession",
    "end_session",
    "ended_sessions",
    "enter_garage",
    "erase_person",
    "event_cursor",
    "events_after",
    "expect",
    "expire_old",
    "figures",
    "find_floor",
    "find_garage",
    "find_lot",
    "find_lots",
    "find_reservation",
    "find_row",
    "find_spot",
    "find_spot_state",
    "find_ticket",
    "find_view",
    "found_tenant",
    "free_spots",
    "garage_report",
    "garage_stats",
    "grant_concession",
    "has_price",
    "holders",
    "inspect_spots",
    "issue_pass",
    "leave_garage",
    "ledger_balance",
    "list_activities",
    "list_activity",
    "list_concessions",
    "list_events",
    "list_lots",
    "list_payment_methods",
    "list_people",
    "list_reservations",
    "list_roles",
    "list_slots",
    "list_spot_states",
    "list_spots",
    "list_tariffs",
    "list_tenants",
    "list_tickets",
    "look_up_ticket",
    "lose_ticket",
    "lost_lots",
    "my_account",
    "my_sessions",
    "overstays",
    "overview",
    "problems",
    "quote",
    "reactivate",
    "read_clock",
    "readiness",
    "refresh",
    "refund_ticket",
    "register",
    "reschedule",
    "retire_floor",
    "retire_lot",
    "retire_row",
    "retire_spot",
    "retire_tariff",
    "revenue_by_tariff",
    "revoke_role",
    "session",
    "session_of",
    "set_garage",
    "set_password",
    "set_registration",
    "set_slots",
    "set_spot_state",
    "set_tariff",
    "show_person",
    "show_reservation",
    "sign_in",
    "sign_out",
    "sign_out_everywhere",
    "slot_prices",
    "staff_desk",
    "stats",
    "stays_by_length",
    "version",
    "void_ticket",
    "watch_rows",
    "watch_section",
}


async def test_who_may_call_what(connect: Connect) -> None:
    superuser = await connect("postgres")
    may = "select has_function_privilege($1, $2::oid, 'execute')"
    for function in await functions(connect):
        public = function["schema"] == "parking"
        expected = {
            "parking_dba": public,
            "parking_service": public and function["name"] in SERVICE,
        }
        if function["signature"] == "parking_private.readable_tenants(name)":
            expected["parking_dba"] = True  # it is in the policies of the views
        for role, allowed in expected.items():
            assert await superuser.fetchval(may, role, function["oid"]) == allowed, (role, function["signature"])
        acl = await superuser.fetchval("select proacl::text from pg_proc where oid = $1", function["oid"])
        assert acl is not None, f"{function['signature']}: without an ACL PUBLIC may execute it"
        assert not re.search(r"[{,]=X", acl), f"{function['signature']}: PUBLIC may execute it"


async def test_nobody_touches_a_table(connect: Connect) -> None:
    superuser = await connect("postgres")
    relations = await superuser.fetch(f"""
        select c.oid::regclass::text as name, c.relkind = 'v' as view, c.relacl::text as acl,
               c.relowner::regrole::text as owner
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in {OURS} and c.relkind in ('r', 'v', 'p', 'm', 'S')""")
    assert len(relations) > 12
    for relation in relations:
        assert relation["owner"] == ("parking_viewer" if relation["view"] else "parking_owner"), relation["name"]
        granted = relation["acl"] or ""
        assert "parking_service" not in granted, relation["name"]
        for group in ("parking_dba", "parking_reporting"):
            assert bool(f"{group}=r/" in granted) == relation["view"], relation["name"]
        assert not re.search(r"[{,]=", granted), f"{relation['name']}: PUBLIC may read it"
        assert not re.search(r"parking_(platform|viewer)=(?!r/)", granted) or relation["view"], relation["name"]
    for role in ("parking_service", "parking_dba"):
        connection = await connect(role)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("select * from parking.people")
        for other in ("parking_owner", "parking_platform", "parking_viewer", "parking_reporting", "postgres"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"set role {other}")


# Tables that say the same for every tenant, or nothing about any.
GLOBAL = {
    "parking_private.attempts",
    "parking_private.clock_shift",
    "parking_private.event_log",
    "parking_private.limits",
    "parking_private.lot_tally_mark",
    "parking_private.payment_methods",
    "parking_private.permissions",
    "parking_private.reporters",
    "parking_private.role_permissions",
    "parking_private.roles",
    "parking_private.session_rules",
    "parking_private.spot_state_transitions",
    "parking_private.spot_states",
    "parking_private.tallies",
    "parking_private.tally_mark",
    "parking_private.time_zones",
}
POLICIES = {
    ("entered_tenant", "{parking_owner}", "ALL", "({} = ( SELECT parking_private.current_tenant() AS current_tenant))"),
    ("every_tenant", "{parking_platform}", "SELECT", "true"),
    (
        "readable_tenants",
        "{parking_viewer}",
        "SELECT",
        "({} = ANY (ARRAY( SELECT parking_private.readable_tenants(CURRENT_USER) AS readable_tenants)))",
    ),
}


async def test_every_table_is_isolated(connect: Connect) -> None:
    """Row-level security, enabled and forced, with the three policies and an index that begins with the tenant."""
    superuser = await connect("postgres")
    tables = await superuser.fetch(f"""
        select c.oid, c.oid::regclass::text as name, c.relrowsecurity and c.relforcerowsecurity as secured,
               a.attname as first_of_the_key
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        left join pg_constraint k on k.conrelid = c.oid and k.contype = 'p'
        left join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1]
        where n.nspname in {OURS} and c.relkind in ('r', 'p')""")
    assert {table["name"] for table in tables} >= GLOBAL | {"parking.reservations", "parking_private.events_default"}
    for table in tables:
        if table["name"] in GLOBAL:
            continue
        tenant = "id" if table["name"] == "parking.tenants" else "tenant_id"
        assert table["secured"], table["name"]
        assert table["first_of_the_key"] == tenant, table["name"]
        policies = await superuser.fetch(
            """
            select policyname, roles::text, cmd, qual, with_check from pg_policies
            where format('%I.%I', schemaname, tablename)::regclass = $1::oid""",
            table["oid"],
        )
        assert {tuple(policy)[:4] for policy in policies} == {
            (name, roles, command, condition.format(tenant)) for name, roles, command, condition in POLICIES
        }, table["name"]
        assert {policy["with_check"] for policy in policies} == {None}, "what may be read may be written"


async def test_a_forgotten_table_is_found(connect: Connect) -> None:
    """The negative control of the test above."""
    superuser = await connect("postgres")
    await superuser.execute("create table parking.forgotten (tenant_id bigint, id bigint, primary key (tenant_id, id))")
    with pytest.raises(AssertionError, match=r"parking\.forgotten"):
        await test_every_table_is_isolated(connect)


async def test_the_tenant_leads_every_key(connect: Connect) -> None:
    """In every primary, unique, foreign and exclusion key of a tenant's table tenant_id comes first; but for a foreign
    key to what is the same for all tenants."""
    superuser = await connect("postgres")
    tables = await superuser.fetch("""
        select c.oid, c.relname from pg_class c
        where c.relnamespace = 'parking'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'tenants'""")
    assert len(tables) >= 8
    for table in tables:
        keys = await superuser.fetch(
            """
            select k.conname, k.contype, a.attname from pg_constraint k
            join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
            where k.conrelid = $1 and k.contype in ('p', 'u', 'f', 'x')
              and not coalesce(k.confrelid::regclass::text = any ($2), false)""",
            table["oid"],
            sorted(GLOBAL),
        )
        assert b"p" in [key["contype"] for key in keys], table["relname"]
        assert {key["attname"] for key in keys} == {"tenant_id"}, (table["relname"], keys)


async def test_everything_has_a_comment(connect: Connect) -> None:
    superuser = await connect("postgres")
    assert [f["signature"] for f in await functions(connect) if not f["comment"]] == []
    assert (
        await superuser.fetch(f"""
        select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in {OURS} and c.relkind in ('r', 'v') and obj_description(c.oid, 'pg_class') is null""")
        == []
    )


async def test_the_manual_names_the_problems_that_a_function_raises(connect: Connect) -> None:
    """Those that it raises by itself; and every slug that is raised anywhere is in parking.problems()."""
    raised = re.compile(r"refuse\('([a-z-]+)'")
    superuser = await connect("postgres")
    known = {row["slug"] for row in await superuser.fetch("select slug from parking.problems()")}
    used: set[str] = set()
    for function in await functions(connect):
        slugs = set(raised.findall(function["text"]))
        used |= slugs
        if function["schema"] == "parking":
            assert [slug for slug in slugs if slug not in function["comment"]] == [], function["signature"]
    assert used <= known
    assert known - used == {"too-many-attempts", "wrong-credentials", "wrong-password"}, (
        "these are returned as an outcome"
    )


def example_of(comment: str) -> list[tuple[str, str]]:
    """The statements of a comment's example, each with the output that the comment promises."""
    text = comment.split("\nExample:\n")[1]
    lines = [line.removeprefix("    ") for line in text.split("\n")]
    pairs: list[tuple[str, str]] = []
    for block in "\n".join(lines).strip("\n").split("\n\n"):
        end = block.rindex(";\n") + 1
        pairs.append((block[:end], block[end:]))
    return pairs


def tidy(output: str) -> str:
    return "\n".join(line.rstrip() for line in output.strip("\n").split("\n"))


PUBLIC = sorted(
    set(re.findall(r"^create (?:function|procedure) parking\.([a-z_]+)\(", "\n".join(
        path.read_text() for path in (ROOT / "db" / "deploy").glob("*.sql")), re.MULTILINE))
)  # fmt: skip


@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_in_a_comment_is_true(database: Database, name: str) -> None:
    """In a fresh demo, as a DBA, with the real psql: what the comment shows is what comes out."""
    comment = database.psql(f"""
        select string_agg(obj_description(oid, 'pg_proc'), '')
        from pg_proc where proname = '{name}' and pronamespace = 'parking'::regnamespace""")
    examples = example_of(comment)
    assert any(f"parking.{name}(" in statement for statement, _ in examples), "the example calls something else"
    for statement, promised in examples:
        # The lot's wall clock, so that 'tomorrow' is tomorrow there.
        script = f"\\set SHOW_CONTEXT never\nset timezone = 'Europe/Berlin';\n{statement}\n"
        shown = psql(database, "parking_dba", script, check=False)
        shown = re.sub(r"^psql:<stdin>:\d+: ", "", shown, flags=re.MULTILINE)
        assert tidy(shown) == tidy(promised)


async def test_every_public_function_was_tried(connect: Connect) -> None:
    assert sorted({f["name"] for f in await functions(connect) if f["schema"] == "parking"}) == PUBLIC
