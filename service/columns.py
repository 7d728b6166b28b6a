"""Columns that hold JSON: many rows in one, where a statement gives several lists at once."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from asyncpg import Record

T = TypeVar("T")


def many(record: Record, column: str, kind: type[T]) -> list[T]:
    """The list in this column; null, as json_agg() has it, is an empty one."""
    return msgspec.json.decode(record[column] or "[]", type=list[kind])  # type: ignore[valid-type]
