"""The attendant's page: who enters, who leaves and what it costs, and what happened last. Each form is a plain one."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated, Final

from asyncpg import PostgresError
from litestar import get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, QueryParameter
from litestar.response import Redirect
from msgspec import Meta, Struct

from service.auth import Identity, address_of
from service.database import Database, ticket_lane
from service.pages.answers import (
    FLASH_COOKIE,
    AnyRequest,
    AnyResponse,
    Caller,
    Form,
    Id,
    Lots,
    Message,
    flashing,
    page,
    refusal_page,
    sign_in_again,
    sign_in_first,
)
from service.pages.counter import COUNTER, LONGEST_TICKET, VEHICLES, Counter, Desk
from service.pages.language import _
from service.problems import Problem, to_problem
from service.settings import Settings

TICKET_NUMBER: Final = re.compile(r"PS-[0-9]{1,30}", re.ASCII)

FIND: Final = """
    select t.lot_id, t.ticket_number
    from parking.session($1, $2) s cross join lateral parking.look_up_ticket(s.actor, $3, $4) t
"""
ENTER: Final = """
    select t.ticket_number from parking.session($1, $2) s cross join lateral parking.enter_garage(s.actor, $3, $4, $5) t
"""
LEAVE: Final = """
    select t.ticket_number
    from parking.session($1, $2) s
    cross join lateral parking.leave_garage(s.actor, $3, $4) t
    cross join lateral parking.agree(t.amount_cents, $5)
"""
LOSE: Final = """
    select t.ticket_number
    from parking.session($1, $2) s
    cross join lateral parking.lose_ticket(s.actor, $3, $4, $5) t
    cross join lateral parking.agree(t.amount_cents, $6)
"""
VOID: Final = """
    select t.ticket_number from parking.session($1, $2) s cross join lateral parking.void_ticket(s.actor, $3, $4) t
"""
LOT: Final = """
    select l.id, l.name from parking.session($1, $2) s cross join lateral parking.find_lot($3, $4, s.actor) l
"""
GARAGE: Final = """
    select g.spaces, extract(epoch from g.assumed_stay)::integer / 60 as minutes
    from parking.session($1, $2) s
    cross join lateral parking.find_garage($3, s.actor) g
"""
SET: Final = """
    select g.lot_id
    from parking.session($1, $2) s
    cross join lateral parking.set_garage(s.actor, $3, $4, $5::integer / 60.0) g
