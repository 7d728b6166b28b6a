"""GET /api/lots/{id}/garage/report, and its days and tickets as CSV. For those who may see how lots are used."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import QueryParameter

from service import reports
from service.api.lots import LotId
from service.api.reservations import AuthenticatedRequest
from service.auth import caller, require_bearer
from service.database import Database
from service.edge import require_plain_query
from service.openapi import problems
from service.reports import REPORT, Report

FromDay = Annotated[dt.date, QueryParameter(name="from", description="The first day, of the garage's own calendar.")]
UntilDay = Annotated[dt.date, QueryParameter(name="until", description="The last day; it is included. 400 at most.")]

STAFF: dict[str, Any] = {"guards": [require_bearer], "security": [{"Bearer": []}], "tags": ["garage"]}
CSV: Final = {
    200: ResponseSpec(
        str, generate_examples=False, description="A line of names, and then the rows", media_type="text/csv"
    )
}


@get(
    "/lots/{lot:int}/garage/report",
    responses=problems(400, 401, 403, 404, 422),
    summary="Report on a garage",
    **STAFF,
)
async def show_report(
    lot: LotId,
    first: FromDay,
    last: UntilDay,
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
) -> Report:
    """Day by day, by the lengths of the stays, and by tariffs."""
    return Report.of(await database.row(REPORT, *caller(request), lot, first, last, pool="public"))


@get(
    "/lots/{lot:int}/garage/report.csv",
    before_request=require_plain_query,
    responses=problems(400, 401, 403, 404, 422) | CSV,
    summary="Report on a garage, as CSV",
    **STAFF,
)
async def report_file(
    lot: LotId,
    first: FromDay,
    last: UntilDay,
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
) -> Response[Any]:
    """Day by day, amounts in units of the currency."""
    return await reports.csv_file(database, "days", *caller(request), lot, first, last)


@get(
    "/lots/{lot:int}/garage/tickets.csv",
    before_request=require_plain_query,
    responses=problems(400, 401, 403, 404, 422) | CSV,
    summary="List a garage's tickets, as CSV",
    **STAFF,
)
async def tickets_file(
    lot: LotId,
    first: FromDay,
    last: UntilDay,
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
) -> Response[Any]:
    """Of the vehicles that entered then. What a spreadsheet would take for a formula begins with an apostrophe."""
    return await reports.csv_file(database, "tickets", *caller(request), lot, first, last)


HANDLERS = [show_report, report_file, tickets_file]
