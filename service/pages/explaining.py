"""What each problem means: the page that its type is the address of."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.database import Database
from service.pages.answers import AnyRequest, AnyResponse, problem_page
from service.problems import TRANSPORT, Problem


@get("/problems/{slug:str}")
async def explain_problem(request: AnyRequest, database: NamedDependency[Database], slug: FromPath[str]) -> AnyResponse:
    """What a problem's type means and what to do about it (RFC 9457, 3.1.1)."""
    if slug in TRANSPORT:
        problem = Problem.of(slug)
    else:
        rows = await database.rows(
            "select p.status, p.title, p.remedy from parking.problems() p where p.slug = $1", slug
        )
        if not rows:
            raise Problem.of("not-found")
        problem = Problem(slug, detail="", **rows[0])
    return problem_page(request, problem, status=200)


handlers = [explain_problem]
