"""One statement for all who ask the same at the same time.

A statement that begins after somebody has asked tells them what holds then, and tells it to whoever else has asked by
then as well. Who asks while a statement runs waits for the next one, because this one may have begun before what they
know of, such as their own booking; unless they say since when an answer will do for them.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

Q = TypeVar("Q", bound=Hashable)
M = TypeVar("M")
A = TypeVar("A")

# So that one that is slow keeps nobody waiting who could be told by another one meanwhile.
WIDTH: Final = 2


class Together(Generic[Q, M, A]):
    """Asks `ask(question, members)` for those who wait with the same question; each brings along who they are.

    Answers are kept for so long, and no longer, for those who say since when one will do.
    """

    def __init__(self, ask: Callable[[Q, list[M]], Awaitable[A]], keep_seconds: float = 0.0) -> None:
        self._ask = ask
        self._keep_seconds = keep_seconds
        self._kept: dict[Q, tuple[float, A]] = {}
        self._waiting: dict[Q, list[tuple[M, asyncio.Future[A], contextvars.Context]]] = {}
        self._running: dict[Q, set[asyncio.Task[None]]] = {}

    async def answer(self, question: Q, member: M, since: float = math.inf) -> A:
        """What a statement says that begins from now on, or what it raises.

        Or what one has said that has begun since a moment of the event loop's clock, if it is still kept.
        """
        if (kept := self._kept.get(question)) is not None and kept[0] >= since:
            return kept[1]
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(question, []).append((member, future, contextvars.copy_context()))
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

    async def _answer_all(self, question: Q, asked: list[tuple[M, asyncio.Future[A], contextvars.Context]]) -> None:
        loop = asyncio.get_running_loop()
        begun_at = loop.time()
        members = [member for member, _, _ in asked]
        # As a part of the first one's request: that is whose trace the statement belongs to.
        (_, _, context), *_ = asked
        statement = loop.create_task(self._in_a_task(question, members), context=context)
        # Whoever has gone in the meantime has cancelled theirs.
        try:
            answer = await statement
        except Exception as error:  # noqa: BLE001 (it is theirs, whatever it is)
            for _, future, _ in asked:
                if not future.done():
                    future.set_exception(error)
        except BaseException:
            statement.cancel()
            for _, future, _ in asked:
                future.cancel()
            raise
        else:
            self._keep(question, (begun_at, answer))
            for _, future, _ in asked:
                if not future.done():
                    future.set_result(answer)

    async def _in_a_task(self, question: Q, members: list[M]) -> A:
        return await self._ask(question, members)

    def _keep(self, question: Q, answer: tuple[float, A]) -> None:
        def forget() -> None:
            if self._kept.get(question) is answer:
                del self._kept[question]

        if self._keep_seconds:
            self._kept[question] = answer
            asyncio.get_running_loop().call_later(self._keep_seconds, forget)
