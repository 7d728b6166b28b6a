"""Who is asking: JSON Web Tokens (RFC 7519), as Bearer (RFC 6750) from API clients and in a cookie from the page.

An access token is short-lived and names its session; whether that one is still open is said by `parking.session()`,
which is part of every statement that acts for somebody. A refresh token is opaque, and only the database can read it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Sequence
from http import HTTPMethod
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
from asyncpg import Record
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie, MutableScopeHeaders
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Message, Scope
from msgspec import Struct

from service.forwarding import FORWARDING_HEADERS, Address, hops, parse_address
from service.problems import Problem
from service.settings import Settings

SESSION_COOKIE: Final = "session"
REFRESH_COOKIE: Final = "refresh"
ALGORITHM: Final = "HS256"
ISSUER: Final = "parking"
LONGEST_TOKEN: Final = 4096
# A token is looked at more than once in a request, and sent with many: whom it speaks for never changes.
MOST_KNOWN: Final = 4096
CLAIMS: Final = ("sub", "email", "tenant", "roles", "permissions", "iat", "exp", "jti", "sid", "iss")
REFRESH_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}\Z")
SAFE_METHODS: Final = {HTTPMethod.GET, HTTPMethod.HEAD, HTTPMethod.OPTIONS}

Connection = ASGIConnection[Any, Any, Any, Any]
Network = IPv4Network | IPv6Network


class Identity(Struct, frozen=True):
    """Whom a token speaks for, as of when it was issued; `expires` is in seconds since 1970."""

    session: uuid.UUID
    person: int
    email: str
    tenant: str
    roles: tuple[str, ...]
    permissions: tuple[str, ...]
    expires: int


class Tokens:
    """Issues the tokens of one secret, which live for `seconds`, and reads those of retired secrets too.

    A token's header says by `kid` which secret signed it, so that a secret can be replaced while its tokens live on.
    """

    def __init__(self, secret: str, seconds: int, retired: Sequence[str] = ()) -> None:
        self._keys = {_key_id(each): each for each in (*retired, secret)}
        self._key_id = _key_id(secret)
        self._known: dict[str, Identity] = {}
        self.seconds = seconds

    def issue(self, row: Record | dict[str, Any]) -> str:
        """A token for the session and the person of a parking.admission."""
        now = int(time.time())
        claims = {
            "sub": str(row["person_id"]),
            "email": row["email"],
            "tenant": row["tenant"],
            "roles": list(row["roles"]),
            "permissions": list(row["permissions"]),
            "iat": now,
            "exp": now + self.seconds,
            "jti": uuid.uuid4().hex,
            "sid": str(row["session_id"]),
            "iss": ISSUER,
        }
        return jwt.encode(claims, self._keys[self._key_id], ALGORITHM, headers={"kid": self._key_id})

    def read(self, token: str) -> Identity:
        """Whom the token speaks for, or the problem invalid-token: every token but an own one that is still valid."""
        if (known := self._known.get(token)) is not None and known.expires > time.time():
            return known
        identity = self._decode(token[:LONGEST_TOKEN])
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[token] = identity
        return identity

    def _decode(self, token: str) -> Identity:
        try:
            claims = jwt.decode(
                token,
                self._keys[jwt.get_unverified_header(token)["kid"]],
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                options={"require": list(CLAIMS)},
            )
            return Identity(
                session=uuid.UUID(_text(claims["sid"])),
                person=_person(claims["sub"]),
                email=_text(claims["email"]),
                tenant=_text(claims["tenant"]),
                roles=_words(claims["roles"]),
                permissions=_words(claims["permissions"]),
                expires=int(claims["exp"]),
            )
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, OverflowError, RecursionError):
            raise Problem.of("invalid-token") from None


def bearer(connection: Connection) -> Identity:
    """Who signs this request with a Bearer token. The cookie does not count here: it would need a CSRF token."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Problem.of("not-signed-in")
    tokens: Tokens = connection.app.state.tokens
    return tokens.read(token.strip())


