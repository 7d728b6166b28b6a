"""POST /login: a token for a password."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from service.auth import Tokens
from service.database import Database
from service.edge import StrictJson
from service.openapi import problems
from service.problems import expect
from service.settings import Settings


class Credentials(Struct, forbid_unknown_fields=True):
    """Without `tenant`, the one that this service is configured for."""

    email: Annotated[str, Meta(max_length=254)]
    password: Annotated[str, Meta(max_length=1024)]
    tenant: Annotated[str, Meta(max_length=100)] | None = None


class Token(Struct):
    """Send it along as `Authorization: Bearer <token>`; it expires after `expires_in` seconds."""

    token: str
    token_type: Literal["Bearer"]
    expires_in: int


@post(
    "/login",
    status_code=200,
    dto=StrictJson[Credentials],
    return_dto=None,
    responses=problems(400, 401, 413, 415, 422),
    tags=["sessions"],
    summary="Sign in",
)
async def sign_in(
    data: JSONBody[Credentials],
    database: NamedDependency[Database],
    tokens: NamedDependency[Tokens],
    settings: NamedDependency[Settings],
) -> Token:
    """A token for an e-mail and its password. An unknown e-mail is answered like a wrong password."""
    row = await database.row(
        "select * from parking.sign_in($1, $2, $3)",
        data.email,
        data.password,
        data.tenant or settings.tenant,
        pool="sign_in",
    )
    expect(row["outcome"], "signed-in")
    return Token(tokens.issue(row["person_id"], row["driver"]), "Bearer", tokens.seconds)
