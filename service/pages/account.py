"""Who one is here, and what one may change about it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from asyncpg import PostgresError
from litestar import get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from service.auth import Identity, address_of, network_of, no_session_cookies
from service.database import Database
from service.pages.answers import (
    FLASH_COOKIE,
    AnyRequest,
    AnyResponse,
    Caller,
    Form,
    Message,
    flashing,
    page,
    sign_in_first,
)
from service.pages.devices import Device
from service.pages.language import _
from service.problems import Problem, expect, to_problem
from service.settings import Settings

ACCOUNT = "/account"


class ChangingPassword(Form, kw_only=True):
    old_password: str
    new_password: str


class EndingSession(Form, kw_only=True):
    session: UUID


class SigningOutEverywhere(Form):
    """Nothing but the token."""


@get("/account")
async def show_account(request: AnyRequest, database: NamedDependency[Database], caller: Caller) -> AnyResponse:
    """Who one is here, and what one may change about it."""
    if caller is None:
        return sign_in_first(request, ACCOUNT)
    changed = _("Your password is the new one. Other browsers have been signed out.")
    message = {
        "password": Message("done", _("Changed"), changed, ACCOUNT),
        "signed-out": Message("done", _("Signed out there"), _("That session has ended."), ACCOUNT),
    }.get(request.cookies.get(FLASH_COOKIE, ""))
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
        return sign_in_first(request, ACCOUNT)
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
    return flashing(settings, ACCOUNT, "password")


@post("/account/end-session")
async def end_session(
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    data: Annotated[EndingSession, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> AnyResponse:
    """End one of one's own sessions, in whatever browser it is."""
    if caller is None:
        return sign_in_first(request, ACCOUNT)
    await database.row(
        "select parking.end_session(s.actor, $3) from parking.session($1, $2) s",
        caller.session,
        address_of(request),
        data.session,
    )
    return flashing(settings, ACCOUNT, "signed-out")


@get("/.well-known/change-password")
async def find_password_page() -> AnyResponse:
    """Where password managers look for the page on which a password is changed (W3C)."""
    return Redirect(ACCOUNT, status_code=303)


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


async def _account(
    request: AnyRequest, database: Database, caller: Identity, message: Message | None, status: int = 200
) -> AnyResponse:
    rows = await database.rows(
        """
        select a.email, a.display_name, a.roles, m.id, m.address, m.user_agent, m.opened_at, m.renewed_at
        from parking.session($1, $2) s
        cross join lateral parking.my_account(s.actor) a
        cross join lateral parking.my_sessions(s.actor) with ordinality m
        order by m.ordinality
        """,
        caller.session,
        address_of(request),
    )
    devices = [Device.of(row, here=caller.session) for row in rows]
    return page(request, "account.html", status, here="/", account=rows[0], devices=devices, message=message)


handlers = [show_account, change_password, end_session, find_password_page, sign_out_everywhere]
