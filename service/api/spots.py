"""GET /spots: what is free, now or on a day. Public; who booked is told to nobody."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import UNSET, Struct, UnsetType

from service.auth import admit_bearer, caller
from service.database import Database
from service.edge import LARGEST_NUMBER
from service.openapi import problems
from service.settings import Settings


class Slot(Struct):
    """A time slot of a day, in the lot's own time zone."""

    start_time: dt.datetime
    end_time: dt.datetime
    status: Literal["available", "booked", "maintenance", "past"]


class Spot(Struct, omit_defaults=True):
    """A place to park. `status` is meant now, closed outside the lot's opening hours; `slots` come only with a date."""

    id: int
    name: str
    type: str
    status: Literal["available", "booked", "maintenance", "closed"]
    slots: list[Slot] | UnsetType = UNSET


LotParameter = Annotated[
    int | None,
    QueryParameter(ge=1, le=LARGEST_NUMBER, description="The lot; without it, the one of this service."),
]
DayParameter = Annotated[
    dt.date | None,
    QueryParameter(description="A day in the lot's time zone: adds the state of each time slot of that day."),
]


@get(
    "/spots",
    guards=[admit_bearer],
    responses=problems(400, 401, 404, 422),
    security=[{}, {"Bearer": []}],
    tags=["spots"],
    summary="List the spots",
)
async def list_spots(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    lot: LotParameter = None,
    date: DayParameter = None,
) -> list[Spot]:
    """All spots of a lot. One that is not public takes a token of its own people."""
    rows = await database.rows(
        "select p.* from parking.session($1, $2) s, parking.list_spots($3, $4, s.actor, $5) p",
        *caller(request),
        lot or settings.lot,
        date,
        settings.tenant,
    )
    return [
        Spot(
            id=row["id"],
            name=row["name"],
            type=row["type"],
            status=row["status"],
            slots=UNSET if row["slots"] is None else msgspec.json.decode(row["slots"], type=list[Slot]),
        )
        for row in rows
    ]
