"""GET /stats: how a lot is used. Public."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from msgspec import Struct

from service.api.spots import LotParameter
from service.database import Database
from service.openapi import problems
from service.settings import Settings


class Stats(Struct):
    """`peak_hour` is the hour of the day, in `time_zone`, that most bookings of the last 90 days
    and of those to come cover; null while there is none."""

    peak_hour: int | None
    total_reservations: int
    active_reservations: int
    spots: int
    available_now: int
    time_zone: str


@get("/stats", responses=problems(400, 404), tags=["statistics"], summary="Show the statistics")
async def show_stats(
    database: NamedDependency[Database], settings: NamedDependency[Settings], lot: LotParameter = None
) -> Stats:
    """A lot in numbers."""
    row = await database.row(
        "select s.* from parking.find_lot($1, $2) l cross join lateral parking.stats(l.id) s",
        lot or settings.lot,
        settings.tenant,
        pool="stats",
    )
    return Stats(**{name: row[name] for name in Stats.__struct_fields__})
