"""/ws: every booking, completion and release as JSON, to everybody, whoever caused it, on either server."""

import asyncio
import contextlib
import json
import socket as socket_module
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_to
from websockets.http11 import Response

from tests.conftest import Connect
from tests.support import Cluster, Database, Service, new_database, planted_cluster, template_database
from tests.support.service import SERVERS
from tests.support.sql import BOOK, COMPLETE, DRIVER_1, DRIVER_2, hours_ahead, one_row, shift_clock

LIMIT = 10.0
"""Seconds: several times what it may take."""


@pytest.fixture(params=SERVERS)
async def either(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Service]:
    """The service on each of the servers that it can run on."""
    async with Service(database, server=request.param) as service:
        yield service


@asynccontextmanager
async def listening(service: Service, path: str = "/ws", **headers: str) -> AsyncIterator[ClientConnection]:
    async with connect_to(service.ws_url + path, additional_headers=headers, proxy=None) as socket:
        if "after=" not in path:
            assert (await next_message(socket))["type"] == "hello"
        yield socket


async def next_message(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), LIMIT))
    return message


async def next_event(socket: ClientConnection) -> dict[str, Any]:
    """After a lost connection the lot may have changed as well, which is no event: see test_building."""
    while True:
        message = await next_message(socket)
        if message["type"] not in {"heartbeat", "changed"}:
            return message


async def silent(socket: ClientConnection, seconds: float = 0.8) -> bool:
    try:
        await asyncio.wait_for(socket.recv(), seconds)
    except TimeoutError:
        return True
    return False


async def test_what_an_operator_says_about_a_spot_reaches_every_client(service: Service, connect: Connect) -> None:
    dba = await connect("parking_dba")
    await dba.fetch("select parking.assign_role($1, 'operator')", DRIVER_2)
    say = "select parking.set_spot_state($1, 3, $2, 'Because', $3)"
    async with listening(service) as socket:
        await dba.fetch(say, DRIVER_2, "maintenance", None)
        first = await next_event(socket)
        assert (first["type"], first["spot_id"], first["end_time"]) == ("overridden", 3, None)
        await dba.fetch(say, DRIVER_2, "maintenance", hours_ahead(1))
        await dba.fetch(say, DRIVER_2, "free", None)
        assert (await next_event(socket))["end_time"] is None
        assert (await next_event(socket))["end_time"][-6:] in ("+01:00", "+02:00"), "the lot's own offset"


async def test_vehicles_without_a_booking_reach_every_client_and_nobody_learns_which(
    service: Service, connect: Connect
) -> None:
    dba = await connect("parking_dba")
    attendant = await dba.fetchval("select parking.find_person('attendant@parking.com')")
    enter = "select ticket_number from parking.enter_garage($1, 4, $2)"
    async with listening(service, "/ws?lot=4") as socket:
        paid, void = [await dba.fetchval(enter, attendant, plate) for plate in ("SECRET1", "SECRET2")]
        await dba.fetch("select parking.leave_garage($1, $2, 'Cash')", attendant, paid)
        await dba.fetch("select parking.void_ticket($1, $2, 'Secret')", attendant, void)
        events = [await next_event(socket) for _ in range(4)]
    assert [event["type"] for event in events] == ["entered", "entered", "left", "voided"]
    assert {(event["lot_id"], event["spot_id"]) for event in events} == {(4, None)}
    assert [event["end_time"] is None for event in events] == [True, True, False, False]
    assert "SECRET" not in json.dumps(events).upper()
    assert paid not in json.dumps(events)


async def test_the_life_of_a_booking_reaches_every_client(either: Service, connect: Connect) -> None:
    superuser, driver = await connect("postgres"), await connect()
    async with listening(either) as one, listening(either, "/ws?lot=1") as two:
        booking = await one_row(driver, BOOK, DRIVER_1, 5, hours_ahead(-1), hours_ahead(1))
        other = await one_row(driver, BOOK, DRIVER_2, 4, hours_ahead(-1), hours_ahead(1))
        await driver.fetch(COMPLETE, DRIVER_1, booking["id"])
        await shift_clock(superuser, timedelta(hours=2))
        await superuser.execute("call parking.sweep()")
        for socket in (one, two):
            events = [await next_event(socket) for _ in range(4)]
            assert [(event["type"], event["spot_id"]) for event in events] == [
                ("booked", 5),
                ("booked", 4),
                ("completed", 5),
                ("released", 4),
            ]
            assert events[0].keys() == {*("id", "type", "spot_id", "lot_id", "start_time", "end_time", "at", "cursor")}
            assert events[0]["lot_id"] == 1
            assert events[0]["end_time"][-6:] in ("+01:00", "+02:00"), "the lot's own offset"
            assert "driver" not in json.dumps(events)
            assert str(other["id"]) not in [str(event.get("reservation_id")) for event in events]


