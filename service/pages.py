"""The page: HTML for people, beside the JSON for programs.

A handler parses, runs one statement and shapes the answer; where it goes on to show the board, that is the answer's
shape and a second, read-only statement. Everything works without JavaScript: a form is answered with 303 back to the
board, or with the board and the refusal in words. htmx sends the same forms and takes what it needs from the same page.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from asyncpg import PostgresError, Record
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response, Router, get, post
from litestar.datastructures import CacheControlHeader, Cookie
from litestar.di import NamedDependency, Provide
from litestar.enums import RequestEncodingType
from litestar.exceptions import PermissionDeniedException
from litestar.params import Body, FromPath, QueryParameter
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect, Template
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig
from msgspec import Meta, Struct, field

from service.auth import (
    Identity,
    Tokens,
    address_of,
    network_of,
    no_session_cookies,
    refresh_cookie,
    send_later,
    session,
    session_cookies,
)
from service.database import Database
from service.edge import require_plain_query
from service.problems import SESSION_OVER, TRANSPORT, Problem, expect, to_problem
from service.settings import Settings

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]

ASSETS = Path(__file__).parent.parent / "static"
FLASH_COOKIE = "flash"
ACCOUNT = "/account"
REGISTERED = (
    "Sign in with the password that you have chosen. If this e-mail had an account already, that one is as it was, "
    "its password too."
)


def _digest(folder: Path) -> str:
    """Twelve digits that change whenever a file of the folder does, so that its addresses may be cached for ever."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


STATIC_PATH = f"/static/{_digest(ASSETS)}"


def asset(name: str) -> str:
    """The address of a file in static/; a name that is not there is an error when the template is rendered."""
    if not (ASSETS / name).is_file():
        raise FileNotFoundError(ASSETS / name)
    return f"{STATIC_PATH}/{name}"


def long_day(day: date, *, year: bool = False) -> str:
    """Friday 20 November, or Friday 20 November 2026."""
    return f"{day:%A} {day.day} {day:%B}" + (f" {day.year}" if year else "")


environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    auto_reload=False,
    undefined=StrictUndefined,
)
environment.globals["asset"] = asset
environment.filters["long_day"] = long_day
template_config = TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment))
static_files = create_static_files_router(
    path=STATIC_PATH,
    directories=[ASSETS],
    cache_control=CacheControlHeader(public=True, max_age=31536000, immutable=True),
)


class Lot(Struct, frozen=True):
    """A row of parking.find_lot: a place, its IANA time zone, and the day that it is there now."""

    id: int
    tenant_slug: str
    name: str
    address: str
    time_zone: str
    today: date

    @classmethod
    def of(cls, record: Record) -> Lot:
        return cls(*(record[name] for name in cls.__struct_fields__))


class Cell(Struct, frozen=True):
    """A row of parking.board on a lot's local `day`: one spot in one time slot.

    `reservation_id` is set in the version for the driver whose reservation it is, and in nobody else's.
    """

    spot_id: int
    spot: str
    type: str
    slot: str
    starts: datetime
    ends: datetime
    status: str
    day: date
    reservation_id: int | None = None

    @classmethod
    def of(cls, record: Record, day: date, reservation_id: int | None = None) -> Cell:
        """A row of parking.board or parking.watch as seen by the driver whose reservation it is, or by anybody."""
        names = ("spot_id", "spot", "type", "slot", "starts", "ends", "status")
        return cls(**{name: record[name] for name in names}, day=day, reservation_id=reservation_id)

    @property
    def id(self) -> str:
        """What the cell is called on the page and in a message after booking it; it never changes."""
        return f"cell-{self.spot_id}-{int(self.starts.timestamp())}"

    @property
    def value(self) -> str:
        """What its button sends: the spot and the period, in seconds since 1970."""
        return f"{self.spot_id}-{int(self.starts.timestamp())}-{int(self.ends.timestamp())}"

    @property
    def state(self) -> str:
        """As this driver sees it: available, booked, yours, maintenance or past."""
        return "yours" if self.status == "booked" and self.reservation_id is not None else self.status

    @property
    def word(self) -> str:
        """The word on it, which is short enough for three cells beside one another on a phone."""
        return "closed" if self.state == "maintenance" else self.state


_macros: Any = environment.get_template("board.html").module


def render_cell(cell: Cell, lot: Lot) -> str:
    """One cell to be swapped in wherever this lot's board is open; focus stays where it is."""
    return str(_macros.cell(cell, oob=True))


