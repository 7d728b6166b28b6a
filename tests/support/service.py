"""The real service in a process of its own, and the demo's people."""

import asyncio
import contextlib
import http.client
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from service.auth import Tokens
from tests.support.cluster import ROOT
from tests.support.database import Database
from tests.support.forking import Forked, fork

DRIVER_1 = "driver1@parking.com"
DRIVER_2 = "driver2@parking.com"
OPERATOR = "operator@parking.com"
PASSWORD = "password123"
"""The demo's people, from `parking.seed_demo()`."""

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of httpx, who speak plain HTTP here: each would read the world's certificates, for 20 ms of a core."""

Server = Literal["uvicorn", "granian"]
SERVERS: tuple[Server, ...] = ("uvicorn", "granian")
MODULES = {"uvicorn": "service.__main__", "granian": "tests.support.on_granian"}


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on just now.

    From 32768 on the kernel hands them out to whoever connects, and a service that starts again wants its own back.
    """
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


class Service:
    """One service process on a free port, talking to `database` as parking_service.

    `environ` adds to or replaces its settings (`PARKING_*`); `server` is `uvicorn` (`python -m service`, as `make up`
    runs it) or `granian`; `program` is Python to run instead, which may change a constant first.
    It starts with `await start()` or as a context manager, `with` or `async with`, and may be stopped or killed and
    started again: port and secret stay.
    """

    def __init__(
        self,
        database: Database,
        *,
        environ: Mapping[str, str] | None = None,
        server: Server = "uvicorn",
        program: str | None = None,
    ) -> None:
        self.database = database
        self.server = server
        self.program = program
        self.port = free_port()
        self.secret = secrets.token_urlsafe(48)
        self.settings = {
            "PARKING_DATABASE_URL": database.url("parking_service"),
            "PARKING_JWT_SECRET": self.secret,
            "PARKING_HOST": "127.0.0.1",
            "PARKING_PORT": str(self.port),
            **(environ or {}),
        }
        self._process: subprocess.Popen[bytes] | Forked | None = None
        descriptor, path = tempfile.mkstemp(prefix="service-", suffix=".log")
        os.close(descriptor)
        self._log = Path(path)

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """`ws://127.0.0.1:<port>`."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None, "the service is not running"
        return self._process.pid

    def output(self) -> str:
        """All that it has printed and logged since the first start."""
        return self._log.read_text(errors="replace")

    async def start(self, *, seconds: float = 20) -> None:
        """Start it and wait until it answers over HTTP; it need not reach its database for that."""
        await asyncio.to_thread(self._start, seconds)

    async def stop(self, *, seconds: float = 15) -> None:
        """SIGTERM, as an orderly end; taking longer than `seconds` is a failure."""
        await asyncio.to_thread(self._stop, seconds)

    async def kill(self) -> None:
        """SIGKILL: the machine has lost it."""
        await asyncio.to_thread(self._kill)

    def _start(self, seconds: float) -> None:
        assert self._process is None, "the service is running already"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PARKING_", "PG"))}
        environ = {**inherited, **self.settings}
        module = MODULES[self.server]
        with self._log.open("ab") as log:
            # What Python reads at its own start comes too late for what is forked.
            if self.program is None and not any(name.startswith("PYTHON") for name in self.settings):
                self._process = fork(module, environ, log)
            else:
                self._process = subprocess.Popen(
                    [sys.executable, *(("-m", module) if self.program is None else ("-c", self.program))],
                    env=environ,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        deadline = time.monotonic() + seconds
        while not self._answers():
            if self._process.poll() is not None:
                status, self._process = self._process.returncode, None
                raise AssertionError(f"the service ended with status {status} at its start:\n{self.output()}")
            if time.monotonic() > deadline:
                self._kill()
                raise AssertionError(f"the service did not answer within {seconds} s:\n{self.output()}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        # A client of httpx takes 20 ms of a core to be made.
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/static/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def _stop(self, seconds: float) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._kill()
            raise AssertionError(f"the service did not stop within {seconds} s:\n{self.output()}") from None
        self._process = None

    def _kill(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        self._process = None

    def __enter__(self) -> Self:
        self._start(20)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stop(15)
        finally:
            self._log.unlink(missing_ok=True)

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, exc_type, exc, trace)


def issue_token(service: Service, person: int = 1, seconds: int = 3600) -> str:
    """An access token for a new session of this person, without asking for the password."""
    row = service.database.psql(f"""
        insert into parking.sessions (tenant_id, person_id, opened_at, renewed_at, expires_at)
        select p.tenant_id, p.id, parking.clock(), parking.clock(), parking.clock() + interval '1 hour'
        from parking.people p where p.id = {person}
        returning id, (select p.email from parking.people p where p.id = person_id)""")
    session, email = row.split("|")
    return Tokens(service.secret, seconds).issue(admission(person, email, session))


def admission(person: int = 1, email: str = DRIVER_1, session: str | None = None) -> dict[str, Any]:
    """What a token of the demo's drivers is issued for; of a session that there is not, unless one is given."""
    return {
        "session_id": uuid.UUID(session) if session else uuid.uuid4(),
        "person_id": person,
        "email": email,
        "tenant": "default",
        "roles": ["driver"],
        "permissions": ["read:own_data", "read:parking", "write:reservation"],
    }


async def sign_in(client: httpx.AsyncClient, email: str = DRIVER_1, password: str = PASSWORD) -> dict[str, str]:
    """Sign in over REST; the Authorization header for further requests."""
    answer = await client.post("/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}
