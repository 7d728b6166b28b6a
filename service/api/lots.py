"""Lots and what they consist of: floors, rows, spots, time slots. Reading a public lot needs no account."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Hashable
from itertools import groupby
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from asyncpg import Record
from litestar import Request, Response, delete, get, patch, post, put
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from service.auth import Identity, admit_bearer, caller, require_bearer
from service.database import Database
from service.edge import LARGEST_NUMBER, StrictJson
from service.habits.conditional import CONDITIONAL, VERSIONED, versioned
from service.openapi import problems
from service.settings import Settings
from service.zones import zone_of

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Place = Annotated[int, Meta(ge=1, le=100_000, description="1 is the first place; one behind the last is the last.")]
Amount = Annotated[int, Meta(ge=0, le=1000)]
Centimetres = Annotated[int, Meta(ge=50, le=3000)]
SpotType = Literal["regular", "handicap", "compact", "ev"]
Hours = Annotated[str, Meta(max_length=20, description="By the lot's wall clock, such as `08:00-12:00`.")]
Week = Annotated[str, Meta(max_length=1000, description="Such as `Mo-Fr 06:00-22:00; Sa 08:00-20:00`, or `24/7`.")]
Latitude = Annotated[float, Meta(ge=-90, le=90, description="Degrees north, WGS 84.")]
Longitude = Annotated[float, Meta(ge=-180, le=180, description="Degrees east, WGS 84.")]
LongestBooking = Annotated[float, Meta(ge=0, le=168, description="Of one booking; 0: as the tenant has it.")]
Horizon = Annotated[int, Meta(ge=0, le=3650, description="How far ahead a booking may end; 0: as the tenant has it.")]


class RowLayout(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A row of so many spots, whose names begin with `prefix`."""

    spots: Amount
    name: Name | UnsetType = UNSET
    prefix: Name | UnsetType = UNSET
    type: SpotType | UnsetType = UNSET
    length_cm: Centimetres | UnsetType = UNSET
    width_cm: Centimetres | UnsetType = UNSET