def render_board(cells: Sequence[Cell], lot: Lot, day: date) -> str:
    """The whole board of a lot and a local day, to be swapped in where it is open."""
    return str(_macros.board(**_shape(cells, lot, day), oob=True))


def _shape(cells: Sequence[Cell], lot: Lot, day: date) -> dict[str, Any]:
    rows = [list(spot) for _, spot in groupby(cells, key=lambda cell: cell.spot_id)]
    return {
        "rows": rows,
        "slots": [cell.slot for cell in rows[0]] if rows else [],
        "caption": f"Spots of {lot.name} on {long_day(day, year=True)}",
    }


class Message(Struct, frozen=True):
    """What the live region says. `slug` is the problem's, for a refusal."""

    kind: Literal["done", "refusal"]
    title: str
    text: str
    dismiss: str
    remedy: str = ""
    slug: str = ""

    @classmethod
    def of(cls, problem: Problem, dismiss: str) -> Message:
        return cls("refusal", problem.title, problem.detail or "", dismiss, problem.remedy or "", problem.slug)


class Place(Struct, frozen=True):
    """Which board somebody looks at. `lot` is None for the configured one, so that addresses stay short."""

    day: date | None = None
    lot: int | None = None

    def url(self, day: date | None = None) -> str:
        given = {"date": day or self.day, "lot": self.lot}
        query = urlencode({name: value for name, value in given.items() if value is not None})
        return f"/?{query}" if query else "/"


Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class _Form(Struct, forbid_unknown_fields=True, kw_only=True):
    token: str = field(name="_csrf_token", default="")


class _BoardForm(_Form, kw_only=True):
    day: date = field(name="date")
    lot: Id | None = None

    @property
    def place(self) -> Place:
        return Place(self.day, self.lot)


class Booking(_BoardForm, kw_only=True):
    cell: Annotated[str, Meta(pattern=r"^[0-9]{1,18}-[0-9]{1,11}-[0-9]{1,11}\Z")]


class Completing(_BoardForm, kw_only=True):
    reservation: Id


class SigningIn(_Form, kw_only=True):
    email: str
    password: str
    next: str = "/"


class Registering(_Form, kw_only=True):
    email: str
    display_name: str = field(name="name")
    password: str
    next: str = "/"


class SigningOut(_Form, kw_only=True):
    next: str = "/"


class ChangingPassword(_Form, kw_only=True):
    old_password: str
    new_password: str


class SigningOutEverywhere(_Form):
    """Nothing but the token."""


Lots = Annotated[int | None, QueryParameter(name="lot", ge=1, le=2**63 - 1)]
Target = Annotated[str, QueryParameter(name="next")]
Caller = NamedDependency[Identity | None]
Days = Annotated[date | None, QueryParameter(name="date")]


async def find_caller(
    request: AnyRequest,
    database: NamedDependency[Database],
    tokens: NamedDependency[Tokens],
    settings: NamedDependency[Settings],
) -> Identity | None:
    """Who is signed in in this browser. When the access token has lapsed, the refresh token is exchanged first."""
    if (identity := session(request)) is not None or (token := refresh_cookie(request)) is None:
        return identity
    row = await database.row("select r.* from parking.refresh($1, $2) r", token, address_of(request))
    if row["outcome"] != "refreshed":
        send_later(request, no_session_cookies())
        return None
    cookies = session_cookies(row, tokens, settings)
    send_later(request, cookies)
    request.scope["user"] = tokens.read(str(cookies[0].value))
    return session(request)


@get("/")
async def show_board(  # noqa: PLR0917 (Litestar gives them by name)
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    day: Days = None,
    lot: Lots = None,
) -> AnyResponse:
    """The board of a lot and a day, today in the configured lot unless told otherwise."""
    response = await _board(request, database, settings, caller, Place(day, lot))
    if FLASH_COOKIE in request.cookies:
        response.delete_cookie(FLASH_COOKIE)
    return response


