"""Book a spot, look up a reservation, complete it."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import re
import uuid
from typing import Annotated, Any, Final, Literal

import asyncpg
from asyncpg import Record
from litestar import Request, Response, get, post, put
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody, PathParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from service.auth import Identity, caller, require_bearer
from service.database import Database
from service.edge import LARGEST_NUMBER, StrictJson
from service.forwarding import Address
from service.habits.conditional import CONDITIONAL, VERSIONED, versioned
from service.openapi import problems
from service.problems import Alternative, FieldError, Problem, to_problem
from service.together import Together
from service.zones import zone_of

log = logging.getLogger(__name__)

KEY: Final = "Idempotency-Key"
QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
BARE: Final = re.compile(r"[!#-~]+")
LONGEST_REQUEST_ID: Final = 200

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name=KEY,
        description="What you call this request, such as a new UUID: a string, whose quotation marks may be left out "
        "(draft-ietf-httpapi-idempotency-key-header-07). Each request that is meant to book has a name of its own.",
    ),
]

Number = Annotated[int, Meta(ge=1, le=LARGEST_NUMBER)]
Moment = Annotated[dt.datetime, Meta(tz=True, description="RFC 3339; the offset is required.")]


class NewReservation(Struct, forbid_unknown_fields=True):
    """A spot and a period: from `start_time` up to, not including, `end_time`.

    `request_id` is the same as the header Idempotency-Key, for clients that cannot send one.
    """

    spot_id: Number
    start_time: Moment
    end_time: Moment
    request_id: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET


class Price(Struct):
    """What a booking costs, as it was quoted when it was made or moved."""

    cents: int
    currency: str

    @classmethod
    def of(cls, row: Record) -> Price | None:
        """From a row with quoted_cents and currency; None where no tariff knew a price."""
        return None if row["quoted_cents"] is None else cls(row["quoted_cents"], row["currency"])


class Reservation(Struct):
    """A driver's claim on a spot. `user_id` is the driver's e-mail; times have the lot's own offset.

    `price` is null where no tariff knew one.
    """

    id: int
    spot_id: int
    user_id: str
    start_time: dt.datetime
    end_time: dt.datetime
    status: Literal["active", "completed", "cancelled"]
    price: Price | None

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
            price=Price.of(row),
        )


def _request_id(request: AuthenticatedRequest, key: str | None, named: str | UnsetType) -> str | None:
    """What the client calls its request: in the header, in the body, or the same in both."""
    if key is None:
        return None if named is UNSET else named
    quoted = QUOTED.fullmatch(key)
    name = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else key
    if not (quoted or BARE.fullmatch(key)) or not 0 < len(name) <= LONGEST_REQUEST_ID:
        detail = "Expected a string in quotation marks (RFC 9651, 3.3.3), of up to 200 characters"
    elif len(request.headers.getall(KEY)) > 1:
        detail = "Given more than once"
    elif named not in {UNSET, name}:
        detail = "request_id in the body says otherwise"
    else:
        return name
    raise Problem.of("invalid-request", errors=[FieldError(parameter=KEY, detail=detail)])


Wanted = tuple[int, dt.datetime, dt.datetime]
"""A spot, and from when to when."""
Caller = tuple[uuid.UUID | None, Address | None]

ALTERNATIVES: Final = "select a.* from parking.session($1, $2) s, parking.alternatives($3, $4, $5, s.actor) a"
# A crowd that was refused the same spot is told the same; nobody is told what is older than this.
SUGGESTED_SECONDS: Final = 0.25


AuthenticatedRequest = Request[Identity, Any, Any]
ReservationId = Annotated[int, PathParameter(ge=1, le=LARGEST_NUMBER, description="The reservation's number.")]


class Suggestions:
    """What may be booked instead, which a crowd asks for at once when one of them has got the spot."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together = Together(self._ask, SUGGESTED_SECONDS)

    async def add_to(self, problem: Problem, request: AuthenticatedRequest, wanted: Wanted, asked_at: float) -> None:
        """Name them in the problem spot-taken, as they are or have been since somebody asked for the spot."""
        try:
            rows = await self._together.answer(wanted, caller(request), asked_at)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, Problem) as error:
            # They are a courtesy: that the spot is taken is to be told all the same.
            log.warning("No alternatives can be told: %s", to_problem(error).slug)
        else:
            problem.alternatives = [Alternative.of(row) for row in rows]

    async def _ask(self, wanted: Wanted, callers: list[Caller]) -> list[Record]:
        # All who are told that this spot is taken are of its tenant, and the same is free for them.
        return await self._database.rows(ALTERNATIVES, *callers[0], *wanted, pool="public")


