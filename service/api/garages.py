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
from service.api.tariffs import Bill
from service.auth import Identity, admit_bearer, caller, require_bearer
from service.database import Database, ticket_lane
from service.edge import LARGEST_NUMBER, StrictJson
from service.openapi import problems
from service.zones import zone_of

Reason = Annotated[str, Meta(min_length=1, max_length=500, description="Why; it is kept.")]
Amount = Annotated[int, Meta(ge=1, le=LARGEST_NUMBER, description="Hundredths of the currency.")]
Difference = Annotated[
    int, Meta(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER, description="In hundredths of the currency; below zero: less.")
]
WhatParameter = Annotated[
    str,
    QueryParameter(
        name="what", min_length=1, max_length=40, description="A ticket's number, or the plate of a vehicle inside."
    ),
]


class GarageSettings(Struct, forbid_unknown_fields=True):
    """`spaces` are shared with bookings, for which a vehicle with a ticket is assumed to stay for so long.

    What is left out stays as it is, or is what is usual in a new garage. The stay is rounded to minutes.
    """

    spaces: Annotated[int, Meta(ge=-(2**31), lt=2**31)] | None = None
    assumed_stay_hours: float | None = None


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
    """How it is paid, and what is known of a vehicle whose driver has no ticket to show."""

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
        """From a parking.ledger_entry."""
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
    summary="Look up a ticket",
    **STAFF,
)
async def look_up_ticket(
    lot: LotId, what: WhatParameter, request: AuthenticatedRequest, database: NamedDependency[Database]
) -> TicketResponse:
    """As somebody at the desk asks for it: by its number, or by the plate of a vehicle that is inside."""
    return TicketResponse.of(
        await database.row(
            "select t.* from parking.session($1, $2) s, parking.look_up_ticket(s.actor, $3, $4) t",
            *caller(request),
            lot,
            what,
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
        select t.*
        from parking.session($1, $2) s
        cross join lateral parking.overstays(s.actor, $3) with ordinality t
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
) -> Bill:
    """If the vehicle leaves now, line by line; of a closed ticket, what it has cost."""
    return Bill.of(
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
    "/tickets/{ticketNumber:str}/lost",
    dto=StrictJson[LostTicket],
    return_dto=None,
    status_code=200,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422),
    summary="Let a vehicle out without its ticket",
    **STAFF,
)
async def lose_ticket(
    ticket: TicketNumber,
    data: JSONBody[LostTicket],
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
) -> TicketResponse:
    """It pays what its stay costs. Its number is found by the plate."""
    return TicketResponse.of(
        await database.row(
            "select t.* from parking.session($1, $2) s, parking.lose_ticket(s.actor, $3, $4, $5) t",
            *caller(request),
            ticket,
            data.payment_method,
            data.reason,
            lane=ticket_lane(ticket),
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
            "select t.* from parking.session($1, $2) s, parking.void_ticket(s.actor, $3, $4) t",
            *caller(request),
            ticket,
            data.reason,
            lane=ticket_lane(ticket),
        )
    )


AMEND = "select e.* from parking.session($1, $2) s, {function}(s.actor, $3, $4, $5) e"


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
            lane=ticket_lane(ticket),
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
    look_up_ticket,
    list_overstays,
    show_amount_due,
    lose_ticket,
    void_ticket,
    refund_ticket,
    correct_ticket,
    list_payment_methods,
    show_balance,
]
