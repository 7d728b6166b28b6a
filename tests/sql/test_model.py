"""Random programs of everything that can become of bookings, in two tenants, against a model that is easy to believe.

After each step the answer is what the model says, and so are the reservations and the record of events; and what always
holds (tests/support/invariants.py) does hold.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.support import Database
from tests.support.invariants import broken
from tests.support.sql import edit_function

T = TypeVar("T")

NOON = datetime(2030, 5, 6, 12, tzinfo=UTC)
LONGEST = 24

CITY, RIVERSIDE = 0, 1
"""The tenants. Each has two drivers and an operator, numbered 0 to 2 here, and two spots of one lot."""

OPERATOR = 2
Person = tuple[int, int]
Spot = tuple[int, int]

people = st.tuples(st.sampled_from((CITY, RIVERSIDE)), st.integers(0, 2))
operators = st.tuples(st.sampled_from((CITY, RIVERSIDE)), st.just(OPERATOR))
spots = st.tuples(st.sampled_from((CITY, CITY, RIVERSIDE)), st.integers(0, 1))
which = st.integers(0, 30)
hours = st.none() | st.integers(-4, 30)


@dataclass
class Reservation:
    person: Person
    spot: Spot
    starts: int
    ends: int
    status: str = "active"


@dataclass
class Maintenance:
    until: int | None
    ended: bool = False

    def lasts_beyond(self, hour: int) -> bool:
        return not self.ended and (self.until is None or self.until > hour)


class Model:
    """Hours since NOON are its only times; a reservation's number is its place in the list."""

    def __init__(self) -> None:
        self.now = 0
        self.reservations: list[Reservation] = []
        self.closed: dict[Spot, Maintenance] = {}
        self.events: list[tuple[str, int | None]] = []

    def book(self, person: Person, spot: Spot, starts: int, ends: int) -> str:
        if person[0] != spot[0]:
            return "unknown-spot"
        if (refusal := self.judge_period(starts, ends) or self.judge_room(spot, starts, ends)) is not None:
            return refusal
        self.release(r for r in self.reservations if r.spot == spot)
        self.reservations.append(Reservation(person, spot, starts, ends))
        self.events.append(("booked", len(self.reservations) - 1))
        return "ok"

    def judge_period(self, starts: int, ends: int) -> str | None:
        if starts >= ends:
            return "period-backwards"
        if ends <= self.now:
            return "period-over"
        return "period-too-long" if ends - starts > LONGEST else None

    def judge_room(self, spot: Spot, starts: int, ends: int, but: Reservation | None = None) -> str | None:
        """Why a period cannot be had on a spot, apart from one reservation that may be in the way."""
        if spot in self.closed and self.closed[spot].lasts_beyond(max(starts, self.now)):
            return "spot-in-maintenance"
        if any(r.starts < ends and starts < r.ends for r in self.live(spot) if r is not but):
            return "spot-taken"
        return None

    def live(self, spot: Spot) -> Iterator[Reservation]:
        return (r for r in self.reservations if r.spot == spot and r.status == "active" and r.ends > self.now)

    def find(self, person: Person, number: int, *, operator_may: bool = False) -> Reservation | str:
        """A reservation that is active and one's own, or the refusal."""
        if number >= len(self.reservations) or self.reservations[number].spot[0] != person[0]:
            return "unknown-reservation"
        reservation = self.reservations[number]
        if reservation.person != person and not (operator_may and person[1] == OPERATOR):
            return "not-your-reservation"
        return reservation if reservation.status == "active" else "reservation-not-active"

    def complete(self, person: Person, number: int) -> str:
        if isinstance(reservation := self.find(person, number), str):
            return reservation
        reservation.status = "completed"
        self.events.append(("completed", number))
        return "ok"

    def cancel(self, person: Person, number: int) -> str:
        if isinstance(reservation := self.find(person, number, operator_may=True), str):
            return reservation
        if reservation.starts <= self.now:
            return "reservation-begun"
        reservation.status = "cancelled"
        self.events.append(("cancelled", number))
        return "ok"

    def reschedule(self, person: Person, number: int, starts: int | None, ends: int | None) -> str:
        if isinstance(reservation := self.find(person, number), str):
            return reservation
        if reservation.ends <= self.now:
            return "reservation-not-active"
        former = reservation.starts, reservation.ends
        starts, ends = former[0] if starts is None else starts, former[1] if ends is None else ends
        if (starts, ends) == former:
            return "ok"
        if starts != former[0] <= self.now:
            return "reservation-begun"
        refusal = self.judge_period(starts, ends)
        if refusal is None and (starts < former[0] or ends > former[1]):
            refusal = self.judge_room(reservation.spot, starts, ends, reservation)
        if refusal is not None:
            return refusal
        self.release(r for r in self.reservations if r.spot == reservation.spot)
        reservation.starts, reservation.ends = starts, ends
        self.events.append(("rescheduled", number))
        return "ok"

    def release(self, among: Iterable[Reservation]) -> None:
        for reservation in among:
            if reservation.status == "active" and reservation.ends <= self.now:
                reservation.status = "completed"
                self.events.append(("released", self.reservations.index(reservation)))

    def sweep(self, person: Person | None) -> str:
        """The stale checker is above tenants, an operator is not."""
        if person is not None and person[1] != OPERATOR:
            return "not-permitted"
        self.release(r for r in self.reservations if person is None or r.spot[0] == person[0])
        return "ok"

    def close(self, person: Person, spot: Spot, until: int | None) -> str:
        if person[1] != OPERATOR:
            return "not-permitted"
        if person[0] != spot[0]:
            return "unknown-spot"
        if until is not None and until <= self.now:
            return "not-an-override"
        self.closed[spot] = Maintenance(until)
        self.events.append(("overridden", None))
        return "ok"

    def open(self, person: Person, spot: Spot) -> str:
        if person[1] != OPERATOR:
            return "not-permitted"
        if person[0] != spot[0]:
            return "unknown-spot"
        if spot in self.closed:
            if self.closed[spot].lasts_beyond(self.now):
                self.events.append(("overridden", None))
            self.closed[spot].ended = True
        return "ok"


