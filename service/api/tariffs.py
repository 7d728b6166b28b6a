"""What a stay costs, and the tariffs, season passes and discounts. Prices of a public lot need no account."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from asyncpg import Record
from litestar import Request, Response, delete, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct

from service.api.lots import LotId, Name, SpotType, Week
from service.api.reservations import Moment, Number
from service.auth import Identity, admit_bearer, caller, require_bearer
from service.database import Database
from service.edge import LARGEST_NUMBER, StrictJson
from service.openapi import problems
from service.zones import zone_of

Cents = Annotated[int, Meta(ge=0, le=100_000_000, description="Hundredths of the currency.")]
Increment = Annotated[int, Meta(ge=1, le=10_080, description="In minutes; started increments are paid.")]
Vehicle = Annotated[str, Meta(min_length=1, max_length=50, description="A kind of vehicle, such as `car`.")]
Plate = Annotated[str, Meta(min_length=1, max_length=40, description="A licence plate, with or without spaces.")]
Line = TypeVar("Line", bound="PriceLine")

Percent = Annotated[int, Meta(ge=1, le=100, description="How much less is to be paid; 100: nothing.")]


class Tier(Struct, forbid_unknown_fields=True):
    """What an increment costs that begins when the stay has lasted `from_minutes` or more.

    One whose `increment_minutes` is null is a flat price, until the tariff's times end, or the day.
    """

    from_minutes: Annotated[int, Meta(ge=0, le=525_600)]
    price_cents: Cents
    increment_minutes: Increment | None = None


class NewTariff(Struct, forbid_unknown_fields=True):
    """A tariff from a moment on; the one of its name that is valid until then ends there."""

    name: Name
    tiers: Annotated[list[Tier], Meta(min_length=1, max_length=100)]
    free_minutes: Annotated[int, Meta(ge=0, le=10_080)] = 0
    cap_stay_cents: Cents | None = None
    cap_day_cents: Cents | None = None
    times: Week = "24/7"
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    vehicle: Vehicle | None = None
    spot_type: SpotType | None = None
    priority: Annotated[int, Meta(ge=-1000, le=1000)] = 0
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217.")] | None = None
    valid_from: Moment | None = None
    valid_until: Moment | None = None


class Tariff(Struct):
    """A tariff. Its times are by the lot's wall clock; of several that apply the highest priority counts."""

    id: int
    lot_id: int
    name: str
    currency: str
    priority: int
    times: str
    first_day: dt.date | None
    last_day: dt.date | None
    vehicle: str | None
    spot_type: SpotType | None
    free_minutes: int
    tiers: list[Tier]
    cap_stay_cents: int | None
    cap_day_cents: int | None
    valid_from: dt.datetime
    valid_until: dt.datetime | None

    @classmethod
    def of(cls, row: Record) -> Tariff:
        """From a row of parking.tariff_details."""
        zone = zone_of(row["time_zone"])
        members = {name: row[name] for name in cls.__struct_fields__}
        members["tiers"] = msgspec.json.decode(row["tiers"], type=list[Tier])
        members["valid_from"] = row["valid_from"].astimezone(zone)
        members["valid_until"] = row["valid_until"] and row["valid_until"].astimezone(zone)
        return cls(**members)


class StayToPrice(Struct, forbid_unknown_fields=True):
    """A stay. What another `customer` or a `plate` pays is told to those who run lots."""

    start_time: Moment
    end_time: Moment
    vehicle: Vehicle | None = None
    spot_type: SpotType | None = None
    customer: Number | None = None
    plate: Plate | None = None


class PriceLine(Struct, kw_only=True):
    """`amount_cents` is `quantity` times `unit_cents`; caps and discounts are lines below zero.

    `line` says in English what it is for. The others say the same to whoever has other words: so many started
    increments of `minutes`, a flat price, the first `minutes` free, or none while no tariff applies, by the name of the
    `tariff`; `day` where the stay has several, or the cap is of one; what a season pass or the discount takes off in
    percent.
    """

    line: str
    quantity: int
    unit_cents: int
    amount_cents: int
    tariff_id: int | None
    tariff: str | None
    day: dt.date | None
    minutes: int | None
    percent: int | None


class QuoteLine(PriceLine, kw_only=True):
    """A line of a price."""

    kind: Literal["none", "free", "flat", "started", "day-cap", "stay-cap", "discount"]


