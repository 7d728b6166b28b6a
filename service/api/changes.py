"""What becomes of reservations: list them, move or cancel one, show its pass; end what is overdue."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from asyncpg import Record
from litestar import Request, Response, get, patch, post, put
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import UNSET, Struct, UnsetType

from service.api.moments import DATE_TIME, moment
from service.api.reservations import AuthenticatedRequest, Moment, Price, Reservation, ReservationId
from service.auth import admit_bearer, caller, require_bearer
from service.database import Database
from service.edge import LARGEST_NUMBER, StrictJson
from service.habits.conditional import CONDITIONAL
from service.habits.preferences import ALWAYS_WHOLE
from service.openapi import problems
from service.problems import FieldError, Problem
from service.zones import zone_of

EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND: Final = dt.timedelta(microseconds=1)

Whose = Annotated[Literal["mine", "all"], QueryParameter(description="One's own, or all of the tenant: operators.")]
Period = Annotated[
    Literal["current", "coming", "past"] | None,
    QueryParameter(description="coming: not begun; current: running; past: over, cancelled or completed."),
]
Status = Annotated[
    Literal["active", "completed", "cancelled"] | None, QueryParameter(description="Only those of this status.")
]
SpotParameter = Annotated[int | None, QueryParameter(ge=1, le=LARGEST_NUMBER, description="A spot.")]
LotParameter = Annotated[int | None, QueryParameter(ge=1, le=LARGEST_NUMBER, description="A lot.")]
From = Annotated[
    str | None,
    QueryParameter(name="from", schema_extra=DATE_TIME, description="Those that start then or later (RFC 3339)."),
]
To = Annotated[
    str | None,
    QueryParameter(name="to", schema_extra=DATE_TIME, description="Those that start before that (RFC 3339)."),
]
Sort = Annotated[Literal["latest", "earliest"], QueryParameter(description="By their starts: which come first.")]
After = Annotated[
    str | None,
    QueryParameter(
        pattern=r"^-?[0-9]{1,16}~[0-9]{1,16}$", description="As `next` in the header Link of a page has it."
    ),
]
Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="How many at most.")]
Code = Annotated[str, PathParameter(max_length=100, description="The code of a pass.")]


class ReservationChange(Struct, forbid_unknown_fields=True):
    """Another period; what is left out stays."""

    start_time: Moment | UnsetType = UNSET
    end_time: Moment | UnsetType = UNSET


class ListedReservation(Reservation):
    """A reservation with all that one needs to find the spot."""

    period: Literal["current", "coming", "past"]
    spot: str
    type: str
    row: str
    floor: str
    lot_id: int
    lot: str
    address: str
    time_zone: str
    booked_at: dt.datetime
    ended_at: dt.datetime | None

    @classmethod
    def of(cls, row: Record) -> ListedReservation:
        """From a parking.reservation_details."""
        zone = zone_of(row["time_zone"])
        return cls(
            id=row["id"],
            spot_id=row["spot_id"],
            user_id=row["driver"],
            start_time=row["starts"].astimezone(zone),
            end_time=row["ends"].astimezone(zone),
            status=row["status"],
            price=Price.of(row),
            period=row["period"],
            spot=row["spot"],
            type=row["type"],
            row=row["row"],
            floor=row["floor"],
            lot_id=row["lot_id"],
            lot=row["lot"],
            address=row["address"],
            time_zone=row["time_zone"],
            booked_at=row["booked_at"].astimezone(zone),
            ended_at=row["ended_at"] and row["ended_at"].astimezone(zone),
        )


class Pass(Struct):
    """What a driver shows at the lot; whoever has the code may look where and when, and not whose."""

    code: str


class PassCheck(Struct):
    """What a pass is good for: `early`, `valid`, `over` (its time has passed) or `ended` (before that).

    `driver` is the name of whose it is, told to operators of the tenant.
    """

    state: Literal["early", "valid", "over", "ended"]
    reservation_id: int
    status: Literal["active", "completed", "cancelled"]
    lot_id: int
    lot: str
    spot_id: int
    spot: str
    type: str
    start_time: dt.datetime
    end_time: dt.datetime
    ended_at: dt.datetime | None
    driver: str | None

    @classmethod
    def of(cls, row: Record) -> PassCheck:
        """From a parking.pass_check."""
        zone = zone_of(row["time_zone"])
        return cls(
            state=row["state"],
            reservation_id=row["reservation_id"],
            status=row["status"],
            lot_id=row["lot_id"],
            lot=row["lot"],
            spot_id=row["spot_id"],
            spot=row["spot"],
            type=row["type"],
            start_time=row["starts"].astimezone(zone),
            end_time=row["ends"].astimezone(zone),
            ended_at=row["ended_at"] and row["ended_at"].astimezone(zone),
            driver=row["driver"],
        )


@get(
    "/reservations",
    guards=[require_bearer],
    response_headers=[
        ResponseHeader(
            name="Link",
            value="",
            description="The first page, and the next one if there is one.",
            documentation_only=True,
        )
    ],
    responses=problems(400, 401, 403, 422),
    security=[{"Bearer": []}],
    tags=["reservations"],
    summary="List reservations",
)
async def list_reservations(
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
    *,
    whose: Whose = "mine",
    spot_id: SpotParameter = None,
    lot_id: LotParameter = None,
    status: Status = None,
    period: Period = None,
    starts_from: From = None,
    starts_before: To = None,
    sort: Sort = "latest",
    after: After = None,
    limit: Limit = 50,
) -> Response[list[ListedReservation]]:
    """One's own, or all of the tenant for operators, a page at a time; the header Link has the next page."""
    rows = await database.rows(
        """
        select r.*
        from parking.session($1, $2) s,
             parking.list_reservations(s.actor, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) r""",
        *caller(request),
        whose,
        lot_id,
        spot_id,
        status,
        period,
        moment(starts_from, "from"),
        moment(starts_before, "to"),
        *_place(after),
        sort,
        limit + 1,
    )
    page = [ListedReservation.of(row) for row in rows[:limit]]
    return Response(page, headers={"Link": _links(request, page[-1] if len(rows) > limit else None)})