PREPARE = """
    select parking.build_lot(parking.find_person('operator@riverside.com', 'riverside'), 'Second', 'Europe/London',
        spots => 2);

    create function pg_temp.attempt(call text, out outcome text, out number bigint) language plpgsql as $$
    begin
        execute call into number;
        outcome := 'ok';
    exception when others then
        get stacked diagnostics outcome = constraint_name;
        outcome := coalesce(nullif(outcome, ''), format('%s %s', sqlstate, sqlerrm));
    end $$"""

NUMBERS = """
    select array(
        select p.id from parking.people p
        where p.email ~ ('^(driver|operator).*@' || d.domain || '.com$') order by p.email
    ) as people, array(
        select s.id from parking.spots s join parking.lots l on l.id = s.lot_id
        where l.name = d.lot order by s.id limit 2
    ) as spots
    from (values (0, 'parking', 'Demo Garage'), (1, 'riverside', 'Second')) d (n, domain, lot)
    order by d.n"""

STATE = """
    select array(select row(r.id, r.status, r.starts, r.ends) from parking.reservations r order by r.id) as stored,
           array(select row(e.type, e.reservation_id) from parking.events e order by e.id) as events"""


class World:
    """The database, spoken to in the model's hours, people and spots; what is done to it is undone in the end."""

    loop: asyncio.AbstractEventLoop
    superuser: asyncpg.Connection
    transaction: Any
    people: list[list[int]]
    spots: list[list[int]]

    def __init__(self, database: Database) -> None:
        self.steps = 0
        self.loop = asyncio.new_event_loop()
        self.superuser = self.run(database.connect("postgres", jit="off"))
        self.run(self.superuser.execute(PREPARE))
        rows = self.run(self.superuser.fetch(NUMBERS))
        self.people, self.spots = [row["people"] for row in rows], [row["spots"] for row in rows]
        assert [len(numbers) for row in rows for numbers in row] == [3, 2, 3, 2]

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(what)

    def begin(self) -> None:
        self.transaction = self.superuser.transaction()
        self.run(self.transaction.start())

    def undo(self) -> None:
        self.run(self.transaction.rollback())

    def close(self) -> None:
        self.run(self.superuser.close())
        self.loop.close()

    def set_clock(self, hour: int) -> None:
        """A second past the hour, so that no hour passes while a program runs."""
        shift = "update parking_private.clock_shift set shift = $1 - clock_timestamp()"
        self.run(self.superuser.execute(shift, at(hour) + timedelta(seconds=1)))

    def attempt(self, call: str, *arguments: object) -> tuple[str, int]:
        """How a call ended, and the number that it returned."""
        self.steps += 1
        written = call.format(*("null" if a is None else f"'{a}'" for a in arguments))
        (row,) = self.run(self.superuser.fetch("select outcome, number from pg_temp.attempt($1)", written))
        return row["outcome"], row["number"]


