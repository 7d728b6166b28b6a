"""Sign in, register, sign out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from asyncpg import PostgresError
from litestar import get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect
from msgspec import field

from service.auth import (
    Tokens,
    address_of,
    network_of,
    no_session_cookies,
    refresh_cookie,
    session,
    session_cookies,
)
from service.database import Database
from service.pages.answers import (
    FLASH_COOKIE,
    AnyRequest,
    AnyResponse,
    Caller,
    Form,
    Message,
    Target,
    flashing,
    local,
    page,
    refusal_page,
)
from service.pages.language import _
from service.problems import SESSION_OVER, Problem, expect, to_problem
from service.settings import Settings


def registered() -> str:
    """What is said to whoever has registered; it does not tell whether the e-mail had an account before."""
    return _(
        "Sign in with the password that you have chosen. If this e-mail had an account already, that one is as it was, "
        "its password too."
    )


class SigningIn(Form, kw_only=True):
    email: str
    password: str
    next: str = "/"


class Registering(Form, kw_only=True):
    email: str
    display_name: str = field(name="name")
    password: str
    next: str = "/"


class SigningOut(Form, kw_only=True):
    next: str = "/"


@get("/sign-in")
async def ask_to_sign_in(request: AnyRequest, caller: Caller, target: Target = "/") -> AnyResponse:
    """The form; whoever is signed in already goes on at once."""
    if caller is not None:
        return Redirect(local(target), status_code=303)
    message = {
        "over": Message.of(Problem.of(SESSION_OVER), "/"),
        "registered": Message("done", _("Registered"), registered(), "/"),
    }.get(request.cookies.get(FLASH_COOKIE, ""))
    response = page(request, "sign_in.html", email="", next=local(target), message=message)
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
        again = "/sign-in?" + urlencode({"next": target})
        given = {"email": data.email, "next": target, "again": again}
        return refusal_page(request, "sign_in.html", problem, message=message, **given)
    return Redirect(target, status_code=303, cookies=session_cookies(row, tokens, settings))


@get("/register")
async def ask_to_register(request: AnyRequest, caller: Caller, target: Target = "/") -> AnyResponse:
    """The form; whoever is signed in already goes on at once."""
    if caller is not None:
        return Redirect(local(target), status_code=303)
    return page(request, "register.html", email="", display_name="", next=local(target), message=None)


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
        again = "/register?" + urlencode({"next": target})
        given = {"email": data.email, "display_name": data.display_name, "next": target, "again": again}
        return refusal_page(request, "register.html", problem, message=Message.of(problem, target), **given)
    return flashing(settings, "/sign-in?" + urlencode({"next": target}), "registered")


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


handlers = [ask_to_sign_in, sign_in, ask_to_register, register, sign_out]
