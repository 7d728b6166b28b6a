"""WebSockets: JSON events for API clients at /ws, HTML for the pages at /ws/board,
/ws/bookings, /ws/operate and /ws/garage.

A socket asks the database when it opens, and from then on hears the feed. All send a heartbeat when nothing
happens, ignore what the client sends, and are closed with 1012 when the service stops or the access token lapses, with
1013 when the client does not keep up, with 1008 when the session has ended. asyncapi.py describes what they send.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import time
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import msgspec
from asyncpg import PostgresError
from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from service.auth import Identity, address_of, bearer, network_of, refresh_cookie, same_origin, session
from service.database import Database
from service.feed import Feed, Follower, Mark
from service.outbox import POLICY_VIOLATION, SERVICE_RESTART, TRY_AGAIN_LATER, Outbox
from service.overseeing import Overseers, Place, Window
from service.pages.cells import Lot
from service.pages.counter import LONGEST_TICKET, Desk
from service.pages.language import language_of
from service.pages.places import Floors, Parts, Rows, Types, View
from service.pages.sight import Where
from service.problems import SESSION_OVER, Problem, to_problem
from service.sessions import OpenSessions
from service.settings import Settings

log = logging.getLogger(__name__)

# A close handshake needs the client's answer; one that is gone must not keep its handler.
CLOSE_SECONDS: Final = 2.0
# A cursor names every transaction that ran at its reading; a thousand of them fit.
LONGEST_CURSOR: Final = 40_000

FIND_LOT = """
    select l.id, s.actor
    from parking.session($1, $2) s
    cross join lateral parking.find_lot($3, $4, s.actor) l
"""

# The page's access token may have lapsed; then the refresh token says whose socket it is, and is not exchanged: not
# every browser takes a cookie from the answer to a handshake.
FIND_VIEW_FOR_SESSION = """
    select l.id, l.tenant_slug, l.name, l.address, l.time_zone, l.today, l.shows, s.actor, i.session
    from (select coalesce($3, parking.session_of($4)) as session) i
    cross join lateral parking.session(i.session, $5) s
    cross join lateral parking.find_view($1, $2, s.actor, $6, $7, $8, $9) l
"""

FIND_OVERSEER = """
    select l.id, l.today, s.actor, i.session
    from (select coalesce($3, parking.session_of($4)) as session) i
    cross join lateral parking.session(i.session, $5) s
    cross join lateral parking.find_lot($1, $2, s.actor) l
"""

WHOSE_SESSION = """
    select s.actor, i.session
    from (select coalesce($1, parking.session_of($2)) as session) i
    cross join lateral parking.session(i.session, $3) s
