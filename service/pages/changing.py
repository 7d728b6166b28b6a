"""What becomes of a booking: it is ended, cancelled, or given another time or another spot. Each page asks first."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from asyncpg import PostgresError, Record
from litestar import get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, PathParameter
from msgspec import Meta, Struct

from service.auth import Identity, address_of
from service.database import Database
from service.pages import language
from service.pages.answers import (
    AnyRequest,
    AnyResponse,
    Caller,
    Form,
    Message,
    flashing,
    page,
    sign_in_again,
    sign_in_first,
)
from service.pages.bookings import BOOKINGS
from service.pages.stays import COLUMNS, Stay, microseconds, moment
from service.problems import Problem, to_problem
from service.settings import Settings
from service.zones import turns_of, zone_of

Number = Annotated[int, PathParameter(name="number", ge=1, le=2**63 - 1)]
# What <input type=datetime-local> sends (HTML, 4.10.5.1.11), by the lot's clock.
LocalTime = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?\Z")]
Turn = Literal["first", "second"]
CONFLICTS = frozenset({"spot-taken", "spot-in-maintenance", "lot-closed"})

SHOW = f"""
    select {COLUMNS}
    from parking.session($1, $2) s
    cross join lateral parking.show_reservation(s.actor, $3) d
"""  # noqa: S608 (of constants)

# The times that are asked for, by the lot's clock; null, where one is to stay. What is left as it is shown stays,
# its seconds included.
WANTED = """
    cross join lateral (
        select case when $6::text is not null or $4 <> date_trunc('minute', d.starts at time zone d.time_zone)
                   then nullif(parking.read_clock(d.time_zone, $4, $6), date_trunc('minute', d.starts)) end as starts,
               case when $7::text is not null or $5 <> date_trunc('minute', d.ends at time zone d.time_zone)
                   then nullif(parking.read_clock(d.time_zone, $5, $7), date_trunc('minute', d.ends)) end as ends
    ) w
"""

RESCHEDULE = f"""
    select r.id
    from parking.session($1, $2) s
    cross join lateral parking.show_reservation(s.actor, $3) d
    {WANTED}
    cross join lateral parking.reschedule(s.actor, d.id, w.starts, w.ends) r
"""  # noqa: S608 (of constants)

# For a booking that runs: where to go on when its spot is taken. For one that has not begun: where to stand instead.
ALTERNATIVES = f"""
    select a.kind, a.spot_id, a.spot, a.type, a.starts, a.ends, d.time_zone, d.period
    from parking.session($1, $2) s
    cross join lateral parking.show_reservation(s.actor, $3) d
    {WANTED}
    cross join lateral parking.alternatives(d.spot_id,
        case when d.period = 'current' then d.ends else coalesce(w.starts, d.starts) end,
        coalesce(w.ends, d.ends), s.actor) with ordinality a
    where d.period = 'coming' or a.kind = 'other-spot'
    order by a.ordinality
"""  # noqa: S608 (of constants)

END = "select c.id from parking.session($1, $2) s cross join lateral parking.complete(s.actor, $3) c"
CANCEL = "select c.id from parking.session($1, $2) s cross join lateral parking.cancel(s.actor, $3) c"
MOVE = """
    select r.id from parking.session($1, $2) s cross join lateral parking.reschedule(s.actor, $3, $5, $6) r
    where $4::bigint is not null
"""
REPLACE = """
    select b.id
    from parking.session($1, $2) s
    cross join lateral parking.book(s.actor, $4, $5, $6) b
    cross join lateral parking.cancel(s.actor, $3) c
"""
ADD = """
    select b.id
    from parking.session($1, $2) s
    cross join lateral parking.show_reservation(s.actor, $3) d
    cross join lateral parking.book(s.actor, $4, $5, $6) b
