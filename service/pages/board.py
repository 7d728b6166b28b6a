"""The board of a lot and a day, or of the part of the lot that is looked at: look, book, end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from asyncpg import PostgresError, Record
from litestar import get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body
from msgspec import Meta, Struct

from service.auth import Identity, address_of
from service.database import Database
from service.pages.answers import (
    FLASH_COOKIE,
    AnyRequest,
    AnyResponse,
    Caller,
    Days,
    Id,
    Lots,
    Message,
    Offer,
    flashing,
    page,
    sign_in_again,
    sign_in_first,
)
from service.pages.cells import Cell, Count, Lot, cell_value, count_floors, shape
from service.pages.language import _, local_period, long_day, money
from service.pages.places import Floors, Parts, Place, PlaceForm, Rows, SpotType, Types, View
from service.problems import Problem, to_problem
from service.settings import Settings

# Somebody was faster, or the spot is closed: then another one may do.
ELSEWHERE = ("spot-taken", "spot-in-maintenance")
MOST_OFFERS = 3
FLASH = re.compile(r"(?P<done>booked|ended)\.(?P<reservation>[0-9]{1,18})", re.ASCII)

# The lot, which part of it is to be shown, and that: the cells, or of what is too large for them the rows' counts.
BOARD = """
    select v.id, v.tenant_slug, v.name, v.address, v.time_zone, v.today, v.shows, v.floor_name, v.row_name, v.parts,
           d.day,
           case v.shows when 'spots' then (
               select json_agg(c order by c.ordinality)
               from (
                   select b.spot_id, b.spot, b.type, b.slot, b.starts, b.ends, b.status, d.day, b.reservation_id,
                          b.ordinality
                   from parking.board_section(v.id, d.day, s.actor, $5, $6, $7, $8) with ordinality b
               ) c
           ) end as cells,
           case v.shows when 'rows' then (
               select json_agg(o order by o.ordinality)
               from parking.overview(v.id, d.day, s.actor, $5, $8) with ordinality o
           ) end as counts,
           (select json_agg(p order by p.starts) from parking.slot_prices(v.id, d.day, s.actor, $8) p) as prices
    from parking.session($1, $2) s
    cross join lateral parking.find_view($3, $4, s.actor, $5, $6, $7, $8) v
    cross join lateral (select coalesce($9::date, v.today) as day) d
"""


class SlotPrice(Struct, frozen=True):
    """A row of parking.slot_prices: what a time slot costs this reader, at least and at most."""

    slot: str
    least_cents: int
    most_cents: int
    currency: str

    @property
    def told(self) -> str:
        """One price, or from which to which."""
        least, most = (money(cents, self.currency) for cents in (self.least_cents, self.most_cents))
        return least if least == most else f"{least} – {most}"


class Booking(PlaceForm, kw_only=True):
    cell: Annotated[str, Meta(pattern=r"^[0-9]{1,18}-[0-9]{1,11}-[0-9]{1,11}\Z")]

    @property
    def wanted(self) -> tuple[int, datetime, datetime]:
        """The spot, and from when until when."""
        spot, starts, ends = (int(part) for part in self.cell.split("-"))
        return spot, datetime.fromtimestamp(starts, UTC), datetime.fromtimestamp(ends, UTC)


class Completing(PlaceForm, kw_only=True):
    reservation: Id


@get("/")
async def show_board(  # noqa: PLR0917 (Litestar gives them by name)
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    day: Days = None,
    lot: Lots = None,
    floor: Floors = None,
    spot_row: Rows = None,
    part: Parts = None,
    spot_type: Types = None,
) -> AnyResponse:
    """The board of a lot and a day, today in the configured lot unless told otherwise; of a large lot its rows, and the
    board of the one that is chosen."""
    place = Place(day, lot, View(floor, spot_row, part, spot_type))
    response = await _board(request, database, settings, caller, place)
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
    spot, starts, ends = data.wanted
    try:
        booking = await database.row(
            """
            select b.id from parking.session($1, $2) s cross join lateral parking.book(s.actor, $3, $4, $5) b
            """,
            caller.session,
            address_of(request),
            spot,
            starts,
            ends,
            lane=("spot", spot),
        )
    except (PostgresError, Problem) as refusal:
        alternatives = await _alternatives(request, database, caller, data, refusal)
        return await _refused(request, database, settings, caller, data.place, refusal, alternatives)
    return flashing(settings, data.place.url(), f"booked.{booking['id']}")


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
            "select b.id from parking.session($1, $2) s cross join lateral parking.complete(s.actor, $3) b",
            caller.session,
            address_of(request),
            data.reservation,
            lane=("reservation", data.reservation),
        )
    except (PostgresError, Problem) as refusal:
        return await _refused(request, database, settings, caller, data.place, refusal)
    return flashing(settings, data.place.url(), f"ended.{booking['id']}")


async def _board(  # noqa: PLR0917 (its callers are few, and here)
    request: AnyRequest,
    database: Database,
    settings: Settings,
    caller: Identity | None,
    place: Place,
    refusal: Problem | None = None,
    alternatives: Sequence[Record] = (),
) -> AnyResponse:
    found = await database.row(
        BOARD,
        caller and caller.session,
        address_of(request),
        place.lot or settings.lot,
        settings.tenant,
        *msgspec.structs.astuple(place.view),
        place.day,
        # Anybody may look, as often as they like: those who book do not wait for them.
        pool="main" if caller else "public",
    )
    lot, day = Lot.of(found), found["day"]
    here = place.on(day)
    message: Message | None
    if refusal:
        message = Message.of(refusal, here.url(), tuple(_offer(row, day, lot.time_zone) for row in alternatives))
    else:
        message = await _flash(request, database, caller, here)
    return page(
        request,
        "lot.html",
        refusal.status if refusal else 200,
        here=here.url(),
        home=Place(lot=place.lot).url(),
        lot=lot,
        view=place.view,
        floor=found["floor_name"],
        row=found["row_name"],
        parts=found["parts"],
        fields=here.fields,
        types=[(kind, word, here.at(type=kind).url()) for kind, word in _types()],
        all_rows=here.at(floor=None, row=None, part=None).url(),
        other_parts=[here.at(part=part).url() for part in range(1, (found["parts"] or 0) + 1)],
        lots=Place(place.day).url("/lots"),
        # The lot by its number: the configured one may have changed by the time a socket opens.
        live="/ws/board?" + urlencode({"lot": lot.id} | here.in_lot(lot.id).fields),
        day=day,
        long_day=long_day(day, year=True),
        relative={-1: _("Yesterday"), 0: _("Today"), 1: _("Tomorrow")}.get((day - lot.today).days, ""),
        earlier=here.on(day - timedelta(days=1)).url(),
        later=here.on(day + timedelta(days=1)).url(),
        today=here.on(lot.today).url(),
        message=message,
        prices=msgspec.json.decode(found["prices"] or "[]", type=list[SlotPrice]),
        **shape(_shown(found, place.view), lot, here.in_lot(lot.id), found["shows"]),
    )


def _shown(found: Record, view: View) -> list[Count] | list[Cell]:
    """What there is to be shown of BOARD: the rows' counts or the cells."""
    if found["shows"] == "rows":
        return count_floors(msgspec.json.decode(found["counts"] or "[]", type=list[Count]), view)
    return msgspec.json.decode(found["cells"] or "[]", type=list[Cell])


