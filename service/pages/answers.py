"""What the pages' handlers share: who is there, a page, a message, the way to sign in and back."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlencode, urlsplit

from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.exceptions import PermissionDeniedException
from litestar.params import QueryParameter
from litestar.response import Redirect, Template
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
from service.pages.language import gettext, language_of, speak, spoken
from service.problems import SESSION_OVER, Problem, to_problem
from service.settings import Settings

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]

FLASH_COOKIE = "flash"
THEME_COOKIE = "theme"
THEMES = ("light", "dark")


class Offer(Struct, frozen=True):
    """What may be booked instead: what the button says, its full name, and what it sends."""

    text: str
    name: str
    value: str


class Message(Struct, frozen=True):
    """What the live region says. `slug` is the problem's, for a refusal."""

    kind: Literal["done", "refusal"]
    title: str
    text: str
    dismiss: str
    remedy: str = ""
    slug: str = ""
    offers: tuple[Offer, ...] = ()

    @classmethod
    def of(cls, problem: Problem, dismiss: str, offers: tuple[Offer, ...] = ()) -> Message:
        told = in_words(problem)
        return cls("refusal", told.title, told.detail, dismiss, told.remedy, told.slug, offers)


Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class Form(Struct, forbid_unknown_fields=True, kw_only=True):
    token: str = field(name="_csrf_token", default="")


Lots = Annotated[int | None, QueryParameter(name="lot", ge=1, le=2**63 - 1)]
Target = Annotated[str, QueryParameter(name="next")]
Caller = NamedDependency[Identity | None]
Days = Annotated[date | None, QueryParameter(name="date")]


async def choose_language(request: AnyRequest) -> None:
    """Speak the reader's language for this request; and see that its query is plain."""
    speak(language_of(request))
    await require_plain_query(request)


async def find_caller(
    request: AnyRequest,
    database: NamedDependency[Database],
    tokens: NamedDependency[Tokens],
    settings: NamedDependency[Settings],
) -> Identity | None:
    """Who is signed in in this browser. When the access token has lapsed, the refresh token is exchanged first."""
    if (identity := session(request)) is not None or (token := refresh_cookie(request)) is None:
        return identity
    # Anybody can send something that looks like one: as a sign-in, it takes no connection from those who book.
    row = await database.row(
        "select r.* from parking.refresh($1, $2) r",
        token,
        address_of(request),
        lane=network_of(request),
        pool="sign_in",
    )
    if row["outcome"] != "refreshed":
        send_later(request, no_session_cookies())
        return None
    cookies = session_cookies(row, tokens, settings)
    send_later(request, cookies)
    request.scope["user"] = tokens.read(str(cookies[0].value))
    return session(request)


def answer_in_words(request: AnyRequest, exc: Exception) -> AnyResponse:
    """The exception handler of the pages: a page, or for htmx a message that leaves the board where it is."""
    problem = to_problem(exc)
    if problem.slug == SESSION_OVER:
        return sign_in_again(request, address_of_page(request))
    if request.headers.get("HX-Request"):
        response: AnyResponse = Template(
            "messages.html",
            context={"message": Message.of(problem, "/")},
            status_code=problem.status,
            headers={"HX-Retarget": "#messages", "HX-Reselect": "#messages > *", "HX-Reswap": "innerHTML"},
        )
    else:
        response = problem_page(request, problem)
    response.headers.update(problem.headers)
    if isinstance(exc, PermissionDeniedException) and request.app.csrf_config:
        # Litestar keeps a CSRF cookie for ever, even one signed with a former secret, which fits no form any more.
        response.delete_cookie(request.app.csrf_config.cookie_name)
    return response


def in_words(problem: Problem) -> Problem:
    """The problem in the reader's language. What it says this time is English; else title and remedy have to do."""
    return Problem(
        problem.slug,
        status=problem.status,
        title=gettext(problem.title),
        detail=problem.detail if spoken().startswith("en") else "",
        remedy=gettext(problem.remedy) if problem.remedy else "",
        headers=problem.headers,
        errors=problem.errors,
    )


def problem_page(request: AnyRequest, problem: Problem) -> AnyResponse:
    """What is the matter, on a page of its own; whoever may not see something may sign in as somebody who may."""
    told = in_words(problem)
    return page(request, "problem.html", problem.status, problem=told)


def address_of_page(request: AnyRequest) -> str:
    """Where the reader is: the page that was asked for, or the one whose form was sent, as the browser says."""
    if request.method == "GET":
        return local(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
    try:
        came_from = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return "/"
    if came_from.netloc != request.headers.get("host"):
        return "/"
    return local(came_from.path + (f"?{came_from.query}" if came_from.query else ""))


def local(target: str) -> str:
    """The target if it is an address on this very site, else the board: `//host` and `/\\host` lead elsewhere."""
    return target if re.fullmatch(r"/(?![/\\])[!-\[\]-~]*", target) else "/"


def page(
    request: AnyRequest, name: str, status: int = 200, *, here: str = "", home: str = "/", **context: object
) -> AnyResponse:
    """A page for nobody else's eyes. `here` is where signing in and out come back to; without it neither is offered."""
    theme = request.cookies.get(THEME_COOKIE, "")
    shared = {
        "identity": session(request),
        "here": here,
        "home": home,
        "theme": theme if theme in THEMES else "",
        "again": here or address_of_page(request),
    }
    return Template(name, context=shared | context, status_code=status)


def refusal_page(request: AnyRequest, name: str, problem: Problem, **context: Any) -> AnyResponse:  # noqa: ANN401
    """The form once more, with what is wrong."""
    response = page(request, name, problem.status, **context)
    response.headers.update(problem.headers)
    return response


def flashing(settings: Settings, target: str, flash: str) -> AnyResponse:
    """Go there, and say it there once."""
    response = Redirect(target, status_code=303)
    response.set_cookie(
        Cookie(FLASH_COOKIE, value=flash, max_age=30, secure=settings.secure_cookies, httponly=True, samesite="lax")
    )
    return response


def sign_in_again(request: AnyRequest, target: str) -> AnyResponse:
    """Ask to sign in whoever believed to be, and say why."""
    response = sign_in_first(request, target)
    response.cookies = [*no_session_cookies(), Cookie(FLASH_COOKIE, value="over", max_age=30, httponly=True)]
    return response


def sign_in_first(request: AnyRequest, target: str | None = None) -> AnyResponse:
    """Ask to sign in, and come back to the page that was asked for with all of its query, or to another target."""
    address = "/sign-in?" + urlencode({"next": address_of_page(request) if target is None else target})
    if request.headers.get("HX-Request"):
        # fetch() would follow a redirect behind htmx's back and show the form under the board's address.
        return Response("", headers={"HX-Redirect": address}, status_code=200)
    return Redirect(address, status_code=303)
