"""The garage's own interface, as its clients have always spoken it: camelCase, decimals, and 400 for what is wrong.

Vehicles without a booking take a ticket when they enter and pay when they leave. These five routes need no token where
the settings open them to the desk of one garage (PARKING_GARAGE_LOT, PARKING_GARAGE_DESK); with a token one acts for
oneself. What the house's own clients do with a garage is in garages.py.
"""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from asyncpg import Record
from litestar import Request, Response, get, post, put
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct

from service.auth import Identity, admit_desk, caller
from service.database import Database, ticket_lane
from service.edge import LARGEST_NUMBER, StrictJson
from service.openapi import problems
from service.problems import ProblemDocument, answer_problem, to_problem
from service.settings import Settings
from service.zones import zone_of

# Who sends no token is the desk: at its own garage, and with its tickets only. No garage at all means one's first one.
DESK: Final = """
    from parking.session($1, $2) s
    cross join lateral (
        select parking.staff_desk(s.actor, $3, $4) as actor, $5::bigint as lot,
               case when s.actor is null then $5::bigint end as only
    ) d
"""

STATS: Final = f"select g.* {DESK} cross join lateral parking.garage_stats(d.actor, d.lot) g"
ENTER: Final = f"select t.* {DESK} cross join lateral parking.enter_garage(d.actor, d.lot, $6, $7) t"
FIND: Final = f"select t.* {DESK} cross join lateral parking.find_ticket(d.actor, $6, d.only) t"
LEAVE: Final = f"select t.* {DESK} cross join lateral parking.leave_garage(d.actor, $6, $7, d.only) t"
ACTIVITIES: Final = f"""
    select t.*
    {DESK}
    cross join lateral parking.list_activities(d.actor, d.lot, $6) with ordinality t
    order by t.ordinality
"""

Text = Annotated[str, Meta(min_length=1, max_length=100)]


class TicketCreate(Struct, rename="camel"):
    """A vehicle that enters. Further members are ignored, as they always were here."""

    license_plate: Text
    vehicle_type: Text


class ExitRequest(Struct, rename="camel"):
    """How it is paid: `Credit Card`, `Cash` and so on; `GET /api/payment-methods` lists them."""

    payment_method: Text


class TicketResponse(Struct, rename="camel"):
    """A ticket. `amountPaid` is in cents; it and the other members of an exit are null while the vehicle is inside."""

    id: int
    ticket_number: str
    license_plate: str
    vehicle_type: str
    entry_time: dt.datetime
    exit_time: dt.datetime | None
    duration_minutes: int | None
    amount_paid: int | None
    status: Literal["active", "completed"]
    payment_method: str | None

    @classmethod
    def of(cls, row: Record) -> TicketResponse:
        """From a parking.ticket, by the clock of its lot."""
        return cls(
            id=row["id"],
            ticket_number=row["ticket_number"],
            license_plate=row["plate"],
            vehicle_type=row["vehicle"],
            entry_time=local(row, "entered_at"),
            exit_time=row["left_at"] and local(row, "left_at"),
            duration_minutes=row["minutes"],
            amount_paid=row["amount_cents"],
            status=status_of(row),
            payment_method=row["method"],
        )


class ActivityResponse(Struct, rename="camel"):
    """A ticket in the list of what happened last. `amount` is what was paid, in units of the currency."""

    id: int
    ticket_number: str
    license_plate: str
    entry_time: dt.datetime
    exit_time: dt.datetime | None
    duration_minutes: int | None
    amount: float | None
    status: Literal["active", "completed"]

    @classmethod
    def of(cls, row: Record) -> ActivityResponse:
        """From a parking.ticket, by the clock of its lot."""
        return cls(
            id=row["id"],
            ticket_number=row["ticket_number"],
            license_plate=row["plate"],
            entry_time=local(row, "entered_at"),
            exit_time=row["left_at"] and local(row, "left_at"),
            duration_minutes=row["minutes"],
            amount=units(row["amount_cents"]),
            status=status_of(row),
        )


class GarageStatsResponse(Struct, rename="camel"):
    """The garage at this moment and since its midnight. Money is in units of the currency, a stay in hours."""

    total_spaces: int
    occupied_spaces: int
    available_spaces: int
    occupied_spaces_percentage: int
    available_spaces_percentage: int
    hourly_rate: float | None
    todays_revenue: float
    vehicles_processed_today: int
    average_stay_time: float

    @classmethod
    def of(cls, row: Record) -> GarageStatsResponse:
        """From the row of STATS."""
        return cls(
            total_spaces=row["total_spaces"],
            occupied_spaces=row["occupied_spaces"],
            available_spaces=row["available_spaces"],
            occupied_spaces_percentage=row["occupied_percent"],
            available_spaces_percentage=100 - row["occupied_percent"],
            hourly_rate=units(row["hourly_rate_cents"]),
            todays_revenue=units(row["todays_revenue_cents"]) or 0.0,
            vehicles_processed_today=row["vehicles_processed_today"],
            average_stay_time=float(row["average_stay_hours"] or 0),
        )