def at(hour: int) -> datetime:
    return NOON + timedelta(hours=hour)


class Programs(RuleBasedStateMachine):
    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.numbers: list[int] = []
        self.world.begin()
        self.world.set_clock(0)

    def teardown(self) -> None:
        self.world.undo()

    def person(self, person: Person) -> int:
        return self.world.people[person[0]][person[1]]

    def spot(self, spot: Spot) -> int:
        return self.world.spots[spot[0]][spot[1]]

    def number(self, which: int) -> int:
        return self.numbers[which] if which < len(self.numbers) else 2**60

    def ahead(self, hours: int | None) -> int | None:
        return None if hours is None else self.model.now + hours

    def moment(self, hours: int | None) -> datetime | None:
        return None if hours is None else at(self.model.now + hours)

    def agree(self, said: tuple[str, int], expected: str) -> None:
        assert said[0] == expected

    @rule(person=people, spot=spots, starts=st.integers(-4, 30), lasting=st.integers(-1, 26))
    def book(self, person: Person, spot: Spot, starts: int, lasting: int) -> None:
        said = self.world.attempt(
            "select id from parking.book({}, {}, {}, {})",
            self.person(person),
            self.spot(spot),
            self.moment(starts),
            self.moment(starts + lasting),
        )
        if said[0] == "ok":
            self.numbers.append(said[1])
        now = self.model.now
        self.agree(said, self.model.book(person, spot, now + starts, now + starts + lasting))

    @rule(person=people, which=which)
    def complete(self, person: Person, which: int) -> None:
        said = self.world.attempt("select id from parking.complete({}, {})", self.person(person), self.number(which))
        self.agree(said, self.model.complete(person, which))

    @rule(person=people, which=which)
    def cancel(self, person: Person, which: int) -> None:
        said = self.world.attempt("select id from parking.cancel({}, {})", self.person(person), self.number(which))
        self.agree(said, self.model.cancel(person, which))

    @rule(person=people, which=which, starts=hours, ends=hours)
    def reschedule(self, person: Person, which: int, starts: int | None, ends: int | None) -> None:
        said = self.world.attempt(
            "select id from parking.reschedule({}, {}, {}, {})",
            self.person(person),
            self.number(which),
            self.moment(starts),
            self.moment(ends),
        )
        self.agree(said, self.model.reschedule(person, which, self.ahead(starts), self.ahead(ends)))

    @rule(which=which, starts=hours, ends=hours)
    def reschedule_ones_own(self, which: int, starts: int | None, ends: int | None) -> None:
        """The holder, who gets somewhere more often than anybody does."""
        if which < len(self.numbers):
            self.reschedule(self.model.reservations[which].person, which, starts, ends)

    @rule(which=which, end=st.sampled_from(("complete", "cancel")))
    def end_ones_own(self, which: int, end: str) -> None:
        if which < len(self.numbers):
            person = self.model.reservations[which].person
            (self.complete if end == "complete" else self.cancel)(person, which)

    @rule(person=st.none() | people)
    def lapse(self, person: Person | None) -> None:
        said = (
            self.world.attempt("select count(*) from parking.release_stale()")
            if person is None
            else self.world.attempt("select count(*) from parking.expire_old({})", self.person(person))
        )
        self.agree(said, self.model.sweep(person))

    @rule(person=operators | people, spot=spots, until=hours)
    def close_spot(self, person: Person, spot: Spot, until: int | None) -> None:
        said = self.world.attempt(
            "select spot_id from parking.set_spot_state({}, {}, 'maintenance', 'Oil', {})",
            self.person(person),
            self.spot(spot),
            self.moment(until),
        )
        self.agree(said, self.model.close(person, spot, self.ahead(until)))

    @rule(person=operators | people, spot=spots)
    def open_spot(self, person: Person, spot: Spot) -> None:
        said = self.world.attempt(
            "select spot_id from parking.set_spot_state({}, {}, 'free', 'Mopped up')",
            self.person(person),
            self.spot(spot),
        )
        self.agree(said, self.model.open(person, spot))

    @rule(hours=st.integers(1, 12))
    def wait(self, hours: int) -> None:
        self.model.now += hours
        self.world.steps += 1
        self.world.set_clock(self.model.now)

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        (row,) = self.world.run(self.world.superuser.fetch(STATE))
        assert [tuple(stored) for stored in row["stored"]] == [
            (number, r.status, at(r.starts), at(r.ends))
            for number, r in zip(self.numbers, self.model.reservations, strict=True)
        ]
        # What one sweep releases comes in the order of its ends, which the model leaves open.
        assert sorted(map(str, map(tuple, row["events"]))) == sorted(
            str((kind, None if which is None else self.numbers[which])) for kind, which in self.model.events
        )

    @invariant()
    def what_always_holds(self) -> None:
        assert self.world.run(broken(self.world.superuser)) == []


