"""Random programs of bookings and their changes, sweeps and clock moves, against a model that is easy to believe."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import Database
from tests.support.sql import BOOK, CANCEL, COMPLETE, DRIVER_1, DRIVER_2, RESCHEDULE, one_row

NOON = datetime(2030, 5, 6, 12, tzinfo=UTC)
LONGEST, HORIZON = 24, 365 * 24


@dataclass(frozen=True)
class Book:
    driver: int
    spot: int
    starts: int
    hours: int


@dataclass(frozen=True)
class Complete:
    driver: int
    which: int


@dataclass(frozen=True)
class Cancel:
    driver: int
    which: int


@dataclass(frozen=True)
class Reschedule:
    driver: int
    which: int
    starts: int | None
    ends: int | None


@dataclass(frozen=True)
class Sweep:
    pass


@dataclass(frozen=True)
class Wait:
    hours: int


Step = Book | Complete | Cancel | Reschedule | Sweep | Wait

hours = st.none() | st.integers(-4, 30)
drivers, spots = st.sampled_from((DRIVER_1, DRIVER_2)), st.sampled_from((1, 2))
steps = st.one_of(
    st.builds(Book, drivers, spots, st.integers(-4, 30), st.integers(-1, 26)),
    st.builds(Complete, drivers, st.integers(0, 5)),
    st.builds(Cancel, drivers, st.integers(0, 5)),
    st.builds(Reschedule, drivers, st.integers(0, 5), hours, hours),
    st.builds(Sweep),
    st.builds(Wait, st.integers(1, 12)),
)


@dataclass
class Reservation:
    driver: int
    spot: int
    starts: int
    ends: int
    status: str = "active"


class Model:
    """Hours since NOON are its only times; a reservation's number is its place in the list."""

    def __init__(self) -> None:
        self.now = 0
        self.reservations: list[Reservation] = []
        self.events: list[tuple[str, int]] = []

    def apply(self, step: Step) -> str:
        match step:
            case Book():
                return self.book(step)
            case Complete():
                return self.complete(step)
            case Cancel():
                return self.cancel(step)
            case Reschedule():
                return self.reschedule(step)
            case Sweep():
                self.release(self.reservations)
            case Wait():
                self.now += step.hours
        return "ok"

    def book(self, step: Book) -> str:
        starts, ends = self.now + step.starts, self.now + step.starts + step.hours
        if (refusal := self.judge(step.spot, starts, ends, None)) is not None:
            return refusal
        self.release(r for r in self.reservations if r.spot == step.spot)
        self.reservations.append(Reservation(step.driver, step.spot, starts, ends))
        self.events.append(("booked", len(self.reservations) - 1))
        return "ok"

    def judge(self, spot: int, starts: int, ends: int, but: Reservation | None) -> str | None:
        """Why a period cannot be had on a spot, apart from one reservation that may be in the way."""
        if starts >= ends:
            return "period-backwards"
        if ends <= self.now:
            return "period-over"
        if ends - starts > LONGEST:
            return "period-too-long"
        # A refused booking is rolled back, and with it what it released.
        others = (r for r in self.reservations if r.spot == spot and r.status == "active" and r is not but)
        if any(r.ends > self.now and r.starts < ends and starts < r.ends for r in others):
            return "spot-taken"
        return None

    def find(self, step: Complete | Cancel | Reschedule) -> Reservation | str:
        """The driver's own reservation that is active, or the refusal."""
        if step.which >= len(self.reservations):
            return "unknown-reservation"
        reservation = self.reservations[step.which]
        if reservation.driver != step.driver:
            return "not-your-reservation"
        return reservation if reservation.status == "active" else "reservation-not-active"

    def complete(self, step: Complete) -> str:
        if isinstance(reservation := self.find(step), str):
            return reservation
        reservation.status = "completed"
        self.events.append(("completed", step.which))
        return "ok"

    def cancel(self, step: Cancel) -> str:
        if isinstance(reservation := self.find(step), str):
            return reservation
        if reservation.starts <= self.now:
            return "reservation-begun"
        reservation.status = "cancelled"
        self.events.append(("cancelled", step.which))
        return "ok"

    def reschedule(self, step: Reschedule) -> str:
        if isinstance(reservation := self.find(step), str):
            return reservation
        if reservation.ends <= self.now:
            return "reservation-not-active"
        starts = reservation.starts if step.starts is None else self.now + step.starts
        ends = reservation.ends if step.ends is None else self.now + step.ends
        if (starts, ends) == (reservation.starts, reservation.ends):
            return "ok"
        if starts != reservation.starts <= self.now:
            return "reservation-begun"
        if (refusal := self.judge(reservation.spot, starts, ends, reservation)) is not None:
            return refusal
        self.release(r for r in self.reservations if r.spot == reservation.spot)
        reservation.starts, reservation.ends = starts, ends
        self.events.append(("rescheduled", step.which))
        return "ok"

    def release(self, among: Iterable[Reservation]) -> None:
        for reservation in among:
            if reservation.status == "active" and reservation.ends <= self.now:
                reservation.status = "completed"
                self.events.append(("released", self.reservations.index(reservation)))

    def booked(self) -> Iterator[int]:
        """The spots that are taken at this moment."""
        for spot in (1, 2):
            if any(
                r.spot == spot and r.status == "active" and r.starts <= self.now < r.ends for r in self.reservations
            ):
                yield spot


