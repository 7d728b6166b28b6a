"""One statement for all who ask the same at the same time.

A statement that begins after somebody has asked tells them what holds then, and tells it to whoever else has asked by
then as well. Nothing is kept: who asks while a statement runs waits for the next one, because this one may have begun
before what they know of, such as their own booking.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

Q = TypeVar("Q", bound=Hashable)
M = TypeVar("M")
A = TypeVar("A")

# So that one that is slow keeps nobody waiting who could be told by another one meanwhile.
WIDTH: Final = 2


class Together(Generic[Q, M, A]):
    """Asks `ask(question, members)` for those who wait with the same question; each brings along who they are."""

    def __init__(self, ask: Callable[[Q, list[M]], Awaitable[A]]) -> None:
        self._ask = ask
        self._waiting: dict[Q, list[tuple[M, asyncio.Future[A]]]] = {}
        self._running: dict[Q, set[asyncio.Task[None]]] = {}

    async def answer(self, question: Q, member: M) -> A:
        """What a statement says that begins from now on, or what it raises."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(question, []).append((member, future))
        running = self._running.setdefault(question, set())
        if len(running) < WIDTH:
            # It begins in the next turn of the event loop, with all who have asked in this one.
            running.add(asyncio.create_task(self._work_off(question)))
        return await future

    async def _work_off(self, question: Q) -> None:
        try:
            while asked := self._waiting.pop(question, None):
                await self._answer_all(question, asked)
        finally:
            running = self._running[question]
            running.discard(asyncio.current_task())
            if not running:
                del self._running[question]

    async def _answer_all(self, question: Q, asked: list[tuple[M, asyncio.Future[A]]]) -> None:
        # Whoever has gone in the meantime has cancelled theirs.
        try:
            answer = await self._ask(question, [member for member, _ in asked])
        except Exception as error:  # noqa: BLE001 (it is theirs, whatever it is)
            for _, future in asked:
                if not future.done():
                    future.set_exception(error)
        except BaseException:
            for _, future in asked:
                future.cancel()
            raise
        else:
            for _, future in asked:
                if not future.done():
                    future.set_result(answer)
