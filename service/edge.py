"""What HTTP asks for beyond handlers: strict bodies and parameters, security headers, HEAD."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request
from litestar._openapi.schema_generation import SchemaCreator
from litestar.datastructures import MutableScopeHeaders
from litestar.dto import AbstractDTO
from litestar.enums import ScopeType
from litestar.exceptions import WebSocketException
from litestar.openapi.spec import Reference, Schema
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from litestar.typing import FieldDefinition

from service.problems import FieldError, Problem, to_problem

T = TypeVar("T")

# Larger whole numbers are not the same to every reader of JSON (RFC 8259, 6); no number of ours comes near.
LARGEST_NUMBER: Final = 2**53 - 1

MOST_ERRORS: Final = 20

LARGEST_DISCARD: Final = 1024 * 1024
LONGEST_DISCARD_SECONDS: Final = 1.0

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # What is free now, or is somebody's own, is not for a cache; the static files say otherwise themselves.
    "Cache-Control": "no-store",
}


class StrictJson(AbstractDTO[T]):
    """Reads a body as a Struct without any coercion: "1" is no number, and nothing unknown is ignored.

    Litestar's own conversion of a body is the lenient one of query parameters, and takes any content type for JSON.
    """

    @classmethod
    def create_for_field_definition(cls, *_: object, **__: object) -> None:
        """No transfer model: the Struct describes its body itself."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: SchemaCreator
    ) -> Reference | Schema:
        """The Struct's own schema, which knows no further members."""
        reference = schema_creator.for_field_definition(field_definition)
        if isinstance(reference, Reference):
            schema_creator.schema_registry.from_reference(reference).schema.additional_properties = False
        return reference

    def decode_bytes(self, value: bytes) -> T:
        """The body as the model; problems: unsupported-media-type, invalid-request."""
        request: Request[Any, Any, Any] = self.asgi_connection  # type: ignore[assignment]
        require_json(request)
        return decode(value, self.model_type)


def require_json(request: Request[Any, Any, Any]) -> None:
    """Refuse a body that does not say that it is JSON."""
    if request.content_type[0].lower() != "application/json":
        raise Problem.of("unsupported-media-type")


def decode(body: bytes, model: type[T]) -> T:
    """A JSON text as a Struct, or the problem invalid-request with an entry for each field that is wrong."""
    try:
        return msgspec.json.decode(body, type=model)
    except msgspec.ValidationError as error:
        raise Problem.of("invalid-request", errors=_field_errors(body, model) or [_field_error("", error)]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _not_json() from None


def _field_errors(body: bytes, model: type[Any]) -> list[FieldError]:
    # msgspec stops at the first fault. Only a body that is already known to be wrong is looked at field by field.
    try:
        given = msgspec.json.decode(body)
    except msgspec.ValidationError as error:
        return [_field_error("", error)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _not_json() from None
    if not isinstance(given, dict):
        return [FieldError(pointer="", detail="Expected an object")]
    errors = []
    fields = {field.encode_name: field for field in msgspec.structs.fields(model)}
    for name, field in fields.items():
        if name in given:
            try:
                msgspec.convert(given[name], field.type)
            except msgspec.ValidationError as error:
                errors.append(_field_error(name, error))
        elif field.required:
            errors.append(FieldError(pointer=_pointer(name), detail="This field is required"))
    unknown = (name for name in given if name not in fields)
    errors += [FieldError(pointer=_pointer(name), detail="There is no such field") for name in unknown]
    return errors[:MOST_ERRORS]


def _field_error(name: str, error: msgspec.ValidationError) -> FieldError:
    return FieldError(pointer=_pointer(name), detail=str(error).partition(" - at `")[0])


def _pointer(name: str) -> str:
    """RFC 6901, for a member of the outermost object; the object itself is the empty pointer."""
    return "/" + name.replace("~", "~0").replace("/", "~1") if name else ""


def _not_json() -> Problem:
    return Problem.of("invalid-request", "The body is not JSON, or it is nested too deeply.")


async def require_plain_query(request: Request[Any, Any, Any]) -> None:
    """Refuse a parameter given twice, of which one would silently win, and `null`, which would count as absent."""
    given = list(request.query_params.multi_items())
    counts = Counter(name for name, _ in given)
    errors = [FieldError(parameter=name, detail="Given more than once") for name, n in counts.items() if n > 1]
    errors += [FieldError(parameter=name, detail="null is no value") for name, value in given if value == "null"]
    if errors:
        raise Problem.of("invalid-request", errors=errors[:MOST_ERRORS])


async def add_security_headers(message: Message, _: Scope) -> None:
    """A before_send hook: it sees every answer, those of the router and of the exception handlers included."""
    if message["type"] == "http.response.start":
        message.setdefault("headers", [])
        headers = MutableScopeHeaders.from_message(message)
        for name, value in SECURITY_HEADERS.items():
            headers.setdefault(name, value)
        if "GET" in (allowed := headers.get("Allow", "")) and "HEAD" not in allowed:
            headers["Allow"] = f"{allowed}, HEAD"


async def log_socket_failure(exc: Exception, scope: Scope) -> None:
    """An after_exception hook: Litestar closes a socket whose handler fails and tells nobody why."""
    if scope["type"] == ScopeType.WEBSOCKET and not isinstance(exc, WebSocketException):
        to_problem(exc)


def answer_head(app: ASGIApp) -> ASGIApp:
    """Answer HEAD as GET without its body, wherever there is a GET (RFC 9110, 9.3.2)."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "HEAD":
            await app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await app({**scope, "method": "GET"}, receive, send_head)

    return answer


def finish_reading(app: ASGIApp) -> ASGIApp:
    """Read the rest of a refused body, within limits, before answering.

    A client that is still sending when the connection closes sees it reset, and never the answer that says why.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await app(scope, receive, send)
            return
        more = True

        async def receive_part() -> Any:  # noqa: ANN401 (of the kinds of message, only http.request has a body)
            nonlocal more
            message: Any = await receive()
            more = message.get("more_body", False)
            if message["type"] == "http.disconnect":
                # Litestar makes a 500 of it, as if it were our doing.
                raise Problem.of("invalid-request", "The connection ended before the body did.")
            return message

        async def send_late(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= HTTPStatus.BAD_REQUEST:
                read = 0
                with suppress(TimeoutError, Problem):
                    async with asyncio.timeout(LONGEST_DISCARD_SECONDS):
                        while more and read < LARGEST_DISCARD:
                            read += len((await receive_part()).get("body", b""))
            await send(message)

        await app(scope, receive_part, send_late)

    return answer