async def test_every_event_comes_once_though_commits_come_out_of_order(service: Service, connect: Connect) -> None:
    early, late = await connect(), await connect()
    async with listening(service) as socket:
        transaction = early.transaction()
        await transaction.start()
        await early.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
        await late.fetch(BOOK, DRIVER_1, 2, hours_ahead(1), hours_ahead(2))
        assert (await next_event(socket))["spot_id"] == 2
        await transaction.commit()
        assert (await next_event(socket))["spot_id"] == 1
        assert await silent(socket)


async def test_a_ringer_that_rolls_back_keeps_nobodys_change(service: Service, connect: Connect) -> None:
    """It took the bell with it: the poll finds what the bell did not announce."""
    ringer, other = await connect(), await connect()
    async with listening(service) as socket:
        transaction = ringer.transaction()
        await transaction.start()
        await ringer.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
        await other.fetch(BOOK, DRIVER_1, 2, hours_ahead(1), hours_ahead(2))
        await transaction.rollback()
        assert (await next_event(socket))["spot_id"] == 2
        assert await silent(socket)


async def listener_pid(superuser: asyncpg.Connection, but: int = 0) -> int:
    """The backend of the service's listening connection: the one whose last statement read the events."""
    for _ in range(200):
        pid = await superuser.fetchval(
            """select pid from pg_stat_activity
               where datname = current_database() and query like '%parking.events_after%'
                 and pid not in ($1, pg_backend_pid())""",
            but,
        )
        if pid:
            return int(pid)
        await asyncio.sleep(0.05)
    raise AssertionError("nobody listens")


async def test_a_terminated_listening_connection_loses_nothing(either: Service, connect: Connect) -> None:
    superuser, driver = await connect("postgres"), await connect()
    async with listening(either) as socket:
        await driver.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
        assert (await next_event(socket))["spot_id"] == 1
        pid = await listener_pid(superuser)
        async with superuser.transaction():
            # In one commit with the booking, so that the change falls into the gap.
            await superuser.execute("select pg_terminate_backend($1)", pid)
            await superuser.fetch(BOOK, DRIVER_1, 2, hours_ahead(1), hours_ahead(2))
        assert (await next_event(socket))["spot_id"] == 2
        assert await listener_pid(superuser, but=pid) != pid
        await driver.fetch(BOOK, DRIVER_1, 3, hours_ahead(1), hours_ahead(2))
        assert (await next_event(socket))["spot_id"] == 3
        assert await silent(socket)


async def test_a_restarted_postgresql_loses_nothing() -> None:
    options = ("--cron-database", "postgres", "--without-fsync")
    with (
        planted_cluster(*options) as cluster,
        new_database(cluster, template=template_database(cluster)) as database,
    ):
        async with Service(database) as service, listening(service) as socket:
            await book_in(cluster, database, 1)
            assert (await next_event(socket))["spot_id"] == 1
            await asyncio.to_thread(cluster.stop)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(cluster.start, *options)
            await book_in(cluster, database, 2)
            assert (await next_event(socket))["spot_id"] == 2


async def book_in(cluster: Cluster, database: Database, spot: int) -> None:
    statement = f"select parking.book(1, {spot}, now() + interval '1 hour', now() + interval '2 hours')"
    await asyncio.to_thread(cluster.psql, statement, database=database.name)


ANNOUNCE_MANY = """
    do $$ begin
        for n in 1 .. {number} loop
            perform parking_private.announce(1, 'released', 1, 1, n, null, now(), now(), now());
        end loop;
    end $$"""


async def test_a_thousand_releases_in_one_commit_reach_a_reader_who_keeps_up(either: Service, connect: Connect) -> None:
    superuser = await connect("postgres")
    async with listening(either) as socket:
        await superuser.execute(ANNOUNCE_MANY.format(number=2000))
        numbers = [(await next_event(socket))["id"] for _ in range(2000)]
        assert numbers == sorted(set(numbers))


async def test_a_reader_who_does_not_keep_up_is_let_go(either: Service, connect: Connect) -> None:
    """He reads nothing, as a phone that sleeps; others get everything meanwhile."""
    superuser = await connect("postgres")
    # Uncompressed, or the whole of it would fit into the kernel's buffers.
    options: dict[str, Any] = {"max_queue": 1, "compression": None, "proxy": None}
    async with (
        connect_to(either.ws_url + "/ws", sock=socket_with_a_small_buffer(either), **options) as slow,
        listening(either) as quick,
    ):
        for _ in range(30):
            await superuser.execute(ANNOUNCE_MANY.format(number=1000))
            for _ in range(1000):
                await next_event(quick)
        received = [message async for message in until_closed(slow)]
    assert 0 < len(received) < 30_000
    # Who takes nothing takes no close frame either.
    assert slow.close_code in (1013, 1006)


