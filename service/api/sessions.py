"""Register, sign in for a token, refresh it, sign out; one's own account and password.

`/login` answers at the root and under /api; everything answers under /api/auth, where the page's cookie counts as well.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from asyncpg import Record
from litestar import Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from service.auth import (
    SESSION_COOKIE,
    Identity,
    Tokens,
    address_of,
    caller,
    network_of,
    no_session_cookies,
    refresh_cookie,
    require_own_page,
    require_token,
    send_later,
    session,
    session_cookies,
)
from service.database import Database
from service.edge import StrictJson
from service.openapi import problems
from service.problems import expect
from service.settings import Settings

Email = Annotated[str, Meta(max_length=254)]
Password = Annotated[str, Meta(max_length=1024)]
Tenant = Annotated[str, Meta(max_length=100)]
RefreshToken = Annotated[str, Meta(max_length=100)]


class Credentials(Struct, forbid_unknown_fields=True):
    """Without `tenant`, the one that this service is configured for."""

    email: Email
    password: Password
    tenant: Tenant | None = None


class NewAccount(Struct, forbid_unknown_fields=True):
    """A password has 8 to 72 bytes and is not the e-mail. Without `tenant`, the one of this service."""

    email: Email
    password: Password
    display_name: Annotated[str, Meta(max_length=200)]
    tenant: Tenant | None = None


class Refreshing(Struct, forbid_unknown_fields=True, frozen=True):
    """Without `refresh_token`, that of the page's cookie."""

    refresh_token: RefreshToken | None = None


NOTHING = Refreshing()


class PasswordChange(Struct, forbid_unknown_fields=True):
    """The new one has 8 to 72 bytes and is not the e-mail."""

    old_password: Password
    new_password: Password


class Token(Struct, omit_defaults=True):
    """Send `token` along as `Authorization: Bearer <token>`; it expires after `expires_in` seconds. Then exchange
    `refresh_token` for the next two; it works once. The page's is in its cookie and not told here."""

    token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str | UnsetType = UNSET


class Account(Struct):
    """`sessions` is how many are open now."""

    id: int
    email: str
    display_name: str
    tenant: str
    roles: list[str]
    permissions: list[str]
    sessions: int
    created_at: dt.datetime

    @classmethod
    def of(cls, row: Record) -> Account:
        """From a row of parking.my_account."""
        names = ("email", "display_name", "tenant", "roles", "permissions", "sessions", "created_at")
        return cls(id=row["person_id"], **{name: row[name] for name in names})


AnyRequest = Request[Any, Any, Any]
AuthenticatedRequest = Request[Identity, Any, Any]


@post(
    "/register",
    status_code=204,
    dto=StrictJson[NewAccount],
    return_dto=None,
    responses=problems(400, 403, 413, 415, 422, 429),
    tags=["sessions"],
    summary="Register",
)
async def register(
    data: JSONBody[NewAccount],
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
) -> None:
    """Open an account as a driver; then sign in. An e-mail that has an account already is answered just the same, and
    nothing happens to that account."""
    row = await database.row(
        "select r.outcome, r.retry_after from parking.register($1, $2, $3, $4, $5) r",
        data.email,
        data.password,
        data.display_name,
        data.tenant or settings.tenant,
        address_of(request),
        lane=network_of(request),
        pool="sign_in",
    )
    expect(row, "registered")


@post(
    "/login",
    status_code=200,
    dto=StrictJson[Credentials],
    return_dto=None,
    responses=problems(400, 401, 413, 415, 422, 429),
    tags=["sessions"],
    summary="Sign in",
)
async def sign_in(
    data: JSONBody[Credentials],
    request: AnyRequest,
    database: NamedDependency[Database],
    tokens: NamedDependency[Tokens],
    settings: NamedDependency[Settings],
) -> Token:
    """A token for an e-mail and its password. An unknown e-mail is answered like a wrong password."""
    row = await database.row(
        "select i.* from parking.sign_in($1, $2, $3, $4, $5) i",
        data.email,
        data.password,
        data.tenant or settings.tenant,
        address_of(request),
        request.headers.get("user-agent"),
        lane=network_of(request),
        pool="sign_in",
    )
    expect(row, "signed-in")
    return Token(tokens.issue(row), "Bearer", tokens.seconds, row["refresh_token"])