class BillLine(PriceLine, kw_only=True):
    """The same of a ticket, which may have been changed since: by a refund or a correction, with its `reason`."""

    kind: Literal["none", "free", "flat", "started", "day-cap", "stay-cap", "discount", "refund", "correction"]
    reason: str | None


def _lines(rows: list[Record], kind: type[Line]) -> list[Line]:
    names = kind.__struct_fields__
    return [kind(**{name: row[name] for name in names} | {"quantity": int(row["quantity"])}) for row in rows]


class Quote(Struct):
    """A price: the sum of its lines. A stay without any length has none, and no currency."""

    total_cents: int
    currency: str | None
    lines: list[QuoteLine]

    @classmethod
    def of(cls, rows: list[Record]) -> Quote:
        """From rows of parking.quote, each with the total_cents of all."""
        return cls(*_total(rows), lines=_lines(rows, QuoteLine))


class Bill(Struct):
    """What a ticket costs or has cost: the sum of its lines. Of one without any length it has none, and no currency."""

    total_cents: int
    currency: str | None
    lines: list[BillLine]

    @classmethod
    def of(cls, rows: list[Record]) -> Bill:
        """From rows of parking.amount_due, each with the total_cents of all."""
        return cls(*_total(rows), lines=_lines(rows, BillLine))


def _total(rows: list[Record]) -> tuple[int, str | None]:
    return (int(rows[0]["total_cents"]), rows[0]["currency"]) if rows else (0, None)


class NewConcession(Struct, forbid_unknown_fields=True):
    """A season pass of a person or a plate for a lot, or a person's discount in one lot or in all."""

    kind: Literal["season-pass", "discount"]
    percent: Percent = 100
    lot_id: Number | None = None
    person_id: Number | None = None
    plate: Plate | None = None
    valid_from: Moment | None = None
    valid_until: Moment | None = None


class Concession(Struct):
    """Who pays less: `person` is an e-mail."""

    id: int
    kind: Literal["season-pass", "discount"]
    lot_id: int | None
    person: str | None
    plate: str | None
    percent: int
    valid_from: dt.datetime
    valid_until: dt.datetime | None

    @classmethod
    def of(cls, row: Record) -> Concession:
        """From a row of parking.concession_details."""
        return cls(**{name: row[name] for name in cls.__struct_fields__})


Caller = Request[Identity | None, Any, Any]
Member = Request[Identity, Any, Any]
TariffId = Annotated[int, PathParameter(ge=1, le=LARGEST_NUMBER, description="The tariff's number.")]
ConcessionId = Annotated[
    int, PathParameter(ge=1, le=LARGEST_NUMBER, description="The number of a season pass or discount.")
]
LotParameter = Annotated[
    int | None, QueryParameter(ge=1, le=LARGEST_NUMBER, description="Only those that count in this lot.")
]

ANYBODY: dict[str, Any] = {"guards": [admit_bearer], "security": [{}, {"Bearer": []}], "tags": ["prices"]}
OPERATOR: dict[str, Any] = {"guards": [require_bearer], "security": [{"Bearer": []}], "tags": ["prices"]}
LOCATION: dict[str, Any] = {
    "response_headers": [ResponseHeader(name="Location", value="", description="Where it is.", documentation_only=True)]
}


@get("/lots/{lot:int}/tariffs", responses=problems(400, 401, 404), summary="List the tariffs", **ANYBODY)
async def list_tariffs(lot: LotId, request: Caller, database: NamedDependency[Database]) -> list[Tariff]:
    """Those that are valid or will be, the one that goes before the others first."""
    rows = await database.rows(
        "select t.* from parking.session($1, $2) s, parking.list_tariffs($3, s.actor) t", *caller(request), lot
    )
    return [Tariff.of(row) for row in rows]