class FloorLayout(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A floor: a list of its rows, or a number of them, all alike with so many `spots` of a `type`."""

    rows: Annotated[int, Meta(ge=0, le=200)] | list[RowLayout]
    spots: Amount | UnsetType = UNSET
    type: SpotType | UnsetType = UNSET
    name: Name | UnsetType = UNSET


class EvenLayout(Struct, forbid_unknown_fields=True):
    """So many floors, each of so many rows, each of so many spots."""

    floors: Annotated[int, Meta(ge=0, le=100)]
    rows: Annotated[int, Meta(ge=0, le=200)]
    spots: Amount


class NewLot(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A lot and how it is laid out: the same everywhere, or floor by floor from the bottom up."""

    name: Name
    time_zone: Annotated[str, Meta(max_length=100, description="IANA name, such as Europe/Berlin.")]
    layout: EvenLayout | Annotated[list[FloorLayout], Meta(max_length=100)]
    address: Annotated[str, Meta(max_length=500)] = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    public: bool = True
    amenities: list[str] = []
    opening_hours: Week = "24/7"
    slots: list[Hours] = msgspec.field(default_factory=lambda: ["08:00-12:00", "12:00-16:00", "16:00-20:00"])
    longest_booking_hours: LongestBooking | None = None
    booking_horizon_days: Horizon | None = None


class LotChange(Struct, forbid_unknown_fields=True):
    """What is to be different; what is left out stays. A position that is null is taken away; a limit, the tenant's."""

    name: Name | UnsetType = UNSET
    address: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    time_zone: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    latitude: Latitude | UnsetType | None = UNSET
    longitude: Longitude | UnsetType | None = UNSET
    public: bool | UnsetType = UNSET
    amenities: list[str] | UnsetType = UNSET
    opening_hours: Week | UnsetType = UNSET
    longest_booking_hours: LongestBooking | UnsetType | None = UNSET
    booking_horizon_days: Horizon | UnsetType | None = UNSET


class NewFloor(Struct, forbid_unknown_fields=True):
    """A floor, at a place in the order from the bottom or on top, with so many rows of so many spots."""

    name: Name
    rows: Annotated[int, Meta(ge=0, le=200)] = 0
    spots: Amount = 0
    type: SpotType = "regular"
    position: Place | None = None


class NewRow(Struct, forbid_unknown_fields=True):
    """A row, at a place in the order or behind the others, with so many spots whose names begin with `prefix`."""

    name: Name
    spots: Amount = 0
    type: SpotType = "regular"
    prefix: Name | None = None
    position: Place | None = None


class NewSpot(Struct, forbid_unknown_fields=True):
    """A spot, at a place in the order or behind the others."""

    name: Name
    type: SpotType = "regular"
    length_cm: Centimetres | None = None
    width_cm: Centimetres | None = None
    position: Place | None = None


class PlaceChange(Struct, forbid_unknown_fields=True):
    """Another name, another place in the order; what is left out stays."""

    name: Name | UnsetType = UNSET
    position: Place | UnsetType = UNSET


class SpotChange(Struct, forbid_unknown_fields=True):
    """What is to be different; what is left out stays. A size that is null is taken away: nobody has measured it."""

    name: Name | UnsetType = UNSET
    type: SpotType | UnsetType = UNSET
    length_cm: Centimetres | UnsetType | None = UNSET
    width_cm: Centimetres | UnsetType | None = UNSET
    position: Place | UnsetType = UNSET


class LotSpot(Struct):
    """A spot in a lot's description."""

    id: int
    name: str
    type: SpotType
    position: int
    length_cm: int | None
    width_cm: int | None


class LotRow(Struct):
    """A row in a lot's description."""

    id: int
    name: str
    position: int
    spots: list[LotSpot]


class LotFloor(Struct):
    """A floor in a lot's description."""

    id: int
    name: str
    position: int
    rows: list[LotRow]


class LotBase(Struct):
    """A place to park. Hours are by the wall clock of `time_zone`; the limits are the tenant's where it has none."""

    id: int
    name: str
    address: str
    time_zone: str
    latitude: float | None
    longitude: float | None
    public: bool
    amenities: list[str]
    opening_hours: str
    slots: list[str]
    longest_booking_hours: float
    booking_horizon_days: float


class Lot(LotBase):
    """A place to park; `floors` and `spots` say how many there are."""

    floors: int
    spots: int

    @classmethod
    def of(cls, row: Record) -> Lot:
        """From a row of parking.lot_details."""
        hour, day = dt.timedelta(hours=1), dt.timedelta(days=1)
        return cls(
            **{name: row[name] for name in cls.__struct_fields__ if not name.endswith(("_hours", "_days"))},
            opening_hours=row["opening_hours"],
            longest_booking_hours=row["longest_booking"] / hour,
            booking_horizon_days=row["booking_horizon"] / day,
        )


class LotPlan(LotBase):
    """A place to park with all that it consists of, in order."""

    floors: list[LotFloor]


class Floor(Struct):
    """A floor of a lot; `rows` and `spots` say how many there are."""

    id: int
    lot_id: int
    name: str
    position: int
    rows: int
    spots: int


class Row(Struct):
    """A row of a floor; `spots` says how many there are."""

    id: int
    floor_id: int
    lot_id: int
    name: str
    position: int
    spots: int


class SpotPlace(Struct):
    """A spot and where it lies; its size is null while nobody has measured it."""

    id: int
    row_id: int
    floor_id: int
    lot_id: int
    name: str
    type: SpotType
    length_cm: int | None
    width_cm: int | None
    position: int


class Cell(Struct, omit_defaults=True):
    """A time slot of the day; `reservation_id` is the caller's own live reservation in it."""

    slot: str
    start_time: dt.datetime
    end_time: dt.datetime
    status: Literal["available", "booked", "maintenance", "past"]
    reservation_id: int | UnsetType = UNSET


class BoardSpot(Struct):
    """A spot with the time slots of the day in which the lot is open."""

    id: int
    name: str
    type: SpotType
    slots: list[Cell]


class Slots(Struct, forbid_unknown_fields=True):
    """A lot's time slots; one that ends at or before its start ends on the next day."""

    slots: Annotated[list[Hours], Meta(max_length=48)]


T = TypeVar("T", Floor, Row, SpotPlace)
P = TypeVar("P", Floor, Row)
V = TypeVar("V")

Caller = Request[Identity | None, Any, Any]
Member = Request[Identity, Any, Any]
LotId = Annotated[int, PathParameter(ge=1, le=LARGEST_NUMBER, description="The lot's number.")]
FloorId = Annotated[int, PathParameter(ge=1, le=LARGEST_NUMBER, description="The floor's number.")]
RowId = Annotated[int, PathParameter(ge=1, le=LARGEST_NUMBER, description="The row's number.")]
SpotId = Annotated[int, PathParameter(ge=1, le=LARGEST_NUMBER, description="The spot's number.")]
Expected = NamedDependency[list[str] | None]
Day = Annotated[dt.date | None, QueryParameter(description="A day in the lot's time zone; without it, today.")]

ANYBODY: dict[str, Any] = {"guards": [admit_bearer], "security": [{}, {"Bearer": []}], "tags": ["lots"]}
OPERATOR: dict[str, Any] = {"guards": [require_bearer], "security": [{"Bearer": []}], "tags": ["lots"]}
LOCATION: dict[str, Any] = {
    "response_headers": [ResponseHeader(name="Location", value="", description="Where it is.", documentation_only=True)]
}


def _shape(kind: type[T], row: Record) -> T:
    return kind(**{name: row[name] for name in kind.__struct_fields__})


def _created(content: Lot | Floor | Row | SpotPlace, kind: str) -> Response[Any]:
    return Response(content, status_code=201, headers={"Location": f"/api/{kind}/{content.id}"})


def _change(value: V | UnsetType) -> V | None:
    """As the functions take it, for whom null is what stays."""
    return None if value is UNSET else value


def _or_none(value: V | UnsetType | None, none: V) -> V | None:
    """The same for what may be taken away, for which the functions have a value that says `none`."""
    return none if value is None else _change(value)


async def _change_place(  # noqa: PLR0917 (its callers are two, and here)
    kind: type[P], number: int, data: PlaceChange, request: Member, database: Database, expected: list[str] | None
) -> P:
    """Another name or place for a floor or a row, which have functions that are called alike."""
    name = kind.__name__.lower()
    row = await database.row(
        f"""
        select x.*
        from parking.session($1, $2) s,
             parking.expect(s.actor, '{name}', $3, $6) e,
             parking.change_{name}(e, $3, $4, $5) x""",  # noqa: S608 (of our own names)
        *caller(request),
        number,
        _change(data.name),
        _change(data.position),
        expected,
    )
    return _shape(kind, row)


async def _retire(  # noqa: PLR0917 (its callers are few, and here)
    kind: Literal["lot", "floor", "row", "spot"],
    number: int,
    request: Member,
    database: Database,
    expected: list[str] | None,
    lane: Hashable = None,
) -> None:
    await database.row(
        f"""
        select parking.retire_{kind}(e, $3)
        from parking.session($1, $2) s, parking.expect(s.actor, '{kind}', $3, $4) e""",  # noqa: S608 (of our own names)
        *caller(request),
        number,
        expected,
        lane=lane,
    )


def _interval(number: float | None, **unit: float) -> dt.timedelta | None:
    return None if number is None else dt.timedelta(**unit) * number


@get("/lots", responses=problems(400, 401, 403), summary="List the lots", **ANYBODY)
async def list_lots(
    request: Caller, database: NamedDependency[Database], settings: NamedDependency[Settings]
) -> list[Lot]:
    """The public lots of this service's tenant; whoever is signed in gets all lots of their own."""
    rows = await database.rows(
        "select x.* from parking.session($1, $2) s, parking.list_lots($3, s.actor) x", *caller(request), settings.tenant
    )
    return [Lot.of(row) for row in rows]


@post(
    "/lots",
    dto=StrictJson[NewLot],
    return_dto=None,
    responses=problems(400, 401, 403, 409, 413, 415, 422),
    summary="Build a lot",
    **OPERATOR,
    **LOCATION,
)
async def build_lot(data: JSONBody[NewLot], request: Member, database: NamedDependency[Database]) -> Response[Lot]:
    """A whole lot in one request, from a compact description."""
    even = data.layout if isinstance(data.layout, EvenLayout) else EvenLayout(0, 0, 0)
    row = await database.row(
        """
        select x.*
        from parking.session($1, $2) s,
             parking.build_lot(s.actor, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) x""",
        *caller(request),
        data.name,
        data.time_zone,
        even.floors,
        even.rows,
        even.spots,
        None if even is data.layout else msgspec.json.encode(data.layout).decode(),
        data.address,
        data.latitude,
        data.longitude,
        data.public,
        data.amenities,
        data.opening_hours,
        data.slots,
        _interval(data.longest_booking_hours, hours=1),
        _interval(data.booking_horizon_days, days=1),
    )
    return _created(Lot.of(row), "lots")


@get("/lots/{lot:int}", responses=problems(400, 401, 404), summary="Show a lot", **ANYBODY, **VERSIONED)
async def describe_lot(lot: LotId, request: Caller, database: NamedDependency[Database]) -> Response[LotPlan]:
    """A lot with its floors, their rows and their spots."""
    row = await database.row(
        """
        select l.lot, parking.version(l.lot) as version
        from parking.session($1, $2) s, parking.describe_lot($3, s.actor) l(lot)""",
        *caller(request),
        lot,
        pool="public",
    )
    return versioned(msgspec.json.decode(row["lot"], type=LotPlan), row["version"])


@patch(
    "/lots/{lot:int}",
    dto=StrictJson[LotChange],
    return_dto=None,
    responses=problems(400, 401, 403, 404, 409, 412, 413, 415, 422),
    summary="Change a lot",
    **OPERATOR,
    **CONDITIONAL,
)
async def change_lot(
    lot: LotId, data: JSONBody[LotChange], request: Member, database: NamedDependency[Database], expected: Expected
) -> Lot:
    """What is said of a lot, its hours and its limits. Bookings stay as they are."""
    row = await database.row(
        """
        select x.*
        from parking.session($1, $2) s,
             parking.expect(s.actor, 'lot', $3, $14) e,
             parking.change_lot(e, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) x""",
        *caller(request),
        lot,
        _change(data.name),
        _change(data.address),
        _change(data.time_zone),
        _or_none(data.latitude, math.nan),
        _or_none(data.longitude, math.nan),
        _change(data.public),
        _change(data.amenities),
        _change(data.opening_hours),
        _interval(_or_none(data.longest_booking_hours, 0), hours=1),
        _interval(_or_none(data.booking_horizon_days, 0), days=1),
        expected,
    )
    return Lot.of(row)


@delete(
    "/lots/{lot:int}",
    responses=problems(400, 401, 403, 404, 409, 412),
    summary="Retire a lot",
    **OPERATOR,
    **CONDITIONAL,
)
async def retire_lot(lot: LotId, request: Member, database: NamedDependency[Database], expected: Expected) -> None:
    """Take a lot out of use with all that it consists of; 409 while live bookings lie ahead. Its history stays."""
    await _retire("lot", lot, request, database, expected)


@get("/lots/{lot:int}/slots", responses=problems(400, 401, 404), summary="Show the time slots", **ANYBODY, **VERSIONED)
async def list_slots(lot: LotId, request: Caller, database: NamedDependency[Database]) -> Response[Slots]:
    """A lot's time slots, by its wall clock."""
    row = await database.row(
        """
        select l.slots, parking.version(to_jsonb(l.slots)) as version
        from parking.session($1, $2) s,
             lateral (select array(select t from parking.list_slots($3, s.actor) t) as slots offset 0) l""",
        *caller(request),
        lot,
    )
    return versioned(Slots(row["slots"]), row["version"])


@put(
    "/lots/{lot:int}/slots",
    dto=StrictJson[Slots],
    return_dto=None,
    responses=problems(400, 401, 403, 404, 412, 413, 415, 422),
    summary="Replace the time slots",
    **OPERATOR,
    **CONDITIONAL,
)
async def set_slots(
    lot: LotId, data: JSONBody[Slots], request: Member, database: NamedDependency[Database], expected: Expected
) -> Slots:
    """All time slots of a lot at once. They must not overlap; bookings stay as they are."""
    rows = await database.rows(
        """
        select t as slot
        from parking.session($1, $2) s, parking.expect(s.actor, 'slots', $3, $5) e, parking.set_slots(e, $3, $4) t""",
        *caller(request),
        lot,
        data.slots,
        expected,
    )
    return Slots([row["slot"] for row in rows])


@get("/lots/{lot:int}/board", responses=problems(400, 401, 404, 422), summary="Show a day's board", **ANYBODY)
async def show_board(
    lot: LotId, request: Caller, database: NamedDependency[Database], date: Day = None
) -> list[BoardSpot]:
    """Each spot with the time slots of a day. Who booked is told to nobody but themselves."""
    rows = await database.rows(
        """
        select b.*, l.time_zone
        from parking.session($1, $2) s, parking.find_lot($3, actor => s.actor) l, parking.board(l.id, $4, s.actor) b""",
        *caller(request),
        lot,
        date,
        pool="public",
    )
    return [_board_spot(list(cells)) for _, cells in groupby(rows, key=lambda row: row["spot_id"])]


def _board_spot(rows: list[Record]) -> BoardSpot:
    zone = zone_of(rows[0]["time_zone"])
    cells = [
        Cell(
            slot=row["slot"],
            start_time=row["starts"].astimezone(zone),
            end_time=row["ends"].astimezone(zone),
            status=row["status"],
            reservation_id=UNSET if row["reservation_id"] is None else row["reservation_id"],
        )
        for row in rows
    ]
    return BoardSpot(id=rows[0]["spot_id"], name=rows[0]["spot"], type=rows[0]["type"], slots=cells)


@post(
    "/lots/{lot:int}/floors",
    dto=StrictJson[NewFloor],
    return_dto=None,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422),
    summary="Add a floor",
    **OPERATOR,
    **LOCATION,
)
async def add_floor(
    lot: LotId, data: JSONBody[NewFloor], request: Member, database: NamedDependency[Database]
) -> Response[Floor]:
    """A floor with rows and spots, or without any yet."""
    row = await database.row(
        "select x.* from parking.session($1, $2) s, parking.add_floor(s.actor, $3, $4, $5, $6, $7, $8) x",
        *caller(request),
        lot,
        data.name,
        data.rows,
        data.spots,
        data.type,
        data.position,
    )
    return _created(_shape(Floor, row), "floors")


