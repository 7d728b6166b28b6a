"""What is free: one spot in a period, the spots of a lot in a period, and how full a lot is."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, QueryParameter
from msgspec import Struct

from service.api.lots import SpotType
from service.api.moments import DATE_TIME, moment
from service.api.reservations import Moment
from service.api.states import LotId, SpotId
from service.auth import admit_bearer, caller
from service.database import Database
from service.edge import StrictJson
from service.openapi import problems
from service.problems import Alternative

From = Annotated[
    str, QueryParameter(name="from", schema_extra=DATE_TIME, description="The start of the period (RFC 3339).")
]
To = Annotated[str, QueryParameter(name="to", schema_extra=DATE_TIME, description="Its end (RFC 3339).")]
TypeParameter = Annotated[SpotType | None, QueryParameter(name="type", description="Only spots of this type.")]


class WantedPeriod(Struct, forbid_unknown_fields=True):
    """From `start_time` up to, not including, `end_time`."""

    start_time: Moment
    end_time: Moment


class Availability(Struct):
    """Whether a spot could be booked for a period at this moment, why not, and what could be booked instead."""

    available: bool
    status: Literal["available", "booked", "maintenance", "closed"]
    alternatives: list[Alternative]


class FreeSpot(Struct):
    """A spot that is free in the whole period."""

    id: int
    name: str
    type: SpotType


class Occupancy(Struct):
    """How many of a lot's spots are in which state at this moment.

    `rate` is the share of those that are reserved or occupied among those that are not in maintenance, from 0 to 1.
    """

    lot_id: int
    at: dt.datetime
    spots: int
    free: int
    reserved: int
    occupied: int
    maintenance: int
    unknown: int
    rate: float


@post(
    "/spots/{spot:int}/availability",
    dto=StrictJson[WantedPeriod],
    return_dto=None,
    status_code=200,
    guards=[admit_bearer],
    responses=problems(400, 401, 404, 413, 415, 422),
    security=[{}, {"Bearer": []}],
    tags=["spots"],
    summary="Ask whether a spot is free",
)
async def check_spot(
    spot: SpotId,
    data: JSONBody[WantedPeriod],
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
) -> Availability:
    """Whether it could be booked for this period, and if not, up to five alternatives, the most useful first."""
    rows = await database.rows(
        """
        select c.status, a.*
        from parking.session($1, $2) s
        cross join lateral parking.check_spot($3, $4, $5, s.actor) c(status)
        left join lateral parking.alternatives($3, $4, $5, s.actor) a on c.status <> 'available'""",
        *caller(request),
        spot,
        data.start_time,
        data.end_time,
        pool="public",
    )
    status = rows[0]["status"]
    return Availability(
        available=status == "available",
        status=status,
        alternatives=[Alternative.of(row) for row in rows if row["kind"] is not None],
    )


@get(
    "/lots/{lot:int}/free",
    guards=[admit_bearer],
    responses=problems(400, 401, 404, 422),
    security=[{}, {"Bearer": []}],
    tags=["lots"],
    summary="List the free spots of a period",
)
async def free_spots(
    lot: LotId,
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    *,
    starts: From,
    ends: To,
    spot_type: TypeParameter = None,
) -> list[FreeSpot]:
    """The spots that nobody has booked at any moment of it and that are not in maintenance, in their order."""
    rows = await database.rows(
        "select f.* from parking.session($1, $2) s, parking.free_spots($3, $4, $5, $6, s.actor) f",
        *caller(request),
        moment(starts, "from"),
        moment(ends, "to"),
        lot,
        spot_type,
        pool="public",
    )
    return [FreeSpot(id=row["id"], name=row["name"], type=row["type"]) for row in rows]


@get(
    "/lots/{lot:int}/occupancy",
    guards=[admit_bearer],
    responses=problems(400, 401, 404),
    security=[{}, {"Bearer": []}],
    tags=["lots"],
    summary="Show how full a lot is",
)
async def show_occupancy(lot: LotId, request: Request[Any, Any, Any], database: NamedDependency[Database]) -> Occupancy:
    """How many of its spots are in which state at this moment."""
    row = await database.row(
        """
        select parking.clock() as at, count(*) as spots,
               count(*) filter (where c.state = 'free') as free,
               count(*) filter (where c.state = 'reserved') as reserved,
               count(*) filter (where c.state = 'occupied') as occupied,
               count(*) filter (where c.state = 'maintenance') as maintenance,
               count(*) filter (where c.state = 'unknown') as unknown,
               coalesce(round(count(*) filter (where c.state in ('reserved', 'occupied'))::numeric
                   / nullif(count(*) filter (where c.state <> 'maintenance'), 0), 4), 0)::float as rate
        from parking.session($1, $2) s, parking.list_spot_states($3, s.actor) c""",
        *caller(request),
        lot,
        pool="public",
    )
    return Occupancy(lot_id=lot, **row)


HANDLERS: list[HTTPRouteHandler] = [check_spot, free_spots, show_occupancy]
