"""Who may ask for which operation about whose things: all of /openapi.json, every kind of caller, nothing left out.

What answers both at the root and under /api is asked under /api: the handlers are the same. Sockets are not in the
document; they are at the end. Whoever adds a handler adds an entry, or is told here.
"""

import asyncio
import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
import websockets
from websockets.asyncio.client import connect as open_socket

from service.auth import Tokens
from tests.conftest import Connect
from tests.support import PASSWORD, Service, admission
from tests.support.matrix import (
    CALLERS,
    OK,
    TOLD,
    Row,
    Rule,
    Stage,
    World,
    administering,
    analysing,
    anybody,
    booking,
    building,
    edited,
    own_account,
    own_reservation,
    platform,
    reading,
    require_entries,
    row,
    running,
    tells,
)

METHODS = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})
REFUSED = frozenset({401, 403, 404})
NEEDS_SIGN_IN = frozenset({"unknown-actor", "not-permitted"})
"""What the functions say to nobody; over HTTP nobody gets that far where an operation asks for a token."""


def nothing(_: World) -> dict[str, Any]:
    """Neither a body nor a query."""
    return {}


def json(**body: object) -> Callable[[World], dict[str, Any]]:
    """The same body, whatever it is about."""
    return lambda _: {"json": body}


def moments(hours: int = 2) -> dict[str, str]:
    """A period that can be booked, and ends so many hours from now."""
    now = dt.datetime.now(dt.UTC)
    return {
        "start_time": (now + dt.timedelta(hours=1)).isoformat(),
        "end_time": (now + dt.timedelta(hours=hours)).isoformat(),
    }


@dataclass(frozen=True)
class Ask:
    """Who may do it, and what is sent beside what the path names of a world."""

    rule: Rule
    request: Callable[[World], dict[str, Any]] = nothing
    names: frozenset[str] = field(default=frozenset())
    """What of a world the request names, beside its path."""
    stands: Mapping[str, str] = field(default_factory=dict)
    """Which thing of a world the path means by a name, where it is not the one of that name."""


def at_the_desk(unknown: str) -> Ask:
    """For those who may sit at a desk; over HTTP nobody gets that far without a token, where no desk is open."""
    who = building(unknown).public | {"anonymous": "not-signed-in"}
    return Ask(Rule(who, who, unknown))


def of_garage(ask: Ask, ticket: str = "ticket", request: Callable[[World], dict[str, Any]] | None = None) -> Ask:
    """The same, where the lot is a garage, and the ticket this one."""
    return replace(ask, stands={"lot": "garage", "ticketNumber": ticket}, request=request or ask.request)


def in_garage(world: World) -> dict[str, Any]:
    """Names it in the query."""
    return {"params": {"lot": world.garage}}


DAYS = {"from": "2026-11-01", "until": "2026-11-02"}

ACTIVITY: Row = row("not-permitted", admin=OK, platform=OK, other_admin=OK)
LOT, TENANT, SPOT, GARAGE = (frozenset({name}) for name in ("lot", "tenant", "spot", "garage"))

