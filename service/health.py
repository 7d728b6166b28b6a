"""Whether the service is well: /livez and /readyz for machines that start, stop and balance it, /api/status for people.

/livez says that the process answers, and asks nobody. /readyz says whether this instance should get requests: it has
its database, with the migrations that it was written for, and its sockets hear what happens. What is out of order
without keeping anybody from booking is a warning and no reason to send the drivers away: the stale checker, above all.

All of them together read the database once in READING_SECONDS, over a connection of their own, and wait for it no
longer than PATIENCE_SECONDS: whoever balances requests wants to know soon that nothing is known.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from pathlib import Path
from typing import Final, Literal, NamedTuple

import asyncpg
from asyncpg import PostgresError, Record
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from msgspec import Struct, structs

from service import openapi
from service.database import Database
from service.edge import require_plain_query
from service.feed import Feed
from service.openapi import problems
from service.problems import PROBLEM_JSON, TRANSPORT, Problem, ProblemDocument, to_problem
from service.settings import Settings

PLAN: Final = Path(__file__).parent.parent / "sqitch.plan"
CHANGE: Final = re.compile(r"^([^\s@%#]\S*)(?: \[[^\]]*\])? (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) ", re.MULTILINE)

READING_SECONDS: Final = 1.0
# Less than the second or two that those who ask give it; getting a connection and a statement's answer may take ten.
PATIENCE_SECONDS: Final = 1.5
# The feed reads four times a second, and gives a connection that is silent up after two.
LONGEST_LAG_SECONDS: Final = 5.0

READINESS: Final = "select r.deployed, r.has_change, r.sweep, r.overdue_since, r.at from parking.readiness($1, $2) r"

CheckStatus = Literal["ok", "warning", "failed"]

# What the desk does most often, in its name: it exists, it may, and there is a garage.
DESK: Final = """
    select g.total_spaces
    from parking.staff_desk(null, $1, $2) d(actor) cross join lateral parking.garage_stats(d.actor, $3) g