@get("/floors/{floor:int}", responses=problems(400, 401, 404), summary="Show a floor", **ANYBODY, **VERSIONED)
async def find_floor(floor: FloorId, request: Caller, database: NamedDependency[Database]) -> Response[Floor]:
    """A floor in numbers; what it consists of is in its lot's description."""
    found = await database.row(
        """
        select x.*, parking.version(to_jsonb(x)) as version
        from parking.session($1, $2) s, parking.find_floor($3, s.actor) x""",
        *caller(request),
        floor,
    )
    return versioned(_shape(Floor, found), found["version"])


@patch(
    "/floors/{floor:int}",
    dto=StrictJson[PlaceChange],
    return_dto=None,
    responses=problems(400, 401, 403, 404, 409, 412, 413, 415, 422),
    summary="Change a floor",
    **OPERATOR,
    **CONDITIONAL,
)
async def change_floor(
    floor: FloorId,
    data: JSONBody[PlaceChange],
    request: Member,
    database: NamedDependency[Database],
    expected: Expected,
) -> Floor:
    """Another name, another place in the order from the bottom."""
    return await _change_place(Floor, floor, data, request, database, expected)


@delete(
    "/floors/{floor:int}",
    responses=problems(400, 401, 403, 404, 409, 412),
    summary="Retire a floor",
    **OPERATOR,
    **CONDITIONAL,
)
async def retire_floor(
    floor: FloorId, request: Member, database: NamedDependency[Database], expected: Expected
) -> None:
    """Take a floor out of use with its rows and spots; 409 while live bookings lie ahead. Its history stays."""
    await _retire("floor", floor, request, database, expected)


