"""Errors are an interface: RFC 9457 problem documents, and the one place that maps SQLSTATE to HTTP.

What the rules refuse with comes ready from the database (`parking.problems()`): SQLSTATE PKnnn with nnn the HTTP
status, the constraint name is the slug, DETAIL the title, MESSAGE the sentence for the driver, HINT the remedy. What
only the transport can refuse with is in TRANSPORT below. Messages of PostgreSQL itself name tables and repeat input:
they are logged, never sent.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Literal, NamedTuple

from asyncpg import InterfaceError, PostgresError, Record
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec import UNSET, Struct, UnsetType

from service.tracing import note_problem
from service.zones import zone_of

log = logging.getLogger(__name__)

SESSION_OVER: Final = "session-over"
PROBLEM_JSON: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 2


class Kind(NamedTuple):
    """What all occurrences of a problem have in common; `detail` is what it means, said when one has nothing to add."""

    status: int
    title: str
    detail: str
    remedy: str


TRANSPORT: Final[Mapping[str, Kind]] = {
    "invalid-request": Kind(
        400,
        "The request is not valid",
        "The request does not have the form that this address expects.",
        "Correct what errors names and send the request again.",
    ),
    "not-signed-in": Kind(
        401,
        "Nobody is signed in",
        "This needs a token: Authorization: Bearer <token>.",
        "Sign in with POST /login and send the token along.",
    ),
    "invalid-token": Kind(
        401,
        "The token is not valid",
        "The token has expired, or it was not issued here.",
        "Sign in again for a new token.",
    ),
    "wrong-credentials": Kind(
        401,
        "Wrong e-mail or password",
        "No account has this e-mail and this password.",
        "Check both and try again.",
    ),
    SESSION_OVER: Kind(
        401,
        "The session is over",
        "This session has ended.",
        "Sign in again.",
    ),
    "wrong-password": Kind(
        403,
        "Wrong password",
        "This is not the present password.",
        "Give your present password.",
    ),
    "not-allowed": Kind(
        403,
        "Not allowed",
        "This is not allowed.",
        "Reload the page and try again; if it stays so, ask whoever runs this service.",
    ),
    "not-found": Kind(
        404,
        "Nothing is here",
        "There is nothing at this address.",
        "Check the address; /openapi.json lists all of them.",
    ),
    "method-not-allowed": Kind(
        405,
        "Not with this method",
        "This address does not answer this method.",
        "Use one of the methods that the header Allow names.",
    ),
    "not-acceptable": Kind(
        406,
        "Only as JSON",
        "This address answers with JSON, and the header Accept says that it is not wanted.",
        "Send Accept: application/json, or none.",
    ),
    "too-slow": Kind(
        408,
        "The request took too long to arrive",
        "The request did not arrive within ten seconds.",
        "Send it again, and all of it at once.",
    ),
    "conflict": Kind(
        409,
        "The change conflicts with another one",
        "Somebody else has just changed the same thing.",
        "Look at the present state and try again.",
    ),
    "precondition-failed": Kind(
        412,
        "It has changed meanwhile",
        "This is no longer what was seen; it has changed since.",
        "Look at it as it is now, and decide anew.",
    ),
    "too-large": Kind(
        413,
        "The request is too large",
        "A request may have 64 kilobytes at most.",
        "Send less.",
    ),
    "unsupported-media-type": Kind(
        415,
        "Not JSON",
        "The body must be JSON, and Content-Type must say application/json.",
        "Send the body as application/json.",
    ),
    "invalid-value": Kind(
        422,
        "A value cannot be stored",
        "One of the values lies outside of what can be stored, like a date too far away or a character NUL in a text.",
        "Correct the value and send the request again.",
    ),
    "too-many-attempts": Kind(
        429,
        "Too many attempts",
        "This has been tried too often.",
        "Wait as long as Retry-After says, and try again.",
    ),
    "too-many-requests": Kind(
        429,
        "Too many requests",
        "More requests have come than this service takes from one person or one address.",
        "Wait as long as Retry-After says; RateLimit says how many are left.",
    ),
    "head-too-large": Kind(
        431,
        "The headers are too large",
        "The address and the headers of a request may have 64 kilobytes at most.",
        "Send a shorter address, and fewer or shorter headers.",
    ),
    "internal-error": Kind(
        500,
        "Something went wrong here",
        "The request failed through no fault of yours.",
        "Try again later; if it stays so, tell whoever runs this service.",
    ),
    "not-ready": Kind(
        503,
        "Not ready",
        "This instance should get no requests at the moment.",
        "Send them to another instance; checks says what is the matter with this one.",
    ),
    "spot-busy": Kind(
        503,
        "Somebody else is at it",
        "Somebody else is changing this spot or this reservation right now.",
        "Try again in a moment.",
    ),
    "desk-busy": Kind(
        503,
        "Somebody else is at it",
        "Somebody else is busy with this ticket or at the gate of this garage right now.",
        "Try again in a moment.",
    ),
    "database-unavailable": Kind(
        503,
        "The database is away",
        "The database cannot be reached at the moment.",
        "Try again in a moment.",
    ),
    "try-again": Kind(
        503,
        "Too much at once",
        "More is going on than can be handled at the moment.",
        "Try again in a moment.",
    ),
    "timed-out": Kind(
        504,
        "It took too long",
        "The request took too long and was given up.",
        "Try again in a moment.",
    ),
}

# The longest prefix of a SQLSTATE that is listed decides; PKnnn is not listed, since it says everything itself.
SQLSTATES: Final[Mapping[str, str]] = {
    "08": "database-unavailable",  # connection failure
    "22": "invalid-value",  # data exception, the driver's own included
    "23": "conflict",  # integrity constraint violation; 23P01 is two bookings that no lock kept apart
    "25006": "database-unavailable",  # read only: a standby after a failover
    "28": "database-unavailable",  # the service's own sign-in to the database
    "3D000": "database-unavailable",
    "40001": "try-again",
    "40P01": "try-again",
    "42501": "not-allowed",
    "53": "database-unavailable",  # out of connections, memory or disk
    "55P03": "spot-busy",  # lock_timeout
    "57014": "timed-out",  # statement_timeout
    "57P": "database-unavailable",  # shut down, crashed, starting up
}

STATUSES: Final[Mapping[int, str]] = {
    400: "invalid-request",
    401: "not-signed-in",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    408: "too-slow",
    413: "too-large",
    415: "unsupported-media-type",
    429: "too-many-requests",
    431: "head-too-large",
}


# What RFC 6750 (3.1) calls it when a token was sent and does not do. Who has sent none is told no error.
BEARER_ERRORS: Final[Mapping[str, str]] = {
    "invalid-token": "invalid_token",
    SESSION_OVER: "invalid_token",
    "not-permitted": "insufficient_scope",
}


class FieldError(Struct, omit_defaults=True):
    """One thing that is wrong with a request: where (a JSON pointer into the body, or a parameter's name) and what."""

    detail: str
    pointer: str | UnsetType = UNSET
    parameter: str | UnsetType = UNSET


class Alternative(Struct):
    """What could be booked instead: `other-spot`, at the time that was asked for, or `later-period`, on that spot."""

    kind: Literal["other-spot", "later-period"]
    spot_id: int
    spot: str
    type: str
    start_time: dt.datetime
    end_time: dt.datetime

    @classmethod
    def of(cls, row: Record) -> Alternative:
        """From a parking.alternative."""
        zone = zone_of(row["time_zone"])
        return cls(
            kind=row["kind"],
            spot_id=row["spot_id"],
            spot=row["spot"],
            type=row["type"],
            start_time=row["starts"].astimezone(zone),
            end_time=row["ends"].astimezone(zone),
        )


class ProblemDocument(Struct, omit_defaults=True):
    """RFC 9457, with members of our own: what to do about it, what is wrong, what is free instead.

    `message` is `detail` once more, under the name by which clients of the garage's interface look for it.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    message: str
    remedy: str | UnsetType = UNSET
    errors: list[FieldError] | UnsetType = UNSET
    alternatives: list[Alternative] | UnsetType = UNSET


class Problem(Exception):
    """A refusal as HTTP tells it. `Problem.of` makes those of the transport."""

    def __init__(
        self,
        slug: str,
        *,
        status: int,
        title: str,
        detail: str,
        remedy: str = "",
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(f"{status} {slug}")
        self.slug = slug
        self.status = status
        self.title = title
        self.detail = detail
        self.remedy = remedy
        self.headers = dict(headers or {})
        self.errors = list(errors)
        self.alternatives: list[Alternative] = []
        if status == HTTPStatus.UNAUTHORIZED or slug in BEARER_ERRORS:
            error = f', error="{BEARER_ERRORS[slug]}"' if slug in BEARER_ERRORS else ""
            self.headers.setdefault("WWW-Authenticate", f'Bearer realm="parking"{error}')
        elif status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))

    @classmethod
    def of(
        cls,
        slug: str,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldError] = (),
    ) -> Problem:
        """A problem of the transport by its slug."""
        kind = TRANSPORT[slug]
        return cls(
            slug,
            status=kind.status,
            title=kind.title,
            detail=detail or kind.detail,
            remedy=kind.remedy,
            headers=headers,
            errors=errors,
        )

    def document(self, instance: str) -> ProblemDocument:
        """The body of the answer to the request for `instance`, a path."""
        return ProblemDocument(
            type=f"/problems/{self.slug}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            instance=instance,
            message=self.detail,
            remedy=self.remedy or UNSET,
            errors=self.errors or UNSET,
            alternatives=self.alternatives or UNSET,
        )


def to_problem(exc: Exception) -> Problem:
    """What an exception means to the client. The unexpected is logged with its traceback and told as internal-error."""
    problem = _problem_of(exc)
    note_problem(problem.slug)
    return problem


def _problem_of(exc: Exception) -> Problem:
    match exc:
        case Problem():
            return exc
        case PostgresError() if (slug := _slug_of(exc.sqlstate)) is not None:
            # The driver's complaint about an argument repeats the argument, which may be a password.
            message = exc.message or "refused by the driver"
            log.warning("SQLSTATE %s told as %s: %s", exc.sqlstate, slug, message)
            return Problem.of(slug)
        case PostgresError() if (exc.sqlstate or "").startswith("PK"):
            return _refusal(exc)
        case InterfaceError() | ConnectionError():
            log.warning("The connection to the database failed: %s", type(exc).__name__)
            return Problem.of("database-unavailable")
        case HTTPException() if exc.status_code in STATUSES:
            return Problem.of(STATUSES[exc.status_code], headers=exc.headers, errors=_field_errors(exc))
        case _:
            log.error("Unexpected: %s", type(exc).__name__, exc_info=exc)
            return Problem.of("internal-error")


def answer_problem(request: Request[Any, Any, Any], exc: Exception) -> Response[ProblemDocument]:
    """The exception handler of everything that answers JSON."""
    problem = to_problem(exc)
    return Response(
        problem.document(request.url.path),
        status_code=problem.status,
        media_type=PROBLEM_JSON,
        headers=problem.headers,
    )


def expect(row: Record, wanted: str) -> None:
    """Raise the problem that the row's outcome names, unless it names the outcome that is wanted.

    A function whose refusal must leave a trace returns its outcome, because raising it would roll the trace back; in
    how many seconds it may be tried again is in the column retry_after.
    """
    if row["outcome"] != wanted:
        note_problem(row["outcome"])
        seconds = row["retry_after"]
        raise Problem.of(row["outcome"], headers={} if seconds is None else {"Retry-After": str(seconds)})


def _slug_of(sqlstate: str | None) -> str | None:
    return next((SQLSTATES[sqlstate[:n]] for n in (5, 3, 2) if sqlstate and sqlstate[:n] in SQLSTATES), None)


def _refusal(exc: PostgresError) -> Problem:
    return Problem(
        str(exc.constraint_name),
        status=int(str(exc.sqlstate)[2:]),
        title=str(exc.detail),
        detail=str(exc.message),
        remedy=exc.hint or "",
    )


def _field_errors(exc: HTTPException) -> list[FieldError]:
    """Litestar's list of what is wrong with the parameters."""
    if not isinstance(exc, ValidationException) or not isinstance(exc.extra, list):
        return []
    return [
        # Handlers call the body data, and Litestar has no words for one that is not there.
        FieldError(detail="A body is required", pointer="")
        if error.get("key") == "data"
        else FieldError(detail=error["message"], parameter=error.get("key", UNSET))
        for error in exc.extra
    ]
