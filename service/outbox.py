"""What waits to be sent over one socket. Nobody waits for a slow reader, and nobody's memory grows for him."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

POLICY_VIOLATION: Final = 1008
SERVICE_RESTART: Final = 1012
TRY_AGAIN_LATER: Final = 1013


class Outbox:
    """So many frames at most, for one reader; whoever is further behind is let go.

    With `whole`, which makes a frame that stands for all that went before, a reader who is behind is owed that one
    frame instead, and let go only when as many more have come before he takes it.
    """

    def __init__(self, largest_backlog: int, whole: Callable[[], str] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._largest_backlog = largest_backlog
        self._whole = whole
        self._frames: deque[str] = deque()
        # While the whole is owed: how many frames it stands for, from the one on that did not fit.
        self._owed = 0
        self._waiter: asyncio.Future[None] | None = None
        self._used_at = self._loop.time()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        """Done when nothing is to be sent any more; `code` tells how the socket is to be closed then, if it is."""
        self.code: int | None = None
        self.reason = ""

    def put(self, frame: str) -> None:
        """Add a frame, or close the box of a reader who does not keep up."""
        if self.closed.done():
            return
        if not self._owed and len(self._frames) < self._largest_backlog:
            self._frames.append(frame)
            self._used_at = self._loop.time()
            self._wake()
        elif self._whole is None or self._owed == self._largest_backlog:
            self.close(TRY_AGAIN_LATER)
        else:
            self._frames.clear()
            self._owed += 1

    def put_if_quiet(self, frame: str, seconds: float) -> None:
        """Add a frame if there was none for so long, and none waits."""
        if not self._frames and not self._owed and self._loop.time() - self._used_at >= seconds:
            self.put(frame)

    def close(self, code: int, reason: str = "") -> None:
        """Forget what waits; the socket is to be closed with this code (RFC 6455, 7.4) and reason."""
        if not self.closed.done():
            self.code, self.reason = code, reason
            self.leave()

    def leave(self, _: object = None) -> None:
        """Forget what waits; the socket is gone. (A task's callback.)"""
        self._frames.clear()
        self._owed = 0
        if not self.closed.done():
            self.closed.set_result(None)

    async def get(self) -> str:
        """The next frame, in order; for one reader."""
        while True:
            if self._owed and self._whole is not None:
                self._owed = 0
                return self._whole()
            if self._frames:
                return self._frames.popleft()
            self._waiter = self._loop.create_future()
            await self._waiter

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
