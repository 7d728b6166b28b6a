"""`python -m service`: granian in this process, one worker on uvloop, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from typing import Final

import uvloop
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from service.app import create_app
from service.settings import Settings, SettingsError

log = logging.getLogger("service")

# The longest that a request may take, waiting in a lane and for a lock.
GRACE_SECONDS: Final = 5.0

FAREWELL_SECONDS: Final = 0.25

USAGE_ERROR: Final = 2


def main() -> int:
    """Run the service; the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = Settings.from_environ(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return USAGE_ERROR
    try:
        address = free_address(settings.host, settings.port)
    except OSError as error:
        print(f"Cannot listen on {settings.host}, port {settings.port}: {error.strerror}.", file=sys.stderr)  # noqa: T201
        return 1
    return uvloop.run(serve(settings, address))


def free_address(host: str, port: int) -> str:
    """The IP address of the host, which granian asks for; OSError when somebody listens there.

    granian binds with SO_REUSEPORT and would share the port silently.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
    return str(address[0])


async def serve(settings: Settings, address: str) -> int:
    """Serve until a signal comes, then stop within GRACE_SECONDS, open sockets or not; the exit status."""
    app = create_app(settings)
    # A full collection looks at everything that a thousand sockets hold, and for those 100 ms nothing is sent. What is
    # here by now stays; and collections are so seldom that little of what a broadcast makes lives to grow old.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)
    server = Server(
        app,
        address=address,
        port=settings.port,
        interface=Interfaces.ASGI,
        log_level=LogLevels.error,
        log_dictconfig={"handlers": {}, "loggers": {"_granian": {"propagate": True}}},
    )
    signalled = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signalled.set)
    serving = asyncio.ensure_future(server.serve())
    waiting = asyncio.ensure_future(signalled.wait())
    log.info("Serving http://%s:%s", settings.host, settings.port)
    await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    # granian would drop them without a close frame.
    await app.state.feed.stop()
    await asyncio.sleep(FAREWELL_SECONDS)
    server.stop()  # type: ignore[no-untyped-call]
    await asyncio.wait([serving], timeout=GRACE_SECONDS)
    waiting.cancel()
    log.info("Stopped")
    return 0 if signalled.is_set() else 1


if __name__ == "__main__":
    sys.exit(main())
