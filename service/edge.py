"""What a request must look like before a handler sees it: strict bodies, plain parameters."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, ClassVar, Final, TypeVar

import msgspec
from litestar import Request
from litestar._openapi.schema_generation import SchemaCreator
from litestar.dto import AbstractDTO
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from service.problems import FieldError, Problem

T = TypeVar("T")

# Larger whole numbers are not the same to every reader of JSON (RFC 8259, 6); no number of ours comes near.
LARGEST_NUMBER: Final = 2**53 - 1

MOST_ERRORS: Final = 20

# How msgspec says where in a value it is: `$.rows[0].name`. Our own field names need no escaping.
STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")


class StrictJson(AbstractDTO[T]):
    """Reads a body as a Struct without any coercion: "1" is no number, and nothing unknown is ignored.

    Litestar's own conversion of a body is the lenient one of query parameters, and takes any content type for JSON.
    `models` are those that any handler reads.
    """

    models: ClassVar[set[type[Any]]] = set()

    @classmethod
    def create_for_field_definition(cls, *_: object, **__: object) -> None:
        """No transfer model: the Struct describes its body itself."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: SchemaCreator
    ) -> Reference | Schema:
        """A reference to the Struct's schema, of which service.openapi gets the exact one."""
        cls.models.add(field_definition.annotation)
        return schema_creator.for_field_definition(field_definition)

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
    strict = model.__struct_config__.forbid_unknown_fields
    unknown = (name for name in given if strict and name not in fields)
    errors += [FieldError(pointer=_pointer(name), detail="There is no such field") for name in unknown]
    return errors[:MOST_ERRORS]


def _field_error(name: str, error: msgspec.ValidationError) -> FieldError:
    detail, _, path = str(error).partition(" - at `$")
    return FieldError(pointer=_pointer(name) + "".join(f"/{a or b}" for a, b in STEP.findall(path)), detail=detail)


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
