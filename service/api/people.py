"""The people of a tenant and their roles, for its administrators."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from asyncpg import Record
from litestar import Response, delete, get, patch, post, put
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from service.api.reservations import AuthenticatedRequest
from service.auth import caller, network_of, require_bearer
from service.database import Database
from service.edge import LARGEST_NUMBER, StrictJson
from service.openapi import problems

Email = Annotated[str, Meta(max_length=254, description="Capitals do not count.")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Password = Annotated[str, Meta(max_length=1024, description="8 to 72 bytes, and not the e-mail.")]
Word = Annotated[str, Meta(max_length=100)]

PersonId = Annotated[int, PathParameter(ge=1, le=LARGEST_NUMBER, description="The person's number.")]
RoleName = Annotated[str, PathParameter(max_length=100, description="The role, as in GET /api/roles.")]
AfterPerson = Annotated[
    int | None, QueryParameter(ge=0, le=LARGEST_NUMBER, description="The last number of the page before.")
]
Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="How many at most.")]
TenantName = Annotated[
    str | None,
    QueryParameter(max_length=100, description="Another tenant than one's own, for platform administrators."),
]


class Role(Struct):
    """What a person may be, and what that permits."""

    role: str
    meaning: str
    permissions: list[str]


class Person(Struct):
    """An account. Somebody whose account is not active can neither sign in nor do anything."""

    id: int
    tenant: str
    email: str
    display_name: str
    active: bool
    roles: list[str]
    created_at: dt.datetime

    @classmethod
    def of(cls, row: Record) -> Person:
        """From a row of parking.members."""
        return cls(
            id=row["id"],
            tenant=row["tenant"],
            email=row["email"],
            display_name=row["display_name"],
            active=row["active"],
            roles=row["roles"],
            created_at=row["created_at"],
        )


class NewPerson(Struct, forbid_unknown_fields=True):
    """Without a password nobody can sign in yet; `tenant` is for platform administrators."""

    email: Email
    display_name: Name
    role: Word = "driver"
    password: Password | None = None
    tenant: Word | None = None


class PersonChange(Struct, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    email: Email | UnsetType = UNSET
    display_name: Name | UnsetType = UNSET


class NewPassword(Struct, forbid_unknown_fields=True):
    """For somebody else's account."""

    password: Password


@get("/roles", responses=problems(400), tags=["people"], summary="List the roles")
async def list_roles(database: NamedDependency[Database]) -> list[Role]:
    """The roles that a person can have; the same for every tenant."""
    rows = await database.rows("select r.role, r.meaning, r.permissions from parking.list_roles() r")
    return [Role(row["role"], row["meaning"], row["permissions"]) for row in rows]


@get(
    "/people",
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404, 422),
    security=[{"Bearer": []}],
    tags=["people"],
    summary="List the people",
)
async def list_people(
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
    after: AfterPerson = None,
    limit: Limit = 100,
    tenant: TenantName = None,
) -> list[Person]:
    """A tenant's people in the order of their numbers, a page at a time; erased ones are gone."""
    rows = await database.rows(
        "select p.* from parking.session($1, $2) s, parking.list_people(s.actor, $3, $4, $5) p",
        *caller(request),
        after,
        limit,
        tenant,
    )
    return [Person.of(row) for row in rows]


@post(
    "/people",
    dto=StrictJson[NewPerson],
    return_dto=None,
    guards=[require_bearer],
    response_headers=[ResponseHeader(name="Location", value="", description="Where it is.", documentation_only=True)],
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422),
    security=[{"Bearer": []}],
    tags=["people"],
    summary="Add a person",
)
async def add_person(
    data: JSONBody[NewPerson], request: AuthenticatedRequest, database: NamedDependency[Database]
) -> Response[Person]:
    """A new account with its first role."""
    row = await database.row(
        "select p.* from parking.session($1, $2) s, parking.add_person($3, $4, $5, $6, $7, actor => s.actor) p",
        *caller(request),
        data.email,
        data.display_name,
        data.tenant,
        data.role,
        data.password,
        # bcrypt, as for a sign-in.
        lane=network_of(request) if data.password else None,
        pool="sign_in" if data.password else "main",
    )
    return Response(
        Person.of(row), status_code=201, headers={"Location": f"{request.url.path.rstrip('/')}/{row['id']}"}
    )