ASKS: Mapping[str, Ask] = {
    # Lots and what they consist of.
    "api_list_lots": Ask(anybody()),
    "api_build_lot": Ask(
        building(OK),
        lambda world: {
            "json": {
                "name": f"New {world.number}",
                "time_zone": "UTC",
                "layout": {"floors": 1, "rows": 1, "spots": 1},
            }
        },
    ),
    "api_describe_lot": Ask(reading("unknown-lot")),
    "api_change_lot": Ask(building("unknown-lot"), json(address="Elsewhere")),
    "api_retire_lot": Ask(building("unknown-lot")),
    "api_list_slots": Ask(reading("unknown-lot")),
    "api_set_slots": Ask(building("unknown-lot"), json(slots=["08:00-12:00"])),
    "api_show_board": Ask(reading("unknown-lot")),
    "api_find_lots": Ask(anybody()),
    "api_list_problems": Ask(anybody()),
    "api_show_overview": Ask(reading("unknown-lot")),
    "api_list_spot_states": Ask(reading("unknown-lot")),
    "api_add_floor": Ask(building("unknown-lot"), json(name="Roof")),
    "api_find_floor": Ask(reading("unknown-floor")),
    "api_change_floor": Ask(building("unknown-floor"), json(name="Roof")),
    "api_retire_floor": Ask(building("unknown-floor")),
    "api_add_row": Ask(building("unknown-floor"), json(name="New")),
    "api_find_row": Ask(reading("unknown-row")),
    "api_change_row": Ask(building("unknown-row"), json(name="Other")),
    "api_retire_row": Ask(building("unknown-row")),
    "api_add_spot": Ask(building("unknown-row"), json(name="New")),
    "api_find_spot": Ask(reading("unknown-spot")),
    "api_change_spot": Ask(building("unknown-spot"), json(name="Other")),
    "api_retire_spot": Ask(building("unknown-spot")),
    "api_find_spot_state": Ask(reading("unknown-spot")),
    "api_set_spot_state": Ask(building("unknown-spot"), json(state="maintenance", reason="Paint")),
    "api_list_spots": Ask(
        reading("unknown-lot"), lambda world: {"params": {"lot": world.lot, "date": "2026-12-01"}}, LOT
    ),
    "api_show_stats": Ask(reading("unknown-lot"), lambda world: {"params": {"lot": world.lot}}, LOT),
    "api_show_figures": Ask(analysing("unknown-lot")),
    # Prices.
    "api_list_tariffs": Ask(reading("unknown-lot")),
    "api_set_tariff": Ask(
        building("unknown-lot"), json(name="Standard", tiers=[{"from_minutes": 0, "price_cents": 500}])
    ),
    "api_retire_tariff": Ask(building("unknown-tariff")),
    "api_quote": Ask(reading("unknown-lot"), lambda _: {"json": moments()}),
    "api_list_concessions": Ask(building("unknown-lot"), lambda world: {"params": {"lot": world.lot}}, LOT),
    "api_grant_concession": Ask(
        building("unknown-lot"),
        lambda world: {"json": {"kind": "season-pass", "lot_id": world.lot, "plate": "B AB 123"}},
        LOT,
    ),
    "api_end_concession": Ask(building("unknown-concession")),
    # The garage.
    "api_show_garage_stats": replace(at_the_desk("unknown-lot"), request=in_garage, names=GARAGE),
    "api_list_activities": replace(at_the_desk("unknown-lot"), request=in_garage, names=GARAGE),
    "api_enter_garage": replace(
        at_the_desk("unknown-lot"),
        request=lambda world: {**in_garage(world), "json": {"licensePlate": "B NEW 1", "vehicleType": "Car"}},
        names=GARAGE,
    ),
    "api_find_ticket": of_garage(at_the_desk("unknown-ticket")),
    "api_leave_garage": of_garage(at_the_desk("unknown-ticket"), request=json(paymentMethod="Cash")),
    "api_find_garage": of_garage(Ask(reading("unknown-lot"))),
    "api_set_garage": of_garage(Ask(building("unknown-lot")), request=json(spaces=10)),
    "api_look_up_ticket": of_garage(
        Ask(building("unknown-lot")), request=lambda world: {"params": {"what": world.plate}}
    ),
    "api_list_overstays": of_garage(Ask(building("unknown-lot"))),
    "api_show_amount_due": of_garage(Ask(building("unknown-ticket"))),
    "api_lose_ticket": of_garage(Ask(building("unknown-ticket")), request=json(payment_method="Cash", reason="Lost")),
    "api_void_ticket": of_garage(Ask(building("unknown-ticket")), request=json(reason="Error")),
    "api_refund_ticket": of_garage(Ask(building("unknown-ticket")), "paid", json(amount_cents=1, reason="Kindness")),
    "api_correct_ticket": of_garage(Ask(building("unknown-ticket")), "paid", json(amount_cents=1, reason="Error")),
    "api_list_payment_methods": Ask(running()),
    "api_show_balance": of_garage(Ask(analysing("unknown-lot"))),
    "api_show_report": of_garage(Ask(analysing("unknown-lot")), request=lambda _: {"params": DAYS}),
    "api_report_file": of_garage(Ask(analysing("unknown-lot")), request=lambda _: {"params": DAYS}),
    "api_printed_report": of_garage(Ask(analysing("unknown-lot")), request=lambda _: {"params": DAYS}),
    "api_tickets_file": of_garage(Ask(analysing("unknown-lot")), request=lambda _: {"params": DAYS}),
    # Reservations.
    "api_book_spot": Ask(booking("unknown-spot"), lambda world: {"json": {"spot_id": world.spot, **moments()}}, SPOT),
    "api_find_reservation": Ask(own_reservation()),
    "api_complete_reservation": Ask(own_reservation()),
    "api_list_reservations": Ask(running(), lambda _: {"params": {"whose": "all"}}),
    "api_expire_old": Ask(running()),
    "api_reschedule_reservation": Ask(own_reservation(), lambda _: {"json": {"end_time": moments(3)["end_time"]}}),
    "api_cancel_reservation": Ask(own_reservation(operator=OK, admin=OK, platform=OK)),
    "api_issue_pass": Ask(own_reservation()),
    "api_check_pass": Ask(anybody(unknown="unknown-pass")),
    "api_check_spot": Ask(reading("unknown-spot"), lambda _: {"json": moments()}),
    "api_free_spots": Ask(
        reading("unknown-lot"),
        lambda _: {"params": {"from": moments()["start_time"], "to": moments()["end_time"]}},
    ),
    "api_show_occupancy": Ask(reading("unknown-lot")),
    # One's account. Without a token it is the password or the refresh token that says who one is.
    "api_sign_in": Ask(anybody(), json(email="operator@parking.com", password=PASSWORD)),
    "auth_sign_in": Ask(anybody(), json(email="operator@parking.com", password=PASSWORD)),
    "auth_register": Ask(
        anybody(unknown="registration-closed"),
        lambda world: {
            "json": {
                "email": f"new-{world.number}@matrix.example",
                "password": "correct horse",
                "display_name": "New",
                "tenant": world.tenant,
            }
        },
        TENANT,
    ),
    "auth_refresh": Ask(anybody(), lambda world: {"json": {"refresh_token": world.refresh_token}}),
    "auth_sign_out": Ask(own_account(anonymous="not-signed-in")),
    "auth_sign_out_everywhere": Ask(own_account()),
    "auth_show_account": Ask(own_account()),
    "auth_change_password": Ask(own_account(), json(old_password=PASSWORD, new_password=PASSWORD)),
    # Whether the service is well.
    "show_liveness": Ask(anybody()),
    "show_readiness": Ask(anybody()),
    "api_show_status": Ask(anybody()),
    # People and tenants.
    "api_list_roles": Ask(anybody()),
    "api_list_people": Ask(administering("unknown-tenant"), lambda world: {"params": {"tenant": world.tenant}}, TENANT),
    "api_add_person": Ask(
        administering("unknown-tenant"),
        lambda world: {
            "json": {"email": f"jo-{world.number}@matrix.example", "display_name": "Jo", "tenant": world.tenant}
        },
        TENANT,
    ),
    "api_show_person": Ask(administering("unknown-person")),
    "api_change_person": Ask(administering("unknown-person"), json(display_name="Other")),
    "api_set_password": Ask(administering("unknown-person"), json(password="correct horse")),
    "api_assign_role": Ask(administering("unknown-person")),
    "api_revoke_role": Ask(administering("unknown-person")),
    "api_deactivate": Ask(administering("unknown-person")),
    "api_reactivate": Ask(administering("unknown-person")),
    "api_erase_person": Ask(administering("unknown-person", driver_a=OK)),
    "api_list_activity": Ask(Rule(ACTIVITY, ACTIVITY)),
    "api_list_tenants": Ask(platform()),
    "api_found_tenant": Ask(
        platform(),
        lambda world: {
            "json": {"slug": f"t{world.number}", "name": "Far", "admin_email": f"boss-{world.number}@far.example"}
        },
    ),
    "api_set_registration": Ask(administering("unknown-tenant"), json(registration="open")),
}

