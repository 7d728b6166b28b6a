"""Whether a history of concurrent operations on one object is linearizable: whether each can have taken effect at one
moment between its call and its answer, so that one after the other they give those answers.

The search is that of Wing and Gong (1993) as Lowe (2017) has it: whatever may come first is tried first, and a set of
operations that has led to a state is not tried again. Of an operation whose answer was lost nobody knows whether it has
taken effect: it may at any moment after its call, or never.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar, cast

State = TypeVar("State", bound=Hashable)


@dataclass(frozen=True)
class Operation:
    """What somebody asked for and was told; `answered_at` is infinite and `answer` None when the answer was lost."""

    name: str
    argument: Hashable
    answer: Hashable
    called_at: float
    answered_at: float = inf

    @property
    def lost(self) -> bool:
        return self.answered_at == inf


@dataclass(frozen=True)
class Kind(Generic[State]):
    """What sort of object it is: its state at first, and the states that an operation may lead to.

    No state at all: the answer is impossible there. The answer of an operation is None when it was lost.
    """

    initial: State
    steps: Callable[[State, Operation], Iterable[State]]


def is_linearizable(kind: Kind[State], history: Sequence[Operation]) -> bool:
    """Whether there is an order that respects real time and gives these answers."""
    operations = sorted(history, key=lambda operation: operation.called_at)
    answered = sum(1 << n for n, operation in enumerate(operations) if not operation.lost)
    todo: list[tuple[int, State]] = [(0, kind.initial)]
    tried = set(todo)
    while todo:
        done, state = todo.pop()
        if done & answered == answered:
            return True
        for n in first_ones(operations, done):
            for after in kind.steps(state, operations[n]):
                step = (done | 1 << n, after)
                if step not in tried:
                    tried.add(step)
                    todo.append(step)
    return False


def first_ones(operations: Sequence[Operation], done: int) -> list[int]:
    """Those that may come next: which were called before any of the others that are left was answered."""
    first, deadline = [], inf
    for n, operation in enumerate(operations):
        if operation.called_at > deadline:
            break
        if not done >> n & 1:
            first.append(n)
            deadline = min(deadline, operation.answered_at)
    return first


Booking = tuple[int, int, int]
"""The number of a reservation, and the hours from which and until when it has the spot."""

Spot = frozenset[Booking]
Hours = tuple[int, int]


def steps_of_a_spot(state: Spot, operation: Operation) -> Iterable[Spot]:
    """`book` (from, until) is answered by its number or `taken`, `end` (number) by `ended` or `over`, and `look`
    (the hours of some slots) by those that are booked."""
    match operation.name:
        case "book":
            wanted = cast("Hours", operation.argument)
            if operation.answer == "taken":
                return [state] if is_booked(state, wanted) else []
            # Of a lost one nobody knows the number.
            number = -int(operation.called_at * 1e9) if operation.answer is None else cast("int", operation.answer)
            return [] if is_booked(state, wanted) else [state | {(number, *wanted)}]
        case "end":
            mine = frozenset(booking for booking in state if booking[0] == operation.argument)
            if operation.answer == "over":
                return [] if mine else [state]
            return [state - mine] if mine else []
        case _:
            slots = cast("tuple[Hours, ...]", operation.argument)
            return [state] if operation.answer == tuple(slot for slot in slots if is_booked(state, slot)) else []


def is_booked(state: Spot, hours: Hours) -> bool:
    """Whether any of these hours is."""
    return any(starts < hours[1] and hours[0] < ends for _, starts, ends in state)


SPOT: Kind[Spot] = Kind(frozenset(), steps_of_a_spot)