@contextmanager
def playing(database: Database) -> Iterator[type[Programs]]:
    """The machine that runs programs in this database."""

    class InThisDatabase(Programs):
        world = World(database)

    yield InThisDatabase
    InThisDatabase.world.close()


def run_programs(machine: type[Programs], programs: int, **options: Any) -> None:  # noqa: ANN401 (Hypothesis's own)
    """Run so many random programs of at most fifty steps."""
    usual: dict[str, Any] = {"max_examples": programs, "stateful_step_count": 50}
    run_state_machine_as_test(
        machine, settings=settings(suppress_health_check=list(HealthCheck), **{**usual, **options})
    )


@pytest.mark.timeout(900)  # what fails is made small before it is shown
def test_the_functions_do_what_the_model_says(database: Database) -> None:
    # How many steps a program has is Hypothesis's choice, so they are counted until they are enough.
    with playing(database) as machine:
        while machine.world.steps < 10_000:
            run_programs(machine, 100)


DRIVER, OTHER_DRIVER, CITY_OPERATOR, STRANGER = (CITY, 0), (CITY, 1), (CITY, OPERATOR), (RIVERSIDE, 0)
CITY_SPOT = (CITY, 0)

Step = Callable[[Programs], None]

FAULTS: dict[str, tuple[tuple[str, str, str], list[Step]]] = {
    "a check that looks no more": (
        (
            "parking_private.require_room(bigint,bigint,bigint,text,timestamptz,timestamptz,timestamptz,text,bigint)",
            "v_next < require_room.ends",
            "false",
        ),
        [
            lambda play: play.book(DRIVER, CITY_SPOT, starts=1, lasting=2),
            lambda play: play.book(OTHER_DRIVER, CITY_SPOT, starts=2, lasting=2),
        ],
    ),
    # Until four o'clock in Berlin.
    "a board with periods that are closed at their end": (
        ("parking_private.cells(parking.lots,date,timestamptz,bigint[])", "v.ends > c.starts", "v.ends >= c.starts"),
        [lambda play: play.book(DRIVER, CITY_SPOT, starts=1, lasting=1)],
    ),
    "a lapsed booking that is in the way": (
        ("parking_private.release_overdue(bigint,bigint,timestamptz)", "v_first <= release_overdue.now", "false"),
        [
            lambda play: play.book(DRIVER, CITY_SPOT, starts=-2, lasting=3),
            lambda play: play.wait(2),
            lambda play: play.book(OTHER_DRIVER, CITY_SPOT, starts=-3, lasting=5),
        ],
    ),
    "an event of another kind": (
        ("parking.cancel(bigint,bigint)", "'cancelled', v_booking", "'completed', v_booking"),
        [lambda play: play.book(DRIVER, CITY_SPOT, starts=1, lasting=1), lambda play: play.cancel(DRIVER, 0)],
    ),
    "an event twice": (
        (
            "parking_private.release(bigint,bigint[],timestamptz)",
            "return next v_booking;",
            """return next v_booking;
            perform parking_private.announce(tenant, 'released', v_booking.lot_id, v_booking.spot_id, v_booking.id,
                null, v_booking.starts, v_booking.ends, now);""",
        ),
        [
            lambda play: play.book(DRIVER, CITY_SPOT, starts=-2, lasting=3),
            lambda play: play.wait(2),
            lambda play: play.lapse(None),
        ],
    ),
    "a maintenance that keeps nobody out": (
        (
            "parking_private.blocked(bigint,bigint,bigint,timestamptz,timestamptz,timestamptz)",
            "o.state = 'maintenance'",
            "o.state = 'occupied'",
        ),
        [
            lambda play: play.close_spot(CITY_OPERATOR, CITY_SPOT, None),
            lambda play: play.book(DRIVER, CITY_SPOT, starts=1, lasting=1),
        ],
    ),
    "a tenant's spots for everybody": (
        ("parking.book(bigint,bigint,timestamptz,timestamptz,text)", "on s.tenant_id = p.tenant_id", "on true"),
        [lambda play: play.book(STRANGER, CITY_SPOT, starts=1, lasting=1)],
    ),
}
"""What to break: in which function, what, and by what; and a program that shows it."""


