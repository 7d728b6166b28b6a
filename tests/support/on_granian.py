"""`python -m tests.support.on_granian`: the service on the other server that it is to run on."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Final

import uvloop
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from service.__main__ import collect_seldom
from service.app import create_app
from service.settings import Settings

GRACE_SECONDS: Final = 5.0
FAREWELL_SECONDS: Final = 0.25


async def serve(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    app = create_app(settings)
    collect_seldom()
    server = Server(
        app,
        address=settings.host,
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
    await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    # granian would drop the sockets without a close frame.
    await app.state.feed.stop()
    await asyncio.sleep(FAREWELL_SECONDS)
    server.stop()  # type: ignore[no-untyped-call]
    await asyncio.wait([serving], timeout=GRACE_SECONDS)
    waiting.cancel()


def main() -> None:
    """Run the service with the settings of the environment."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    uvloop.run(serve(Settings.from_environ(os.environ)))


if __name__ == "__main__":
    main()
