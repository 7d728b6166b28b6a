"""The tenants of the installation, for platform administrators."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct

from service.api.people import Email, Name, Password, Person
from service.api.reservations import AuthenticatedRequest
from service.auth import caller, network_of, require_bearer
from service.database import Database
from service.edge import StrictJson
from service.openapi import problems


class Tenant(Struct):
    """A city or an operator; `slug` is the word by which it is named."""

    id: int
    slug: str
    name: str
    created_at: dt.datetime


class NewTenant(Struct, forbid_unknown_fields=True):
    """With its first administrator, who without a password cannot sign in yet."""

    slug: Annotated[str, Meta(max_length=100, description="Small letters, digits and hyphens, a letter first.")]
    name: Name
    admin_email: Email
    admin_name: Name = "Administrator"
    admin_password: Password | None = None


class Registration(Struct, forbid_unknown_fields=True):
    """open: whoever wants to may open an account as a driver; closed: administrators add people."""

    registration: Literal["open", "closed"]


Slug = Annotated[str, PathParameter(max_length=100, description="The tenant's `slug`.")]


@get(
    "/tenants",
    guards=[require_bearer],
    responses=problems(400, 401, 403),
    security=[{"Bearer": []}],
    tags=["tenants"],
    summary="List the tenants",
)
async def list_tenants(request: AuthenticatedRequest, database: NamedDependency[Database]) -> list[Tenant]:
    """All of them."""
    rows = await database.rows(
        "select t.id, t.slug, t.name, t.created_at from parking.session($1, $2) s, parking.list_tenants(s.actor) t",
        *caller(request),
    )
    return [Tenant(row["id"], row["slug"], row["name"], row["created_at"]) for row in rows]


@post(
    "/tenants",
    dto=StrictJson[NewTenant],
    return_dto=None,
    guards=[require_bearer],
    responses=problems(400, 401, 403, 409, 413, 415, 422),
    security=[{"Bearer": []}],
    tags=["tenants"],
    summary="Found a tenant",
)
async def found_tenant(
    data: JSONBody[NewTenant], request: AuthenticatedRequest, database: NamedDependency[Database]
) -> Person:
    """A new tenant; answers its first administrator."""
    return Person.of(
        await database.row(
            "select p.* from parking.session($1, $2) s, parking.found_tenant($3, $4, $5, $6, $7, s.actor) p",
            *caller(request),
            data.slug,
            data.name,
            data.admin_email,
            data.admin_name,
            data.admin_password,
            lane=network_of(request) if data.admin_password else None,
            pool="sign_in" if data.admin_password else "main",
        ),
    )


@put(
    "/tenants/{tenant:str}/registration",
    dto=StrictJson[Registration],
    return_dto=None,
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404, 413, 415, 422),
    security=[{"Bearer": []}],
    tags=["tenants"],
    summary="Open or close registration",
)
async def set_registration(
    tenant: Slug, data: JSONBody[Registration], request: AuthenticatedRequest, database: NamedDependency[Database]
) -> Registration:
    """By the tenant's own administrators, or by those of the platform."""
    row = await database.row(
        """
        select r as registration
        from parking.session($1, $2) s, parking.set_registration($3, $4, s.actor) r""",
        *caller(request),
        tenant,
        data.registration,
    )
    return Registration(row["registration"])