async def _flash(request: AnyRequest, database: Database, caller: Identity | None, here: Place) -> Message | None:
    """What has just been done, on this board or another. The cookie only names a reservation of the reader's own:
    whoever plants one cannot put words into our mouth."""
    flash = FLASH.fullmatch(request.cookies.get(FLASH_COOKIE, ""))
    if caller is None or flash is None:
        return None
    try:
        booking = await database.row(
            """
            select r.spot, r.status, r.starts, r.ends, r.time_zone, r.quoted_cents, r.currency
            from parking.session($1, $2) s cross join lateral parking.find_reservation(s.actor, $3) r
            """,
            caller.session,
            address_of(request),
            int(flash["reservation"]),
        )
    except PostgresError as error:
        if to_problem(error).status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            return None
        raise
    if (booking["status"] == "active") is not (flash["done"] == "booked"):
        return None
    if flash["done"] == "ended":
        text = _("Your booking of %(spot)s has ended.") % {"spot": booking["spot"]}
        return Message("done", _("Ended"), text, here.url())
    text = _("%(spot)s is yours on %(day)s, %(slot)s.")
    when = {"spot": booking["spot"], **local_period(booking["starts"], booking["ends"], booking["time_zone"])}
    text = text % when
    if booking["quoted_cents"] is not None:
        text += " " + _("It costs %(price)s.") % {"price": money(booking["quoted_cents"], booking["currency"])}
    return Message("done", _("Booked"), text, here.url())


async def _alternatives(
    request: AnyRequest, database: Database, caller: Identity, wanted: Booking, refusal: PostgresError | Problem
) -> Sequence[Record]:
    """What to book instead when that was taken in the meantime, the most useful first."""
    if to_problem(refusal).slug not in ELSEWHERE:
        return ()
    spot, starts, ends = wanted.wanted
    return await database.rows(
        """
        select a.kind, a.spot_id, a.spot, a.type, a.starts, a.ends
        from parking.session($1, $2) s
        cross join lateral parking.alternatives($3, $4, $5, s.actor, $6) a
        """,
        caller.session,
        address_of(request),
        spot,
        starts,
        ends,
        MOST_OFFERS,
    )


def _types() -> list[tuple[SpotType | None, str]]:
    """What the board can be filtered by, and how it is called."""
    return [
        (None, _("All")),
        ("regular", _("Regular")),
        ("handicap", _("Handicap")),
        ("compact", _("Compact")),
        ("ev", _("Electric")),
    ]


def _offer(row: Record, day: date, time_zone: str) -> Offer:
    kind = "" if row["type"] == "regular" else ", " + _(row["type"])
    when = {"spot": row["spot"] + kind, **local_period(row["starts"], row["ends"], time_zone)}
    if row["kind"] == "other-spot":
        text = _("%(spot)s, same time")
    elif row["starts"].astimezone(ZoneInfo(time_zone)).date() == day:
        text = _("%(spot)s, %(slot)s")
    else:
        text = _("%(spot)s, %(short_day)s %(slot)s")
    return Offer(
        text % when,
        _("Book %(spot)s, %(slot)s on %(day)s") % when,
        cell_value(row["spot_id"], row["starts"], row["ends"]),
    )


async def _refused(  # noqa: PLR0917 (its callers are few, and here)
    request: AnyRequest,
    database: Database,
    settings: Settings,
    caller: Identity,
    place: Place,
    refusal: PostgresError | Problem,
    alternatives: Sequence[Record] = (),
) -> AnyResponse:
    """The board as it stands, with the refusal in words; somebody whose session is over has to sign in anew."""
    problem = to_problem(refusal)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        return sign_in_again(request, place.url())
    return await _board(request, database, settings, caller, place, problem, alternatives)


handlers = [show_board, book, complete]
