"""Random programs of bookings, completions, sweeps and clock moves, against a model small enough to be believed."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import Database
from tests.support.sql import BOOK, COMPLETE, DRIVER_1, DRIVER_2, one_row

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
class Sweep:
    pass


@dataclass(frozen=True)
class Wait:
    hours: int


Step = Book | Complete | Sweep | Wait

drivers, spots = st.sampled_from((DRIVER_1, DRIVER_2)), st.sampled_from((1, 2))
steps = st.one_of(
    st.builds(Book, drivers, spots, st.integers(-4, 30), st.integers(-1, 26)),
    st.builds(Complete, drivers, st.integers(0, 5)),
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
            case Sweep():
                self.release(self.reservations)
            case Wait():
                self.now += step.hours
        return "ok"

    def book(self, step: Book) -> str:
        starts, ends = self.now + step.starts, self.now + step.starts + step.hours
        if starts >= ends:
            return "period-backwards"
        if ends <= self.now:
            return "period-over"
        if ends - starts > LONGEST:
            return "period-too-long"
        same_spot = [r for r in self.reservations if r.spot == step.spot]
        # A refused booking is rolled back, and with it what it released.
        if any(r.status == "active" and r.ends > self.now and r.starts < ends and starts < r.ends for r in same_spot):
            return "spot-taken"
        self.release(same_spot)
        self.reservations.append(Reservation(step.driver, step.spot, starts, ends))
        self.events.append(("booked", len(self.reservations) - 1))
        return "ok"

    def complete(self, step: Complete) -> str:
        if step.which >= len(self.reservations):
            return "unknown-reservation"
        reservation = self.reservations[step.which]
        if reservation.driver != step.driver:
            return "not-your-reservation"
        if reservation.status != "active":
            return "reservation-not-active"
        reservation.status = "completed"
        self.events.append(("completed", step.which))
        return "ok"

    def release(self, among: list[Reservation]) -> None:
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
                case Complete():
                    number = numbers[step.which] if step.which < len(numbers) else 2**60
                    await superuser.fetch(COMPLETE, step.driver, number)
                case Sweep():
                    await superuser.fetch("select * from parking.release_stale()")
                case Wait():
                    pass
    except asyncpg.PostgresError as error:
        return error.constraint_name or str(error)
    return "ok"


async def compare(superuser: asyncpg.Connection, model: Model, numbers: list[int]) -> None:
    stored = await superuser.fetch("select id, status from parking.bookings order by id")
    assert [tuple(row) for row in stored] == list(zip(numbers, (r.status for r in model.reservations), strict=True))
    events = await superuser.fetch("select type, reservation_id from parking.events order by id")
    # What one sweep releases comes in the order of its ends, which the model leaves open.
    assert sorted(tuple(row) for row in events) == sorted((kind, numbers[which]) for kind, which in model.events)
    taken = await superuser.fetch("select id from parking.list_spots() where status = 'booked' order by id")
    # The clock is a second past the hour on which everything begins and ends.
    assert [row["id"] for row in taken] == list(model.booked())


@settings(max_examples=60)
@given(program=st.lists(steps, max_size=25))
def test_the_functions_do_what_the_model_says(module_database: Database, program: list[Step]) -> None:
    asyncio.run(run(module_database, program))