@post("/book")
async def book(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    data: Annotated[Booking, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """Book the spot and the period of the cell that was pressed."""
    if caller is None:
        return _sign_in_first(request, data.place.url())
    spot, starts, ends = (int(part) for part in data.cell.split("-"))
    try:
        booking = await database.row(
            """
            select b.spot_id from parking.session($1, $2) s cross join lateral parking.book(s.actor, $3, $4, $5) b
            """,
            caller.session,
            address_of(request),
            spot,
            datetime.fromtimestamp(starts, UTC),
            datetime.fromtimestamp(ends, UTC),
            lane=("spot", spot),
        )
    except (PostgresError, Problem) as refusal:
        return await _refused(request, database, settings, caller, data.place, refusal)
    return _done(settings, data.place, f"booked.{booking['spot_id']}.{starts}")


@post("/complete")
async def complete(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    data: Annotated[Completing, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """End one's own reservation."""
    if caller is None:
        return _sign_in_first(request, data.place.url())
    try:
        booking = await database.row(
            "select b.spot_id from parking.session($1, $2) s cross join lateral parking.complete(s.actor, $3) b",
            caller.session,
            address_of(request),
            data.reservation,
            lane=("reservation", data.reservation),
        )
    except (PostgresError, Problem) as refusal:
        return await _refused(request, database, settings, caller, data.place, refusal)
    return _done(settings, data.place, f"ended.{booking['spot_id']}")


@get("/sign-in")
async def ask_to_sign_in(request: AnyRequest, caller: Caller, target: Target = "/") -> AnyResponse:
    """The form; whoever is signed in already goes on at once."""
    if caller is not None:
        return Redirect(local(target), status_code=303)
    message = {
        "over": Message.of(Problem.of(SESSION_OVER), "/"),
        "registered": Message("done", "Registered", REGISTERED, "/"),
    }.get(request.cookies.get(FLASH_COOKIE, ""))
    response = _page(request, "sign_in.html", email="", next=local(target), message=message)
    if message is not None:
        response.delete_cookie(FLASH_COOKIE)
    return response


@post("/sign-in")
async def sign_in(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    tokens: NamedDependency[Tokens],
    data: Annotated[SigningIn, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """Check e-mail and password, and go back to where one was."""
    target = local(data.next)
    row = await database.row(
        "select i.* from parking.sign_in($1, $2, $3, $4, $5) i",
        data.email,
        data.password,
        settings.tenant,
        address_of(request),
        request.headers.get("user-agent"),
        lane=network_of(request),
        pool="sign_in",
    )
    try:
        expect(row, "signed-in")
    except Problem as problem:
        message = Message.of(problem, target)
        return _refusal_page(request, "sign_in.html", problem, email=data.email, next=target, message=message)
    return Redirect(target, status_code=303, cookies=session_cookies(row, tokens, settings))


@get("/register")
async def ask_to_register(request: AnyRequest, caller: Caller, target: Target = "/") -> AnyResponse:
    """The form; whoever is signed in already goes on at once."""
    if caller is not None:
        return Redirect(local(target), status_code=303)
    return _page(request, "register.html", email="", display_name="", next=local(target), message=None)


@post("/register")
async def register(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    data: Annotated[Registering, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """Open an account, and go on to sign in with it."""
    target = local(data.next)
    try:
        row = await database.row(
            "select r.outcome, r.retry_after from parking.register($1, $2, $3, $4, $5) r",
            data.email,
            data.password,
            data.display_name,
            settings.tenant,
            address_of(request),
            lane=network_of(request),
            pool="sign_in",
        )
        expect(row, "registered")
    except (PostgresError, Problem) as refusal:
        problem = to_problem(refusal)
        given = {"email": data.email, "display_name": data.display_name, "next": target}
        return _refusal_page(request, "register.html", problem, message=Message.of(problem, target), **given)
    return _flashing(settings, "/sign-in?" + urlencode({"next": target}), "registered")


@post("/sign-out")
async def sign_out(
    request: AnyRequest,
    database: NamedDependency[Database],
    data: Annotated[SigningOut, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """End this browser's session."""
    identity = session(request)
    await database.row(
        "select parking.sign_out(coalesce($1, parking.session_of($2))) from parking.session(null, $3)",
        identity and identity.session,
        refresh_cookie(request),
        address_of(request),
    )
    return Redirect(local(data.next), status_code=303, cookies=no_session_cookies())


@get("/account")
async def show_account(request: AnyRequest, database: NamedDependency[Database], caller: Caller) -> AnyResponse:
    """Who one is here, and what one may change about it."""
    if caller is None:
        return _sign_in_first(request, ACCOUNT)
    message = None
    if request.cookies.get(FLASH_COOKIE) == "password":
        message = Message(
            "done", "Changed", "Your password is the new one. Other browsers have been signed out.", ACCOUNT
        )
    response = await _account(request, database, caller, message)
    if message is not None:
        response.delete_cookie(FLASH_COOKIE)
    return response


@post("/account/password")
async def change_password(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    data: Annotated[ChangingPassword, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """Change one's own password."""
    if caller is None:
        return _sign_in_first(request, ACCOUNT)
    try:
        row = await database.row(
            """
            select c.outcome, c.retry_after
            from parking.session($1, $2) s
            cross join lateral parking.change_password(s.actor, $3, $4, keep => $1) c
            """,
            caller.session,
            address_of(request),
            data.old_password,
            data.new_password,
            lane=network_of(request),
            pool="sign_in",
        )
        expect(row, "changed")
    except (PostgresError, Problem) as refusal:
        problem = to_problem(refusal)
        if problem.status == HTTPStatus.UNAUTHORIZED:
            raise
        response = await _account(request, database, caller, Message.of(problem, ACCOUNT), problem.status)
        response.headers.update(problem.headers)
        return response
    return _flashing(settings, ACCOUNT, "password")


@post("/sign-out-everywhere")
async def sign_out_everywhere(
    request: AnyRequest,
    database: NamedDependency[Database],
    caller: Caller,
    data: Annotated[SigningOutEverywhere, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """End all of one's sessions, this one too."""
    if caller is not None:
        await database.row(
            "select parking.sign_out_everywhere(s.actor) from parking.session($1, $2) s",
            caller.session,
            address_of(request),
        )
    return Redirect("/", status_code=303, cookies=no_session_cookies())


@get("/problems/{slug:str}")
async def explain_problem(request: AnyRequest, database: NamedDependency[Database], slug: FromPath[str]) -> AnyResponse:
    """What a problem's type means and what to do about it (RFC 9457, 3.1.1)."""
    if slug in TRANSPORT:
        problem = Problem.of(slug)
    else:
        rows = await database.rows(
            "select p.status, p.title, p.remedy from parking.problems() p where p.slug = $1", slug
        )
        if not rows:
            raise Problem.of("not-found")
        problem = Problem(slug, detail="", **rows[0])
    return _page(request, "problem.html", problem=problem)


def answer_in_words(request: AnyRequest, exc: Exception) -> AnyResponse:
    """The exception handler of the pages: a page, or for htmx a message that leaves the board where it is."""
    problem = to_problem(exc)
    if problem.slug == SESSION_OVER:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return _sign_in_again(request, here if request.method == "GET" else "/")
    if request.headers.get("HX-Request"):
        response: AnyResponse = Template(
            "messages.html",
            context={"message": Message.of(problem, "/")},
            status_code=problem.status,
            headers={"HX-Retarget": "#messages", "HX-Reselect": "#messages > *", "HX-Reswap": "innerHTML"},
        )
    else:
        response = _page(request, "problem.html", problem.status, problem=problem)
    response.headers.update(problem.headers)
    if isinstance(exc, PermissionDeniedException) and request.app.csrf_config:
        # Litestar keeps a CSRF cookie for ever, even one signed with a former secret, which fits no form any more.
        response.delete_cookie(request.app.csrf_config.cookie_name)
    return response


router = Router(
    path="/",
    route_handlers=[
        show_board,
        book,
        complete,
        ask_to_sign_in,
        sign_in,
        ask_to_register,
        register,
        sign_out,
        show_account,
        change_password,
        sign_out_everywhere,
        explain_problem,
    ],
    dependencies={"caller": Provide(find_caller)},
    before_request=require_plain_query,
    exception_handlers={Exception: answer_in_words},
    include_in_schema=False,
)


def local(target: str) -> str:
    """The target if it is an address on this very site, else the board: `//host` and `/\\host` lead elsewhere."""
    return target if re.fullmatch(r"/(?![/\\])[!-\[\]-~]*", target) else "/"


def _page(
    request: AnyRequest, name: str, status: int = 200, *, here: str = "", home: str = "/", **context: object
) -> AnyResponse:
    """A page for nobody else's eyes. `here` is where signing in and out come back to; without it neither is offered."""
    who = {"identity": session(request), "here": here, "home": home}
    return Template(name, context=who | context, status_code=status)


def _refusal_page(request: AnyRequest, name: str, problem: Problem, **context: Any) -> AnyResponse:  # noqa: ANN401
    """The form once more, with what is wrong."""
    response = _page(request, name, problem.status, **context)
    response.headers.update(problem.headers)
    return response


async def _account(
    request: AnyRequest, database: Database, caller: Identity, message: Message | None, status: int = 200
) -> AnyResponse:
    account = await database.row(
        "select a.* from parking.session($1, $2) s cross join lateral parking.my_account(s.actor) a",
        caller.session,
        address_of(request),
    )
    return _page(request, "account.html", status, here="/", account=account, message=message)


async def _board(  # noqa: PLR0917 (its callers are few, and here)
    request: AnyRequest,
    database: Database,
    settings: Settings,
    caller: Identity | None,
    place: Place,
    refusal: Problem | None = None,
) -> AnyResponse:
    rows = await database.rows(
        """
        select l.id, l.tenant_slug, l.name, l.address, l.time_zone, l.today,
               coalesce($3, l.today) as day,
               b.spot_id, b.spot, b.type, b.slot, b.starts, b.ends, b.status, b.reservation_id
        from parking.session($4, $5) s
        cross join lateral parking.find_lot($1, $2, s.actor) l
        left join lateral parking.board(l.id, $3, s.actor) with ordinality b on true
        order by b.ordinality
        """,
        place.lot or settings.lot,
        settings.tenant,
        place.day,
        caller and caller.session,
        address_of(request),
    )
    lot, day = Lot.of(rows[0]), rows[0]["day"]
    cells = [Cell.of(row, day, row["reservation_id"]) for row in rows if row["spot_id"] is not None]
    here = Place(day, place.lot)
    message = Message.of(refusal, here.url()) if refusal else _flash(request, cells, here.url())
    return _page(
        request,
        "lot.html",
        refusal.status if refusal else 200,
        here=here.url(),
        home=Place(lot=place.lot).url(),
        lot=lot,
        chosen_lot=place.lot,
        day=day,
        long_day=long_day(day, year=True),
        relative={-1: "Yesterday", 0: "Today", 1: "Tomorrow"}.get((day - lot.today).days, ""),
        earlier=here.url(day - timedelta(days=1)),
        later=here.url(day + timedelta(days=1)),
        today=here.url(lot.today),
        message=message,
        **_shape(cells, lot, day),
    )


def _flash(request: AnyRequest, cells: Sequence[Cell], dismiss: str) -> Message | None:
    """What has just been done. The cookie only names a cell: whoever plants one cannot put words into our mouth."""
    match request.cookies.get(FLASH_COOKIE, "").split("."):
        case ["booked", spot_id, starts]:
            for cell in cells:
                if cell.id == f"cell-{spot_id}-{starts}" and cell.state == "yours":
                    return Message(
                        "done", "Booked", f"{cell.spot} is yours on {long_day(cell.day)}, {cell.slot}.", dismiss
                    )
        case ["ended", spot_id]:
            for cell in cells:
                if str(cell.spot_id) == spot_id:
                    return Message("done", "Ended", f"Your booking of {cell.spot} has ended.", dismiss)
    return None


def _done(settings: Settings, place: Place, flash: str) -> AnyResponse:
    return _flashing(settings, place.url(), flash)


def _flashing(settings: Settings, target: str, flash: str) -> AnyResponse:
    """Go there, and say it there once."""
    response = Redirect(target, status_code=303)
    response.set_cookie(
        Cookie(FLASH_COOKIE, value=flash, max_age=30, secure=settings.secure_cookies, httponly=True, samesite="lax")
    )
    return response


async def _refused(  # noqa: PLR0917 (its callers are few, and here)
    request: AnyRequest,
    database: Database,
    settings: Settings,
    caller: Identity,
    place: Place,
    refusal: PostgresError | Problem,
) -> AnyResponse:
    """The board as it stands, with the refusal in words; somebody whose session is over has to sign in anew."""
    problem = to_problem(refusal)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        return _sign_in_again(request, place.url())
    return await _board(request, database, settings, caller, place, problem)


def _sign_in_again(request: AnyRequest, target: str) -> AnyResponse:
    """Ask to sign in whoever believed to be, and say why."""
    response = _sign_in_first(request, target)
    response.cookies = [*no_session_cookies(), Cookie(FLASH_COOKIE, value="over", max_age=30, httponly=True)]
    return response


def _sign_in_first(request: AnyRequest, target: str) -> AnyResponse:
    address = "/sign-in?" + urlencode({"next": target})
    if request.headers.get("HX-Request"):
        # fetch() would follow a redirect behind htmx's back and show the form under the board's address.
        return Response("", headers={"HX-Redirect": address}, status_code=200)
    return Redirect(address, status_code=303)
