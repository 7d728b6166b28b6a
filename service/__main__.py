"""`python -m service`: uvicorn in this process, one worker on uvloop, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any, Final, Literal

import uvicorn
import uvloop

from service import logs
from service.app import create_app
from service.habits.server import Protocol, SocketProtocol
from service.settings import Settings, SettingsError

log = logging.getLogger("service")

# The longest that a request may take, waiting in a lane and for a lock.
GRACE_SECONDS: Final = 5
BACKLOG: Final = 2048
# What a client sends over a socket means nothing.
LARGEST_MESSAGE: Final = 16 * 1024
# Whoever is behind a proxy and gone answers no ping; whoever is gone without one takes none of what was sent.
PING_SECONDS: Final = 30
UNTAKEN_SECONDS: Final = 60

USAGE_ERROR: Final = 2


def main() -> int:
    """Run the service; the exit status."""
    try:
        settings = Settings.from_environ(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return USAGE_ERROR
    logs.configure(settings.log_format, settings.log_level)
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        print(f"Cannot listen on {settings.host}, port {settings.port}: {error.strerror}.", file=sys.stderr)  # noqa: T201
        return 1
    with listener:
        return uvloop.run(serve(settings, listener))


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there, and nobody else's does; what it accepts inherits its options."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # A connection that is closed while its peer does not read would otherwise stay with all that it was to get.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNTAKEN_SECONDS * 1000)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers, which raise the signal once more in the end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to serve()."""
        yield


def server_of(app: Any, *, lifespan: Literal["on", "off"]) -> Server:  # noqa: ANN401 (any ASGI application)
    """The server of an application, which is told of its start and end if `lifespan` is on."""
    config = uvicorn.Config(
        app,
        interface="asgi3",
        lifespan=lifespan,
        http=Protocol,
        # Of uvicorn's three, what this is made of is the quickest, and its send() waits for a slow reader.
        ws=SocketProtocol,
        ws_max_size=LARGEST_MESSAGE,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        # It costs time and memory a socket; the same frame would be compressed for each anew.
        ws_per_message_deflate=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_SECONDS,
        # auth.address_of goes by the proxies that are trusted; anybody may claim an address.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level=logging.ERROR,
    )
    return Server(config)


def collect_seldom() -> None:
    """Have no full collection of garbage in the middle of a broadcast.

    It looks at everything that a thousand sockets hold, and for those 100 ms nothing is sent. What is here by now
    stays; and collections are so seldom that little of what a broadcast makes lives to grow old.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)


async def serve(settings: Settings, listener: socket.socket) -> int:
    """Serve until a signal comes, and for the configured delay; then stop within GRACE_SECONDS, open sockets or not.

    The exit status. A second signal ends the delay.
    """
    app = create_app(settings)
    collect_seldom()
    server = server_of(app, lifespan="on")
    stopped = False
    loop = asyncio.get_running_loop()

    def stop(delay: int) -> None:
        nonlocal stopped
        if stopped or not delay:
            server.should_exit = True
        else:
            log.info("Stopping in %d s", delay)
            loop.call_later(delay, functools.partial(setattr, server, "should_exit", True))
        stopped = True
        # From here on /readyz says 503: whoever balances the load is to find out before nobody listens any more.
        app.state.health.stop()

    loop.add_signal_handler(signal.SIGTERM, stop, settings.stop_delay)
    # Somebody at a terminal, who waits.
    loop.add_signal_handler(signal.SIGINT, stop, 0)
    log.info("Serving http://%s:%s", settings.host, settings.port)
    await server.serve(sockets=[listener])
    log.info("Stopped")
    return 0 if stopped else 1


if __name__ == "__main__":
    sys.exit(main())