"""

# What the last word of an address does, and what is said when it is done.
ENDINGS: Final = {"end": (END, "completed"), "cancel": (CANCEL, "cancelled")}
# A later time on the same spot; another spot instead of this one, both or neither; another spot for the time after it.
TAKINGS: Final = {"move": (MOVE, "moved"), "replace": (REPLACE, "moved"), "add": (ADD, "booked")}


class Ending(Form):
    """Nothing but the token."""


class Rescheduling(Form, kw_only=True):
    """Times by the lot's clock, and of one that it shows twice, which of the two."""

    starts: LocalTime | None = None
    ends: LocalTime
    starts_turn: Turn | None = None
    ends_turn: Turn | None = None

    @property
    def wanted(self) -> tuple[datetime | None, datetime | None, Turn | None, Turn | None]:
        """As RESCHEDULE takes them, behind the number."""
        starts, ends = (None if text is None else _local_time(text) for text in (self.starts, self.ends))
        return starts, ends, self.starts_turn, self.ends_turn


class Taking(Form, kw_only=True):
    """A spot and a period, in microseconds since 1970, that was offered instead."""

    offer: Annotated[str, Meta(pattern=r"^[0-9]{1,18}-[0-9]{1,16}-[0-9]{1,16}\Z")]


class Field(Struct, frozen=True):
    """A time that may be changed: what its input shows, and of one that the clocks show twice, how its two turns are
    called and which is chosen."""

    name: str
    value: str
    turns: tuple[str, str] | None
    turn: Turn | None

    @classmethod
    def of(cls, name: str, now: datetime, asked: str | None = None, turn: Turn | None = None) -> Field:
        """As it was asked for, else as it is now, by the lot's clock."""
        if asked is None:
            asked = now.strftime("%Y-%m-%dT%H:%M")
            turn = "second" if now.fold else "first"
        return cls(name, asked, turns_of(_local_time(asked), now.tzinfo or UTC), turn)


class Offer(Struct, frozen=True):
    """A row of parking.alternatives, and where its button leads."""

    kind: str
    spot_id: int
    spot: str
    type: str
    starts: datetime
    ends: datetime
    action: str

    @classmethod
    def of(cls, row: Record) -> Offer:
        zone = zone_of(row["time_zone"])
        action = "move" if row["kind"] == "later-period" else "replace" if row["period"] == "coming" else "add"
        names = ("kind", "spot_id", "spot", "type")
        times = {name: row[name].astimezone(zone) for name in ("starts", "ends")}
        return cls(**{name: row[name] for name in names}, **times, action=action)

    @property
    def when(self) -> str:
        return language.period(self.starts, self.ends)

    @property
    def value(self) -> str:
        return f"{self.spot_id}-{microseconds(self.starts)}-{microseconds(self.ends)}"


@get([f"{BOOKINGS}/{{number:int}}/{deed}" for deed in ENDINGS])
async def ask_to_end(
    request: AnyRequest, database: NamedDependency[Database], caller: Caller, number: Number
) -> AnyResponse:
    """Whether to end it now, or to take it back."""
    return await _show(request, database, caller, number, "ending.html", deed=_deed(request))


@get(f"{BOOKINGS}/{{number:int}}/change")
async def ask_to_change(
    request: AnyRequest, database: NamedDependency[Database], caller: Caller, number: Number
) -> AnyResponse:
    """Until when, or from when until when."""
    return await _show(request, database, caller, number, "changing.html", offers=[])


