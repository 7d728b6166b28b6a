"""GET /spots: what is free, now or on a day. Public; who booked is told to nobody."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from asyncpg import PostgresError, Record
from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import UNSET, Struct, UnsetType

from service.auth import admit_bearer, caller
from service.database import Database
from service.edge import LARGEST_NUMBER
from service.forwarding import Address
from service.openapi import problems
from service.problems import SESSION_OVER, Problem
from service.settings import Settings
from service.together import Together


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


UNKNOWN_LOT: Final = "unknown-lot"

LotParameter = Annotated[
    int | None,
    QueryParameter(ge=1, le=LARGEST_NUMBER, description="The lot; without it, the one of this service."),
]
DayParameter = Annotated[
    dt.date | None,
    QueryParameter(description="A day in the lot's time zone: adds the state of each time slot of that day."),
]


Question = tuple[int | None, dt.date | None, str]
"""Of which lot and day, or else of whose first lot."""

# What strangers may see is the same for everybody whose session is open, and nothing to anybody whose has ended.
FOR_ANYBODY: Final = """
    select p.*, e.ended
    from (select array(select parking.ended_sessions($1)) as ended) e
    left join lateral parking.list_spots($2, $3, null, $4) p on true
"""
FOR_ONE: Final = """
    select p.*, '{}'::uuid[] as ended from parking.session($1, $2) s, parking.list_spots($3, $4, s.actor, $5) p
"""


class Answer(NamedTuple):
    """The spots as JSON, and those sessions of who has asked that have ended."""

    spots: bytes
    ended: frozenset[uuid.UUID]


class Spots:
    """Where the spots are asked for: by many at once, mostly, and mostly of the same lot."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together = Together(self._ask)

    async def as_json(self, question: Question, session: uuid.UUID | None, address: Address | None) -> bytes:
        """The spots that whoever has this session sees; problems: unknown-lot, day-out-of-range, session-over."""
        try:
            answer = await self._together.answer(question, session)
        except PostgresError as error:
            if session is None or error.constraint_name != UNKNOWN_LOT:
                raise
            # Perhaps it is one of their own, which is nobody else's business.
            answer = _answer_of(await self._database.rows(FOR_ONE, session, address, *question))
        if session in answer.ended:
            raise Problem.of(SESSION_OVER)
        return answer.spots

    async def _ask(self, question: Question, sessions: list[uuid.UUID | None]) -> Answer:
        return _answer_of(await self._database.rows(FOR_ANYBODY, [each for each in sessions if each], *question))


def _answer_of(rows: Sequence[Record]) -> Answer:
    spots = [
        Spot(
            id=row["id"],
            name=row["name"],
            type=row["type"],
            status=row["status"],
            slots=UNSET if row["slots"] is None else msgspec.json.decode(row["slots"], type=list[Slot]),
        )
        for row in rows
        # A lot without spots is a row without any.
        if row["id"] is not None
    ]
    return Answer(msgspec.json.encode(spots), frozenset(rows[0]["ended"] if rows else ()))


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
    settings: NamedDependency[Settings],
    spots: NamedDependency[Spots],
    lot: LotParameter = None,
    date: DayParameter = None,
) -> Response[list[Spot]]:
    """All spots of a lot. One that is not public takes a token of its own people."""
    found = await spots.as_json((lot or settings.lot, date, settings.tenant), *caller(request))
    return Response(found, media_type=MediaType.JSON)  # type: ignore[arg-type]  # what it is, written already
