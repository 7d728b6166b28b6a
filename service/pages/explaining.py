"""What each problem means: the page that its type is the address of, the list of all, and what has no address."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.database import Database
from service.habits.negotiation import prefers_html
from service.meanings import meaning_of, meanings
from service.pages.answers import AnyRequest, AnyResponse, answer_in_words, in_words, page
from service.pages.language import language_of, speak
from service.problems import answer_problem, to_problem


@get("/problems")
async def list_problems(request: AnyRequest, database: NamedDependency[Database]) -> AnyResponse:
    """All problems that there are, of the rules and of the transport, by their status."""
    listed = await meanings(database)
    by_status = [(status, list(each)) for status, each in groupby(listed, key=attrgetter("status"))]
    return page(request, "problems.html", by_status=by_status)


@get("/problems/{slug:str}")
async def explain_problem(request: AnyRequest, database: NamedDependency[Database], slug: FromPath[str]) -> AnyResponse:
    """What a problem's type means and what to do about it (RFC 9457, 3.1.1)."""
    return page(request, "meaning.html", problem=await meaning_of(slug, database))


def answer_unrouted(request: AnyRequest, exc: Exception) -> AnyResponse:
    """The exception handler of what has no address or not this method: a page for people, a problem for programs."""
    if not prefers_html(request):
        response: AnyResponse = answer_problem(request, exc)
    elif request.headers.get("HX-Request"):
        response = answer_in_words(request, exc)
    else:
        speak(language_of(request))
        problem = to_problem(exc)
        # Nobody's page: there is no route here that could have made a token for the form that signs out.
        response = page(request, "problem.html", problem.status, problem=in_words(problem), identity=None)
        response.headers.update(problem.headers)
    response.headers["Vary"] = "Accept"
    return response


handlers = [list_problems, explain_problem]