@post([f"{BOOKINGS}/{{number:int}}/{deed}" for deed in ENDINGS])
async def end_booking(  # noqa: PLR0917 (Litestar gives them by name)
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    number: Number,
    data: Annotated[Ending, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """End it, or take it back before it begins; the spot is free for others."""
    deed = _deed(request)
    if caller is None:
        return sign_in_first(request, f"{BOOKINGS}/{number}/{deed}")
    statement, flash = ENDINGS[deed]
    try:
        row = await database.row(statement, caller.session, address_of(request), number, lane=("reservation", number))
    except (PostgresError, Problem) as refusal:
        return await _refused(request, database, caller, number, refusal, "ending.html", deed=deed)
    return flashing(settings, BOOKINGS, f"{flash}.{row['id']}")


@post(f"{BOOKINGS}/{{number:int}}/change")
async def change_booking(  # noqa: PLR0917 (Litestar gives them by name)
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    number: Number,
    data: Annotated[Rescheduling, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """Give it another period on its spot, or say what else there is."""
    if caller is None:
        return sign_in_first(request, f"{BOOKINGS}/{number}/change")
    wanted = data.wanted
    try:
        row = await database.row(
            RESCHEDULE, caller.session, address_of(request), number, *wanted, lane=("reservation", number)
        )
    except (PostgresError, Problem) as refusal:
        rows = (
            await database.rows(ALTERNATIVES, caller.session, address_of(request), number, *wanted)
            if to_problem(refusal).slug in CONFLICTS
            else []
        )
        offers = [Offer.of(row) for row in rows]
        return await _refused(request, database, caller, number, refusal, "changing.html", offers=offers, given=data)
    return flashing(settings, BOOKINGS, f"moved.{row['id']}")


@post([f"{BOOKINGS}/{{number:int}}/{deed}" for deed in TAKINGS])
async def take_offer(  # noqa: PLR0917 (Litestar gives them by name)
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    number: Number,
    data: Annotated[Taking, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """Take what was offered instead: see TAKINGS."""
    if caller is None:
        return sign_in_first(request, f"{BOOKINGS}/{number}/change")
    statement, flash = TAKINGS[_deed(request)]
    spot, starts, ends = (int(part) for part in data.offer.split("-"))
    try:
        row = await database.row(
            statement,
            caller.session,
            address_of(request),
            number,
            spot,
            moment(starts),
            moment(ends),
            lane=("spot", spot),
        )
    except (PostgresError, Problem) as refusal:
        return await _refused(request, database, caller, number, refusal, "changing.html", offers=[])
    return flashing(settings, BOOKINGS, f"{flash}.{row['id']}")


def _fields(stay: Stay, given: Rescheduling | None) -> list[Field]:
    """What can still be changed; of a booking that has begun, the end."""
    if given is None:
        starts, ends = Field.of("starts", stay.starts), Field.of("ends", stay.ends)
    else:
        starts = Field.of("starts", stay.starts, given.starts, given.starts_turn)
        ends = Field.of("ends", stay.ends, given.ends, given.ends_turn)
    return [starts, ends] if stay.period == "coming" else [ends]


async def _show(  # noqa: PLR0917 (its callers are few, and here)
    request: AnyRequest,
    database: Database,
    caller: Identity | None,
    number: int,
    template: str,
    refusal: Problem | None = None,
    given: Rescheduling | None = None,
    **context: Any,  # noqa: ANN401 (what the template asks for)
) -> AnyResponse:
    if caller is None:
        return sign_in_first(request, request.url.path)
    stay = Stay.of(await database.row(SHOW, caller.session, address_of(request), number))
    response = page(
        request,
        template,
        refusal.status if refusal else HTTPStatus.OK,
        here=BOOKINGS,
        again=request.url.path,
        stay=stay,
        fields=_fields(stay, given),
        message=Message.of(refusal, BOOKINGS) if refusal else None,
        **context,
    )
    if refusal:
        response.headers.update(refusal.headers)
    return response


async def _refused(  # noqa: PLR0917 (its callers are few, and here)
    request: AnyRequest,
    database: Database,
    caller: Identity,
    number: int,
    refusal: PostgresError | Problem,
    template: str,
    **context: Any,  # noqa: ANN401 (what the template asks for)
) -> AnyResponse:
    """The page once more, with the refusal in words, beside the booking as it stands now."""
    problem = to_problem(refusal)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        return sign_in_again(
            request, f"{BOOKINGS}/{number}/{'change' if template == 'changing.html' else context['deed']}"
        )
    return await _show(request, database, caller, number, template, problem, **context)


def _deed(request: AnyRequest) -> str:
    """The last word of the route's address, one of those that there are."""
    return str(request.scope["path_template"]).rpartition("/")[2]


def _local_time(text: str) -> datetime:
    """The time as somebody has written it; whose clock is meant, the lot's zone says."""
    try:
        return datetime.fromisoformat(text)  # naive, as it is meant
    except ValueError:
        raise Problem.of("invalid-request") from None


handlers = [ask_to_end, ask_to_change, end_booking, change_booking, take_offer]
