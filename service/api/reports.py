"""GET /api/lots/{id}/garage/report, and the same as CSV and PDF. For those who may see how lots are used."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import QueryParameter

from service import reports
from service.api.garages import STAFF
from service.api.lots import LotId
from service.api.reservations import AuthenticatedRequest
from service.auth import caller
from service.database import Database
from service.edge import require_plain_query
from service.openapi import problems
from service.pages import printing
from service.pages.language import language_of, speak
from service.reports import REPORT, Report

FromDay = Annotated[dt.date, QueryParameter(name="from", description="The first day, of the garage's own calendar.")]
UntilDay = Annotated[dt.date, QueryParameter(name="until", description="The last day; it is included. 400 at most.")]

CSV: Final = {
    200: ResponseSpec(
        str, generate_examples=False, description="A line of names, and then the rows", media_type="text/csv"
    )
}


PDF: Final = {200: ResponseSpec(bytes, generate_examples=False, description="The file", media_type="application/pdf")}


async def _look_at(request: Request[Any, Any, Any]) -> None:
    """As of any request, but that it may not want JSON; and paper has a language."""
    speak(language_of(request))
    await require_plain_query(request)


Asked = tuple[Any, ...]
"""Who asks, of which garage and which days: what the statements of service.reports take."""


async def what_is_asked(lot: LotId, first: FromDay, last: UntilDay, request: AuthenticatedRequest) -> Asked:
    """For Provide."""
    return (*caller(request), lot, first, last)


OF_A_PERIOD: Final[dict[str, Any]] = {**STAFF, "dependencies": {"asked": Provide(what_is_asked)}}


@get(
    "/lots/{lot:int}/garage/report",
    responses=problems(400, 401, 403, 404, 422),
    summary="Report on a garage",
    **OF_A_PERIOD,
)
async def show_report(asked: NamedDependency[Asked], database: NamedDependency[Database]) -> Report:
    """Day by day, by the lengths of the stays, and by tariffs."""
    return Report.of(await database.row(REPORT, *asked, pool="public"))


@get(
    "/lots/{lot:int}/garage/report.csv",
    before_request=_look_at,
    responses=problems(400, 401, 403, 404, 422) | CSV,
    summary="Report on a garage, as CSV",
    **OF_A_PERIOD,
)
async def report_file(asked: NamedDependency[Asked], database: NamedDependency[Database]) -> Response[Any]:
    """Day by day, amounts in units of the currency."""
    return await reports.csv_file(database, *asked, kind="days")


@get(
    "/lots/{lot:int}/garage/tickets.csv",
    before_request=_look_at,
    responses=problems(400, 401, 403, 404, 422) | CSV,
    summary="List a garage's tickets, as CSV",
    **OF_A_PERIOD,
)
async def tickets_file(asked: NamedDependency[Asked], database: NamedDependency[Database]) -> Response[Any]:
    """Of the vehicles that entered then. What a spreadsheet would take for a formula begins with an apostrophe."""
    return await reports.csv_file(database, *asked, kind="tickets")


@get(
    "/lots/{lot:int}/garage/report.pdf",
    before_request=_look_at,
    responses=problems(400, 401, 403, 404, 422) | PDF,
    summary="Report on a garage, as PDF",
    **OF_A_PERIOD,
)
async def printed_report(asked: NamedDependency[Asked], database: NamedDependency[Database]) -> Response[bytes]:
    """The same on paper, in the language that Accept-Language asks for."""
    return await printing.pdf_file(database, *asked)


HANDLERS = [show_report, report_file, tickets_file, printed_report]
