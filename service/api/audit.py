"""GET /audit: who did what in a tenant, for its administrators."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from service.api.people import Limit
from service.api.reservations import AuthenticatedRequest
from service.auth import caller, require_bearer
from service.database import Database
from service.openapi import problems

AfterEntry = Annotated[
    str | None, QueryParameter(max_length=100, description="The cursor of an entry: go on with what is older.")
]


class Entry(Struct):
    """Something that was done. `cursor` stands behind it.

    Without `actor` it was a DBA, whose `database_role` is named, the stale checker, a platform administrator of another
    tenant, or somebody who was not signed in.
    """

    cursor: str
    at: dt.datetime
    actor_id: int | None
    actor: str | None
    database_role: str | None
    address: str | None
    action: str
    object_type: str
    object_id: int | None
    details: dict[str, Any]


@get(
    "/audit",
    guards=[require_bearer],
    responses=problems(400, 401, 403, 422),
    security=[{"Bearer": []}],
    tags=["audit"],
    summary="Read the audit",
)
async def list_activity(
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
    after: AfterEntry = None,
    limit: Limit = 100,
) -> list[Entry]:
    """What was done to people, roles, lots, spots and bookings, the latest first, a page at a time."""
    rows = await database.rows(
        "select a.* from parking.session($1, $2) s, parking.list_activity(s.actor, $3, $4) a",
        *caller(request),
        after,
        limit,
    )
    return [
        Entry(
            cursor=row["cursor"],
            at=row["at"],
            actor_id=row["actor_id"],
            actor=row["actor_email"],
            database_role=row["database_role"],
            address=None if row["address"] is None else str(row["address"]),
            action=row["action"],
            object_type=row["object_type"],
            object_id=row["object_id"],
            details=msgspec.json.decode(row["details"]),
        )
        for row in rows
    ]
