"""What a garage has done, for those who may see it: a day, a month or any period, to read, as CSV and as PDF."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from service import reports
from service.auth import address_of
from service.database import Database
from service.pages.answers import AnyRequest, AnyResponse, Caller, Lots, page, sign_in_first
from service.pages.figures import Told
from service.pages.language import _
from service.pages.printing import pdf_file
from service.reports import REPORT, Report
from service.settings import Settings

LOT: Final = """
    select l.id, l.today from parking.session($1, $2) s cross join lateral parking.find_lot($3, $4, s.actor) l
"""

FromDay = Annotated[dt.date | None, QueryParameter(name="from")]
UntilDay = Annotated[dt.date | None, QueryParameter(name="until")]


@get("/garage/report")
async def show_report(  # noqa: PLR0917 (Litestar gives them by name)
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    lot: Lots = None,
    first: FromDay = None,
    last: UntilDay = None,
) -> AnyResponse:
    """A period; without one, this month so far."""
    if caller is None:
        return sign_in_first(request)
    who = caller.session, address_of(request)
    place = await database.row(LOT, *who, lot or settings.garage_lot or settings.lot, settings.tenant)
    today: dt.date = place["today"]
    last = last or today
    first = first or last.replace(day=1)
    told = Told(Report.of(await database.row(REPORT, *who, place["id"], first, last, pool="public")))
    month_before = today.replace(day=1) - dt.timedelta(days=1)
    periods = [
        (_("Today"), today, today),
        (_("Yesterday"), today - dt.timedelta(days=1), today - dt.timedelta(days=1)),
        (_("This month"), today.replace(day=1), today),
        (_("Last month"), month_before.replace(day=1), month_before),
    ]
    query = f"lot={place['id']}&from={first}&until={last}"
    return page(
        request,
        "garage_report.html",
        here=f"/garage/report?{query}",
        told=told,
        report=told.report,
        periods=[
            (name, f"/garage/report?lot={place['id']}&from={a}&until={b}", (a, b) == (first, last))
            for name, a, b in periods
        ],
        query=query,
    )


FILES: Final[dict[str, Callable[..., Awaitable[AnyResponse]]]] = {
    "/garage/report.csv": partial(reports.csv_file, kind="days"),
    "/garage/tickets.csv": partial(reports.csv_file, kind="tickets"),
    "/garage/report.pdf": pdf_file,
}


@get(list(FILES))
async def report_file(  # noqa: PLR0917 (Litestar gives them by name)
    request: AnyRequest,
    database: NamedDependency[Database],
    caller: Caller,
    lot: Annotated[int, QueryParameter(name="lot", ge=1, le=2**63 - 1)],
    first: Annotated[dt.date, QueryParameter(name="from")],
    last: Annotated[dt.date, QueryParameter(name="until")],
) -> AnyResponse:
    """Day by day or ticket by ticket, for spreadsheets; or the report on paper."""
    if caller is None:
        return sign_in_first(request, f"/garage/report?lot={lot}&from={first}&until={last}")
    return await FILES[request.url.path](database, caller.session, address_of(request), lot, first, last)


handlers = [show_report, report_file]