Caller = Request[Identity | None, Any, Any]
TicketNumber = Annotated[
    str, PathParameter(name="ticketNumber", min_length=1, max_length=40, description="As printed: `PS-0001`.")
]
LotParameter = Annotated[
    int | None,
    QueryParameter(name="lot", ge=1, le=LARGEST_NUMBER, description="Another garage than this service's; by token."),
]
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=1000, description="How many at most.")]


def answer_as_ever(request: Request[Any, Any, Any], exc: Exception) -> Response[ProblemDocument]:
    """The exception handler of these routes, whose clients know 400 for every value that is wrong, and no 422."""
    problem = to_problem(exc)
    if problem.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        problem.status = HTTPStatus.BAD_REQUEST
    return answer_problem(request, problem)


AT_THE_DESK: dict[str, Any] = {
    "guards": [admit_desk],
    "security": [{}, {"Bearer": []}],
    "tags": ["garage"],
    "exception_handlers": {Exception: answer_as_ever},
}


@get(
    "/garage/stats",
    responses=problems(400, 401, 403, 404),
    summary="Show the garage in numbers",
    **AT_THE_DESK,
)
async def show_garage_stats(
    request: Caller,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    lot: LotParameter = None,
) -> GarageStatsResponse:
    """How full it is, what it takes an hour, and what it has taken today, by the garage's own day."""
    return GarageStatsResponse.of(await database.row(STATS, *at_the_desk(request, settings, lot)))


@post(
    "/tickets",
    dto=StrictJson[TicketCreate],
    return_dto=None,
    responses=problems(400, 401, 403, 404, 409, 413, 415),
    summary="Let a vehicle in",
    response_headers=[ResponseHeader(name="Location", value="", description="Where it is.", documentation_only=True)],
    **AT_THE_DESK,
)
async def enter_garage(
    data: JSONBody[TicketCreate],
    request: Caller,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    lot: LotParameter = None,
) -> Response[TicketResponse]:
    """It gets a ticket; 409 when the garage is full, or the vehicle inside already."""
    given = at_the_desk(request, settings, lot)
    # Who names no garage means the first one of their tenant.
    lane = ("garage", given[-1] or (request.user and request.user.tenant))
    row = await database.row(ENTER, *given, data.license_plate, data.vehicle_type, lane=lane)
    ticket = TicketResponse.of(row)
    return Response(ticket, status_code=201, headers={"Location": f"/api/tickets/{ticket.ticket_number}"})


@get(
    "/tickets/{ticketNumber:str}",
    responses=problems(400, 401, 403, 404),
    summary="Find a ticket",
    **AT_THE_DESK,
)
async def find_ticket(
    ticket: TicketNumber,
    request: Caller,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
) -> TicketResponse:
    """By the number that is printed on it."""
    return TicketResponse.of(await database.row(FIND, *at_the_desk(request, settings), ticket))


@put(
    "/tickets/{ticketNumber:str}/exit",
    dto=StrictJson[ExitRequest],
    return_dto=None,
    responses=problems(400, 401, 403, 404, 409, 413, 415),
    summary="Let a vehicle out",
    **AT_THE_DESK,
)
async def leave_garage(
    ticket: TicketNumber,
    data: JSONBody[ExitRequest],
    request: Caller,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
) -> TicketResponse:
    """It pays what its stay costs; 409 when it has left already, which changes nothing."""
    given = at_the_desk(request, settings)
    row = await database.row(LEAVE, *given, ticket, data.payment_method, lane=ticket_lane(ticket))
    return TicketResponse.of(row)


@get("/activities", responses=problems(400, 401, 403, 404), summary="List what happened last", **AT_THE_DESK)
async def list_activities(
    request: Caller,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    limit: Limit = 10,
    lot: LotParameter = None,
) -> list[ActivityResponse]:
    """The latest tickets, the newest entry first."""
    rows = await database.rows(ACTIVITIES, *at_the_desk(request, settings, lot), limit)
    return [ActivityResponse.of(row) for row in rows]


HANDLERS = [show_garage_stats, enter_garage, find_ticket, leave_garage, list_activities]


def at_the_desk(request: Caller, settings: Settings, lot: int | None = None) -> tuple[Any, ...]:
    """What DESK asks for: who, and where. Without a token that is the desk of this service's garage."""
    return (*caller(request), settings.garage_desk, settings.tenant, lot or settings.garage_lot)


def local(row: Record, name: str) -> dt.datetime:
    """A moment with the offset of the lot."""
    moment: dt.datetime = row[name]
    return moment.astimezone(zone_of(row["time_zone"]))


def units(cents: int | None) -> float | None:
    """An amount as a decimal number; as far as cents go, a double says it exactly."""
    return None if cents is None else cents / 100


def status_of(row: Record) -> Literal["active", "completed"]:
    """These clients know no ticket that was lost or void: for them its stay is over."""
    return "active" if row["left_at"] is None else "completed"
