"""Book a spot, look up a reservation, complete it."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Annotated, Any, Literal

import asyncpg
from asyncpg import Record
from litestar import Request, Response, get, post, put
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct

from service.auth import Identity, caller, require_bearer
from service.database import Database
from service.edge import LARGEST_NUMBER, StrictJson
from service.openapi import problems
from service.problems import Alternative, Problem, to_problem
from service.zones import zone_of

log = logging.getLogger(__name__)

Number = Annotated[int, Meta(ge=1, le=LARGEST_NUMBER)]
Moment = Annotated[dt.datetime, Meta(tz=True, description="RFC 3339; the offset is required.")]


class NewReservation(Struct, forbid_unknown_fields=True):
    """A spot and a period: from `start_time` up to, not including, `end_time`."""

    spot_id: Number
    start_time: Moment
    end_time: Moment


class Reservation(Struct):
    """A driver's claim on a spot. `user_id` is the driver's e-mail; times have the lot's own offset."""

    id: int
    spot_id: int
    user_id: str
    start_time: dt.datetime
    end_time: dt.datetime
    status: Literal["active", "completed", "cancelled"]

    @classmethod
    def of(cls, row: Record) -> Reservation:
        """From a row of parking.bookings."""
        zone = zone_of(row["time_zone"])
        return cls(
            id=row["id"],
            spot_id=row["spot_id"],
            user_id=row["driver"],
            start_time=row["starts"].astimezone(zone),
            end_time=row["ends"].astimezone(zone),
            status=row["status"],
        )


async def _with_alternatives(
    problem: Problem, request: AuthenticatedRequest, database: Database, wanted: tuple[int, dt.datetime, dt.datetime]
) -> Problem:
    """The problem spot-taken with what could be booked instead; any other one as it is."""
    if problem.slug == "spot-taken":
        try:
            rows = await database.rows(
                "select a.* from parking.session($1, $2) s, parking.alternatives($3, $4, $5, s.actor) a",
                *caller(request),
                *wanted,
                pool="public",
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, Problem) as error:
            # They are a courtesy: that the spot is taken is to be told all the same.
            log.warning("No alternatives can be told: %s", to_problem(error).slug)
        else:
            problem.alternatives = [Alternative.of(row) for row in rows]
    return problem


AuthenticatedRequest = Request[Identity, Any, Any]
ReservationId = Annotated[int, PathParameter(ge=1, le=LARGEST_NUMBER, description="The reservation's number.")]


@post(
    "/reservations",
    dto=StrictJson[NewReservation],
    return_dto=None,
    guards=[require_bearer],
    response_headers=[ResponseHeader(name="Location", value="", description="Where it is.", documentation_only=True)],
    responses=problems(400, 401, 404, 409, 413, 415, 422),
    security=[{"Bearer": []}],
    tags=["reservations"],
    summary="Book a spot",
)
async def book_spot(
    data: JSONBody[NewReservation], request: AuthenticatedRequest, database: NamedDependency[Database]
) -> Response[Reservation]:
    """Book a spot for a period. Of all who ask for the same spot and time, exactly one gets it.

    The others get 409 with up to five `alternatives`, the most useful first.
    """
    wanted = (data.spot_id, data.start_time, data.end_time)
    try:
        row = await database.row(
            "select b.* from parking.session($1, $2) s, parking.book(s.actor, $3, $4, $5) b",
            *caller(request),
            *wanted,
            lane=("spot", data.spot_id),
        )
    except asyncpg.PostgresError as refusal:
        raise await _with_alternatives(to_problem(refusal), request, database, wanted) from refusal
    return Response(
        Reservation.of(row),
        status_code=201,
        headers={"Location": f"{request.url.path.rstrip('/')}/{row['id']}"},
    )


@get(
    "/reservations/{reservation:int}",
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404),
    security=[{"Bearer": []}],
    tags=["reservations"],
    summary="Look up a reservation",
)
async def find_reservation(
    reservation: ReservationId, request: AuthenticatedRequest, database: NamedDependency[Database]
) -> Reservation:
    """One of the driver's own reservations."""
    return Reservation.of(
        await database.row(
            "select b.* from parking.session($1, $2) s, parking.find_reservation(s.actor, $3) b",
            *caller(request),
            reservation,
        ),
    )


@put(
    "/reservations/{reservation:int}/complete",
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404, 409),
    security=[{"Bearer": []}],
    tags=["reservations"],
    summary="Complete a reservation",
)
async def complete_reservation(
    reservation: ReservationId, request: AuthenticatedRequest, database: NamedDependency[Database]
) -> Reservation:
    """End one's own reservation; the spot is free from this moment."""
    return Reservation.of(
        await database.row(
            "select b.* from parking.session($1, $2) s, parking.complete(s.actor, $3) b",
            *caller(request),
            reservation,
            lane=("reservation", reservation),
        ),
    )