def play(machine: type[Programs], steps: list[Step]) -> None:
    """Run one program that is written down."""
    programs = machine()
    try:
        for step in steps:
            step(programs)
            programs.all_is_as_the_model_says()
            programs.what_always_holds()
    finally:
        programs.teardown()


def break_function(database: Database, *edit: str) -> None:
    """And row-level security, which alone would keep tenants apart."""

    async def edit_it() -> None:
        superuser = await database.connect("postgres")
        await edit_function(superuser, *edit)
        for table in ("spots", "lots", "tenants"):
            await superuser.execute(f"alter table parking.{table} no force row level security")
        await superuser.close()

    asyncio.run(edit_it())


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_broken_is_found(database: Database, fault: str) -> None:
    """The negative controls, each first without its fault."""
    edit, steps = FAULTS[fault]
    with playing(database) as machine:
        play(machine, steps)
        break_function(database, *edit)
        with pytest.raises(AssertionError):
            play(machine, steps)


def test_random_programs_find_it_too(database: Database) -> None:
    """Always the same ones, so that what is found once is found each time."""
    break_function(database, *FAULTS["a maintenance that keeps nobody out"][0])
    with playing(database) as machine, pytest.raises(AssertionError):
        run_programs(
            machine, 200, derandomize=True, database=None, report_multiple_bugs=False, phases=(Phase.generate,)
        )
