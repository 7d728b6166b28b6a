"""What the house's own clients do with a garage beyond letting vehicles in and out: its settings, tickets that are lost
or void, money that is given back, and the proof that all of it adds up. garage.py has the five routes of the desk.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from asyncpg import Record
from litestar import Request, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct

from service.api.garage import Limit, Text, TicketNumber, TicketResponse
from service.api.lots import LotId
from service.api.reservations import AuthenticatedRequest
from service.api.tariffs import Plate, Quote
from service.auth import Identity, admit_bearer, caller, require_bearer
from service.database import Database
from service.edge import LARGEST_NUMBER, StrictJson
from service.openapi import problems
from service.zones import zone_of

Reason = Annotated[str, Meta(min_length=1, max_length=500, description="Why; it is kept.")]
Amount = Annotated[int, Meta(ge=1, le=LARGEST_NUMBER, description="Hundredths of the currency.")]
Difference = Annotated[
    int, Meta(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER, description="In hundredths of the currency; below zero: less.")
]
PlateParameter = Annotated[
    str, QueryParameter(name="plate", min_length=1, max_length=40, description="As one likes to write it.")
]


class GarageSettings(Struct, forbid_unknown_fields=True):
    """`spaces` are shared with bookings, for which a vehicle with a ticket is assumed to stay for so long."""

    spaces: Annotated[int, Meta(ge=1, le=100_000)] = 140
    assumed_stay_hours: Annotated[float, Meta(gt=0, le=168)] = 4


class Garage(Struct):
    """A lot that vehicles without a booking may enter; null instead of a price where no tariff knows one."""

    lot_id: int
    name: str
    spaces: int
    assumed_stay_hours: float
    hourly_rate_cents: int | None
    currency: str | None

    @classmethod
    def of(cls, row: Record) -> Garage:
        """From a parking.garage."""
        hours = row["assumed_stay"] / dt.timedelta(hours=1)
        return cls(row["lot_id"], row["name"], row["spaces"], hours, row["hourly_rate_cents"], row["currency"])


class LostTicket(Struct, forbid_unknown_fields=True):
    """A vehicle that is inside, whose driver has no ticket to show."""

    plate: Plate
    payment_method: Text
    reason: Reason


class VoidTicket(Struct, forbid_unknown_fields=True):
    """Why nothing is to be paid."""

    reason: Reason


class Refund(Struct, forbid_unknown_fields=True):
    """How much is given back, in the way it was paid, and why."""

    amount_cents: Amount
    reason: Reason


class Correction(Struct, forbid_unknown_fields=True):
    """By how much what was paid was wrong, and why."""

    amount_cents: Difference
    reason: Reason


class LedgerEntry(Struct):
    """Money that came in or, below zero, went out."""

    ticket_number: str
    kind: Literal["payment", "refund", "correction"]
    payment_method: str
    amount_cents: int
    currency: str
    at: dt.datetime
    reason: str | None

    @classmethod
    def of(cls, row: Record) -> LedgerEntry:
        """From a parking.ledger_entry and the time zone of its lot."""
        return cls(
            row["ticket_number"],
            row["kind"],
            row["method"],
            row["amount_cents"],
            row["currency"],
            row["at"].astimezone(zone_of(row["time_zone"])),
            row["reason"],
        )


class LedgerBalance(Struct):
    """What the tickets have cost, their lines, and the money: three sums that are the same, or tickets to look at."""

    lot_id: int
    tickets: int
    amount_cents: int
    line_cents: int
    payment_cents: int
    out_of_balance: list[str]

    @classmethod
    def of(cls, row: Record) -> LedgerBalance:
        """From the row of parking.ledger_balance."""
        return cls(**{name: row[name] for name in cls.__struct_fields__})


class PaymentMethod(Struct):
    """A way to pay at the desk, and what else a client may call it."""

    method: str
    aliases: list[str]


STAFF: dict[str, Any] = {"guards": [require_bearer], "security": [{"Bearer": []}], "tags": ["garage"]}
ANYBODY: dict[str, Any] = {"guards": [admit_bearer], "security": [{}, {"Bearer": []}], "tags": ["garage"]}


@get("/lots/{lot:int}/garage", responses=problems(400, 401, 404), summary="Show a lot's garage", **ANYBODY)
async def find_garage(
    lot: LotId, request: Request[Identity | None, Any, Any], database: NamedDependency[Database]
) -> Garage:
    """Its spaces, and what an hour from now on costs."""
    return Garage.of(
        await database.row(
            "select g.* from parking.session($1, $2) s, parking.find_garage($3, s.actor) g", *caller(request), lot
        )
    )


@put(
    "/lots/{lot:int}/garage",
    dto=StrictJson[GarageSettings],
    return_dto=None,
    responses=problems(400, 401, 403, 404, 413, 415, 422),
    summary="Make a lot a garage, or change it",
    **STAFF,
)
async def set_garage(
    lot: LotId, data: JSONBody[GarageSettings], request: AuthenticatedRequest, database: NamedDependency[Database]
) -> Garage:
    """For operators: let vehicles without a booking in. What they pay is a tariff of the lot. Who is inside stays."""
    return Garage.of(
        await database.row(
            "select g.* from parking.session($1, $2) s, parking.set_garage(s.actor, $3, $4, $5::float8::numeric) g",
            *caller(request),
            lot,
            data.spaces,
            data.assumed_stay_hours,
        )
    )


@get(
    "/lots/{lot:int}/garage/ticket",
    responses=problems(400, 401, 403, 404, 422),
    summary="Find the ticket of a vehicle",
    **STAFF,
)
async def find_open_ticket(
    lot: LotId, plate: PlateParameter, request: AuthenticatedRequest, database: NamedDependency[Database]
) -> TicketResponse:
    """Of one that is inside, by its plate."""
    return TicketResponse.of(
        await database.row(
            """
            select t.*, l.time_zone
            from parking.session($1, $2) s
            cross join lateral parking.find_open_ticket(s.actor, $3, $4) t
            cross join lateral parking.find_lot(t.lot_id, null, s.actor) l""",
            *caller(request),
            lot,
            plate,
        )
    )


@get(
    "/lots/{lot:int}/garage/overstays",
    responses=problems(400, 401, 403, 404),
    summary="List who stays longer than is assumed",
    **STAFF,
)
async def list_overstays(
    lot: LotId, request: AuthenticatedRequest, database: NamedDependency[Database], limit: Limit = 100
) -> list[TicketResponse]:
    """The longest stay first. They are inside and count."""
    rows = await database.rows(
        """
        select t.*, l.time_zone
        from parking.session($1, $2) s
        cross join lateral parking.overstays(s.actor, $3) with ordinality t
        cross join lateral parking.find_lot(t.lot_id, null, s.actor) l
        where t.ordinality <= $4
        order by t.ordinality""",
        *caller(request),
        lot,
        limit,
    )
    return [TicketResponse.of(row) for row in rows]


@get(
    "/tickets/{ticketNumber:str}/due",
    responses=problems(400, 401, 403, 404, 422),
    summary="Show what a ticket costs",
    **STAFF,
)
async def show_amount_due(
    ticket: TicketNumber, request: AuthenticatedRequest, database: NamedDependency[Database]
) -> Quote:
    """If the vehicle leaves now, line by line; of a closed ticket, what it has cost."""
    return Quote.of(
        await database.rows(
            """
            select d.*, sum(d.amount_cents) over () as total_cents
            from parking.session($1, $2) s, parking.amount_due(s.actor, $3) d
            order by d.position""",
            *caller(request),
            ticket,
        )
    )


@post(
    "/lots/{lot:int}/garage/lost-tickets",
    dto=StrictJson[LostTicket],
    return_dto=None,
    status_code=200,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422),
    summary="Let a vehicle out without its ticket",
    **STAFF,
)
async def lose_ticket(
    lot: LotId, data: JSONBody[LostTicket], request: AuthenticatedRequest, database: NamedDependency[Database]
) -> TicketResponse:
    """It is found by its plate, and pays what its stay costs."""
    return TicketResponse.of(
        await database.row(
            """
            select t.*, l.time_zone
            from parking.session($1, $2) s
            cross join lateral parking.lose_ticket(s.actor, $3, $4, $5, $6) t
            cross join lateral parking.find_lot(t.lot_id, null, s.actor) l""",
            *caller(request),
            lot,
            data.plate,
            data.payment_method,
            data.reason,
            lane=("garage", lot),
        )
    )


@post(
    "/tickets/{ticketNumber:str}/void",
    dto=StrictJson[VoidTicket],
    return_dto=None,
    status_code=200,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422),
    summary="Void a ticket",
    **STAFF,
)
async def void_ticket(
    ticket: TicketNumber,
    data: JSONBody[VoidTicket],
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
) -> TicketResponse:
    """The vehicle leaves and pays nothing: the ticket was a mistake."""
    return TicketResponse.of(
        await database.row(
            """
            select t.*, l.time_zone
            from parking.session($1, $2) s
            cross join lateral parking.void_ticket(s.actor, $3, $4) t
            cross join lateral parking.find_lot(t.lot_id, null, s.actor) l""",
            *caller(request),
            ticket,
            data.reason,
            lane=("ticket", ticket),
        )
    )


AMEND = """
    select e.*, l.time_zone
    from parking.session($1, $2) s
    cross join lateral {function}(s.actor, $3, $4, $5) e
    cross join lateral parking.find_ticket(s.actor, e.ticket_number) t
    cross join lateral parking.find_lot(t.lot_id, null, s.actor) l
