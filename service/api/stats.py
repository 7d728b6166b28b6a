"""GET /stats: how a lot is used. Public."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from msgspec import Struct

from service.api.spots import LotParameter
from service.auth import admit_bearer, caller
from service.database import Database
from service.openapi import problems
from service.settings import Settings


class Stats(Struct):
    """`peak_hour` is the hour of the day, in `time_zone`, that most bookings of the last 90 days
    and of those to come cover; null while there is none. `available_now` is 0 while the lot is closed."""

    peak_hour: int | None
    total_reservations: int
    active_reservations: int
    spots: int
    available_now: int
    time_zone: str


@get(
    "/stats",
    guards=[admit_bearer],
    responses=problems(400, 401, 404),
    security=[{}, {"Bearer": []}],
    tags=["statistics"],
    summary="Show the statistics",
)
async def show_stats(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    lot: LotParameter = None,
) -> Stats:
    """A lot in numbers."""
    row = await database.row(
        """
        select f.*
        from parking.session($1, $2) s, parking.find_lot($3, $4, s.actor) l, parking.stats(l.id, s.actor) f""",
        *caller(request),
        lot or settings.lot,
        settings.tenant,
        pool="public",
    )
    return Stats(**{name: row[name] for name in Stats.__struct_fields__})