def require_bearer(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard, so that a request without a token is refused before its body is looked at."""
    connection.scope["user"] = bearer(connection)


def admit_bearer(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard for what anybody may ask for: who signs the request, if anybody does. A bad token is refused."""
    connection.scope["user"] = bearer(connection) if "authorization" in connection.headers else None


def admit_desk(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard of the garage's own routes: a Bearer token, or none where they are open to the desk of one garage.

    Whoever sends none is the desk, and that has one garage: another one takes a token.
    """
    settings: Settings = connection.app.state.settings
    if settings.garage_desk is None or "lot" in connection.query_params:
        require_bearer(connection, _)
    else:
        admit_bearer(connection, _)


def caller(connection: Connection) -> tuple[uuid.UUID | None, Address | None]:
    """What parking.session() asks for: the session of whoever signs the request, if anybody does, and the address."""
    identity = connection.scope.get("user")
    return identity.session if isinstance(identity, Identity) else None, address_of(connection)


def require_token(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard of what the page may ask for as well: a Bearer token, or else the cookie, sent by a page of this site."""
    if connection.headers.get("authorization") is None and SESSION_COOKIE in connection.cookies:
        require_own_page(connection)
        tokens: Tokens = connection.app.state.tokens
        connection.scope["user"] = tokens.read(connection.cookies[SESSION_COOKIE])
    else:
        require_bearer(connection, _)


def require_own_page(connection: Connection) -> None:
    """Refuse a change in a cookie's name unless the browser says that it comes from a page of this very site.

    A browser sends Origin with every request that changes something, and keeps answers from other sites' pages.
    """
    if connection.scope.get("method") not in SAFE_METHODS and not same_origin(connection):
        raise Problem.of("not-allowed", "With a cookie this takes the header Origin, and a page of this site.")


def same_origin(connection: Connection) -> bool:
    """Whether the header Origin names this site (RFC 6454, 7), by https where the cookies are sent by nothing else."""
    try:
        origin = urlsplit(connection.headers.get("origin", ""))
    except ValueError:
        # "http://[" and the like: not ours, and no fault of ours.
        return False
    settings: Settings = connection.app.state.settings
    schemes = ("https",) if settings.secure_cookies else ("https", "http")
    return origin.scheme in schemes and origin.netloc == connection.headers.get("host")


def session(connection: Connection) -> Identity | None:
    """Who is signed in on the page, by its cookie; nobody when the cookie is missing, invalid or expired."""
    if isinstance(known := connection.scope.get("user"), Identity):
        return known
    if (token := connection.cookies.get(SESSION_COOKIE)) is None:
        return None
    tokens: Tokens = connection.app.state.tokens
    try:
        return tokens.read(token)
    except Problem:
        return None


def refresh_cookie(connection: Connection) -> str | None:
    """The refresh token in the page's cookie; a value that cannot be one counts as none."""
    token = connection.cookies.get(REFRESH_COOKIE, "")
    return token if REFRESH_TOKEN.match(token) else None


def session_cookies(row: Record, tokens: Tokens, settings: Settings) -> list[Cookie]:
    """The page's two cookies for a parking.admission, an access token and a refresh token; no script can read them."""
    remaining = int(row["session_expires_at"].timestamp() - time.time())
    values = {
        SESSION_COOKIE: (tokens.issue(row), tokens.seconds),
        REFRESH_COOKIE: (row["refresh_token"], max(remaining, 0)),
    }
    return [
        Cookie(name, value=value, max_age=seconds, secure=settings.secure_cookies, httponly=True, samesite="lax")
        for name, (value, seconds) in values.items()
    ]


def no_session_cookies() -> list[Cookie]:
    """What makes the browser forget both."""
    return [Cookie(name, value="null", max_age=0, expires=0) for name in (SESSION_COOKIE, REFRESH_COOKIE)]


def send_later(connection: Connection, cookies: list[Cookie]) -> None:
    """Have these cookies set by whatever answers this request, unless the answer sets them by itself."""
    connection.scope["state"]["cookies"] = cookies


async def set_cookies(message: Message, scope: Scope) -> None:
    """A before_send hook for `send_later`: the answer may also be a refusal that is made far from the handler."""
    if message["type"] == "http.response.start" and (cookies := scope["state"].get("cookies")):
        message.setdefault("headers", [])
        headers = MutableScopeHeaders.from_message(message)
        given = [value.partition("=")[0] for value in headers.getall("set-cookie", [])]
        for cookie in cookies:
            if cookie.key not in given:
                headers.add("set-cookie", cookie.to_header(header=""))


def address_of(connection: Connection) -> Address | None:
    """The client's address: what the connection says, or what the last of our own proxies saw.

    Only what a trusted proxy has added counts, in the header that ours write (PARKING_PROXY_HEADER), and anybody may
    write to the left of it.
    """
    proxies: list[Network] = connection.app.state.proxies
    address = _peer(connection)
    if not proxies:
        return address
    settings: Settings = connection.app.state.settings
    seen = hops(settings.proxy_header, connection.headers.getall(settings.proxy_header, []))
    while address is not None and seen and any(address in proxy for proxy in proxies):
        before = seen.pop()
        if before is None:
            break
        address = before
    return address


def speaks_for_others(connection: Connection) -> bool:
    """Whether a proxy that we do not know, or did not understand, has sent this: its address says nothing."""
    forwarded = any(header in connection.headers for header in FORWARDING_HEADERS)
    return forwarded and address_of(connection) == _peer(connection)


def network_of(connection: Connection) -> tuple[str, Network | None]:
    """The lane of whoever asks for what costs a hash: by the address, or by the /64 of an IPv6 one, of which every
    household has 2^64 (parking_private.network_of)."""
    address = address_of(connection)
    if isinstance(address, IPv6Address):
        return "network", IPv6Network((address, 64), strict=False)
    return "network", None if address is None else IPv4Network(address)


def _peer(connection: Connection) -> Address | None:
    """Who is at the other end of the connection; None at a Unix socket."""
    return parse_address(connection.client.host if connection.client else "")


def _key_id(secret: str) -> str:
    return hmac.digest(secret.encode(), b"kid", hashlib.sha256).hex()[:16]


def _person(subject: object) -> int:
    if not (isinstance(subject, str) and subject.isascii() and subject.isdigit() and 0 < int(subject) < 2**63):
        raise ValueError("not the number of a person")
    return int(subject)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return tuple(_text(word) for word in value)