OF_A_LOT = frozenset({"lot", "garage", "floor", "row", "spot", "reservation", "tariff", "concession", "ticketNumber"})
THINGS = OF_A_LOT | {"person", "tenant", "code"}


@dataclass(frozen=True)
class Operation:
    """A route of the document."""

    name: str
    method: str
    path: str
    signed: bool
    """Nobody gets an answer without a token."""
    statuses: frozenset[int]
    """What it is said to answer."""

    @property
    def things(self) -> set[str]:
        """What of a world the path names."""
        return set(re.findall(r"{(\w+)}", self.path)) & THINGS


def operations(document: dict[str, Any]) -> list[Operation]:
    """Every route of the document, but at the root only those that do not answer under /api as well."""
    found = [
        Operation(
            operation["operationId"],
            method,
            path,
            signed=bool(operation.get("security")) and {} not in operation["security"],
            statuses=frozenset(map(int, operation.get("responses", ()))),
        )
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]
    twins = {(operation.method, operation.path) for operation in found}
    return [operation for operation in found if (operation.method, f"/api{operation.path}") not in twins]


def over_http(expected: str, operation: Operation, caller: str) -> str:
    """What a function is expected to say, as it arrives."""
    return "not-signed-in" if caller == "anonymous" and operation.signed and expected in NEEDS_SIGN_IN else expected


@dataclass(frozen=True)
class Answer:
    """`ok` or the problem's slug, and all that is said: the status, the body, and what the headers say of it."""

    outcome: str
    status: int
    text: str