@get(
    "/people/{person:int}",
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404),
    security=[{"Bearer": []}],
    tags=["people"],
    summary="Look up a person",
)
async def show_person(person: PersonId, request: AuthenticatedRequest, database: NamedDependency[Database]) -> Person:
    """One person of the tenant."""
    return Person.of(
        await database.row(
            "select p.* from parking.session($1, $2) s, parking.show_person($3, s.actor) p", *caller(request), person
        ),
    )


@patch(
    "/people/{person:int}",
    dto=StrictJson[PersonChange],
    return_dto=None,
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422),
    security=[{"Bearer": []}],
    tags=["people"],
    summary="Change a person",
)
async def change_person(
    person: PersonId,
    data: JSONBody[PersonChange],
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
) -> Person:
    """A new e-mail, a new name, or both."""
    return Person.of(
        await database.row(
            "select p.* from parking.session($1, $2) s, parking.change_person($3, $4, $5, s.actor) p",
            *caller(request),
            person,
            None if data.email is UNSET else data.email,
            None if data.display_name is UNSET else data.display_name,
        ),
    )


@put(
    "/people/{person:int}/password",
    dto=StrictJson[NewPassword],
    return_dto=None,
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404, 413, 415, 422),
    security=[{"Bearer": []}],
    tags=["people"],
    summary="Set a person's password",
)
async def set_password(
    person: PersonId,
    data: JSONBody[NewPassword],
    request: AuthenticatedRequest,
    database: NamedDependency[Database],
) -> Person:
    """Give somebody else's account a new password, to be changed by its owner."""
    return Person.of(
        await database.row(
            "select p.* from parking.session($1, $2) s, parking.set_password($3, $4, s.actor) p",
            *caller(request),
            person,
            data.password,
            lane=network_of(request),
            pool="sign_in",
        ),
    )


@put(
    "/people/{person:int}/roles/{role:str}",
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404, 422),
    security=[{"Bearer": []}],
    tags=["people"],
    summary="Give a role",
)
async def assign_role(
    person: PersonId, role: RoleName, request: AuthenticatedRequest, database: NamedDependency[Database]
) -> Person:
    """The person has this role from now on; nothing changes where they had it already."""
    return Person.of(
        await database.row(
            "select p.* from parking.session($1, $2) s, parking.assign_role($3, $4, s.actor) p",
            *caller(request),
            person,
            role,
        ),
    )


@delete(
    "/people/{person:int}/roles/{role:str}",
    status_code=200,
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404, 409, 422),
    security=[{"Bearer": []}],
    tags=["people"],
    summary="Take a role",
)
async def revoke_role(
    person: PersonId, role: RoleName, request: AuthenticatedRequest, database: NamedDependency[Database]
) -> Person:
    """The person does not have this role any more. The last administrator of a tenant stays one."""
    return Person.of(
        await database.row(
            "select p.* from parking.session($1, $2) s, parking.revoke_role($3, $4, s.actor) p",
            *caller(request),
            person,
            role,
        ),
    )


@post(
    "/people/{person:int}/deactivate",
    status_code=200,
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404, 409, 422),
    security=[{"Bearer": []}],
    tags=["people"],
    summary="Close an account",
)
async def deactivate(person: PersonId, request: AuthenticatedRequest, database: NamedDependency[Database]) -> Person:
    """Nobody signs in to it any more, and what is open in its name is refused. Live bookings stay."""
    return Person.of(
        await database.row(
            "select p.* from parking.session($1, $2) s, parking.deactivate($3, s.actor) p", *caller(request), person
        ),
    )


@post(
    "/people/{person:int}/reactivate",
    status_code=200,
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404),
    security=[{"Bearer": []}],
    tags=["people"],
    summary="Open an account again",
)
async def reactivate(person: PersonId, request: AuthenticatedRequest, database: NamedDependency[Database]) -> Person:
    """With the password and the roles that it had."""
    return Person.of(
        await database.row(
            "select p.* from parking.session($1, $2) s, parking.reactivate($3, s.actor) p", *caller(request), person
        ),
    )


@delete(
    "/people/{person:int}",
    guards=[require_bearer],
    responses=problems(400, 401, 403, 404, 409),
    security=[{"Bearer": []}],
    tags=["people"],
    summary="Erase a person",
)
async def erase_person(person: PersonId, request: AuthenticatedRequest, database: NamedDependency[Database]) -> None:
    """Make an account anonymous for good: an administrator may, and the person.

    History stays, live bookings are completed.
    """
    await database.row(
        "select parking.erase_person($3, s.actor) from parking.session($1, $2) s", *caller(request), person
    )