"""


async def _amend(
    function: str, ticket: str, data: Refund | Correction, request: AuthenticatedRequest, database: Database
) -> LedgerEntry:
    return LedgerEntry.of(
        await database.row(
            AMEND.format(function=function),
            *caller(request),
            ticket,
            data.amount_cents,
            data.reason,
            lane=("ticket", ticket),
        )
    )


@post(
    "/tickets/{ticketNumber:str}/refunds",
    dto=StrictJson[Refund],
    return_dto=None,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422),
    summary="Give money back",
    **STAFF,
)
async def refund_ticket(
    ticket: TicketNumber,
    data: JSONBody[Refund],
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
) -> LedgerEntry:
    """For operators: of what was paid for a ticket, in the way it was paid."""
    return await _amend("parking.refund_ticket", ticket, data, request, database)


@post(
    "/tickets/{ticketNumber:str}/corrections",
    dto=StrictJson[Correction],
    return_dto=None,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422),
    summary="Correct what was paid",
    **STAFF,
)
async def correct_ticket(
    ticket: TicketNumber,
    data: JSONBody[Correction],
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
) -> LedgerEntry:
    """For operators: an entry of its own; what was written stays."""
    return await _amend("parking.correct_ticket", ticket, data, request, database)


@get("/payment-methods", responses=problems(400, 401, 403), summary="List the ways to pay", **STAFF)
async def list_payment_methods(
    request: AuthenticatedRequest, database: NamedDependency[Database]
) -> list[PaymentMethod]:
    """At the desk; capital letters do not matter."""
    rows = await database.rows(
        "select m.method, m.aliases from parking.session($1, $2) s, parking.list_payment_methods(s.actor) m",
        *caller(request),
    )
    return [PaymentMethod(row["method"], row["aliases"]) for row in rows]


@get(
    "/lots/{lot:int}/garage/balance",
    responses=problems(400, 401, 403, 404),
    summary="Prove that the ledger balances",
    **STAFF,
)
async def show_balance(lot: LotId, request: AuthenticatedRequest, database: NamedDependency[Database]) -> LedgerBalance:
    """For operators: what the tickets have cost, line by line and in money; and which of them do not add up."""
    return LedgerBalance.of(
        await database.row(
            "select b.* from parking.session($1, $2) s, parking.ledger_balance(s.actor, $3) b",
            *caller(request),
            lot,
            pool="public",
        )
    )


HANDLERS = [
    find_garage,
    set_garage,
    find_open_ticket,
    list_overstays,
    show_amount_due,
    lose_ticket,
    void_ticket,
    refund_ticket,
    correct_ticket,
    list_payment_methods,
    show_balance,
]