@post(
    "/floors/{floor:int}/rows",
    dto=StrictJson[NewRow],
    return_dto=None,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422),
    summary="Add a row",
    **OPERATOR,
    **LOCATION,
)
async def add_row(
    floor: FloorId, data: JSONBody[NewRow], request: Member, database: NamedDependency[Database]
) -> Response[Row]:
    """A row with spots of one type, or without any yet."""
    row = await database.row(
        "select x.* from parking.session($1, $2) s, parking.add_row(s.actor, $3, $4, $5, $6, $7, $8) x",
        *caller(request),
        floor,
        data.name,
        data.spots,
        data.type,
        data.prefix,
        data.position,
    )
    return _created(_shape(Row, row), "rows")


@get("/rows/{row:int}", responses=problems(400, 401, 404), summary="Show a row", **ANYBODY, **VERSIONED)
async def find_row(row: RowId, request: Caller, database: NamedDependency[Database]) -> Response[Row]:
    """A row in numbers; its spots are in its lot's description."""
    found = await database.row(
        """
        select x.*, parking.version(to_jsonb(x)) as version
        from parking.session($1, $2) s, parking.find_row($3, s.actor) x""",
        *caller(request),
        row,
    )
    return versioned(_shape(Row, found), found["version"])


@patch(
    "/rows/{row:int}",
    dto=StrictJson[PlaceChange],
    return_dto=None,
    responses=problems(400, 401, 403, 404, 409, 412, 413, 415, 422),
    summary="Change a row",
    **OPERATOR,
    **CONDITIONAL,
)
async def change_row(
    row: RowId, data: JSONBody[PlaceChange], request: Member, database: NamedDependency[Database], expected: Expected
) -> Row:
    """Another name, another place in the order on its floor. Its spots keep their names."""
    return await _change_place(Row, row, data, request, database, expected)