"""

Socket = WebSocket[Any, Any, Any]
LotNumber = Annotated[int | None, QueryParameter(name="lot", ge=1, le=2**63 - 1)]


@websocket("/ws")
async def events_socket(  # noqa: PLR0917 (Litestar gives them by name)
    socket: Socket,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    feed: NamedDependency[Feed],
    open_sessions: NamedDependency[OpenSessions],
    lot: LotNumber = None,
    after: Annotated[str | None, QueryParameter(name="after", max_length=LONGEST_CURSOR)] = None,
) -> None:
    """Every event of a lot, the configured one unless told otherwise, as a JSON object a message.

    With `after`, a cursor from an earlier message, those that were missed come first, none twice; or `reset` when the
    record does not reach back that far. A lot that is not public takes a Bearer token of its own people.
    """
    identity = bearer(socket) if "authorization" in socket.headers else None
    own = None if identity is None else identity.session
    record = await database.row(FIND_LOT, own, address_of(socket), lot or settings.lot, settings.tenant)
    await feed.refresh()
    with (
        feed.following(record["id"]) as follower,
        open_sessions.holding(own, record["id"], record["actor"], follower.outbox),
    ):
        await _converse(
            socket, follower.outbox, greeting=_greeting(feed, follower, after), lifetime=_lifetime(identity)
        )


@websocket("/ws/board")
async def board_socket(  # noqa: PLR0917 (Litestar gives them by name)
    socket: Socket,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    feed: NamedDependency[Feed],
    open_sessions: NamedDependency[OpenSessions],
    lot: LotNumber = None,
    day: Annotated[dt.date | None, QueryParameter(name="date")] = None,
    floor: Floors = None,
    spot_row: Rows = None,
    part: Parts = None,
    spot_type: Types = None,
) -> None:
    """A lot's board of a day as the page swaps it in: whole at first, then the cells that change. Of a large lot it is
    the summary of its rows, unless a row is asked for, in the language of whoever opens it."""
    _require_own_origin(socket)
    identity = session(socket)
    view = View(floor, spot_row, part, spot_type)
    try:
        record = await database.row(
            FIND_VIEW_FOR_SESSION,
            lot or settings.lot,
            settings.tenant,
            identity and identity.session,
            None if identity else refresh_cookie(socket),
            address_of(socket),
            *msgspec.structs.astuple(view),
        )
    except PostgresError as error:
        if to_problem(error).slug != SESSION_OVER:
            raise
        # Refused before it is accepted, the page would only try again; this way it learns why.
        await socket.accept()
        await socket.close(code=POLICY_VIOLATION, reason=SESSION_OVER)
        return
    with (
        feed.boards.watching(
            Lot.of(record),
            day or record["today"],
            view,
            record["shows"],
            record["actor"],
            language_of(socket),
            network=network_of(socket),
        ) as outbox,
        open_sessions.holding(record["session"], record["id"], record["actor"], outbox),
    ):
        await _converse(socket, outbox, lifetime=_lifetime(identity))


@websocket("/ws/operate")
async def operate_socket(  # noqa: PLR0917 (Litestar gives them by name)
    socket: Socket,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    feed: NamedDependency[Feed],
    open_sessions: NamedDependency[OpenSessions],
    overseers: NamedDependency[Overseers],
    lot: LotNumber = None,
    day: Annotated[dt.date | None, QueryParameter(name="date")] = None,
    row: Annotated[int | None, QueryParameter(name="row", ge=1, le=2**63 - 1)] = None,
    part: Annotated[int, QueryParameter(name="part", ge=1, le=1000)] = 1,
    spot: Annotated[int | None, QueryParameter(name="spot", ge=1, le=2**63 - 1)] = None,
) -> None:
    """The operator's view of a lot as its page swaps it in: all of it at first, then the parts that change."""
    await _oversee(
        socket,
        database,
        settings,
        feed,
        open_sessions,
        overseers,
        lot,
        lambda at, today: Where(at, day or today, row, part, spot),
    )


@websocket("/ws/garage")
async def garage_socket(  # noqa: PLR0917 (Litestar gives them by name)
    socket: Socket,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    feed: NamedDependency[Feed],
    open_sessions: NamedDependency[OpenSessions],
    overseers: NamedDependency[Overseers],
    lot: LotNumber = None,
    ticket: Annotated[str | None, QueryParameter(name="ticket", max_length=LONGEST_TICKET)] = None,
) -> None:
    """The attendant's view of a garage as its page swaps it in: all of it at first, then the parts that change."""
    await _oversee(
        socket,
        database,
        settings,
        feed,
        open_sessions,
        overseers,
        lot or settings.garage_lot,
        lambda at, _: Desk(at, ticket),
    )


@websocket("/ws/bookings")
async def bookings_socket(
    socket: Socket,
    database: NamedDependency[Database],
    feed: NamedDependency[Feed],
    open_sessions: NamedDependency[OpenSessions],
) -> None:
    """One's own bookings as the page swaps them in: whole at first, and again whenever something happens to one."""
    _require_own_origin(socket)
    identity = session(socket)
    try:
        record = await database.row(
            WHOSE_SESSION,
            identity and identity.session,
            None if identity else refresh_cookie(socket),
            address_of(socket),
        )
    except PostgresError as error:
        if to_problem(error).slug != SESSION_OVER:
            raise
        record = None
    if record is None or record["actor"] is None:
        # Refused before it is accepted, the page would only try again; this way it learns why.
        await socket.accept()
        await socket.close(code=POLICY_VIOLATION, reason=SESSION_OVER)
        return
    with (
        feed.lists.watching(record["actor"], language_of(socket)) as outbox,
        open_sessions.holding(record["session"], None, record["actor"], outbox),
    ):
        await _converse(socket, outbox, lifetime=_lifetime(identity))


