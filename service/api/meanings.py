"""GET /api/problems: all that a request may be refused with. Public."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency

from service.database import Database
from service.meanings import Meaning, meanings
from service.openapi import problems


@get("/problems", responses=problems(400), tags=["operations"], summary="List the problems")
async def list_problems(database: NamedDependency[Database]) -> list[Meaning]:
    """Each type of problem document, what it means and what to do about it. The type is a page that says the same."""
    return await meanings(database)


HANDLERS = [list_problems]