@dataclass
class Play:
    """A service on a stage, with a world of public things and one of hidden ones, renewed when they are used up."""

    service: Service
    stage: Stage
    client: httpx.AsyncClient
    tokens: Tokens
    worlds: dict[bool, World] = field(default_factory=dict)

    async def world(self, *, hidden: bool) -> World:
        if hidden not in self.worlds:
            self.worlds[hidden] = await self.stage.world(hidden=hidden)
        return self.worlds[hidden]

    async def token(self, caller: str, world: World) -> str | None:
        """An access token for a new session of the caller's; nobody has none."""
        person = self.stage.actor(caller, world)
        if person is None:
            return None
        return self.tokens.issue(admission(person, world.email, await self.stage.session(person)))

    async def ask(self, operation: Operation, entry: Ask, world: World, token: str | None) -> Answer:
        numbers = {name: getattr(world, entry.stands.get(name, name)) for name in operation.things}
        path = operation.path.format(**numbers, role="operator") if "{" in operation.path else operation.path
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = await self.client.request(operation.method, path, headers=headers, **entry.request(world))
        assert answer.status_code in operation.statuses, f"{operation.name} does not tell that it answers {answer.text}"
        said = [answer.status_code, answer.headers.get("content-type"), answer.headers.get("www-authenticate")]
        if answer.is_success:
            return Answer(OK, answer.status_code, f"{said} {answer.text}")
        body = answer.json()
        slug = body["type"].removeprefix("/problems/")
        assert body.pop("instance") == path
        assert body["status"] == answer.status_code
        return Answer(slug, answer.status_code, f"{said} {sorted(body.items())}")

    async def deviations(self, asks: Mapping[str, Ask]) -> dict[tuple[str, str, str], str]:
        """(operation, caller, world) -> what is not as the matrix has it, for each cell of which that is so."""
        document = (await self.client.get("/openapi.json")).json()
        found: dict[tuple[str, str, str], str] = {}
        for operation in operations(document):
            if operation.name not in asks:
                continue
            entry = asks[operation.name]
            named = operation.things | entry.names
            for hidden in (False, True) if named & OF_A_LOT else (False,):
                for caller in CALLERS:
                    if fault := await self.judge(operation, entry, caller, hidden=hidden):
                        found[operation.name, caller, "hidden" if hidden else "public"] = fault
        return found

    async def judge(self, operation: Operation, entry: Ask, caller: str, *, hidden: bool) -> str | None:
        """What is not as it should be; None: all is well."""
        world = await self.world(hidden=hidden)
        empty = world.without_things()
        control = None
        # First what there is not, which changes nothing.
        if operation.things | entry.names:
            control = await self.ask(operation, entry, empty, await self.token(caller, world))
            expected = over_http(entry.rule.expected(empty, caller), operation, caller)
            if control.outcome != expected:
                return f"where there is no such thing {expected} was expected, not {control.outcome}"
        answer = await self.ask(operation, entry, world, await self.token(caller, world))
        if answer.outcome == OK and operation.method != "get":
            del self.worlds[hidden]
        expected = over_http(entry.rule.expected(world, caller), operation, caller)
        if answer.outcome != expected:
            return f"{expected} was expected, not {answer.outcome}"
        if answer.outcome == OK:
            secret = tells(caller, answer.text)
            return f"it tells {secret}" if secret else None
        if answer.status not in REFUSED:
            return f"{answer.outcome} is no refusal of who may not"
        if control is not None and answer.outcome not in TOLD:
            said, usual = world.blur(answer.text), empty.blur(control.text)
            if said != usual:
                return f"{said} differs from {usual}"
        return None


@pytest.fixture
async def play(module_service: Service, module_client: httpx.AsyncClient, connect: Connect) -> Play:
    superuser = await connect("postgres", module_service.database)
    return Play(module_service, await Stage.set(superuser), module_client, Tokens(module_service.secret, 3600))


async def test_every_operation_has_an_entry(module_client: httpx.AsyncClient) -> None:
    document = (await module_client.get("/openapi.json")).json()
    require_entries([operation.name for operation in operations(document)], ASKS)


async def test_an_operation_without_an_entry_is_found(module_client: httpx.AsyncClient) -> None:
    """The negative control of the test above, both ways round."""
    document = (await module_client.get("/openapi.json")).json()
    found = [operation.name for operation in operations(document)]
    with pytest.raises(AssertionError, match="'api_book_spot'"):
        require_entries(found, {name: entry for name, entry in ASKS.items() if name != "api_book_spot"})
    document["paths"]["/secrets"] = {"get": {"operationId": "list_secrets"}}
    with pytest.raises(AssertionError, match="'list_secrets'"):
        require_entries([operation.name for operation in operations(document)], ASKS)


