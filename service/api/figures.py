"""GET /api/lots/{id}/figures: what happened in a lot on a day, and how many of its spots were held. For operators."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Final, Literal

import msgspec
from asyncpg import Record
from litestar import get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from msgspec import Struct

from service.api.reservations import AuthenticatedRequest
from service.auth import caller, require_bearer
from service.database import Database
from service.edge import LARGEST_NUMBER
from service.openapi import problems
from service.zones import zone_of

TIMES: Final = {"start_time": "starts", "end_time": "ends"}

LotId = Annotated[int, PathParameter(ge=1, le=LARGEST_NUMBER, description="The lot's number.")]
Day = Annotated[
    dt.date | None, QueryParameter(name="date", description="A day of the lot's own calendar; today without one.")
]

FIGURES = """
    select l.id, l.time_zone, coalesce($4::date, l.today) as day, f.figures, p.peaks, c.course
    from parking.session($1, $2) s
    cross join lateral (select json_agg(f) as figures from parking.day_figures($3, $4, s.actor) f) f
    -- Behind the figures, so that who may not see them is told so, whatever lot it is.
    cross join lateral parking.find_lot(case when f.figures is not null then $3::bigint end, null, s.actor) l
    cross join lateral (select json_agg(p) as peaks from parking.day_peaks(l.id, $4, s.actor) p) p
    cross join lateral (select json_agg(c) as course from parking.day_course(l.id, $4, s.actor) c) c"""


class Counts(Struct):
    """What happened on the day, and the states of the spots at this moment.

    `held_now`: a reservation runs, or somebody says that the spot is reserved or occupied. `closed_now`: maintenance.
    """

    spots: int
    free_now: int
    held_now: int
    closed_now: int
    unknown_now: int
    booked: int
    rescheduled: int
    cancelled: int
    completed: int
    released: int


class TypeCounts(Counts):
    """The same of the spots of one type."""

    type: Literal["regular", "handicap", "compact", "ev"]


class Period(Struct):
    """From when until when, with the lot's offset."""

    start_time: dt.datetime
    end_time: dt.datetime


class Peak(Period):
    """A part of the day in which no fewer spots are held than at any other time."""

    spots: int
    held: int


class HalfHour(Period):
    """`held` is the most spots that are held at once; the rest is what happened then, whatever time it is about."""

    spots: int
    held: int
    booked: int
    rescheduled: int
    cancelled: int
    completed: int
    released: int


class DayFigures(Struct):
    """A local day of a lot in numbers; the days on which the clocks change have 46 or 50 half hours."""

    lot_id: int
    time_zone: str
    date: dt.date
    total: Counts
    by_type: list[TypeCounts]
    peak: list[Peak]
    course: list[HalfHour]


@get(
    "/lots/{lot:int}/figures",
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404, 422),
    security=[{"Bearer": []}],
    tags=["statistics"],
    summary="Show a lot's day in numbers",
)
async def show_figures(
    lot: LotId, request: AuthenticatedRequest, database: NamedDependency[Database], day: Day = None
) -> DayFigures:
    """For those who may see how lots are used: what happened on a day, its peak, and its course by half hours."""
    row = await database.row(FIGURES, *caller(request), lot, day, pool="public")
    figures = msgspec.json.decode(row["figures"])
    return DayFigures(
        lot_id=row["id"],
        time_zone=row["time_zone"],
        date=row["day"],
        total=next(msgspec.convert(each, Counts) for each in figures if each["type"] == "all"),
        by_type=msgspec.convert([each for each in figures if each["type"] != "all"], list[TypeCounts]),
        peak=msgspec.convert(_periods(row, "peaks"), list[Peak]),
        course=msgspec.convert(_periods(row, "course"), list[HalfHour]),
    )


def _periods(row: Record, name: str) -> list[dict[str, Any]]:
    """Rows with starts and ends, which are told with the lot's own offset."""
    zone = zone_of(row["time_zone"])
    found = msgspec.json.decode(row[name] or "[]")
    return [
        {name: dt.datetime.fromisoformat(each[key]).astimezone(zone) for name, key in TIMES.items()} | each
        for each in found
    ]