@delete(
    "/rows/{row:int}",
    responses=problems(400, 401, 403, 404, 409, 412),
    summary="Retire a row",
    **OPERATOR,
    **CONDITIONAL,
)
async def retire_row(row: RowId, request: Member, database: NamedDependency[Database], expected: Expected) -> None:
    """Take a row out of use with its spots; 409 while live bookings lie ahead. Its history stays."""
    await _retire("row", row, request, database, expected)


@post(
    "/rows/{row:int}/spots",
    dto=StrictJson[NewSpot],
    return_dto=None,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422),
    summary="Add a spot",
    **OPERATOR,
    **LOCATION,
)
async def add_spot(
    row: RowId, data: JSONBody[NewSpot], request: Member, database: NamedDependency[Database]
) -> Response[SpotPlace]:
    """A spot, whose name no other spot of the lot has."""
    added = await database.row(
        "select x.* from parking.session($1, $2) s, parking.add_spot(s.actor, $3, $4, $5, $6, $7, $8) x",
        *caller(request),
        row,
        data.name,
        data.type,
        data.length_cm,
        data.width_cm,
        data.position,
    )
    return _created(_shape(SpotPlace, added), "spots")


@get("/spots/{spot:int}", responses=problems(400, 401, 404), summary="Show a spot", **ANYBODY, **VERSIONED)
async def find_spot(spot: SpotId, request: Caller, database: NamedDependency[Database]) -> Response[SpotPlace]:
    """A spot, its type and size, and where it lies."""
    found = await database.row(
        """
        select x.*, parking.version(to_jsonb(x)) as version
        from parking.session($1, $2) s, parking.find_spot($3, s.actor) x""",
        *caller(request),
        spot,
    )
    return versioned(_shape(SpotPlace, found), found["version"])


