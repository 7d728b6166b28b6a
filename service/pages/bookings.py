"""A driver's own bookings: what runs, what comes, what was."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from service.auth import address_of
from service.database import Database
from service.pages.answers import FLASH_COOKIE, AnyRequest, AnyResponse, Caller, Message, page, sign_in_first
from service.pages.language import _
from service.pages.stays import AT_ONCE, COLUMNS, LIST, Stay, Stays, moment

BOOKINGS = "/bookings"

# The start of the last one that was shown, in microseconds since 1970, and its number.
Cursor = Annotated[str | None, QueryParameter(name="after", pattern=r"^[0-9]{1,16}-[0-9]{1,18}$")]
Part = Annotated[Literal["current", "coming", "past"] | None, QueryParameter(name="period")]

OWN_LIST = LIST.replace("$1", "s.actor").replace("from (", "from parking.session($1, $2) s cross join lateral (", 1)
ONE_PAGE = f"""
    select {COLUMNS}
    from parking.session($1, $2) s
    cross join lateral parking.list_reservations(s.actor, period => $3, after_starts => $4, after_id => $5,
        sort => case when $3 = 'past' then 'latest' else 'earliest' end, at_most => {AT_ONCE + 1}) with ordinality d
    order by d.ordinality
"""  # noqa: S608 (of constants)


@get(BOOKINGS)
async def list_bookings(
    request: AnyRequest,
    database: NamedDependency[Database],
    caller: Caller,
    part: Part = None,
    after: Cursor = None,
) -> AnyResponse:
    """All three parts of the list, or a further page of one of them."""
    if caller is None:
        return sign_in_first(request)
    if part is not None:
        starts, number = (int(text) for text in after.split("-")) if after else (None, None)
        rows = await database.rows(
            ONE_PAGE,
            caller.session,
            address_of(request),
            part,
            None if starts is None else moment(starts),
            number,
        )
        found = [Stay.of(row) for row in rows]
        return page(
            request, "further.html", here=BOOKINGS, which=part, found=found[:AT_ONCE], more=len(found) > AT_ONCE
        )
    stays = Stays.of(await database.rows(OWN_LIST, caller.session, address_of(request)))
    message = flash(request, stays)
    response = page(request, "bookings.html", here=BOOKINGS, all=stays, message=message)
    if FLASH_COOKIE in request.cookies:
        response.delete_cookie(FLASH_COOKIE)
    return response


def flash(request: AnyRequest, stays: Stays) -> Message | None:
    """What has just been done with which booking. The cookie only names it, so nobody can put words into our mouth."""
    deed, _dot, number = request.cookies.get(FLASH_COOKIE, "").partition(".")
    stay = next((one for one in (*stays.current, *stays.coming, *stays.past) if str(one.id) == number), None)
    if stay is None:
        return None
    said = {"spot": stay.spot, "when": stay.when}
    told = {
        "cancelled": (_("Cancelled"), _("Your booking of %(spot)s, %(when)s, is cancelled.")),
        "completed": (_("Ended"), _("Your booking of %(spot)s has ended.")),
        "moved": (_("Changed"), _("%(spot)s is yours now: %(when)s.")),
        "booked": (_("Booked"), _("%(spot)s is yours now: %(when)s.")),
    }.get(deed)
    return None if told is None else Message("done", told[0], told[1] % said, BOOKINGS)


handlers = [list_bookings]
