"""Which lot, and where in it something is free: what leads to a board."""

from __future__ import annotations

import datetime as dt
from itertools import groupby
from typing import Annotated, Literal

from asyncpg import Record
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from service.api.lots import ANYBODY, Caller, Day, LotId
from service.auth import caller
from service.database import Database
from service.edge import LARGEST_NUMBER
from service.openapi import problems
from service.settings import Settings
from service.zones import zone_of


class FoundLot(Struct):
    """A lot, and what is free there at this moment."""

    id: int
    name: str
    address: str
    time_zone: str
    floors: int
    spots: int
    free: int
    open: bool


class FreeInSlot(Struct):
    """How many spots are free in a time slot; null: it is past."""

    slot: str
    start_time: dt.datetime
    end_time: dt.datetime
    free: int | None


class RowOverview(Struct):
    """A row, or a part of a row that is too long to be shown at once."""

    floor_id: int
    floor: str
    row_id: int
    row: str
    part: int
    first_spot: str
    last_spot: str
    total: int
    slots: list[FreeInSlot]


@get("/lots/search", responses=problems(400, 401, 403, 422), summary="Find lots", **ANYBODY)
async def find_lots(
    request: Caller,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    search: Annotated[
        str,
        QueryParameter(name="search", max_length=200, description="Words of its name or address, in any order."),
    ] = "",
) -> list[FoundLot]:
    """The lots that one may see and whose name or address has all these words, the nearest match first; 50 at most."""
    rows = await database.rows(
        """
        select l.id, l.name, l.address, l.time_zone, l.floors, l.spots, l.free, l.open
        from parking.session($1, $2) s, parking.find_lots($3, $4, s.actor) l""",
        *caller(request),
        search,
        settings.tenant,
        pool="public",
    )
    return [FoundLot(**dict(row)) for row in rows]


@get("/lots/{lot:int}/overview", responses=problems(400, 401, 404, 422), summary="Count what is free", **ANYBODY)
async def show_overview(  # noqa: PLR0917 (Litestar gives them by name)
    lot: LotId,
    request: Caller,
    database: NamedDependency[Database],
    date: Day = None,
    floor: Annotated[
        int | None, QueryParameter(name="floor", ge=1, le=LARGEST_NUMBER, description="The rows of this floor only.")
    ] = None,
    spot_type: Annotated[
        Literal["regular", "handicap", "compact", "ev"] | None,
        QueryParameter(name="type", description="Spots of this type only."),
    ] = None,
) -> list[RowOverview]:
    """Each row with how many of its spots are free in each time slot of a day: a large lot at a glance."""
    rows = await database.rows(
        """
        select o.floor_id, o.floor_name, o.row_id, o.row_name, o.part, o.first_spot, o.last_spot, o.slot, o.starts,
               o.ends, o.free, o.total, v.time_zone
        from parking.session($1, $2) s,
             parking.find_view($3, actor => s.actor, floor => $5, spot_type => $6) v,
             parking.overview(v.id, $4, s.actor, $5, $6) o""",
        *caller(request),
        lot,
        date,
        floor,
        spot_type,
        pool="public",
    )
    return [_row_overview(list(slots)) for _key, slots in groupby(rows, key=lambda row: (row["row_id"], row["part"]))]


def _row_overview(rows: list[Record]) -> RowOverview:
    first = rows[0]
    zone = zone_of(first["time_zone"])
    slots = [
        FreeInSlot(row["slot"], row["starts"].astimezone(zone), row["ends"].astimezone(zone), row["free"])
        for row in rows
    ]
    return RowOverview(
        floor_id=first["floor_id"],
        floor=first["floor_name"],
        row_id=first["row_id"],
        row=first["row_name"],
        part=first["part"],
        first_spot=first["first_spot"],
        last_spot=first["last_spot"],
        total=first["total"],
        slots=slots,
    )


HANDLERS = [find_lots, show_overview]