@post(
    "/lots/{lot:int}/tariffs",
    dto=StrictJson[NewTariff],
    return_dto=None,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422),
    summary="Set a tariff",
    **OPERATOR,
    **LOCATION,
)
async def set_tariff(
    lot: LotId, data: JSONBody[NewTariff], request: Member, database: NamedDependency[Database]
) -> Response[Tariff]:
    """For operators. What stays up to now cost is not changed; 409 where two tariffs would apply at once."""
    row = await database.row(
        """
        select t.*
        from parking.session($1, $2) s,
             parking.set_tariff(s.actor, $3, $4, tiers => $5, free_minutes => $6, cap_stay_cents => $7,
                 cap_day_cents => $8, times => $9,
                 first_day => $10, last_day => $11, vehicle => $12, spot_type => $13, priority => $14,
                 currency => $15, valid_from => $16, valid_until => $17) t""",
        *caller(request),
        lot,
        data.name,
        msgspec.json.encode(data.tiers).decode(),
        data.free_minutes,
        data.cap_stay_cents,
        data.cap_day_cents,
        data.times,
        data.first_day,
        data.last_day,
        data.vehicle,
        data.spot_type,
        data.priority,
        data.currency,
        data.valid_from,
        data.valid_until,
    )
    return Response(Tariff.of(row), status_code=201, headers={"Location": f"/api/lots/{lot}/tariffs"})


@delete("/tariffs/{tariff:int}", responses=problems(400, 401, 403, 404), summary="Retire a tariff", **OPERATOR)
async def retire_tariff(tariff: TariffId, request: Member, database: NamedDependency[Database]) -> None:
    """End a tariff now. What stays up to now cost is not changed."""
    await database.row(
        "select parking.retire_tariff(s.actor, $3) from parking.session($1, $2) s", *caller(request), tariff
    )


@post(
    "/lots/{lot:int}/quote",
    dto=StrictJson[StayToPrice],
    return_dto=None,
    status_code=200,
    responses=problems(400, 401, 403, 404, 413, 415, 422),
    summary="Price a stay",
    **ANYBODY,
)
async def quote(lot: LotId, data: JSONBody[StayToPrice], request: Caller, database: NamedDependency[Database]) -> Quote:
    """What a stay costs, for the caller or for somebody unknown, with the lines that explain it. Nothing is booked."""
    rows = await database.rows(
        """
        select q.*, sum(q.amount_cents) over () as total_cents
        from parking.session($1, $2) s, parking.quote($3, $4, $5, $6, $7, $8, s.actor, $9) q
        order by q.position""",
        *caller(request),
        lot,
        data.start_time,
        data.end_time,
        data.vehicle,
        data.spot_type,
        data.customer,
        data.plate,
    )
    return Quote.of(rows)


@get("/concessions", responses=problems(400, 401, 403, 404), summary="List passes and discounts", **OPERATOR)
async def list_concessions(
    request: Member, database: NamedDependency[Database], lot: LotParameter = None
) -> list[Concession]:
    """For operators: the season passes and discounts that are valid or will be."""
    rows = await database.rows(
        "select c.* from parking.session($1, $2) s, parking.list_concessions(s.actor, $3) c", *caller(request), lot
    )
    return [Concession.of(row) for row in rows]


@post(
    "/concessions",
    dto=StrictJson[NewConcession],
    return_dto=None,
    responses=problems(400, 401, 403, 404, 413, 415, 422),
    summary="Grant a pass or a discount",
    **OPERATOR,
    **LOCATION,
)
async def grant_concession(
    data: JSONBody[NewConcession], request: Member, database: NamedDependency[Database]
) -> Response[Concession]:
    """For operators: somebody pays less, from now or from a later moment on."""
    row = await database.row(
        """
        select c.*
        from parking.session($1, $2) s, parking.grant_concession(s.actor, $3, $4, $5, $6, $7, $8, $9) c""",
        *caller(request),
        data.kind,
        data.lot_id,
        data.person_id,
        data.plate,
        data.percent,
        data.valid_from,
        data.valid_until,
    )
    return Response(Concession.of(row), status_code=201, headers={"Location": "/api/concessions"})


@delete(
    "/concessions/{concession:int}",
    responses=problems(400, 401, 403, 404),
    summary="End a pass or a discount",
    **OPERATOR,
)
async def end_concession(concession: ConcessionId, request: Member, database: NamedDependency[Database]) -> None:
    """It ends now. What stays up to now cost is not changed."""
    await database.row(
        "select parking.end_concession(s.actor, $3) from parking.session($1, $2) s", *caller(request), concession
    )


HANDLERS = [
    list_tariffs,
    set_tariff,
    retire_tariff,
    quote,
    list_concessions,
    grant_concession,
    end_concession,
]