@post(
    "/refresh",
    status_code=200,
    dto=StrictJson[Refreshing],
    return_dto=None,
    responses=problems(400, 401, 403, 413, 415, 422),
    tags=["sessions"],
    summary="Refresh",
)
async def refresh(
    request: AnyRequest,
    database: NamedDependency[Database],
    tokens: NamedDependency[Tokens],
    settings: NamedDependency[Settings],
    data: JSONBody[Refreshing] = NOTHING,
) -> Response[Token]:
    """The next access token and the next refresh token. Both say what the person is and may do by now. A refresh token
    that has been exchanged more than some seconds ago ends its session: two have it."""
    cookie = None
    if data.refresh_token is None and (cookie := refresh_cookie(request)) is not None:
        require_own_page(request)
    row = await database.row(
        "select r.* from parking.refresh($1, $2) r", data.refresh_token or cookie, address_of(request)
    )
    expect(row, "refreshed")
    if cookie is None:
        return Response(Token(tokens.issue(row), "Bearer", tokens.seconds, row["refresh_token"]))
    cookies = session_cookies(row, tokens, settings)
    return Response(Token(str(cookies[0].value), "Bearer", tokens.seconds), cookies=cookies)


@post(
    "/logout",
    status_code=204,
    dto=StrictJson[Refreshing],
    return_dto=None,
    responses=problems(400, 401, 403, 413, 415, 422),
    # Either is enough: the access token, or the refresh token in the body.
    security=[{}, {"Bearer": []}],
    tags=["sessions"],
    summary="Sign out",
)
async def sign_out(
    request: AnyRequest, database: NamedDependency[Database], data: JSONBody[Refreshing] = NOTHING
) -> None:
    """End the session of the refresh token, or else of the token, if it is not over already."""
    cookie, identity = None, None
    if data.refresh_token is None:
        cookie = _cookies_refresh_token(request)
        if cookie is None:
            await require_token(request, request.route_handler)
            identity = request.user
    await database.row(
        "select parking.sign_out(coalesce($1, parking.session_of($2))) from parking.session(null, $3)",
        identity and identity.session,
        data.refresh_token or cookie,
        address_of(request),
    )
    _forget_cookies(request)


@post(
    "/logout-everywhere",
    status_code=204,
    guards=[require_token],
    responses=problems(400, 401, 403),
    security=[{"Bearer": []}],
    tags=["sessions"],
    summary="Sign out everywhere",
)
async def sign_out_everywhere(request: AuthenticatedRequest, database: NamedDependency[Database]) -> None:
    """End all of one's sessions, this one too."""
    await database.row(
        "select parking.sign_out_everywhere(s.actor) from parking.session($1, $2) s",
        *caller(request),
    )
    _forget_cookies(request)


@get(
    "/me",
    guards=[require_token],
    responses=problems(400, 401),
    security=[{"Bearer": []}],
    tags=["sessions"],
    summary="Show one's account",
)
async def show_account(request: AuthenticatedRequest, database: NamedDependency[Database]) -> Account:
    """Who one is here, and what one may do, as of now."""
    return Account.of(
        await database.row(
            "select a.* from parking.session($1, $2) s, parking.my_account(s.actor) a",
            *caller(request),
        )
    )


@put(
    "/password",
    status_code=204,
    dto=StrictJson[PasswordChange],
    return_dto=None,
    guards=[require_token],
    responses=problems(400, 401, 403, 413, 415, 422, 429),
    security=[{"Bearer": []}],
    tags=["sessions"],
    summary="Change one's password",
)
async def change_password(
    data: JSONBody[PasswordChange], request: AuthenticatedRequest, database: NamedDependency[Database]
) -> None:
    """From now on the new password counts, and all one's sessions but this one are over."""
    row = await database.row(
        """
        select c.outcome, c.retry_after
        from parking.session($1, $2) s
        cross join lateral parking.change_password(s.actor, $3, $4, keep => $1) c
        """,
        *caller(request),
        data.old_password,
        data.new_password,
        lane=network_of(request),
        pool="sign_in",
    )
    expect(row, "changed")


def _cookies_refresh_token(request: AnyRequest) -> str | None:
    """The page's own, when nothing else says whose session is meant and its access token has lapsed."""
    if request.headers.get("authorization") is not None or session(request) is not None:
        return None
    if (token := refresh_cookie(request)) is not None:
        require_own_page(request)
    return token


def _forget_cookies(request: AnyRequest) -> None:
    if SESSION_COOKIE in request.cookies:
        send_later(request, no_session_cookies())