async def run(database: Database, program: list[Step]) -> None:
    superuser = await database.connect("postgres")
    model, numbers = Model(), list[int]()
    transaction = superuser.transaction()
    await transaction.start()
    try:
        for step in program:
            await set_clock(superuser, model.now)
            assert await outcome(superuser, step, model.now, numbers) == model.apply(step), step
            await set_clock(superuser, model.now)
            await compare(superuser, model, numbers)
    finally:
        await transaction.rollback()
        await superuser.close()


async def set_clock(superuser: asyncpg.Connection, hours: int) -> None:
    """A second past the hour, so that no hour passes while a step runs."""
    moment = NOON + timedelta(hours=hours, seconds=1)
    await superuser.execute("update parking_private.clock_shift set shift = $1 - clock_timestamp()", moment)


async def outcome(superuser: asyncpg.Connection, step: Step, now: int, numbers: list[int]) -> str:
    try:
        async with superuser.transaction():
            match step:
                case Book():
                    starts = NOON + timedelta(hours=now + step.starts)
                    row = await one_row(
                        superuser, BOOK, step.driver, step.spot, starts, starts + timedelta(hours=step.hours)
                    )
                    numbers.append(row["id"])
                case Complete() | Cancel() | Reschedule():
                    number = numbers[step.which] if step.which < len(numbers) else 2**60
                    await superuser.fetch(*change(step, number, now))
                case Sweep():
                    await superuser.fetch("select * from parking.release_stale()")
                case Wait():
                    pass
    except asyncpg.PostgresError as error:
        return error.constraint_name or str(error)
    return "ok"


def change(step: Complete | Cancel | Reschedule, number: int, now: int) -> tuple[str, *tuple[object, ...]]:
    """The statement of a step, with its arguments."""
    match step:
        case Complete():
            return COMPLETE, step.driver, number
        case Cancel():
            return CANCEL, step.driver, number
        case Reschedule():
            starts, ends = (None if at is None else NOON + timedelta(hours=now + at) for at in (step.starts, step.ends))
            return RESCHEDULE, step.driver, number, starts, ends


async def compare(superuser: asyncpg.Connection, model: Model, numbers: list[int]) -> None:
    stored = await superuser.fetch("select id, status, starts, ends from parking.bookings order by id")
    assert [tuple(row) for row in stored] == [
        (number, r.status, NOON + timedelta(hours=r.starts), NOON + timedelta(hours=r.ends))
        for number, r in zip(numbers, model.reservations, strict=True)
    ]
    events = await superuser.fetch("select type, reservation_id from parking.events order by id")
    # What one sweep releases comes in the order of its ends, which the model leaves open.
    assert sorted(tuple(row) for row in events) == sorted((kind, numbers[which]) for kind, which in model.events)
    taken = await superuser.fetch("select id from parking.list_spots() where status = 'booked' order by id")
    # The clock is a second past the hour on which everything begins and ends.
    assert [row["id"] for row in taken] == list(model.booked())


@settings(max_examples=80)
@given(program=st.lists(steps, max_size=25))
def test_the_functions_do_what_the_model_says(module_database: Database, program: list[Step]) -> None:
    asyncio.run(run(module_database, program))
