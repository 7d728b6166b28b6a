"""Answers that a client may have already: entity tags, 304, and compression, which makes another form of the same.

A tag is strong: a hash of the bytes of the JSON, and the compressed form of the same has the same with `-gzip` or
`-br` behind it, so that either is compared by what it stands for (RFC 9110, 8.8.3.3). Nothing is kept and nothing is
saved but bytes: whether something has changed is found out by asking the database for it.

What can be changed with If-Match has the tag that parking.version() makes of the same data, and it is parking.expect()
that compares, in the transaction of the change.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

import brotli
from litestar import Request, Response
from litestar.datastructures import Headers, MutableScopeHeaders, ResponseHeader
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.params import HeaderParameter
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

from service.problems import FieldError, Problem

SUFFIX: Final = re.compile(r"-(gzip|br)\Z")
WEIGHT: Final = re.compile(r"\s*(?:q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")
TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')

# A packet takes as much, compressed or not.
SMALLEST_COMPRESSED: Final = 1000
# The board of 1,500 spots: 39 times smaller in a millisecond. Level 9 makes it 53 times smaller, and takes four.
GZIP_LEVEL: Final = 3
BROTLI_QUALITY: Final = 4

# What stands first in an answer that is stored must be asked for again, and only its reader's own cache may store it.
REVALIDATE: Final = b"private, no-cache"
# What a tagged answer says anew, and what one without a body does not say.
OWN: Final = frozenset({b"etag", b"cache-control", b"vary"})
OWN_AND_CONTENT: Final = OWN | {b"content-type", b"content-length"}

T = TypeVar("T")

IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        description="The ETag that GET gave: the change is made only while that is what there is, and is 412 else.",
    ),
]


def tag_of(body: bytes) -> str:
    """The name of these bytes in an ETag, without its quotes."""
    return base64.urlsafe_b64encode(hashlib.blake2b(body, digest_size=15).digest()).decode()


def tags_in(header: str) -> set[str]:
    """The names in an If-Match or If-None-Match, whichever encoding they are of; `*` for any."""
    if header.strip() == "*":
        return {"*"}
    return {SUFFIX.sub("", tag) for _, tag in TAG.findall(header)}


def strong_tags_in(header: str) -> set[str]:
    """The same without those that are weak: whoever changes something must have seen exactly this."""
    if header.strip() == "*":
        return {"*"}
    return {SUFFIX.sub("", tag) for weak, tag in TAG.findall(header) if not weak and tag != "*"}


def expected_versions(request: Request[Any, Any, Any], if_match: IfMatch = None) -> list[str] | None:
    """The versions that If-Match names, as parking.expect() takes them; null: whatever it is. For Provide."""
    return None if if_match is None else sorted(strong_tags_in(",".join(request.headers.getall("If-Match"))))


async def require_heeded(request: Request[Any, Any, Any]) -> None:
    """Refuse to make a change under a condition that is not looked at here: whoever sends If-Match counts on it."""
    if (
        "if-match" in request.headers
        and request.method not in {"GET", "HEAD"}
        and "expected" not in (request.route_handler.dependencies or {})
    ):
        error = FieldError(parameter="If-Match", detail="This changes without comparing; send it without If-Match")
        raise Problem.of("invalid-request", errors=[error])


def versioned(content: T, version: str) -> Response[T]:
    """An answer whose tag is the version that the database gave with it."""
    return Response(content, headers={"ETag": f'"{version}"'})


def tag(app: ASGIApp) -> ASGIApp:
    """Give each JSON document that GET answers with a tag, and answer 304 who has it."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        start: HTTPResponseStartEvent | None = None

        async def send_tagged(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and message["status"] == HTTPStatus.OK:
                content_type = next((value for name, value in message["headers"] if name == b"content-type"), b"")
                if content_type.partition(b";")[0].endswith(b"json"):
                    start = message
                    return
            if start is not None and message["type"] == "http.response.body":
                given = dict(start["headers"])
                name = given.get(b"etag", b"").decode("ascii").strip('"') or tag_of(message["body"])
                vary = b",".join(filter(None, [given.get(b"vary"), b"Accept-Encoding"]))
                own = [(b"etag", f'"{name}"'.encode("ascii")), (b"cache-control", REVALIDATE), (b"vary", vary)]
                dropped = OWN
                wanted = Headers.from_scope(scope).getall("if-none-match", [])
                if wanted and tags_in(",".join(wanted)) & {name, "*"}:
                    start["status"] = HTTPStatus.NOT_MODIFIED
                    dropped = OWN_AND_CONTENT
                    message = {"type": "http.response.body", "body": b"", "more_body": False}
                start["headers"] = [*(header for header in start["headers"] if header[0] not in dropped), *own]
                await send(start)
                start = None
            await send(message)

        await app(scope, receive, send_tagged)

    return answer


VERSIONED: Final[dict[str, Any]] = {
    "response_headers": [
        ResponseHeader(name="ETag", value="", description="Its version, for If-Match.", documentation_only=True)
    ]
}
"""What a handler that answers with versioned() says of it."""

CONDITIONAL: Final[dict[str, Any]] = {"dependencies": {"expected": Provide(expected_versions, sync_to_thread=False)}}
"""What a handler takes for which If-Match means something: `expected`."""


def compress(app: ASGIApp) -> ASGIApp:
    """Send what is worth it compressed, to those who may get it; tags are of what is inside.

    Who can make a browser ask for pages of their choice, and measures the answers, can guess a secret in them from how
    well they compress (BREACH): the CSRF token is the same on each of a browser's pages. A browser says who made it
    ask; what another site has caused in somebody's name, and what may be, is sent as it is.
    """
    tagged = tag(app)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        # What is static is asked for once, and lies there compressed.
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith("/static/"):
            await tagged(scope, receive, send)
            return
        asked = Headers.from_scope(scope)
        encoding = best_encoding(asked.get("accept-encoding", ""))
        if encoding is None or not _is_of_this_site(asked):
            await tagged(scope, receive, send)
            return
        start: HTTPResponseStartEvent | None = None

        async def send_compressed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start is not None and message["type"] == "http.response.body":
                # Nothing here is sent in parts, which would be sent as it is.
                if len(message["body"]) >= SMALLEST_COMPRESSED and not message.get("more_body"):
                    message["body"] = ENCODINGS[encoding](message["body"])
                    headers = MutableScopeHeaders.from_message(start)
                    headers["Content-Encoding"] = encoding
                    headers["Content-Length"] = str(len(message["body"]))
                    if "accept-encoding" not in headers.get("vary", "").lower():
                        headers.extend_header_value("vary", "Accept-Encoding")
                    if "etag" in headers:
                        headers["ETag"] = f'{headers["etag"][:-1]}-{encoding}"'
                await send(start)
                start = None
            await send(message)

        await tagged(scope, receive, send_compressed)

    return answer


def _gzip(body: bytes) -> bytes:
    # Without the time of day in its header: the same tag, the same bytes.
    return gzip.compress(body, GZIP_LEVEL, mtime=0)


def _brotli(body: bytes) -> bytes:
    packed: bytes = brotli.compress(body, quality=BROTLI_QUALITY)
    return packed


ENCODINGS: Final = {"br": _brotli, "gzip": _gzip}
"""The one that is preferred where both are as welcome comes first."""


def best_encoding(accept_encoding: str) -> str | None:
    """The most welcome of ours, if any is (RFC 9110, 12.5.3)."""
    weights = _weights(accept_encoding)
    wanted = max(ENCODINGS, key=lambda name: weights.get(name, 0))
    return wanted if weights.get(wanted) else None


def takes_gzip(accept_encoding: str) -> bool:
    """Whether gzip is welcome, which is what lies ready."""
    return _weights(accept_encoding).get("gzip", 0) > 0


def _weights(accept_encoding: str) -> dict[str, float]:
    """How welcome each encoding is that is named; `*`, and what is no number, count for nothing."""
    named = (part.partition(";") for part in accept_encoding.lower().split(","))
    fitting = ((name.strip(), WEIGHT.fullmatch(parameter)) for name, _, parameter in named)
    return {name: float(weight[1] or 1) for name, weight in fitting if weight}


def _is_of_this_site(headers: Headers) -> bool:
    return "cookie" not in headers or headers.get("sec-fetch-site") in {"same-origin", "none"}
