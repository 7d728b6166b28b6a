"""A reader who does not keep up costs a bounded amount of memory, and then his connection."""

import asyncio

import pytest

from service.feed import TRY_AGAIN_LATER, Outbox


async def test_frames_come_out_in_order() -> None:
    outbox = Outbox(3)
    waiting = asyncio.create_task(outbox.get())
    await asyncio.sleep(0)
    for number in range(3):
        outbox.put(str(number))
    assert [await waiting, await outbox.get(), await outbox.get()] == ["0", "1", "2"]


async def test_a_full_box_is_closed_and_forgets() -> None:
    outbox = Outbox(5)
    for number in range(5):
        outbox.put(str(number))
    assert not outbox.closed.is_set()
    outbox.put("one too many")
    assert outbox.closed.is_set()
    assert outbox.code == TRY_AGAIN_LATER
    outbox.put("after the end")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(outbox.get(), 0.05)
