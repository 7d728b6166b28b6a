"""The operator's view of a lot: its spots and what is said about them, the day's figures, and what happens."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus
from typing import Annotated, Literal

from asyncpg import PostgresError
from litestar import get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, QueryParameter
from msgspec import Meta, field

from service.auth import Identity, address_of
from service.database import Database
from service.pages.answers import (
    FLASH_COOKIE,
    AnyRequest,
    AnyResponse,
    Caller,
    Days,
    Form,
    Id,
    Lots,
    Message,
    flashing,
    page,
    sign_in_again,
    sign_in_first,
)
from service.pages.language import _, long_day, ngettext
from service.pages.sight import SIGHT, Chosen, Sight, Where, state_word
from service.problems import Problem, to_problem
from service.settings import Settings
from service.zones import turns_of

Rows = Annotated[int | None, QueryParameter(name="row", ge=1, le=2**63 - 1)]
Parts = Annotated[int, QueryParameter(name="part", ge=1, le=1000)]
Spots = Annotated[int | None, QueryParameter(name="spot", ge=1, le=2**63 - 1)]

# A wall clock's time in the lot, as an input of the type datetime-local sends it; empty: until further notice.
LOCAL_TIME = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?)?\Z"


class SayingState(Form, kw_only=True):
    """What is to be said about a spot, and where the window was."""

    spot: Id
    state: str
    reason: str
    until: Annotated[str, Meta(pattern=LOCAL_TIME)] = ""
    until_turn: Literal["first", "second"] | None = None
    lot: Id
    day: dt.date = field(name="date")
    row: Id | None = None
    part: Annotated[int, Meta(ge=1, le=1000)] = 1

    def __post_init__(self) -> None:
        """Digits in the right places may still be no time; that is refused as what it is, a malformed form."""
        if self.until:
            dt.datetime.fromisoformat(self.until)

    @property
    def where(self) -> Where:
        return Where(self.lot, self.day, self.row, self.part, self.spot)

    @property
    def end(self) -> dt.datetime | None:
        """By the lot's wall clock. What is taken back has no end."""
        return dt.datetime.fromisoformat(self.until) if self.until and self.state != "free" else None


@get("/operate")
async def show_operation(  # noqa: PLR0917 (Litestar gives them by name)
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    day: Days = None,
    lot: Lots = None,
    row: Rows = None,
    part: Parts = 1,
    spot: Spots = None,
) -> AnyResponse:
    """A lot and a day, for those who may see how lots are used."""
    where = Where(lot, day, row, part, spot)
    if caller is None:
        return sign_in_first(request, where.url())
    response = await _view(request, database, settings, caller, where)
    if FLASH_COOKIE in request.cookies:
        response.delete_cookie(FLASH_COOKIE)
    return response


@post("/operate/state")
async def say_state(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    data: Annotated[SayingState, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """Say what state a spot is in, or take back what was said."""
    if caller is None:
        return sign_in_first(request, data.where.url())
    try:
        said = await database.row(
            """
            select jsonb_array_length(c.hits) as hits
            from parking.session($1, $2) s
            cross join lateral parking.find_lot($3, null, s.actor) l
            cross join lateral parking.set_spot_state(s.actor, $4, $5, $6, parking.read_clock(l.time_zone, $7, $8)) c
            """,
            caller.session,
            address_of(request),
            data.lot,
            data.spot,
            data.state,
            data.reason,
            data.end,
            data.until_turn,
            lane=("spot", data.spot),
        )
    except (PostgresError, Problem) as refusal:
        problem = to_problem(refusal)
        if problem.status == HTTPStatus.UNAUTHORIZED:
            return sign_in_again(request, data.where.url())
        return await _view(request, database, settings, caller, data.where, problem, data)
    return flashing(settings, data.where.url() + "#state", f"said.{data.spot}.{said['hits']}")


async def _view(  # noqa: PLR0917 (its callers are few, and here)
    request: AnyRequest,
    database: Database,
    settings: Settings,
    caller: Identity,
    where: Where,
    refusal: Problem | None = None,
    given: SayingState | None = None,
) -> AnyResponse:
    record = await database.row(
        SIGHT, caller.session, address_of(request), *where.arguments(settings.lot, settings.tenant)
    )
    sight = Sight.of(record, where)
    where = sight.where
    here = where.url()
    message = Message.of(refusal, here) if refusal else _flash(request, sight.chosen, here)
    return page(
        request,
        "operate.html",
        refusal.status if refusal else 200,
        here=here,
        sight=sight,
        where=where,
        day=sight.day,
        long_day=long_day(sight.day, year=True),
        relative={-1: _("Yesterday"), 0: _("Today"), 1: _("Tomorrow")}.get((sight.day - sight.lot.today).days, ""),
        earlier=where.url(date=sight.day - dt.timedelta(days=1)),
        later=where.url(date=sight.day + dt.timedelta(days=1)),
        given=given,
        turns_of_until=turns_of(given.end, sight.zone) if given else None,
        message=message,
    )


def _flash(request: AnyRequest, chosen: Chosen | None, dismiss: str) -> Message | None:
    """What has just been said about the chosen spot. The cookie only names it."""
    match request.cookies.get(FLASH_COOKIE, "").split("."):
        case ["said", spot_id, hits] if chosen and str(chosen.spot_id) == spot_id and hits.isdecimal():
            text = _("%(spot)s: %(state)s.") % {"spot": chosen.spot, "state": state_word(chosen.state)}
            if int(hits[:6]):
                text += " " + ngettext(
                    "%(num)s booking is hit by it; it stays, so tell its driver.",
                    "%(num)s bookings are hit by it; they stay, so tell their drivers.",
                    int(hits[:6]),
                ) % {"num": int(hits[:6])}
            return Message("done", _("State set"), text, dismiss)
    return None


handlers = [show_operation, say_state]