"""

Tickets = Annotated[str | None, QueryParameter(name="ticket", min_length=1, max_length=LONGEST_TICKET)]
Whats = Annotated[str, QueryParameter(name="what", min_length=1, max_length=40)]
Word = Annotated[str, Meta(max_length=100)]
Plate = Annotated[str, Meta(max_length=40)]
Reason = Annotated[str, Meta(max_length=1000)]
Number = Annotated[str, Meta(min_length=1, max_length=LONGEST_TICKET)]
Cents = Annotated[int, Meta(ge=0, le=2**53)]
WholeNumber = Annotated[str, Meta(pattern=r"^(-?[0-9]{1,7})?\Z")]


class Entering(Form, kw_only=True):
    lot: Id
    plate: Plate
    vehicle: Word


class Leaving(Form, kw_only=True):
    """`amount` is what was shown, and what the driver was told, in cents."""

    lot: Id
    ticket: Number
    method: Word
    amount: Cents


class Losing(Form, kw_only=True):
    lot: Id
    ticket: Number
    method: Word
    reason: Reason
    amount: Cents


class Voiding(Form, kw_only=True):
    lot: Id
    ticket: Number
    reason: Reason


class Setting(Form, kw_only=True):
    """What is left empty stays as it is, or is what is usual in a new garage."""

    lot: Id
    spaces: WholeNumber = ""
    hours: WholeNumber = ""
    minutes: WholeNumber = ""

    @property
    def wanted(self) -> tuple[int | None, int | None]:
        """The spaces, and how many minutes a vehicle is assumed to stay; None, where nothing is said."""
        stay = int(self.hours or 0) * 60 + int(self.minutes or 0) if self.hours or self.minutes else None
        return int(self.spaces) if self.spaces else None, stay


class Given(Struct, frozen=True, kw_only=True):
    """What somebody has written into a form that was refused, so that it need not be written again."""

    plate: str = ""
    vehicle: str = "Car"
    what: str = ""
    method: str = ""
    reason: str = ""
    deed: str = ""


@get("/garage")
async def show_garage(  # noqa: PLR0917 (Litestar gives them by name)
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    lot: Lots = None,
    ticket: Tickets = None,
) -> AnyResponse:
    """The desk of a garage, for those who sit at it."""
    desk = Desk(lot, ticket)
    if caller is None:
        return sign_in_first(request)
    response = await _view(request, database, settings, caller, desk)
    if FLASH_COOKIE in request.cookies:
        response.delete_cookie(FLASH_COOKIE)
    return response


@get("/garage/find")
async def find_ticket(  # noqa: PLR0917 (Litestar gives them by name)
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    what: Whats,
    lot: Lots = None,
) -> AnyResponse:
    """The ticket with this number, or of the vehicle with this plate that is inside."""
    desk = Desk(lot or settings.garage_lot)
    if caller is None:
        return sign_in_first(request)
    try:
        row = await database.row(FIND, caller.session, address_of(request), desk.lot, what)
    except (PostgresError, Problem) as refusal:
        return await _refused(request, database, settings, caller, desk, refusal, Given(what=what))
    return Redirect(desk.url(lot=row["lot_id"], ticket=row["ticket_number"]) + "#ticket", status_code=303)


@post("/garage/enter")
async def enter_garage(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    data: Annotated[Entering, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """Give a vehicle a ticket."""
    desk = Desk(data.lot)
    if caller is None:
        return sign_in_first(request, desk.url())
    try:
        row = await database.row(
            ENTER, caller.session, address_of(request), data.lot, data.plate, data.vehicle, lane=("garage", data.lot)
        )
    except (PostgresError, Problem) as refusal:
        given = Given(plate=data.plate, vehicle=data.vehicle)
        return await _refused(request, database, settings, caller, desk, refusal, given)
    return flashing(settings, desk.url(), f"entered.{row['ticket_number']}")


@post("/garage/leave")
async def leave_garage(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    data: Annotated[Leaving, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """Take what is due and let the vehicle out."""
    desk = Desk(data.lot, data.ticket)
    if caller is None:
        return sign_in_first(request, desk.url())
    try:
        await database.row(
            LEAVE,
            caller.session,
            address_of(request),
            data.ticket,
            data.method,
            data.amount,
            lane=ticket_lane(data.ticket),
        )
    except (PostgresError, Problem) as refusal:
        return await _refused(request, database, settings, caller, desk, refusal, Given(method=data.method))
    return flashing(settings, desk.url(), f"left.{data.ticket}")


@post("/garage/lose")
async def lose_ticket(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    data: Annotated[Losing, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """Take what is due of a vehicle without a ticket to show, and let it out."""
    desk = Desk(data.lot, data.ticket)
    if caller is None:
        return sign_in_first(request, desk.url())
    try:
        await database.row(
            LOSE,
            caller.session,
            address_of(request),
            data.ticket,
            data.method,
            data.reason,
            data.amount,
            lane=ticket_lane(data.ticket),
        )
    except (PostgresError, Problem) as refusal:
        given = Given(method=data.method, reason=data.reason, deed="lose")
        return await _refused(request, database, settings, caller, desk, refusal, given)
    return flashing(settings, desk.url(), f"left.{data.ticket}")


@post("/garage/void")
async def void_ticket(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    data: Annotated[Voiding, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """Let a vehicle out that pays nothing."""
    desk = Desk(data.lot, data.ticket)
    if caller is None:
        return sign_in_first(request, desk.url())
    try:
        await database.row(
            VOID, caller.session, address_of(request), data.ticket, data.reason, lane=ticket_lane(data.ticket)
        )
    except (PostgresError, Problem) as refusal:
        given = Given(reason=data.reason, deed="void")
        return await _refused(request, database, settings, caller, desk, refusal, given)
    return flashing(settings, desk.url(), f"voided.{data.ticket}")


async def _view(  # noqa: PLR0917 (its callers are few, and here)
    request: AnyRequest,
    database: Database,
    settings: Settings,
    caller: Identity,
    desk: Desk,
    refusal: Problem | None = None,
    given: Given | None = None,
) -> AnyResponse:
    record = await database.row(COUNTER, caller.session, address_of(request), *desk.arguments(settings.garage_lot))
    counter = Counter.of(record, desk)
    desk = counter.desk
    here = desk.url()
    response = page(
        request,
        "garage.html",
        refusal.status if refusal else HTTPStatus.OK,
        here=here,
        counter=counter,
        desk=desk,
        given=given or Given(),
        vehicles=VEHICLES,
        runs_lots=bool({"write:parking", "*"} & set(caller.permissions)),
        message=Message.of(refusal, here) if refusal else _flash(request, counter, here),
    )
    if refusal:
        response.headers.update(refusal.headers)
    return response


async def _refused(  # noqa: PLR0917 (its callers are few, and here)
    request: AnyRequest,
    database: Database,
    settings: Settings,
    caller: Identity,
    desk: Desk,
    refusal: PostgresError | Problem,
    given: Given,
) -> AnyResponse:
    """The desk once more, with the refusal in words, and what was written."""
    problem = to_problem(refusal)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        return sign_in_again(request, desk.url())
    return await _view(request, database, settings, caller, desk, problem, given)


def _flash(request: AnyRequest, counter: Counter, dismiss: str) -> Message | None:
    """What has just been done. The cookie only names the ticket."""
    done, _dot, number = request.cookies.get(FLASH_COOKIE, "").partition(".")
    if not TICKET_NUMBER.fullmatch(number):
        return None
    known = [counter.ticket] if counter.ticket else counter.activities
    ticket = next((one for one in known if one.ticket_number == number), None)
    if ticket is None:
        return None
    match done:
        case "entered":
            text = _("%(number)s for %(plate)s.") % {"number": number, "plate": ticket.plate}
            return Message("done", _("Ticket given"), text, dismiss)
        case "left":
            amount = counter.money(ticket.amount_cents, ticket.currency)
            text = _("%(number)s, %(plate)s: %(amount)s are paid. Open the gate.") % {
                "number": number,
                "plate": ticket.plate,
                "amount": amount,
            }
            return Message("done", _("Paid"), text, dismiss)
        case "voided":
            text = _("%(number)s, %(plate)s: nothing is paid. Open the gate.") % {
                "number": number,
                "plate": ticket.plate,
            }
            return Message("done", _("Void"), text, dismiss)
    return None


@get("/garage/settings")
async def ask_for_settings(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    lot: Lots = None,
) -> AnyResponse:
    """How many spaces, and how long a vehicle is assumed to stay; also of a lot that is to become a garage."""
    if caller is None:
        return sign_in_first(request)
    who = caller.session, address_of(request)
    row = await database.row(LOT, *who, lot or settings.garage_lot or settings.lot, settings.tenant)
    given: dict[str, object] = {"spaces": "", "hours": "", "minutes": ""}
    try:
        garage = await database.row(GARAGE, *who, row["id"])
    except PostgresError as refusal:
        if to_problem(refusal).slug != "no-garage":
            raise
    else:
        hours, minutes = divmod(garage["minutes"], 60)
        given = {"spaces": garage["spaces"], "hours": hours, "minutes": minutes}
    here = f"/garage?lot={row['id']}"
    return page(request, "garage_settings.html", here=here, lot=row, given=given, message=None)


@post("/garage/settings")
async def set_garage(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    data: Annotated[Setting, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """Change them."""
    here = f"/garage?lot={data.lot}"
    if caller is None:
        return sign_in_first(request, f"/garage/settings?lot={data.lot}")
    who = caller.session, address_of(request)
    try:
        await database.row(SET, *who, data.lot, *data.wanted)
    except (PostgresError, Problem) as refusal:
        problem = to_problem(refusal)
        if problem.status == HTTPStatus.UNAUTHORIZED:
            return sign_in_again(request, f"/garage/settings?lot={data.lot}")
        row = await database.row(LOT, *who, data.lot, settings.tenant)
        given = {"spaces": data.spaces, "hours": data.hours, "minutes": data.minutes}
        message = Message.of(problem, here)
        return refusal_page(request, "garage_settings.html", problem, here=here, lot=row, given=given, message=message)
    return Redirect(here, status_code=303)


handlers = [
    show_garage,
    find_ticket,
    enter_garage,
    leave_garage,
    lose_ticket,
    void_ticket,
    ask_for_settings,
    set_garage,
]
