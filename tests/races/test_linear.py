"""The checker: histories known to be good or bad, and any small one against all the orders there are."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.linear import SPOT, Kind, Operation, Spot, is_linearizable

SLOTS = ((8, 12), (12, 16))


def book(starts: int, ends: int, answer: int | str | None, *when: float) -> Operation:
    return Operation("book", (starts, ends), answer, *when)


def end(number: int, answer: str | None, *when: float) -> Operation:
    return Operation("end", number, answer, *when)


def look(*booked: tuple[int, int], when: tuple[float, float]) -> Operation:
    return Operation("look", SLOTS, booked, *when)


GOOD = {
    "nothing": [],
    "one after the other": [book(8, 12, 1, 0, 1), end(1, "ended", 2, 3), book(8, 12, 2, 4, 5)],
    "one of two at once is refused": [book(8, 12, 1, 0, 5), book(10, 14, "taken", 1, 2)],
    "refused for what is only just being ended": [
        book(8, 12, 1, 0, 1), end(1, "ended", 2, 9), book(8, 12, "taken", 3, 4), book(8, 12, 2, 5, 6),
    ],
    "neighbours": [book(8, 12, 1, 0, 1), book(12, 16, 2, 2, 3), look((8, 12), (12, 16), when=(4, 5))],
    "a look at what is just being booked, before": [book(8, 12, 1, 0, 5), look(when=(1, 2))],
    "a look at what is just being booked, after": [book(8, 12, 1, 0, 5), look((8, 12), when=(1, 2))],
    "a lost answer, and it was booked": [book(8, 12, None, 0), book(8, 12, "taken", 1, 2)],
    "a lost answer, and it was not": [book(8, 12, None, 0), book(8, 12, 1, 1, 2)],
    "a lost answer, and it was booked late": [book(8, 12, None, 0), look(when=(1, 2)), book(8, 12, "taken", 3, 4)],
    "ended once, and once too late": [book(8, 12, 1, 0, 1), end(1, "over", 2, 5), end(1, "ended", 3, 4)],
}  # fmt: skip

BAD = {
    "both have it": [book(8, 12, 1, 0, 5), book(10, 14, 2, 1, 2)],
    "both have it, one after the other": [book(8, 12, 1, 0, 1), book(8, 12, 2, 2, 3)],
    "refused for nothing": [book(8, 12, "taken", 0, 1)],
    "refused for what is over": [
        book(8, 12, 1, 0, 1), end(1, "ended", 2, 3), book(8, 12, "taken", 4, 5),
    ],
    "refused for what comes only later": [book(8, 12, "taken", 0, 1), book(8, 12, 1, 2, 3)],
    "a booking that is lost": [book(8, 12, 1, 0, 1), look(when=(2, 3))],
    "a look that is late": [book(8, 12, 1, 0, 1), end(1, "ended", 2, 3), look((8, 12), when=(4, 5))],
    "seen, and then not": [book(8, 12, 1, 0, 9), look((8, 12), when=(1, 2)), look(when=(3, 4))],
    "ended twice": [book(8, 12, 1, 0, 1), end(1, "ended", 2, 5), end(1, "ended", 3, 4)],
    "not ended, and not there": [book(8, 12, 1, 0, 1), end(1, "over", 2, 3)],
    "a lost answer that is seen to and fro": [
        book(8, 12, None, 0), look((8, 12), when=(1, 2)), look(when=(3, 4)), look((8, 12), when=(5, 6)),
    ],
    "booked before it was asked for": [look((8, 12), when=(0, 1)), book(8, 12, 1, 2, 3)],
}  # fmt: skip


@pytest.mark.parametrize("history", GOOD)
def test_good_histories(history: str) -> None:
    assert is_linearizable(SPOT, GOOD[history])


@pytest.mark.parametrize("history", BAD)
def test_bad_histories(history: str) -> None:
    assert not is_linearizable(SPOT, BAD[history])


def in_some_order(kind: Kind[Spot], history: list[Operation]) -> bool:
    """What linearizable means, word for word: some lost ones left out, an order that respects time, and its answers."""
    lost = [operation for operation in history if operation.lost]
    for left_out in range(1 << len(lost)):
        kept = [o for o in history if not o.lost or not left_out >> lost.index(o) & 1]
        for order in permutations(kept):
            if any(late.answered_at < early.called_at for n, early in enumerate(order) for late in order[n + 1 :]):
                continue
            states = {kind.initial}
            for operation in order:
                states = {after for state in states for after in kind.steps(state, operation)}
            if states:
                return True
    return False


moments = st.lists(st.integers(0, 20), min_size=2, max_size=2, unique=True).map(sorted)


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    when = draw(moments)
    if draw(st.booleans()):
        slot = draw(st.sampled_from([(8, 12), (12, 16), (10, 14)]))
        answer = draw(st.sampled_from([None, "taken", 1, 2]))
        return Operation("book", slot, answer, *(when if answer else when[:1]))
    if draw(st.booleans()):
        return end(draw(st.sampled_from([1, 2])), draw(st.sampled_from(["ended", "over"])), *when)
    return look(*draw(st.sampled_from([(), ((8, 12),), SLOTS])), when=(when[0], when[1]))


@settings(max_examples=300)
@given(st.lists(operations(), max_size=5, unique=True))
def test_it_finds_what_trying_every_order_finds(history: list[Operation]) -> None:
    assert is_linearizable(SPOT, history) == in_some_order(SPOT, history)
