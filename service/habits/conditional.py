"""Answers that a client may have already: entity tags, 304, and gzip, which makes another representation of the same.

A tag is strong: a hash of the bytes of the JSON, and the compressed form of the same has the same with `-gzip` behind
it, so that either is compared by what it stands for (RFC 9110, 8.8.3.3). Nothing is kept and nothing is saved but
bytes: whether something has changed is found out by asking the database for it.

What can be changed with If-Match has the tag that parking.version() makes of the same data, and it is parking.expect()
that compares, in the transaction of the change.
"""

from __future__ import annotations

import base64
import hashlib
import re
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

from litestar import Request, Response
from litestar.config.compression import CompressionConfig
from litestar.datastructures import Headers, MutableScopeHeaders, ResponseHeader
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.middleware.compression import CompressionMiddleware
from litestar.params import HeaderParameter
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

GZIP_SUFFIX: Final = "-gzip"
REFUSAL: Final = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")
TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')

# A packet takes as much, compressed or not.
SMALLEST_COMPRESSED: Final = 1000
# The board of 1,500 spots: 39 times smaller in a millisecond. Level 9 makes it 53 times smaller, and takes four.
LEVEL: Final = 3

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
    return {tag.removesuffix(GZIP_SUFFIX) for _, tag in TAG.findall(header)}


def strong_tags_in(header: str) -> set[str]:
    """The same without those that are weak: whoever changes something must have seen exactly this."""
    if header.strip() == "*":
        return {"*"}
    return {tag.removesuffix(GZIP_SUFFIX) for weak, tag in TAG.findall(header) if not weak and tag != "*"}


def expected_versions(request: Request[Any, Any, Any], if_match: IfMatch = None) -> list[str] | None:
    """The versions that If-Match names, as parking.expect() takes them; null: whatever it is. For Provide."""
    return None if if_match is None else sorted(strong_tags_in(",".join(request.headers.getall("If-Match"))))


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


class Compression(CompressionMiddleware):
    """Litestar's compression around the tags, for those who may get it.

    Who can make a browser ask for pages of their choice, and measures the answers, can guess a secret in them from how
    well they compress (BREACH): the CSRF token is the same on each of a browser's pages. A browser says who made it
    ask; what another site has caused in somebody's name, and what may be, is sent as it is.
    """

    def __init__(self, app: ASGIApp, config: CompressionConfig) -> None:
        super().__init__(tag(app), config)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Compress what may be."""
        headers = Headers.from_scope(scope)
        if takes_gzip(headers.get("accept-encoding", "")) and _is_of_this_site(headers):
            await super().__call__(scope, receive, _send_compressed(send))
        else:
            await self.app(scope, receive, send)


compression = CompressionConfig(
    "gzip",
    minimum_size=SMALLEST_COMPRESSED,
    gzip_compress_level=LEVEL,
    middleware_class=Compression,
    # Their addresses change with them: they are asked for once.
    exclude="^/static/",
)


def takes_gzip(accept_encoding: str) -> bool:
    named = (part.partition(";") for part in accept_encoding.lower().split(","))
    return any(name.strip() == "gzip" and not REFUSAL.fullmatch(weight) for name, _, weight in named)


def _is_of_this_site(headers: Headers) -> bool:
    return "cookie" not in headers or headers.get("sec-fetch-site") in {"same-origin", "none"}


def _send_compressed(send: Send) -> Send:
    compressed = False

    async def send_marked(message: Message) -> None:
        nonlocal compressed
        if message["type"] == "http.response.start":
            headers = MutableScopeHeaders.from_message(message)
            compressed = headers.get("content-encoding") == "gzip"
            if compressed and "etag" in headers:
                headers["ETag"] = f'{headers["etag"][:-1]}{GZIP_SUFFIX}"'
        elif compressed and message["type"] == "http.response.body" and message["body"][:2] == b"\x1f\x8b":
            # Without the time of day that gzip writes into its header: the same tag, the same bytes.
            message["body"] = b"".join((message["body"][:4], bytes(4), message["body"][8:]))
        await send(message)

    return send_marked