async def test_each_caller_may_what_the_matrix_says(play: Play) -> None:
    assert await play.deviations(ASKS) == {}


GUARDED = ("api_change_lot", "api_book_spot", "api_show_person", "api_list_tenants", "api_find_spot", "api_list_lots")


async def test_a_guard_that_lets_everybody_pass_is_found(play: Play) -> None:
    """The negative control of the test above."""
    function = "parking_private.has_permission(parking.people,text)"
    async with (
        edited(play.stage.superuser, function, "return exists (", "return true or exists ("),
        edited(play.stage.superuser, "parking_private.permitted(text)", "WHERE (", "WHERE (true OR "),
    ):
        found = await play.deviations({name: ASKS[name] for name in GUARDED})
    assert found.keys() >= {
        ("api_book_spot", "guest", "public"),
        ("api_change_lot", "driver_b", "hidden"),
        ("api_show_person", "operator", "public"),
        ("api_show_person", "other_admin", "public"),
        ("api_list_tenants", "admin", "public"),
        ("api_find_spot", "anonymous", "hidden"),
    }


async def test_a_refusal_that_tells_there_is_such_a_thing_is_found(play: Play) -> None:
    """The same status and problem, but another text than for a person who does not exist."""
    async with edited(
        play.stage.superuser,
        "parking_private.lock_person(bigint,parking.people)",
        "format('There is no person %s.',",
        "format(case when parking_private.find_tenant_of_person(person) is null then 'There is no person %s.'"
        " else 'There is no person %s here.' end,",
    ):
        found = await play.deviations({"api_deactivate": ASKS["api_deactivate"]})
    assert found.keys() == {("api_deactivate", "other_admin", "public")}
    assert " differs from " in found["api_deactivate", "other_admin", "public"]


async def test_a_list_of_everybodys_lots_is_found(play: Play) -> None:
    """What an allowed request tells is judged, too."""
    await play.world(hidden=True)
    function, condition = "parking.list_lots(text,bigint)", "and (l.public or list_lots.actor is not null)"
    async with edited(play.stage.superuser, function, condition, ""):
        found = await play.deviations({"api_list_lots": ASKS["api_list_lots"]})
    assert found == {("api_list_lots", "anonymous", "public"): "it tells that there is a lot which is not public"}


SOCKETS: Mapping[str, Row] = {
    "/ws": row(OK, anonymous="unknown", other_admin="unknown"),
    "/ws/board": row(OK, anonymous="unknown", other_admin="unknown"),
}
"""Who may listen to a lot that is not public; to one that is, everybody may."""


async def listen(play: Play, path: str, lot: int, token: str | None) -> str:
    """`ok` once a frame has come; else how the handshake is refused."""
    headers = {} if token is None else {"Cookie": f"session={token}", "Authorization": f"Bearer {token}"}
    try:
        async with open_socket(
            f"{play.service.ws_url}{path}?lot={lot}", additional_headers=headers, proxy=None
        ) as socket:
            await asyncio.wait_for(socket.recv(), 20)
    except websockets.exceptions.InvalidStatus as refusal:
        response = refusal.response
        assert response.status_code in REFUSED
        said = (response.body or b"").replace(str(lot).encode(), b"#")
        return f"{response.status_code} {said!r} {sorted(response.headers.keys())}"
    return OK


async def heard(play: Play, path: str) -> dict[str, str]:
    """What each caller gets at this socket for a lot that is not public, after a look at a public one."""
    public, hidden = await play.world(hidden=False), await play.world(hidden=True)
    found: dict[str, str] = {}
    for caller in CALLERS:
        assert await listen(play, path, public.lot, await play.token(caller, public)) == OK
        token = await play.token(caller, hidden)
        usual = await listen(play, path, hidden.without_things().lot, token)
        assert usual != OK
        said = await listen(play, path, hidden.lot, token)
        found[caller] = "unknown" if said == usual else said
    return found


@pytest.mark.parametrize("path", SOCKETS)
async def test_a_socket_of_a_lot_that_is_not_public(play: Play, path: str) -> None:
    expected = SOCKETS[path]
    assert await heard(play, path) == {caller: expected[caller] for caller in CALLERS}


async def test_a_socket_that_lets_everybody_listen_is_found(play: Play) -> None:
    """The negative control of the test above."""
    async with edited(
        play.stage.superuser,
        "parking_private.visit_lot(bigint,bigint,bigint)",
        "if not parking_private.has_permission(v_person, 'read:parking') then",
        "if false then",
    ):
        for path in SOCKETS:
            assert set((await heard(play, path)).values()) == {OK}
