"""Moments in an address, as strict as those in a body: RFC 3339, and the offset is required."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from service.problems import FieldError, Problem

DATE_TIME: Final[dict[str, Any]] = {"format": "date-time"}
"""For the schema of a parameter that arrives as text: Litestar would take a number for a moment, and one without its
offset."""


def moment(text: str | None, parameter: str) -> dt.datetime | None:
    """The moment of a parameter; the problem invalid-request for what is none."""
    if text is None:
        return None
    try:
        value: dt.datetime = msgspec.convert(text, Annotated[dt.datetime, Meta(tz=True)])
    except msgspec.ValidationError as error:
        raise Problem.of("invalid-request", errors=[FieldError(parameter=parameter, detail=str(error))]) from None
    return value
