"""The board of a lot and a day: look, book, end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from asyncpg import PostgresError
from litestar import get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body
from msgspec import Meta, field

from service.auth import Identity, address_of
from service.database import Database
from service.pages.answers import (
    FLASH_COOKIE,
    AnyRequest,
    AnyResponse,
    Caller,
    Days,
    Form,
    Id,
    Lots,
    Message,
    Place,
    flashing,
    page,
    sign_in_again,
    sign_in_first,
)
from service.pages.cells import Cell, Lot, shape
from service.pages.language import _, long_day
from service.problems import Problem, to_problem
from service.settings import Settings


class _BoardForm(Form, kw_only=True):
    day: date = field(name="date")
    lot: Id | None = None

    @property
    def place(self) -> Place:
        return Place(self.day, self.lot)


class Booking(_BoardForm, kw_only=True):
    cell: Annotated[str, Meta(pattern=r"^[0-9]{1,18}-[0-9]{1,11}-[0-9]{1,11}\Z")]


class Completing(_BoardForm, kw_only=True):
    reservation: Id


@get("/")
async def show_board(  # noqa: PLR0917 (Litestar gives them by name)
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    day: Days = None,
    lot: Lots = None,
) -> AnyResponse:
    """The board of a lot and a day, today in the configured lot unless told otherwise."""
    response = await _board(request, database, settings, caller, Place(day, lot))
    if FLASH_COOKIE in request.cookies:
        response.delete_cookie(FLASH_COOKIE)
    return response


@post("/book")
async def book(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    data: Annotated[Booking, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """Book the spot and the period of the cell that was pressed."""
    if caller is None:
        return sign_in_first(request, data.place.url())
    spot, starts, ends = (int(part) for part in data.cell.split("-"))
    try:
        booking = await database.row(
            """
            select b.spot_id from parking.session($1, $2) s cross join lateral parking.book(s.actor, $3, $4, $5) b
            """,
            caller.session,
            address_of(request),
            spot,
            datetime.fromtimestamp(starts, UTC),
            datetime.fromtimestamp(ends, UTC),
            lane=("spot", spot),
        )
    except (PostgresError, Problem) as refusal:
        return await _refused(request, database, settings, caller, data.place, refusal)
    return _done(settings, data.place, f"booked.{booking['spot_id']}.{starts}")


@post("/complete")
async def complete(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    data: Annotated[Completing, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """End one's own reservation."""
    if caller is None:
        return sign_in_first(request, data.place.url())
    try:
        booking = await database.row(
            "select b.spot_id from parking.session($1, $2) s cross join lateral parking.complete(s.actor, $3) b",
            caller.session,
            address_of(request),
            data.reservation,
            lane=("reservation", data.reservation),
        )
    except (PostgresError, Problem) as refusal:
        return await _refused(request, database, settings, caller, data.place, refusal)
    return _done(settings, data.place, f"ended.{booking['spot_id']}")


async def _board(  # noqa: PLR0917 (its callers are few, and here)
    request: AnyRequest,
    database: Database,
    settings: Settings,
    caller: Identity | None,
    place: Place,
    refusal: Problem | None = None,
) -> AnyResponse:
    rows = await database.rows(
        """
        select l.id, l.tenant_slug, l.name, l.address, l.time_zone, l.today,
               coalesce($3, l.today) as day,
               b.spot_id, b.spot, b.type, b.slot, b.starts, b.ends, b.status, b.reservation_id
        from parking.session($4, $5) s
        cross join lateral parking.find_lot($1, $2, s.actor) l
        left join lateral parking.board(l.id, $3, s.actor) with ordinality b on true
        order by b.ordinality
        """,
        place.lot or settings.lot,
        settings.tenant,
        place.day,
        caller and caller.session,
        address_of(request),
    )
    lot, day = Lot.of(rows[0]), rows[0]["day"]
    cells = [Cell.of(row, day, row["reservation_id"]) for row in rows if row["spot_id"] is not None]
    here = Place(day, place.lot)
    message = Message.of(refusal, here.url()) if refusal else _flash(request, cells, here.url())
    return page(
        request,
        "lot.html",
        refusal.status if refusal else 200,
        here=here.url(),
        home=Place(lot=place.lot).url(),
        lot=lot,
        chosen_lot=place.lot,
        day=day,
        long_day=long_day(day, year=True),
        relative={-1: _("Yesterday"), 0: _("Today"), 1: _("Tomorrow")}.get((day - lot.today).days, ""),
        earlier=here.url(day - timedelta(days=1)),
        later=here.url(day + timedelta(days=1)),
        today=here.url(lot.today),
        message=message,
        **shape(cells, lot, day),
    )


def _flash(request: AnyRequest, cells: Sequence[Cell], dismiss: str) -> Message | None:
    """What has just been done. The cookie only names a cell: whoever plants one cannot put words into our mouth."""
    match request.cookies.get(FLASH_COOKIE, "").split("."):
        case ["booked", spot_id, starts]:
            for cell in cells:
                if cell.id == f"cell-{spot_id}-{starts}" and cell.state == "yours":
                    return Message(
                        "done",
                        _("Booked"),
                        _("%(spot)s is yours on %(day)s, %(slot)s.")
                        % {"spot": cell.spot, "day": long_day(cell.day), "slot": cell.slot},
                        dismiss,
                    )
        case ["ended", spot_id]:
            for cell in cells:
                if str(cell.spot_id) == spot_id:
                    return Message(
                        "done", _("Ended"), _("Your booking of %(spot)s has ended.") % {"spot": cell.spot}, dismiss
                    )
    return None


def _done(settings: Settings, place: Place, flash: str) -> AnyResponse:
    return flashing(settings, place.url(), flash)


async def _refused(  # noqa: PLR0917 (its callers are few, and here)
    request: AnyRequest,
    database: Database,
    settings: Settings,
    caller: Identity,
    place: Place,
    refusal: PostgresError | Problem,
) -> AnyResponse:
    """The board as it stands, with the refusal in words; somebody whose session is over has to sign in anew."""
    problem = to_problem(refusal)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        return sign_in_again(request, place.url())
    return await _board(request, database, settings, caller, place, problem)


handlers = [show_board, book, complete]
