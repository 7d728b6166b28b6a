"""Who is asking: JSON Web Tokens (RFC 7519), as Bearer (RFC 6750) from API clients and in a cookie from the page."""

from __future__ import annotations

import time
import uuid
from typing import Any, Final

import jwt
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from msgspec import Struct

from service.problems import Problem

SESSION_COOKIE: Final = "session"
ALGORITHM: Final = "HS256"
ISSUER: Final = "parking"
LONGEST_TOKEN: Final = 4096

Connection = ASGIConnection[Any, Any, Any, Any]


class Identity(Struct, frozen=True):
    """Whom a token speaks for; `expires` is in seconds since 1970."""

    person: int
    email: str
    expires: int


class Tokens:
    """Issues and reads the tokens of one secret; they live for `seconds`."""

    def __init__(self, secret: str, seconds: int) -> None:
        self._secret = secret
        self.seconds = seconds

    def issue(self, person: int, email: str) -> str:
        """A token for this person."""
        now = int(time.time())
        claims = {
            "sub": str(person),
            "email": email,
            "iat": now,
            "exp": now + self.seconds,
            "jti": uuid.uuid4().hex,
            "iss": ISSUER,
        }
        return jwt.encode(claims, self._secret, ALGORITHM)

    def read(self, token: str) -> Identity:
        """Whom the token speaks for, or the problem invalid-token: every token but an own one that is still valid."""
        try:
            claims = jwt.decode(
                token[:LONGEST_TOKEN],
                self._secret,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                options={"require": ["sub", "email", "iat", "exp", "jti", "iss"]},
            )
            return Identity(person=_person(claims["sub"]), email=_text(claims["email"]), expires=int(claims["exp"]))
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise Problem.of(
                "invalid-token",
                headers={"WWW-Authenticate": 'Bearer realm="parking", error="invalid_token"'},
            ) from None


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


def session(connection: Connection) -> Identity | None:
    """Who is signed in on the page, by its cookie; nobody when the cookie is missing, invalid or expired."""
    if (token := connection.cookies.get(SESSION_COOKIE)) is None:
        return None
    tokens: Tokens = connection.app.state.tokens
    try:
        return tokens.read(token)
    except Problem:
        return None


def _person(subject: object) -> int:
    if not (isinstance(subject, str) and subject.isascii() and subject.isdigit() and 0 < int(subject) < 2**63):
        raise ValueError("not the number of a person")
    return int(subject)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value
