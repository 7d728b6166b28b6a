"""The state of a spot: derived from the bookings, or said by an operator."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec
from asyncpg import Record
from litestar import Request, get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct

from service.api.reservations import AuthenticatedRequest, Moment
from service.auth import admit_bearer, caller, require_bearer
from service.database import Database
from service.edge import LARGEST_NUMBER, StrictJson
from service.habits.preferences import ALWAYS_WHOLE
from service.openapi import problems
from service.zones import zone_of

State = Literal["free", "reserved", "occupied", "maintenance", "unknown"]

SpotId = Annotated[int, PathParameter(ge=1, le=LARGEST_NUMBER, description="The spot's number.")]
LotId = Annotated[int, PathParameter(ge=1, le=LARGEST_NUMBER, description="The lot's number.")]


class SpotState(Struct):
    """The state of a spot at this moment, since when and until when, as far as that is known.

    `source` says where it comes from. `reason` is told to those who run the lot.
    """

    spot_id: int
    lot_id: int
    name: str
    state: State
    source: Literal["bookings", "operator", "sensor"]
    reason: str | None
    since: dt.datetime | None
    until: dt.datetime | None

    @classmethod
    def of(cls, row: Record) -> SpotState:
        """From a parking.spot_condition."""
        return cls(**_members(row))


class Hit(Struct):
    """A live reservation that a maintenance leaves without its spot."""

    id: int
    user_id: str
    start_time: dt.datetime
    end_time: dt.datetime


class SpotStateSet(SpotState):
    """The state that a spot has now, and the live reservations that are hit by it, which stay."""

    hits: list[Hit]

    @classmethod
    def of(cls, row: Record) -> SpotStateSet:
        """From the parking.spot_condition that set_spot_state returns."""
        return cls(**_members(row), hits=msgspec.json.decode(row["hits"], type=list[Hit]))


class Override(Struct, forbid_unknown_fields=True):
    """What somebody says about a spot; without `until`, until further notice. `free` ends what was said before."""

    state: State
    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    until: Moment | None = None


def _members(row: Record) -> dict[str, Any]:
    zone = zone_of(row["time_zone"])
    return {
        "spot_id": row["spot_id"],
        "lot_id": row["lot_id"],
        "name": row["spot"],
        "state": row["state"],
        "source": row["source"],
        "reason": row["reason"],
        "since": row["since"] and row["since"].astimezone(zone),
        "until": row["until"] and row["until"].astimezone(zone),
    }


@get(
    "/spots/{spot:int}/state",
    guards=[admit_bearer],
    responses=problems(400, 401, 404),
    security=[{}, {"Bearer": []}],
    tags=["spots"],
    summary="Show the state of a spot",
)
async def find_spot_state(
    spot: SpotId, request: Request[Any, Any, Any], database: NamedDependency[Database]
) -> SpotState:
    """What an operator says about it, else reserved while a reservation runs, else free."""
    return SpotState.of(
        await database.row(
            "select c.* from parking.session($1, $2) s, parking.find_spot_state($3, s.actor) c", *caller(request), spot
        ),
    )


@get(
    "/lots/{lot:int}/states",
    guards=[admit_bearer],
    responses=problems(400, 401, 404),
    security=[{}, {"Bearer": []}],
    tags=["spots"],
    summary="Show the states of a lot's spots",
)
async def list_spot_states(
    lot: LotId, request: Request[Any, Any, Any], database: NamedDependency[Database]
) -> list[SpotState]:
    """All spots of the lot, in their order."""
    rows = await database.rows(
        "select c.* from parking.session($1, $2) s, parking.list_spot_states($3, s.actor) c",
        *caller(request),
        lot,
        pool="public",
    )
    return [SpotState.of(row) for row in rows]


@put(
    "/spots/{spot:int}/state",
    dto=StrictJson[Override],
    return_dto=None,
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422),
    security=[{"Bearer": []}],
    tags=["spots"],
    summary="Set the state of a spot",
    # Which reservations are hit is said here only.
    opt={ALWAYS_WHOLE: True},
)
async def set_spot_state(
    spot: SpotId, data: JSONBody[Override], request: AuthenticatedRequest, database: NamedDependency[Database]
) -> SpotStateSet:
    """For operators. In maintenance a spot cannot be booked; the answer lists the live reservations that are hit."""
    return SpotStateSet.of(
        await database.row(
            "select c.* from parking.session($1, $2) s, parking.set_spot_state(s.actor, $3, $4, $5, $6) c",
            *caller(request),
            spot,
            data.state,
            data.reason,
            data.until,
            lane=("spot", spot),
        ),
    )