async def _oversee(  # noqa: PLR0917 (its callers are two, and here)
    socket: Socket,
    database: Database,
    settings: Settings,
    feed: Feed,
    open_sessions: OpenSessions,
    overseers: Overseers,
    lot: int | None,
    where: Callable[[int, dt.date], Place],
) -> None:
    """A view of a lot for somebody who may have one; `where` says which, of a lot and the day that it is there."""
    _require_own_origin(socket)
    identity = session(socket)
    try:
        record = await database.row(
            FIND_OVERSEER,
            lot or settings.lot,
            settings.tenant,
            identity and identity.session,
            None if identity else refresh_cookie(socket),
            address_of(socket),
        )
    except PostgresError as error:
        if to_problem(error).slug != SESSION_OVER:
            raise
        await socket.accept()
        await socket.close(code=POLICY_VIOLATION, reason=SESSION_OVER)
        return
    if record["actor"] is None:
        raise Problem.of("not-signed-in")
    await feed.refresh()
    window = Window(record["session"], address_of(socket), where(record["id"], record["today"]), language_of(socket))
    with feed.following(record["id"]) as follower:
        async with overseers.watching(window, follower) as outbox:
            with open_sessions.holding(record["session"], record["id"], record["actor"], outbox):
                await _converse(socket, outbox, lifetime=_lifetime(identity))


def _lifetime(identity: Identity | None) -> float | None:
    """For how many seconds the access token is still good; for ever, of nobody's."""
    return None if identity is None else identity.expires - time.time()


def _require_own_origin(socket: Socket) -> None:
    """Browsers send the cookie from other sites' pages too, but they say whose page it is (RFC 6455, 10.2)."""
    if "origin" in socket.headers and not same_origin(socket):
        raise Problem.of("not-allowed")


async def _greeting(feed: Feed, follower: Follower, after: str | None) -> AsyncIterator[str]:
    """What was missed, and then where the record stands: hello, or reset when what was missed cannot be told."""
    kind: Literal["hello", "reset"] = "hello"
    try:
        if after is not None:
            async for event in feed.missed(after, follower):
                yield event.frame
    except (PostgresError, Problem) as error:
        problem = to_problem(error)
        if problem.slug != "cursor-too-old":
            code = TRY_AGAIN_LATER if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR else POLICY_VIOLATION
            follower.outbox.close(code, problem.slug)
            return
        kind = "reset"
    yield Mark(kind, follower.cursor).frame


async def _converse(
    socket: Socket,
    outbox: Outbox,
    *,
    greeting: AsyncIterator[str] | None = None,
    lifetime: float | None = None,
) -> None:
    """Send a greeting and what the outbox gets until it is closed, the client leaves, or the lifetime (s) is over."""
    await socket.accept()
    loop = asyncio.get_running_loop()
    ending = None if lifetime is None else loop.call_later(lifetime, outbox.close, SERVICE_RESTART)
    tasks = [asyncio.create_task(_send(socket, outbox, greeting)), asyncio.create_task(_receive(socket))]
    for task in tasks:
        task.add_done_callback(outbox.leave)
    try:
        await outbox.closed
        left = any(task.done() for task in tasks)
    finally:
        if ending is not None:
            ending.cancel()
        # Closing the socket while another task uses it would wait for ever.
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for failure in ended:
        if isinstance(failure, Exception):
            log.info("A socket ended with %s: %s", type(failure).__name__, failure)
    if outbox.code is not None and not left:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await socket.close(code=outbox.code, reason=outbox.reason)


async def _send(socket: Socket, outbox: Outbox, greeting: AsyncIterator[str] | None) -> None:
    """Until the client is gone, which shows as an error of the server's own kind."""
    if greeting is not None:
        async for frame in greeting:
            await socket.send_text(frame)
    while True:
        await socket.send_text(await outbox.get())


async def _receive(socket: Socket) -> None:
    """Until the client leaves; what it sends means nothing here."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