@patch(
    "/spots/{spot:int}",
    dto=StrictJson[SpotChange],
    return_dto=None,
    responses=problems(400, 401, 403, 404, 409, 412, 413, 415, 422),
    summary="Change a spot",
    **OPERATOR,
    **CONDITIONAL,
)
async def change_spot(
    spot: SpotId, data: JSONBody[SpotChange], request: Member, database: NamedDependency[Database], expected: Expected
) -> SpotPlace:
    """A spot's name, type, size, or its place in the order of its row. Its bookings stay as they are."""
    row = await database.row(
        """
        select x.*
        from parking.session($1, $2) s,
             parking.expect(s.actor, 'spot', $3, $9) e,
             parking.change_spot(e, $3, $4, $5, $6, $7, $8) x""",
        *caller(request),
        spot,
        _change(data.name),
        _change(data.type),
        _or_none(data.length_cm, 0),
        _or_none(data.width_cm, 0),
        _change(data.position),
        expected,
        lane=("spot", spot),
    )
    return _shape(SpotPlace, row)


@delete(
    "/spots/{spot:int}",
    responses=problems(400, 401, 403, 404, 409, 412),
    summary="Retire a spot",
    **OPERATOR,
    **CONDITIONAL,
)
async def retire_spot(spot: SpotId, request: Member, database: NamedDependency[Database], expected: Expected) -> None:
    """Take a spot out of use; 409 while live bookings lie ahead. Its history stays."""
    await _retire("spot", spot, request, database, expected, lane=("spot", spot))


HANDLERS = [
    list_lots,
    build_lot,
    describe_lot,
    change_lot,
    retire_lot,
    list_slots,
    set_slots,
    show_board,
    add_floor,
    find_floor,
    change_floor,
    retire_floor,
    add_row,
    find_row,
    change_row,
    retire_row,
    add_spot,
    find_spot,
    change_spot,
    retire_spot,
]
