"""The one table from SQLSTATE to HTTP."""

import re

import asyncpg
import httpx
import pytest
from litestar.exceptions import MethodNotAllowedException, NotFoundException, PermissionDeniedException

from service.problems import TRANSPORT, Problem, to_problem
from tests.conftest import Connect
from tests.support import Database


@pytest.mark.parametrize(
    ("sqlstate", "status", "slug"),
    [
        ("08006", 503, "database-unavailable"),
        ("22000", 422, "invalid-value"),
        ("22021", 422, "invalid-value"),
        ("22P05", 422, "invalid-value"),
        ("22008", 422, "invalid-value"),
        ("23505", 409, "conflict"),
        ("23P01", 409, "conflict"),
        ("25006", 503, "database-unavailable"),
        ("28P01", 503, "database-unavailable"),
        ("3D000", 503, "database-unavailable"),
        ("40001", 503, "try-again"),
        ("40P01", 503, "try-again"),
        ("42501", 403, "not-allowed"),
        ("53300", 503, "database-unavailable"),
        ("55P03", 503, "spot-busy"),
        ("57014", 504, "timed-out"),
        ("57P01", 503, "database-unavailable"),
        ("57P02", 503, "database-unavailable"),
        ("57P03", 503, "database-unavailable"),
        ("42P01", 500, "internal-error"),
        ("P0001", 500, "internal-error"),
        ("XX000", 500, "internal-error"),
    ],
)
def test_what_postgresql_itself_says(sqlstate: str, status: int, slug: str) -> None:
    error = asyncpg.PostgresError.new({"S": "ERROR", "C": sqlstate, "M": "relation secret of table people"})
    problem = to_problem(error)
    assert (problem.status, problem.slug) == (status, slug)
    assert "secret" not in str(problem.document("/"))
    assert ("Retry-After" in problem.headers) == (status == 503)


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (asyncpg.InterfaceError("connection is closed"), 503, "database-unavailable"),
        (ConnectionResetError("secret"), 503, "database-unavailable"),
        (asyncpg.DataError("invalid input for query argument $1: 'secret'"), 422, "invalid-value"),
        (NotFoundException("secret"), 404, "not-found"),
        (MethodNotAllowedException(headers={"Allow": "GET"}), 405, "method-not-allowed"),
        (PermissionDeniedException("secret"), 403, "not-allowed"),
        (KeyError("secret"), 500, "internal-error"),
        (RecursionError("secret"), 500, "internal-error"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_driver_and_the_framework_say(
    error: Exception, status: int, slug: str, caplog: pytest.LogCaptureFixture
) -> None:
    problem = to_problem(error)
    assert (problem.status, problem.slug) == (status, slug)
    assert "secret" not in str(problem.document("/"))
    assert bool([record for record in caplog.records if record.exc_info]) == (status == 500)


def test_a_problem_stays_itself() -> None:
    problem = Problem.of("spot-busy")
    assert to_problem(problem) is problem


def test_each_problem_of_the_transport_can_be_made() -> None:
    for slug, kind in TRANSPORT.items():
        problem = Problem.of(slug)
        assert problem.status == kind.status
        assert problem.document("/x").instance == "/x"
        assert ("WWW-Authenticate" in problem.headers) == (kind.status == 401)


async def test_each_problem_has_a_page_and_the_list_leads_there(
    module_client: httpx.AsyncClient, module_database: Database
) -> None:
    slugs = {*TRANSPORT, *module_database.psql("select slug from parking.problems()").split()}
    answer = await module_client.get("/problems/")
    assert answer.headers["content-type"].startswith("text/html")
    assert set(re.findall(r'href="/problems/([^"]+)"', answer.text)) == slugs
    for slug in slugs:
        page = await module_client.get(f"/problems/{slug}")
        assert page.status_code == 200, slug
        assert re.search(r"<h1>[^<]{4,}</h1>", page.text), slug
        # What it means or what to do: at least a sentence besides the title.
        assert re.search(r"<p>[A-Za-z][^<]{10,}\.</p>", page.text), slug
    assert (await module_client.get("/problems/no-such-problem")).status_code == 404


def test_a_token_that_does_not_do_is_told_apart_from_none() -> None:
    """RFC 6750, 3.1: an error only for who has sent a token."""
    said = {
        "not-signed-in": 'Bearer realm="parking"',
        "wrong-credentials": 'Bearer realm="parking"',
        "invalid-token": 'Bearer realm="parking", error="invalid_token"',
        "session-over": 'Bearer realm="parking", error="invalid_token"',
    }
    assert {slug: Problem.of(slug).headers["WWW-Authenticate"] for slug in said} == said
    refused = Problem("not-permitted", status=403, title="", detail="")
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="parking", error="insufficient_scope"'


async def test_a_refusal_of_the_rules_says_everything_itself(connect: Connect, database: Database) -> None:
    connection = await connect("postgres")
    for row in await connection.fetch("select slug, status, title, remedy from parking.problems()"):
        with pytest.raises(asyncpg.PostgresError) as raised:
            await connection.execute("select parking_private.refuse($1, 'A sentence.')", row["slug"])
        problem = to_problem(raised.value)
        assert (problem.slug, problem.status, problem.title, problem.remedy) == tuple(row)
        assert problem.detail == "A sentence."


async def test_a_problem_that_both_sides_know_is_told_alike(connect: Connect) -> None:
    connection = await connect()
    known = {row["slug"]: row for row in await connection.fetch("select slug, status, title from parking.problems()")}
    for slug in known.keys() & TRANSPORT.keys():
        assert (known[slug]["status"], known[slug]["title"]) == TRANSPORT[slug][:2]
