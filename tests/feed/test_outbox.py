"""A reader who does not keep up costs a bounded amount of memory, and then his connection."""

import asyncio

import pytest

from service.outbox import TRY_AGAIN_LATER, Outbox


async def empty(outbox: Outbox) -> bool:
    try:
        await asyncio.wait_for(outbox.get(), 0.05)
    except TimeoutError:
        return True
    return False


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
    assert not outbox.closed.done()
    outbox.put("one too many")
    assert outbox.closed.done()
    assert outbox.code == TRY_AGAIN_LATER
    outbox.put("after the end")
    assert await empty(outbox)


async def test_who_is_behind_is_owed_the_whole_as_it_is_when_he_takes_it() -> None:
    frames = list[str]()
    outbox = Outbox(5, lambda: " ".join(frames))

    def put(number: int) -> None:
        frames.append(str(number))
        outbox.put(frames[-1])

    for number in range(10):
        put(number)
    outbox.put_if_quiet("heartbeat", 0)
    assert await outbox.get() == "0 1 2 3 4 5 6 7 8 9"
    put(10)
    assert await outbox.get() == "10"
    assert await empty(outbox)
    for number in range(11, 16):
        put(number)
    assert [await outbox.get() for _ in range(5)] == ["11", "12", "13", "14", "15"], "behind, and not too far"


async def test_who_does_not_take_the_whole_either_is_let_go() -> None:
    outbox = Outbox(5, lambda: pytest.fail("nobody asks for it"))
    for number in range(10):
        outbox.put(str(number))
    assert not outbox.closed.done()
    outbox.put("one too many")
    assert outbox.code == TRY_AGAIN_LATER
    assert await empty(outbox)


async def test_a_heartbeat_goes_only_to_who_has_heard_nothing_for_so_long() -> None:
    outbox = Outbox(5)
    outbox.put_if_quiet("heartbeat", 0.1)
    outbox.put("frame")
    assert await outbox.get() == "frame"
    await asyncio.sleep(0.15)
    outbox.put_if_quiet("heartbeat", 0.1)
    outbox.put_if_quiet("heartbeat", 0)
    assert await outbox.get() == "heartbeat"
    assert await empty(outbox), "one that waits is enough"
    outbox.close(TRY_AGAIN_LATER)
    outbox.leave()
    assert outbox.code == TRY_AGAIN_LATER


async def test_who_leaves_is_not_sent_a_code() -> None:
    outbox = Outbox(5)
    outbox.put("frame")
    outbox.leave()
    outbox.close(TRY_AGAIN_LATER)
    assert outbox.closed.done()
    assert outbox.code is None
    assert await empty(outbox)
