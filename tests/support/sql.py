"""What the SQL tests share: the two drivers, refusals, moments, and the way to break a function on purpose."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

DRIVER_1 = 1
DRIVER_2 = 2
OPERATOR = 3
"""The demo's people, by their numbers in a fresh database; its spots are 1 to 5, its lot is 1."""

BOOK = "select * from parking.book($1, $2, $3, $4)"
COMPLETE = "select * from parking.complete($1, $2)"
CANCEL = "select * from parking.cancel($1, $2)"
RESCHEDULE = "select * from parking.reschedule($1, $2, $3, $4)"


def hours_ahead(hours: float) -> datetime:
    """A moment so many hours from now."""
    return datetime.now(UTC) + timedelta(hours=hours)


@contextmanager
def refused(slug: str, status: int) -> Iterator[None]:
    """The statement inside is refused with this problem, and with nothing else."""
    with pytest.raises(asyncpg.PostgresError) as caught:
        yield
    assert (caught.value.sqlstate, caught.value.constraint_name) == (f"PK{status}", slug)


async def one_row(connection: asyncpg.Connection, statement: str, *arguments: object) -> asyncpg.Record:
    """The row of a statement that gives exactly one."""
    (row,) = await connection.fetch(statement, *arguments)
    return row


async def edit_function(superuser: asyncpg.Connection, signature: str, old: str, new: str) -> None:
    """Break a deployed function for a negative control; fails when there is nothing to replace."""
    text = await superuser.fetchval("select pg_get_functiondef($1::text::regprocedure)", signature)
    assert old in text, f"{signature} does not contain {old!r} any more"
    await superuser.execute(text.replace(old, new))


async def shift_clock(superuser: asyncpg.Connection, shift: timedelta) -> None:
    """Set parking.clock() so far ahead of the real time."""
    await superuser.execute("update parking_private.clock_shift set shift = $1", shift)


async def waits_for_a_lock(superuser: asyncpg.Connection, sessions: int = 1) -> None:
    """Until so many sessions of this database wait for a lock."""
    for _ in range(3000):
        waiting = await superuser.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        if waiting >= sessions:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits for a lock")
