"""The watch over the sessions for which sockets are open, without sockets."""

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest

from service import sessions
from service.database import Database
from service.outbox import POLICY_VIOLATION, Outbox
from service.problems import Problem
from service.sessions import OpenSessions
from service.settings import Settings


class Failing(Database):
    """Fails so many times, and then says that every session has ended."""

    def __init__(self, *failures: Exception) -> None:
        super().__init__(Settings(database_url="postgresql:///", jwt_secret="x" * 32))
        self.failures = list(failures)

    async def rows(self, sql: str, *args: object, **_: object) -> list[Any]:
        """What parking.ended_sessions() answers; no lot is lost."""
        if self.failures:
            raise self.failures.pop(0)
        if "parking.ended_sessions" not in sql:
            return []
        (asked,) = args
        assert isinstance(asked, list)
        return [{"id": session} for session in asked]


@pytest.mark.parametrize(
    "failure",
    [
        Problem.of("database-unavailable"),
        asyncpg.AdminShutdownError("going away"),
        # What asyncpg says when the server's farewell arrives between two statements; it is no PostgresError.
        asyncpg.InternalClientError("got result for unknown protocol state 3"),
        ZeroDivisionError("a fault of ours"),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_the_watch_survives_whatever_fails(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    monkeypatch.setattr(sessions, "CHECK_SECONDS", 0.01)
    database = Failing(failure, failure)
    watched = OpenSessions(database)
    await watched.start()
    try:
        outbox = Outbox(10)
        with watched.holding(uuid.uuid4(), 1, None, outbox):
            async with asyncio.timeout(10):
                await outbox.closed
    finally:
        await watched.stop()
    assert outbox.code == POLICY_VIOLATION
    assert not database.failures
