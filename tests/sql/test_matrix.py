"""Who may call which function with whose things: every public function, every kind of caller, nothing left out.

Each cell is a transaction that is rolled back. Whoever adds a function adds an entry, or is told here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

import asyncpg
import pytest

from tests.conftest import Connect
from tests.support.matrix import (
    CALLERS,
    DBA,
    OK,
    SUCCESSES,
    TOLD,
    Rule,
    Stage,
    World,
    administering,
    analysing,
    anybody,
    booking,
    building,
    own_account,
    own_reservation,
    platform,
    reading,
    require_entries,
    row,
    running,
    tells,
)
from tests.support.sql import edit_function

NOT_GRANTED = "not-granted"
THINGS = frozenset(
    {"lot", "floor", "row", "spot", "reservation", "tariff", "concession", "garage", "ticket", "plate"}
    | {"person", "tenant", "session", "code"}
)
OF_A_LOT = frozenset(
    {"lot", "floor", "row", "spot", "reservation", "tariff", "concession", "garage", "ticket", "plate"}
)
SOON = "parking.clock() + interval '1 hour', parking.clock() + interval '2 hours'"


def for_dbas(outcome: str = OK) -> Rule:
    """Not granted to the service, whoever acts."""
    who = row(NOT_GRANTED, dba=outcome)
    return Rule(who, who)


@dataclass(frozen=True)
class Call:
    """A statement, with `{actor}` and the things of a world, and who may do it."""

    rule: Rule
    statement: str

    @property
    def names(self) -> set[str]:
        """What of a world the statement names."""
        return {name for _, name, _, _ in Formatter().parse(self.statement) if name} - {"actor"}

    def write(self, world: World, actor: int | None) -> str:
        """The statement for this caller in this world."""
        things = {name: getattr(world, name) for name in THINGS}
        return self.statement.format(actor="null::bigint" if actor is None else actor, **things)


ACTIVITY = row("not-permitted", anonymous="unknown-actor", dba="unknown-actor", admin=OK, platform=OK)

CALLS: Mapping[str, Call] = {
    # Lots and what they consist of.
    "build_lot": Call(building(OK), "select * from parking.build_lot({actor}, 'New', 'UTC')"),
    "change_lot": Call(building("unknown-lot"), "select * from parking.change_lot({actor}, {lot}, 'Other')"),
    "retire_lot": Call(building("unknown-lot"), "select parking.retire_lot({actor}, {lot})"),
    "set_slots": Call(building("unknown-lot"), "select parking.set_slots({actor}, {lot}, '{{08:00-12:00}}')"),
    "add_floor": Call(building("unknown-lot"), "select * from parking.add_floor({actor}, {lot}, 'Roof')"),
    "change_floor": Call(building("unknown-floor"), "select * from parking.change_floor({actor}, {floor}, 'Roof')"),
    "retire_floor": Call(building("unknown-floor"), "select parking.retire_floor({actor}, {floor})"),
    "add_row": Call(building("unknown-floor"), "select * from parking.add_row({actor}, {floor}, 'New')"),
    "change_row": Call(building("unknown-row"), "select * from parking.change_row({actor}, {row}, 'Other')"),
    "retire_row": Call(building("unknown-row"), "select parking.retire_row({actor}, {row})"),
    "add_spot": Call(building("unknown-row"), "select * from parking.add_spot({actor}, {row}, 'New')"),
    "change_spot": Call(building("unknown-spot"), "select * from parking.change_spot({actor}, {spot}, 'Other')"),
    "retire_spot": Call(building("unknown-spot"), "select parking.retire_spot({actor}, {spot})"),
    "set_spot_state": Call(
        building("unknown-spot"), "select * from parking.set_spot_state({actor}, {spot}, 'maintenance', 'Paint')"
    ),
    "expect": Call(building("unknown-lot"), "select parking.expect({actor}, 'lot', {lot}, '{{*}}')"),
    "read_clock": Call(anybody(), "select parking.read_clock('UTC', localtimestamp)"),
    "agree": Call(anybody(), "select parking.agree(1000, 1000)"),
    "version": Call(anybody(), "select parking.version('{{}}')"),
    "list_lots": Call(anybody(), "select * from parking.list_lots(actor => {actor})"),
    "find_lot": Call(reading("unknown-lot"), "select * from parking.find_lot({lot}, actor => {actor})"),
    "find_lots": Call(anybody(), "select * from parking.find_lots(actor => {actor})"),
    "find_view": Call(
        reading("unknown-lot"),
        "select * from parking.find_view({lot}, actor => {actor}, floor => {floor}, spot_row => {row})",
    ),
    "board_section": Call(
        reading("unknown-lot"), "select * from parking.board_section({lot}, null, {actor}, spot_row => {row})"
    ),
    "overview": Call(reading("unknown-lot"), "select * from parking.overview({lot}, null, {actor}, {floor})"),
    "describe_lot": Call(reading("unknown-lot"), "select parking.describe_lot({lot}, {actor})"),
    "list_slots": Call(reading("unknown-lot"), "select parking.list_slots({lot}, {actor})"),
    "board": Call(reading("unknown-lot"), "select * from parking.board({lot}, null, {actor})"),
    "list_spots": Call(reading("unknown-lot"), "select * from parking.list_spots({lot}, current_date, {actor})"),
    "free_spots": Call(reading("unknown-lot"), f"select * from parking.free_spots({SOON}, {{lot}}, null, {{actor}})"),
    "list_spot_states": Call(reading("unknown-lot"), "select * from parking.list_spot_states({lot}, {actor})"),
    "stats": Call(reading("unknown-lot"), "select * from parking.stats({lot}, {actor})"),
    # For those who may see how lots are used.
    "day_course": Call(analysing("unknown-lot"), "select * from parking.day_course({lot}, actor => {actor})"),
    "day_figures": Call(analysing("unknown-lot"), "select * from parking.day_figures({lot}, actor => {actor})"),
    "day_peaks": Call(analysing("unknown-lot"), "select * from parking.day_peaks({lot}, actor => {actor})"),
    "count_states": Call(analysing("unknown-lot"), "select * from parking.count_states({lot}, {actor})"),
    "inspect_spots": Call(analysing("unknown-lot"), "select * from parking.inspect_spots({lot}, null, {actor})"),
    "list_events": Call(analysing("unknown-lot"), "select * from parking.list_events({lot}, {actor})"),
    "find_floor": Call(reading("unknown-floor"), "select * from parking.find_floor({floor}, {actor})"),
    "find_row": Call(reading("unknown-row"), "select * from parking.find_row({row}, {actor})"),
    "find_spot": Call(reading("unknown-spot"), "select * from parking.find_spot({spot}, {actor})"),
    "find_spot_state": Call(reading("unknown-spot"), "select * from parking.find_spot_state({spot}, {actor})"),
    # For the feed, which asks find_lot() for each of its sockets first: whoever has the service's role may read them.
    "watch_section": Call(anybody(unknown="unknown-lot"), "select * from parking.watch_section({lot}, current_date)"),
    "watch_rows": Call(anybody(unknown="unknown-lot"), "select * from parking.watch_rows({lot}, current_date)"),
    "lost_lots": Call(anybody(), "select * from parking.lost_lots(array[{lot}]::bigint[], array[{actor}]::bigint[])"),
    "holders": Call(
        anybody(),
        "select * from parking.holders(array[{lot}]::bigint[], array[{spot}]::bigint[], array[parking.clock()])",
    ),
    "event_cursor": Call(anybody(), "select parking.event_cursor()"),
    "events_after": Call(anybody(), "select * from parking.events_after(null, {lot})"),
    # Reservations.
    "book": Call(booking("unknown-spot"), f"select * from parking.book({{actor}}, {{spot}}, {SOON})"),
    "complete": Call(own_reservation(), "select * from parking.complete({actor}, {reservation})"),
    "cancel": Call(
        own_reservation(operator=OK, admin=OK, platform=OK), "select * from parking.cancel({actor}, {reservation})"
    ),
    "reschedule": Call(
        own_reservation(),
        "select * from parking.reschedule({actor}, {reservation}, ends => parking.clock() + interval '3 hours')",
    ),
    "list_reservations": Call(running(), "select * from parking.list_reservations({actor}, 'all')"),
    "expire_old": Call(running(), "select * from parking.expire_old({actor})"),
    "check_spot": Call(reading("unknown-spot"), f"select parking.check_spot({{spot}}, {SOON}, {{actor}})"),
    "alternatives": Call(reading("unknown-spot"), f"select * from parking.alternatives({{spot}}, {SOON}, {{actor}})"),
    "issue_pass": Call(own_reservation(), "select parking.issue_pass({actor}, {reservation})"),
    # The code is the secret; who sees the driver's name is judged in test_passes.py.
    "check_pass": Call(anybody(unknown="unknown-pass"), "select * from parking.check_pass('{code}', {actor})"),
    "find_reservation": Call(own_reservation(), "select * from parking.find_reservation({actor}, {reservation})"),
    "show_reservation": Call(own_reservation(), "select * from parking.show_reservation({actor}, {reservation})"),
    # Prices.
    "slot_prices": Call(reading("unknown-lot"), "select * from parking.slot_prices({lot}, current_date, {actor})"),
    "quote": Call(reading("unknown-lot"), f"select * from parking.quote({{lot}}, {SOON}, actor => {{actor}})"),
    "list_tariffs": Call(reading("unknown-lot"), "select * from parking.list_tariffs({lot}, {actor})"),
    "set_tariff": Call(
        building("unknown-lot"), "select * from parking.set_tariff({actor}, {lot}, 'Standard', price_cents => 1)"
    ),
    "retire_tariff": Call(building("unknown-tariff"), "select * from parking.retire_tariff({actor}, {tariff})"),
    "grant_concession": Call(
        building("unknown-lot"),
        "select * from parking.grant_concession({actor}, 'season-pass', {lot}, plate => 'B AB 123')",
    ),
    "end_concession": Call(
        building("unknown-concession"), "select * from parking.end_concession({actor}, {concession})"
    ),
    "list_concessions": Call(building("unknown-lot"), "select * from parking.list_concessions({actor}, {lot})"),
    # The garage's desk, its money and its figures.
    "set_garage": Call(building("unknown-lot"), "select * from parking.set_garage({actor}, {lot})"),
    "find_garage": Call(reading("unknown-lot"), "select * from parking.find_garage({garage}, {actor})"),
    "enter_garage": Call(building("unknown-lot"), "select * from parking.enter_garage({actor}, {garage}, 'B NEW 1')"),
    "find_ticket": Call(building("unknown-ticket"), "select * from parking.find_ticket({actor}, '{ticket}')"),
    "look_up_ticket": Call(
        building("unknown-lot"), "select * from parking.look_up_ticket({actor}, {garage}, '{plate}')"
    ),
    "list_payment_methods": Call(running(), "select * from parking.list_payment_methods({actor})"),
    "amount_due": Call(building("unknown-ticket"), "select * from parking.amount_due({actor}, '{ticket}')"),
    "leave_garage": Call(building("unknown-ticket"), "select * from parking.leave_garage({actor}, '{ticket}', 'Cash')"),
    "has_price": Call(building("unknown-ticket"), "select parking.has_price({actor}, '{ticket}')"),
    "lose_ticket": Call(
        building("unknown-ticket"), "select * from parking.lose_ticket({actor}, '{ticket}', 'Cash', 'Lost')"
    ),
    "void_ticket": Call(building("unknown-ticket"), "select * from parking.void_ticket({actor}, '{ticket}', 'Error')"),
    "refund_ticket": Call(
        building("unknown-ticket"),
        """select r.* from parking.leave_garage({actor}, '{ticket}', 'Cash') t,
                  parking.refund_ticket({actor}, t.ticket_number, 1, 'Kindness') r""",
    ),
    "correct_ticket": Call(
        building("unknown-ticket"),
        """select c.* from parking.leave_garage({actor}, '{ticket}', 'Cash') t,
                  parking.correct_ticket({actor}, t.ticket_number, 1, 'Error') c""",
    ),
    "ledger_balance": Call(analysing("unknown-lot"), "select * from parking.ledger_balance({actor}, {garage})"),
    "garage_stats": Call(analysing("unknown-lot"), "select * from parking.garage_stats({actor}, {garage})"),
    "list_activities": Call(analysing("unknown-lot"), "select * from parking.list_activities({actor}, {garage})"),
    "overstays": Call(analysing("unknown-lot"), "select * from parking.overstays({actor}, {garage})"),
    "garage_report": Call(
        analysing("unknown-lot"), "select * from parking.garage_report({actor}, {garage}, 'today', 'today')"
    ),
    "stays_by_length": Call(
        analysing("unknown-lot"), "select * from parking.stays_by_length({actor}, {garage}, 'today', 'today')"
    ),
    "revenue_by_tariff": Call(
        analysing("unknown-lot"), "select * from parking.revenue_by_tariff({actor}, {garage}, 'today', 'today')"
    ),
    "list_tickets": Call(
        analysing("unknown-lot"), "select * from parking.list_tickets({actor}, {garage}, 'today', 'today')"
    ),
    # One's account. Without an actor it is the password or the token that says who one is.
    "register": Call(
        anybody("registered", unknown="registration-closed"),
        "select * from parking.register('new@matrix.example', 'correct horse', 'New', '{tenant}')",
    ),
    "sign_in": Call(anybody("signed-in"), "select * from parking.sign_in('operator@parking.com', 'password123')"),
    "refresh": Call(
        anybody("refreshed"),
        """select r.* from parking.sign_in('operator@parking.com', 'password123') i,
                  parking.refresh(i.refresh_token) r""",
    ),
    "session": Call(anybody(unknown="session-over"), "select * from parking.session('{session}')"),
    "session_of": Call(anybody(), "select parking.session_of('nobody''s')"),
    "ended_sessions": Call(anybody(), "select parking.ended_sessions('{{{session}}}')"),
    "sign_out": Call(anybody(), "select parking.sign_out('{session}')"),
    "sign_out_everywhere": Call(own_account(), "select parking.sign_out_everywhere({actor})"),
    "my_sessions": Call(own_account(), "select * from parking.my_sessions({actor})"),
    "end_session": Call(own_account(), "select parking.end_session({actor}, '{session}')"),
    "my_account": Call(own_account(), "select * from parking.my_account({actor})"),
    "change_password": Call(
        own_account("changed"), "select * from parking.change_password({actor}, 'password123', 'correct horse')"
    ),
    # People and tenants.
    "add_person": Call(
        administering("unknown-tenant"),
        "select * from parking.add_person('new@matrix.example', 'New', '{tenant}', actor => {actor})",
    ),
    "list_people": Call(
        administering("unknown-tenant"), "select * from parking.list_people({actor}, tenant => '{tenant}')"
    ),
    "show_person": Call(administering("unknown-person"), "select * from parking.show_person({person}, {actor})"),
    "change_person": Call(
        administering("unknown-person"),
        "select * from parking.change_person({person}, display_name => 'Other', actor => {actor})",
    ),
    "set_password": Call(
        administering("unknown-person"), "select * from parking.set_password({person}, 'correct horse', {actor})"
    ),
    "assign_role": Call(
        administering("unknown-person"), "select * from parking.assign_role({person}, 'operator', {actor})"
    ),
    "revoke_role": Call(
        administering("unknown-person"), "select * from parking.revoke_role({person}, 'driver', {actor})"
    ),
    "deactivate": Call(administering("unknown-person"), "select * from parking.deactivate({person}, {actor})"),
    "reactivate": Call(administering("unknown-person"), "select * from parking.reactivate({person}, {actor})"),
    "erase_person": Call(
        administering("unknown-person", driver_a=OK), "select parking.erase_person({person}, {actor})"
    ),
    "list_activity": Call(
        Rule(ACTIVITY | {"other_admin": OK}, ACTIVITY), "select * from parking.list_activity({actor})"
    ),
    "list_tenants": Call(platform(), "select * from parking.list_tenants({actor})"),
    "found_tenant": Call(
        platform(), "select * from parking.found_tenant('far', 'Far', 'boss@far.example', actor => {actor})"
    ),
    "set_registration": Call(
        administering("unknown-tenant"), "select parking.set_registration('{tenant}', 'open', {actor})"
    ),
    # The same for everybody.
    "clock": Call(anybody(), "select parking.clock()"),
    "problems": Call(anybody(), "select * from parking.problems()"),
    "list_roles": Call(anybody(), "select * from parking.list_roles()"),
    "readiness": Call(anybody(), "select * from parking.readiness('booking')"),
    "figures": Call(anybody(), "select * from parking.figures()"),
    "staff_desk": Call(anybody(), "select parking.staff_desk({actor}, 'attendant@parking.com')"),
    # Looking after the installation, from psql only.
    "add_reporter": Call(for_dbas("not-a-reporter"), "select parking.add_reporter('nobody', 'default')"),
    "remove_reporter": Call(for_dbas("not-a-reporter"), "select parking.remove_reporter('nobody')"),
    "find_person": Call(for_dbas(), "select parking.find_person('driver1@parking.com')"),
    "help": Call(for_dbas(), "select * from parking.help()"),
    "list_limits": Call(for_dbas(), "select * from parking.list_limits()"),
    "limit_attempts": Call(for_dbas(), "select parking.limit_attempts('address', 50, interval '10 seconds')"),
    "keep_sessions": Call(for_dbas(), "select parking.keep_sessions()"),
    "tidy_sessions": Call(for_dbas(), "select * from parking.tidy_sessions()"),
    "begin_epoch": Call(for_dbas(), "select parking.begin_epoch()"),
    "keep_events": Call(for_dbas(), "select parking.keep_events(interval '12 months')"),
    "tend_events": Call(for_dbas(), "select * from parking.tend_events()"),
    "release_stale": Call(for_dbas(), "select * from parking.release_stale()"),
    "sweep": Call(for_dbas(), "call parking.sweep()"),
    "tally_reservations": Call(for_dbas(), "select parking.tally_reservations()"),
    "seed_demo": Call(for_dbas(), "select * from parking.seed_demo()"),
}


READS = {
    name: call for name, call in CALLS.items() if call.rule.public["anonymous"] == OK != call.rule.hidden["anonymous"]
}


@dataclass(frozen=True)
class Answer:
    """`ok`, the outcome that is returned, or the problem; and all that it says."""

    outcome: str
    text: str


async def ask(connection: asyncpg.Connection, statement: str) -> Answer:
    """The answer to a statement that leaves nothing behind; a procedure commits for itself."""
    transaction = None if statement.startswith("call ") else connection.transaction()
    if transaction is not None:
        await transaction.start()
    try:
        rows = await connection.fetch(statement)
    except asyncpg.InsufficientPrivilegeError as refusal:
        return Answer(NOT_GRANTED, str(refusal))
    except asyncpg.PostgresError as refusal:
        slug = refusal.constraint_name if (refusal.sqlstate or "").startswith("PK") else None
        said = (refusal.sqlstate, refusal.message, refusal.detail, refusal.hint)
        return Answer(slug or f"{refusal.sqlstate}: {refusal.message}", repr(said))
    finally:
        if transaction is not None:
            await transaction.rollback()
    outcome = rows[0]["outcome"] if rows and "outcome" in rows[0] else OK
    return Answer(outcome, repr([tuple(found) for found in rows]))


Connections = Mapping[str, asyncpg.Connection]
Cell = tuple[str, str, str]


async def deviations(
    stage: Stage, connections: Connections, calls: Mapping[str, Call], callers: Sequence[str] = (*CALLERS, DBA)
) -> dict[Cell, str]:
    """(function, caller, world) -> what is not as the matrix has it, for each cell of which that is so."""
    public, hidden = await stage.world(hidden=False), await stage.world(hidden=True)
    found: dict[Cell, str] = {}
    for name, call in calls.items():
        for world in (public, hidden) if call.names & OF_A_LOT else (public,):
            for caller in callers:
                cell = (name, caller, "hidden" if world.hidden else "public")
                if fault := await judge(call, caller, world, stage, connections[caller]):
                    found[cell] = fault
    return found


async def judge(call: Call, caller: str, world: World, stage: Stage, connection: asyncpg.Connection) -> str | None:
    """What is not as it should be; None: all is well."""
    actor = stage.actor(caller, world)
    answer = await ask(connection, call.write(world, actor))
    expected = call.rule.expected(world, caller)
    if answer.outcome != expected:
        return f"{expected} was expected, not {answer.outcome}"
    succeeded = answer.outcome in SUCCESSES
    if succeeded and (secret := tells(caller, answer.text)):
        return f"it tells {secret}"
    if call.names:
        nothing = world.without_things()
        control = await ask(connection, call.write(nothing, actor))
        expected = call.rule.expected(nothing, caller)
        if control.outcome != expected:
            return f"where there is no such thing {expected} was expected, not {control.outcome}"
        if not succeeded and expected not in TOLD and answer.outcome not in TOLD:
            said, usual = world.blur(answer.text), nothing.blur(control.text)
            if said != usual:
                return f"{said} differs from {usual}"
    return None


PUBLIC_FUNCTIONS = "select p.proname from pg_proc p where p.pronamespace = 'parking'::regnamespace order by 1"


async def names(superuser: asyncpg.Connection) -> list[str]:
    return [function["proname"] for function in await superuser.fetch(PUBLIC_FUNCTIONS)]


async def open_connections(connect: Connect, door: str = "parking_service") -> Connections:
    """Everybody by this role, but for the DBA."""
    everybody, dba = await connect(door), await connect("parking_dba")
    return dict.fromkeys(CALLERS, everybody) | {DBA: dba}


async def test_every_public_function_has_an_entry(connect: Connect) -> None:
    require_entries(await names(await connect("postgres")), CALLS)


async def test_a_function_without_an_entry_is_found(connect: Connect) -> None:
    """The negative control of the test above, both ways round."""
    superuser = await connect("postgres")
    found = await names(superuser)
    with pytest.raises(AssertionError, match="'book'"):
        require_entries(found, {name: call for name, call in CALLS.items() if name != "book"})
    await superuser.execute("create function parking.forgotten() returns integer language sql return 1")
    with pytest.raises(AssertionError, match="'forgotten'"):
        require_entries(await names(superuser), CALLS)


async def test_each_caller_may_what_the_matrix_says(connect: Connect) -> None:
    stage = await Stage.set(await connect("postgres"))
    assert await deviations(stage, await open_connections(connect), CALLS) == {}


async def test_an_actor_may_in_psql_what_they_may_over_rest(connect: Connect) -> None:
    """A DBA who names somebody as the actor may do what that person may."""
    stage = await Stage.set(await connect("postgres"))
    connections = await open_connections(connect, "parking_dba")
    with_actor = {name: call for name, call in CALLS.items() if "{actor}" in call.statement}
    assert len(with_actor) > 40
    signed_in = [caller for caller in CALLERS if caller != "anonymous"]
    assert await deviations(stage, connections, with_actor, signed_in) == {}


async def test_a_guard_that_lets_everybody_pass_is_found(connect: Connect) -> None:
    """The negative control of the tests above."""
    superuser = await connect("postgres")
    await edit_function(superuser, "parking_private.permitted(text)", "WHERE (", "WHERE (true OR ")
    stage = await Stage.set(superuser)
    found = await deviations(stage, await open_connections(connect), CALLS)
    assert found.keys() >= {
        ("book", "guest", "public"),
        ("change_lot", "driver_b", "hidden"),
        ("show_person", "operator", "public"),
        ("show_person", "other_admin", "public"),
        ("list_tenants", "admin", "public"),
    }


async def test_a_lot_that_everybody_sees_is_found(connect: Connect) -> None:
    superuser = await connect("postgres")
    await edit_function(
        superuser,
        "parking_private.visit_lot(bigint,bigint,bigint)",
        "if not parking_private.has_permission(v_person, 'read:parking') then",
        "if false then",
    )
    stage = await Stage.set(superuser)
    found = await deviations(stage, await open_connections(connect), READS)
    assert found.keys() == {(name, caller, "hidden") for name in READS for caller in ("anonymous", "other_admin", DBA)}


async def test_a_refusal_that_tells_there_is_such_a_thing_is_found(connect: Connect) -> None:
    """The same status and problem, but another text than for a lot that does not exist."""
    superuser = await connect("postgres")
    await edit_function(
        superuser,
        "parking_private.enter_lot(bigint,text,bigint)",
        "then format('There is no lot %s.', enter_lot.lot)",
        "then format(case when v_found.id is null then 'There is no lot %s.' else 'Lot %s is private.' end,"
        " enter_lot.lot)",
    )
    stage = await Stage.set(superuser)
    found = await deviations(stage, await open_connections(connect), READS)
    assert ("board", "other_admin", "hidden") in found
    assert {fault.partition(" differs ")[1] for fault in found.values()} == {" differs "}


async def test_a_list_of_everybodys_lots_is_found(connect: Connect) -> None:
    """What an allowed call tells is judged, too."""
    superuser = await connect("postgres")
    await edit_function(
        superuser, "parking.list_lots(text,bigint)", "and (l.public or list_lots.actor is not null)", ""
    )
    stage = await Stage.set(superuser)
    found = await deviations(stage, await open_connections(connect), {"list_lots": CALLS["list_lots"]})
    assert found == {("list_lots", "anonymous", "public"): "it tells that there is a lot which is not public"}