"""

SWEEPS: Final[dict[str, tuple[CheckStatus, str]]] = {
    "running": ("ok", "pg_cron runs, and nothing has been overdue for long."),
    "elsewhere": ("ok", "There is no pg_cron here; whoever calls parking.sweep() does so in time."),
    "late": ("warning", "Bookings have been overdue for more than three minutes: nobody calls parking.sweep()."),
    "gone": ("warning", "pg_cron's launcher is gone; it comes back when PostgreSQL is restarted."),
}


class Check(Struct, frozen=True):
    """One thing that was looked at; a warning keeps nobody from booking."""

    status: CheckStatus
    detail: str


class Liveness(Struct):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(Struct):
    """This instance takes requests. `checks` has database, migrations, feed and sweep, and garage if one is open."""

    checks: dict[str, Check]
    status: Literal["ready"] = "ready"


class NotReady(ProblemDocument, kw_only=True):
    """A problem document that also says what was looked at."""

    checks: dict[str, Check]


class Unready(Problem):
    """The problem not-ready, with what was looked at."""

    def __init__(self, checks: dict[str, Check]) -> None:
        kind = TRANSPORT["not-ready"]
        failed = (check.detail for check in checks.values() if check.status == "failed")
        super().__init__("not-ready", status=kind.status, title=kind.title, detail=" ".join(failed), remedy=kind.remedy)
        self.checks = checks

    def document(self, instance: str) -> NotReady:
        """The body of the answer."""
        return NotReady(checks=self.checks, **structs.asdict(super().document(instance)))


class Status(Struct, kw_only=True):
    """`time` is the one that bookings are judged by; `version` that of the interface."""

    status: Literal["ok"] = "ok"
    name: str
    version: str
    time: dt.datetime
    database: Literal["ok"] = "ok"


class Reading(NamedTuple):
    """What the database has said, or why it has not, and when (by the event loop's clock); `desk` if there is one."""

    found: Record | Exception
    desk: Record | Exception | None
    at: float


class Health:
    """What is known about how this instance is doing."""

    def __init__(self, database: Database, feed: Feed, settings: Settings) -> None:
        self._database = database
        self._feed = feed
        self._settings = settings
        self._change = planned_change()
        self._reading: asyncio.Task[Reading] | None = None
        self.stopping = False

    def stop(self) -> None:
        """Be ready no more: whoever balances requests is to send them elsewhere, while those that came are answered."""
        self.stopping = True

    async def checks(self) -> dict[str, Check]:
        """What is to be looked at, each with what was found."""
        found, desk, _ = await self._read()
        lag = self._feed.lag
        hears = lag < LONGEST_LAG_SECONDS
        checks = {
            "database": _database_check(found),
            "migrations": _migrations_check(found, self._change[0]),
            "feed": Check("ok", "What happens is passed on.")
            if hears
            else Check("failed", "The record is not being read."),
            "sweep": _sweep_check(found),
        }
        if self._settings.garage_desk is not None:
            checks["garage"] = _garage_check(desk)
        if self.stopping:
            checks["service"] = Check("failed", "It is being stopped.")
        return checks

    async def now(self) -> dt.datetime:
        """The time by the database's clock; the problem with the database, if there is one."""
        found, _, at = await self._read()
        if not isinstance(found, Record):
            raise found
        passed = asyncio.get_running_loop().time() - at
        time: dt.datetime = found["at"]
        return time + dt.timedelta(seconds=passed)

    async def _read(self) -> Reading:
        """The latest reading, made anew if it is old. One that takes long goes on for those who ask later."""
        clock = asyncio.get_running_loop().time
        reading = self._reading
        if reading is None or (reading.done() and not _is_fresh(reading, clock())):
            reading = self._reading = asyncio.create_task(self._ask_all())
        await asyncio.wait({reading}, timeout=PATIENCE_SECONDS)
        if reading.done():
            return reading.result()
        late = Problem.of("timed-out")
        return Reading(late, late, clock())

    async def _ask_all(self) -> Reading:
        found = await self._ask(READINESS, *self._change)
        desk = None
        if (email := self._settings.garage_desk) is not None:
            desk = await self._ask(DESK, email, self._settings.tenant, self._settings.garage_lot)
        return Reading(found, desk, asyncio.get_running_loop().time())

    async def _ask(self, sql: str, *args: object) -> Record | Exception:
        try:
            return await self._database.row(sql, *args, pool="operations")
        except (PostgresError, asyncpg.InterfaceError, Problem, OSError) as error:
            return error


def planned_change() -> tuple[str, dt.datetime]:
    """The last change of sqitch.plan, and when it was planned: what this service was written for."""
    name, planned = CHANGE.findall(PLAN.read_text(encoding="utf-8"))[-1]
    return name, dt.datetime.fromisoformat(planned)


def _is_fresh(reading: asyncio.Task[Reading], now: float) -> bool:
    """Whether it need not be made again: it has worked out, and not long ago."""
    failed = reading.cancelled() or reading.exception() is not None
    return not failed and now - reading.result().at <= READING_SECONDS


# A database that nobody has deployed to answers, too: with these.
UNDEPLOYED: Final = (asyncpg.UndefinedFunctionError, asyncpg.InvalidSchemaNameError, asyncpg.UndefinedTableError)


def _database_check(found: Record | Exception) -> Check:
    if isinstance(found, (Record, *UNDEPLOYED)):
        return Check("ok", "It answers.")
    return Check("failed", to_problem(found).detail)


def _migrations_check(found: Record | Exception, change: str) -> Check:
    if isinstance(found, UNDEPLOYED):
        return Check("failed", f"The change {change} is not deployed.")
    if not isinstance(found, Record):
        return Check("failed", "The database does not say.")
    if not found["has_change"]:
        return Check("failed", f"The change {change} is not deployed; the last one is {found['deployed']}.")
    return Check("ok", f"The last change is {found['deployed']}.")


def _garage_check(found: Record | Exception | None) -> Check:
    """Whoever may not let vehicles in is told so by each request; drivers book all the same."""
    if isinstance(found, Exception):
        return Check("warning", f"The desk of PARKING_GARAGE_LOT cannot work: {to_problem(found).detail}")
    return Check("ok", "Its desk can let vehicles in and out.")


def _sweep_check(found: Record | Exception) -> Check:
    if not isinstance(found, Record):
        return Check("warning", "The database does not say.")
    return Check(*SWEEPS[found["sweep"]])


@get("/livez", responses=problems(), tags=["operations"], summary="Is the process alive?", sync_to_thread=False)
def show_liveness() -> Liveness:
    """That the process answers; it says nothing about the database."""
    return Liveness()


@get(
    "/readyz",
    responses=problems()
    | {503: ResponseSpec(NotReady, generate_examples=False, description="Not ready, and why", media_type=PROBLEM_JSON)},
    tags=["operations"],
    summary="Should this instance get requests?",
)
async def show_readiness(health: NamedDependency[Health]) -> Readiness:
    """What was looked at, each ok, warning or failed; 503 if anything failed. A warning keeps nobody from booking."""
    checks = await health.checks()
    if any(check.status == "failed" for check in checks.values()):
        raise Unready(checks)
    return Readiness(checks)


@get("/api/status", responses=problems(), tags=["operations"], summary="Is the service up?")
async def show_status(health: NamedDependency[Health]) -> Status:
    """What answers here, and that its database does too; for people, and for clients that set their clock by it."""
    return Status(name=openapi.config.title, version=openapi.config.version, time=await health.now())


router = Router(
    path="/",
    route_handlers=[show_liveness, show_readiness, show_status],
    before_request=require_plain_query,
    opt={"exclude_from_csrf": True},
)
