"""WebSockets: JSON events for API clients at /ws, the board's HTML for the page at /ws/board.

A socket asks the database once, when it opens, and from then on hears the feed. Both kinds send a heartbeat when
nothing happens, ignore what the client sends, and are closed with 1012 when the service stops, with 1013 when the
client does not keep up.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from service.auth import session
from service.database import Database
from service.feed import Feed, Outbox
from service.pages import Lot
from service.problems import Problem
from service.settings import Settings

HEARTBEAT_SECONDS: Final = 20.0
HEARTBEAT: Final = '{"type":"heartbeat"}'
# A close handshake needs the client's answer; one that is gone must not keep its handler.
CLOSE_SECONDS: Final = 2.0

FIND_LOT = "select l.id, l.tenant_slug, l.name, l.address, l.time_zone, l.today from parking.find_lot($1, $2) l"

Socket = WebSocket[Any, Any, Any]
LotNumber = Annotated[int | None, QueryParameter(name="lot", ge=1, le=2**63 - 1)]


@websocket("/ws")
async def events_socket(
    socket: Socket,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    feed: NamedDependency[Feed],
    lot: LotNumber = None,
) -> None:
    """Every event of a lot, the configured one unless told otherwise, as a JSON object a message."""
    record = await database.row(FIND_LOT, lot or settings.lot, settings.tenant)
    await feed.wait_until_begun()
    with feed.following(record["id"]) as outbox:
        await _converse(socket, outbox)


@websocket("/ws/board")
async def board_socket(  # noqa: PLR0917 (Litestar gives them by name)
    socket: Socket,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    feed: NamedDependency[Feed],
    lot: LotNumber = None,
    day: Annotated[dt.date | None, QueryParameter(name="date")] = None,
) -> None:
    """A lot's board of a day as the page swaps it in: whole at first, then the cells that change."""
    _require_own_origin(socket)
    identity = session(socket)
    person, lifetime = (None, None) if identity is None else (identity.person, identity.expires - time.time())
    record = await database.row(FIND_LOT, lot or settings.lot, settings.tenant)
    with feed.watching(Lot.of(record), day or record["today"], person) as outbox:
        await _converse(socket, outbox, lifetime)


def _require_own_origin(socket: Socket) -> None:
    """Browsers send the cookie from other sites' pages too, but they say whose page it is (RFC 6455, 10.2)."""
    origin = socket.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != socket.headers.get("host"):
        raise Problem.of("not-allowed")


async def _converse(socket: Socket, outbox: Outbox, lifetime: float | None = None) -> None:
    """Send what the outbox gets until it is closed, the client leaves, or the lifetime (seconds) is over."""
    await socket.accept()
    sender = asyncio.create_task(_send(socket, outbox))
    receiver = asyncio.create_task(_receive(socket))
    closed = asyncio.create_task(outbox.closed.wait())
    tasks = {sender, receiver, closed}
    try:
        done, _ = await asyncio.wait(tasks, timeout=lifetime, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Closing the socket while another task uses it would wait for ever.
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if not done & {sender, receiver}:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await socket.close(code=outbox.code)


async def _send(socket: Socket, outbox: Outbox) -> None:
    """Until the client is gone, which shows as an error of the server's own kind."""
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                frame = await outbox.get()
        except TimeoutError:
            frame = HEARTBEAT
        await socket.send_text(frame)


async def _receive(socket: Socket) -> None:
    """Until the client leaves; what it sends means nothing here."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
