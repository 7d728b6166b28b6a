"""What a driver shows at the lot, and what whoever stands there sees of it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import urlsplit

import segno
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, PathParameter

from service.auth import address_of
from service.calendars import calendar
from service.database import Database
from service.pages import language
from service.pages.answers import AnyRequest, AnyResponse, Caller, page, sign_in_first
from service.pages.bookings import BOOKINGS
from service.pages.changing import Number
from service.pages.language import _
from service.pages.stays import COLUMNS, Stay
from service.problems import Problem
from service.settings import Settings
from service.zones import zone_of

Code = Annotated[str, PathParameter(name="code", max_length=100)]

FILE: Final = re.compile(r"([1-9][0-9]{0,17})\.ics\Z", re.ASCII)

# The address is the secret: it goes into no index, no cache and no other site's log.
SECRECY: Final = {"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}

SHOW_PASS = f"""
    select {COLUMNS}, p.code
    from parking.session($1, $2) s
    cross join lateral parking.show_reservation(s.actor, $3) d
    cross join lateral parking.issue_pass(s.actor, d.id) p(code)
"""  # noqa: S608 (of constants)

SHOW_FILE = f"""
    select {COLUMNS}, d.revision, s.tenant, parking.clock() as now
    from parking.session($1, $2) s
    cross join lateral parking.show_reservation(s.actor, $3) d
"""  # noqa: S608 (of constants)

CHECK = """
    select c.state, c.status, c.lot, c.spot, c.type, c.starts, c.ends, c.ended_at, c.time_zone, c.driver,
           parking.clock() as now
    from parking.session($1, $2) s
    cross join lateral parking.check_pass($3, s.actor) c
"""


def public_address(request: AnyRequest, settings: Settings) -> str:
    """Scheme and host under which others reach this service."""
    if settings.public_url:
        return settings.public_url
    scheme = "https" if settings.secure_cookies else request.url.scheme
    return f"{scheme}://{request.headers.get('host', request.url.netloc)}"


@get(f"{BOOKINGS}/{{number:int}}/pass")
async def show_pass(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    number: Number,
) -> AnyResponse:
    """The code to show, large enough for a phone's camera."""
    if caller is None:
        return sign_in_first(request)
    row = await database.row(SHOW_PASS, caller.session, address_of(request), number)
    address = f"{public_address(request, settings)}/pass/{row['code']}"
    # Quartile error correction: what a scratched screen or a folded print needs. Black on white in the dark too.
    drawing = segno.make(address, error="q", micro=False).svg_inline(
        omitsize=True, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None
    )
    response = page(
        request, "pass.html", here=BOOKINGS, again=request.url.path, stay=Stay.of(row), drawing=drawing, address=address
    )
    response.headers.update(SECRECY)
    return response


@get(f"{BOOKINGS}/{{file:str}}")
async def give_file(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    file: FromPath[str],
) -> AnyResponse:
    """The booking as a file for calendars, under its number and `.ics`."""
    if (named := FILE.match(file)) is None:
        raise Problem.of("not-found")
    number = int(named[1])
    if caller is None:
        return sign_in_first(request)
    row = await database.row(SHOW_FILE, caller.session, address_of(request), number)
    site = urlsplit(settings.public_url).hostname or "parking"
    return Response(
        calendar(Stay.of(row), row["revision"], row["tenant"], site, row["now"]),
        media_type="text/calendar",
        headers={"Content-Disposition": f'attachment; filename="parking-{number}.ics"'},
    )


@get("/pass/{code:str}")
async def check_pass(
    request: AnyRequest, database: NamedDependency[Database], caller: Caller, code: Code
) -> AnyResponse:
    """What a pass is good for at this moment, in big words."""
    # Whoever holds one up to a camera need not be signed in.
    row = await database.row(
        CHECK, caller and caller.session, address_of(request), code, pool="main" if caller else "public"
    )
    zone = zone_of(row["time_zone"])
    starts, ends = row["starts"].astimezone(zone), row["ends"].astimezone(zone)
    response = page(
        request,
        "checking.html",
        here=request.url.path,
        check=row,
        verdict=verdict(row["state"]),
        when=language.period(starts, ends),
        explained=_explained(
            row["state"], row["status"], starts, ends, row["ended_at"] and row["ended_at"].astimezone(zone)
        ),
        now=language.day_and_time(row["now"].astimezone(zone)),
    )
    response.headers.update(SECRECY)
    return response


def verdict(state: str) -> str:
    """The big word."""
    return {"valid": _("Valid"), "early": _("Too early"), "over": _("Over"), "ended": _("No longer valid")}[state]


def _explained(state: str, status: str, starts: datetime, ends: datetime, ended_at: datetime | None) -> str:
    match state, status:
        case "valid", __:
            return _("Until %(time)s.") % {"time": language.day_and_time(ends)}
        case "early", __:
            return _("From %(time)s.") % {"time": language.day_and_time(starts)}
        case "over", __:
            return _("Since %(time)s.") % {"time": language.day_and_time(ends)}
        case __, "cancelled":
            return _("Cancelled on %(time)s.") % {"time": language.day_and_time(ended_at or ends)}
        case _:
            return _("Ended on %(time)s.") % {"time": language.day_and_time(ended_at or ends)}


handlers = [show_pass, give_file, check_pass]
