"""`python -m tests.bench.floor PORT BYTES`: the least that a broadcast can cost, on the service's own server.

No database, no board, no framework: PER_SECOND times a second every socket gets one frame of so many bytes, which
begins with the moment of its sending in seconds since 1970.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from service.__main__ import listen, server_of

PER_SECOND = 5

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


async def serve(port: int, size: int) -> None:
    """Until the process is ended."""
    listeners: set[Send] = set()

    async def answer(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "hello"})
        listeners.add(send)
        try:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            listeners.discard(send)

    async def broadcast() -> None:
        while True:
            await asyncio.sleep(1 / PER_SECOND)
            message = {"type": "websocket.send", "text": f"{time.time():.6f} ".ljust(size, ".")}
            await asyncio.gather(*(send(message) for send in listeners), return_exceptions=True)

    with listen("127.0.0.1", port) as listener:
        await asyncio.gather(server_of(answer, lifespan="off").serve(sockets=[listener]), broadcast())


if __name__ == "__main__":
    uvloop.run(serve(*map(int, sys.argv[1:])))