async def until_closed(socket: ClientConnection) -> AsyncIterator[websockets.Data]:
    with contextlib.suppress(websockets.exceptions.ConnectionClosed):
        while True:
            yield await asyncio.wait_for(socket.recv(), LIMIT)


def socket_with_a_small_buffer(service: Service) -> socket_module.socket:
    client = socket_module.socket()
    client.setsockopt(socket_module.SOL_SOCKET, socket_module.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", service.port))
    client.setblocking(False)
    return client


async def test_an_event_of_another_lot_is_not_told(service: Service, connect: Connect) -> None:
    superuser, driver = await connect("postgres"), await connect()
    await superuser.execute("insert into parking.lots (tenant_id, name, time_zone) values (1, 'Elsewhere', 'UTC')")
    other = await superuser.fetchval("select max(id) from parking.lots")
    async with listening(service, f"/ws?lot={other}") as elsewhere, listening(service) as here:
        await driver.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
        assert (await next_event(here))["spot_id"] == 1
        assert await silent(elsewhere)


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        ("/ws?lot=99", 404, "unknown-lot"),
        ("/ws?lot=x", 400, "invalid-request"),
        ("/ws?lot=0", 400, "invalid-request"),
        ("/ws?lot=99999999999999999999", 400, "invalid-request"),
        (f"/ws?after={'x' * 50_000}", 400, "invalid-request"),
        ("/ws/none", 404, "not-found"),
        ("/ws/operate", 401, "not-signed-in"),
    ],
    ids=lambda given: given[:20] if isinstance(given, str) else None,
)
async def test_a_socket_that_is_refused_says_why(module_service: Service, path: str, status: int, slug: str) -> None:
    refusal = await refused(module_service, path)
    assert refusal.status_code == status
    assert refusal.headers["content-type"] == "application/problem+json"
    assert refusal.headers["x-content-type-options"] == "nosniff"
    assert len(refusal.headers["x-request-id"]) > 8
    document = json.loads(refusal.body or b"")
    assert (document["type"], document["status"]) == (f"/problems/{slug}", status)
    assert document["instance"] == path.partition("?")[0]


async def refused(service: Service, path: str, **headers: str) -> Response:
    """The answer to a handshake that is refused."""
    with pytest.raises(websockets.exceptions.InvalidStatus) as caught:
        async with listening(service, path, **headers):
            pass
    return caught.value.response


async def test_a_socket_that_is_refused_for_now_says_when_to_come_back(service: Service) -> None:
    nobody = await refused(service, "/ws", Authorization="Bearer nonsense")
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (
        401,
        'Bearer realm="parking", error="invalid_token"',
    )
    service.database.psql("alter role parking_service nologin")
    service.database.psql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'parking_service'")
    try:
        away = await refused(service, "/ws")
        assert away.status_code == 503
        assert int(away.headers["retry-after"]) > 0
    finally:
        service.database.psql("alter role parking_service login")


async def test_a_cursor_that_names_a_thousand_transactions(module_service: Service) -> None:
    """A server that takes lines of 8 kB would leave whoever comes back with it without an answer."""
    running = ",".join(str(1_000_000_000_000 + number) for number in range(1000))
    after = f"1~1000000000000:1000000001000:{running}"
    assert len(after) > 13_000
    async with listening(module_service, f"/ws?after={after}") as socket:
        assert (await next_message(socket))["type"] == "reset"


async def test_a_heartbeat_comes_when_nothing_happens(database: Database) -> None:
    """Its cursor stands behind all that was sent: the twenty seconds are shortened by a program around the service."""
    program = """
import runpy
import service.feed
service.feed.HEARTBEAT_SECONDS = 0.3
runpy.run_module("service", run_name="__main__")
"""
    async with Service(database, program=program) as service, listening(service) as socket:
        message = await next_message(socket)
        assert message["type"] == "heartbeat"
        assert message["cursor"]


async def test_what_a_client_sends_means_nothing(service: Service, connect: Connect) -> None:
    driver = await connect()
    async with listening(service) as socket:
        for message in ("{", "hello", b"\x00\xff", "x" * 10_000):
            await socket.send(message)
        await driver.fetch(BOOK, DRIVER_1, 1, hours_ahead(1), hours_ahead(2))
        assert (await next_event(socket))["type"] == "booked"


async def test_a_service_that_stops_says_so(either: Service) -> None:
    async with listening(either) as socket:
        await either.stop()
        with pytest.raises(websockets.exceptions.ConnectionClosed) as caught:
            await asyncio.wait_for(socket.recv(), LIMIT)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1012