@patch(
    "/reservations/{reservation:int}",
    dto=StrictJson[ReservationChange],
    return_dto=None,
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404, 409, 412, 413, 415, 422),
    security=[{"Bearer": []}],
    tags=["reservations"],
    summary="Reschedule a reservation",
    **CONDITIONAL,
)
async def reschedule_reservation(
    reservation: ReservationId,
    data: JSONBody[ReservationChange],
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
    expected: NamedDependency[list[str] | None],
) -> Reservation:
    """Make one's own reservation longer or shorter, or move it, on its spot. What has begun keeps its start."""
    return Reservation.of(
        await database.row(
            """
            select b.*
            from parking.session($1, $2) s,
                 parking.expect(s.actor, 'reservation', $3, $6) e,
                 parking.reschedule(e, $3, $4, $5) b""",
            *caller(request),
            reservation,
            None if data.start_time is UNSET else data.start_time,
            None if data.end_time is UNSET else data.end_time,
            expected,
            lane=("reservation", reservation),
        ),
    )


# Not DELETE: the reservation stays, and says that it was cancelled.
@post(
    "/reservations/{reservation:int}/cancel",
    status_code=200,
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404, 409, 412),
    security=[{"Bearer": []}],
    tags=["reservations"],
    summary="Cancel a reservation",
    **CONDITIONAL,
)
async def cancel_reservation(
    reservation: ReservationId,
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
    expected: NamedDependency[list[str] | None],
) -> Reservation:
    """Take back one's own reservation before it begins; operators may cancel anybody's in their tenant."""
    return Reservation.of(
        await database.row(
            """
            select b.*
            from parking.session($1, $2) s,
                 parking.expect(s.actor, 'reservation', $3, $4) e,
                 parking.cancel(e, $3) b""",
            *caller(request),
            reservation,
            expected,
            lane=("reservation", reservation),
        ),
    )


@post(
    "/reservations/expire-old",
    status_code=200,
    guards=[require_bearer],
    responses=problems(400, 401, 403),
    security=[{"Bearer": []}],
    tags=["reservations"],
    summary="Release what is overdue",
)
async def expire_old(request: AuthenticatedRequest, database: NamedDependency[Database]) -> list[Reservation]:
    """For operators: what the stale checker does every minute, now, in one's own tenant; up to 1,000 are released."""
    rows = await database.rows(
        "select b.* from parking.session($1, $2) s, parking.expire_old(s.actor) b", *caller(request)
    )
    return [Reservation.of(row) for row in rows]


@put(
    "/reservations/{reservation:int}/pass",
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404),
    security=[{"Bearer": []}],
    tags=["reservations"],
    summary="Get the pass of a reservation",
    opt={ALWAYS_WHOLE: True},
)
async def issue_pass(
    reservation: ReservationId, request: AuthenticatedRequest, database: NamedDependency[Database]
) -> Pass:
    """The code to show at the lot for one's own reservation; it is made at the first time and then stays the same."""
    row = await database.row(
        "select p.code from parking.session($1, $2) s, parking.issue_pass(s.actor, $3) p(code)",
        *caller(request),
        reservation,
    )
    return Pass(row["code"])


@get(
    "/passes/{code:str}",
    guards=[admit_bearer],
    responses=problems(400, 401, 404, 422),
    security=[{}, {"Bearer": []}],
    tags=["reservations"],
    summary="Check a pass",
)
async def check_pass(code: Code, request: Request[Any, Any, Any], database: NamedDependency[Database]) -> PassCheck:
    """What a pass is good for at this moment. Public: who has the code may know; the name is for operators."""
    return PassCheck.of(
        await database.row(
            "select c.* from parking.session($1, $2) s, parking.check_pass($3, s.actor) c", *caller(request), code
        )
    )


HANDLERS: list[HTTPRouteHandler] = [
    list_reservations,
    expire_old,
    reschedule_reservation,
    cancel_reservation,
    issue_pass,
    check_pass,
]


def _place(after: str | None) -> tuple[dt.datetime | None, int | None]:
    """The start and the number of the last reservation of a page; see _links."""
    if after is None:
        return None, None
    microseconds, number = after.split("~")
    try:
        return EPOCH + int(microseconds) * MICROSECOND, int(number)
    except OverflowError:
        raise Problem.of(
            "invalid-request", errors=[FieldError(parameter="after", detail="There is no such page")]
        ) from None


def _links(request: AuthenticatedRequest, last: ListedReservation | None) -> str:
    """The header Link (RFC 8288) with the same question from its beginning, and behind the last one of the page."""
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    links = {"first": asked}
    if last is not None:
        links["next"] = [*asked, ("after", f"{(last.start_time - EPOCH) // MICROSECOND}~{last.id}")]
    path = request.url.path
    return ", ".join(
        f'<{path}{"?" if query else ""}{urlencode(query)}>; rel="{relation}"' for relation, query in links.items()
    )