@post(
    "/reservations",
    dto=StrictJson[NewReservation],
    return_dto=None,
    guards=[require_bearer],
    response_headers=[ResponseHeader(name="Location", value="", description="Where it is.", documentation_only=True)],
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422),
    security=[{"Bearer": []}],
    tags=["reservations"],
    summary="Book a spot",
)
async def book_spot(
    data: JSONBody[NewReservation],
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
    suggestions: NamedDependency[Suggestions],
    idempotency_key: IdempotencyKey = None,
) -> Response[Reservation]:
    """Book a spot for a period. Of all who ask for the same spot and time, exactly one gets it.

    The others get 409 with up to five `alternatives`, the most useful first. A request with an Idempotency-Key may be
    sent again when its answer was lost: it books once, and from the second time on the answer is the same reservation
    with the header `Idempotency-Replayed: true`. What was refused may be sent again as well.
    """
    asked_at = asyncio.get_running_loop().time()
    wanted = (data.spot_id, data.start_time, data.end_time)
    request_id = _request_id(request, idempotency_key, data.request_id)
    try:
        row = await database.row(
            "select b.* from parking.session($1, $2) s, parking.book(s.actor, $3, $4, $5, $6) b",
            *caller(request),
            *wanted,
            request_id,
            lane=("spot", data.spot_id),
        )
    except asyncpg.PostgresError as refusal:
        problem = to_problem(refusal)
        if problem.slug == "spot-taken":
            await suggestions.add_to(problem, request, wanted, asked_at)
        raise problem from refusal
    headers = {"Location": f"{request.url.path.rstrip('/')}/{row['id']}"}
    if row["replayed"]:
        headers["Idempotency-Replayed"] = "true"
    return Response(Reservation.of(row), status_code=201, headers=headers)


@get(
    "/reservations/{reservation:int}",
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404),
    security=[{"Bearer": []}],
    tags=["reservations"],
    summary="Look up a reservation",
    **VERSIONED,
)
async def find_reservation(
    reservation: ReservationId, request: AuthenticatedRequest, database: NamedDependency[Database]
) -> Response[Reservation]:
    """One of the driver's own reservations."""
    row = await database.row(
        """
        select b.*, parking.version(to_jsonb(b)) as version
        from parking.session($1, $2) s, parking.find_reservation(s.actor, $3) b""",
        *caller(request),
        reservation,
    )
    return versioned(Reservation.of(row), row["version"])


@put(
    "/reservations/{reservation:int}/complete",
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404, 409, 412),
    security=[{"Bearer": []}],
    tags=["reservations"],
    summary="Complete a reservation",
    **CONDITIONAL,
)
async def complete_reservation(
    reservation: ReservationId,
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
    expected: NamedDependency[list[str] | None],
) -> Reservation:
    """End one's own reservation; the spot is free from this moment."""
    return Reservation.of(
        await database.row(
            """
            select b.*
            from parking.session($1, $2) s,
                 parking.expect(s.actor, 'reservation', $3, $4) e,
                 parking.complete(e, $3) b""",
            *caller(request),
            reservation,
            expected,
            lane=("reservation", reservation),
        ),
    )
