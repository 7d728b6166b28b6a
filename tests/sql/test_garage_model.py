"""Random days at the desk against a model that counts minute by minute; and after each step the ledger balances."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import Connect
from tests.sql.garage import ATTENDANT, LOT, OPERATOR, OTHER_SPOT, SPOT, unbalanced
from tests.support import Database
from tests.support.sql import BOOK, DRIVER_1, edit_function, one_row

NOON = datetime(2030, 5, 6, 12, tzinfo=UTC)
MIDNIGHT = 10 * 60
"""Minutes from NOON to the garage's own midnight."""
SPACES, ASSUMED = 2, 4 * 60


@dataclass(frozen=True)
class Enter:
    plate: str


@dataclass(frozen=True)
class Leave:
    which: int


@dataclass(frozen=True)
class Lose:
    plate: str


@dataclass(frozen=True)
class Void:
    which: int


@dataclass(frozen=True)
class Amend:
    which: int
    kind: str
    cents: int


@dataclass(frozen=True)
class Book:
    spot: int
    starts: int
    minutes: int


@dataclass(frozen=True)
class Wait:
    minutes: int


Step = Enter | Leave | Lose | Void | Amend | Book | Wait

plates, tickets = st.sampled_from("ABC"), st.integers(0, 2)
cents = st.sampled_from((-700, 0, 300, 1000, 5000))
# Times that meet, so that one comes when another leaves.
bookings = st.builds(
    Book, st.sampled_from((SPOT, OTHER_SPOT)), st.sampled_from((0, 30, 60, 240, 300)), st.sampled_from((30, 60, 240))
)
steps = st.one_of(
    st.builds(Enter, plates),
    st.builds(Leave, tickets) | st.builds(Void, tickets) | st.builds(Lose, plates),
    st.builds(Amend, tickets, st.sampled_from(("refund", "correct")), cents),
    bookings,
    st.builds(Wait, st.sampled_from((1, 30, 60, 61, 240, 241, 600))),
)
beginnings: list[list[Step]] = [
    [Enter("A"), Enter("A"), Enter("B"), Enter("C"), Book(SPOT, 30, 60)],
    [Enter("A"), Wait(61), Leave(0), Leave(0), Amend(0, "refund", 300), Amend(0, "refund", 5000), Wait(600)],
    [Book(SPOT, 0, 60), Book(SPOT, 60, 60), Book(SPOT, 30, 60)],
    [Enter("A"), Wait(241), Enter("B"), Lose("B"), Amend(1, "correct", 300), Void(0), Amend(2, "correct", 300)],
]
"""Each is good for something that chance alone seldom comes to."""
days = st.builds(list.__add__, st.sampled_from(beginnings), st.lists(steps, max_size=6))


@dataclass
class Ticket:
    plate: str
    entered: int
    status: str = "open"
    left: int | None = None
    amount: int | None = None


@dataclass
class Model:
    """Minutes since NOON are its only times; a ticket's number is its place in the list."""

    now: int = 0
    tickets: list[Ticket] = field(default_factory=list)
    bookings: list[tuple[int, int, int]] = field(default_factory=list)
    money: list[tuple[int, int]] = field(default_factory=list)

    def aim(self, step: Step) -> Step:
        """The same step, but for a ticket of which it can be right; now and then it is left as it is."""
        if not isinstance(step, Leave | Void | Amend) or step.which > 1:
            return step
        wanted = {"paid", "lost"} if isinstance(step, Amend) else {"open"}
        numbers = [which for which, ticket in enumerate(self.tickets) if ticket.status in wanted]
        return replace(step, which=numbers[step.which % len(numbers)]) if numbers else step

    def full(self, starts: int, ends: int) -> bool:
        """Whether some minute of a period has no space left."""
        return any(self.inside(minute) >= SPACES for minute in range(max(starts, self.now), ends))

    def inside(self, minute: int) -> int:
        open_ = [t for t in self.tickets if t.status == "open"]
        walk_ins = [t for t in open_ if minute == self.now or minute < t.entered + ASSUMED]
        return len(walk_ins) + sum(starts <= minute < ends for _, starts, ends in self.bookings)

    def apply(self, step: Step) -> str:  # noqa: PLR0911 (one for each kind)
        match step:
            case Enter(plate):
                return self.enter(plate)
            case Leave(which):
                return self.close(which, "paid")
            case Lose(plate):
                found = [n for n, t in enumerate(self.tickets) if t.plate == plate and t.status == "open"]
                return self.close(found[0], "lost") if found else "unknown-ticket"
            case Void(which):
                return self.close(which, "void")
            case Amend():
                return self.amend(step)
            case Book():
                return self.book(step)
            case Wait(minutes):
                self.now += minutes
        return "ok"

    def enter(self, plate: str) -> str:
        if any(t.plate == plate and t.status == "open" for t in self.tickets):
            return "vehicle-inside"
        if self.full(self.now, self.now + ASSUMED):
            return "garage-full"
        self.tickets.append(Ticket(plate, self.now))
        return "ok"

    def close(self, which: int, status: str) -> str:
        if which >= len(self.tickets):
            return "unknown-ticket"
        ticket = self.tickets[which]
        if ticket.status != "open":
            return "ticket-closed"
        ticket.status, ticket.left = status, self.now
        ticket.amount = 0 if status == "void" else 1000 * -((ticket.entered - self.now) // 60)
        if status != "void":
            self.money.append((self.now, ticket.amount))
        return "ok"

    def amend(self, step: Amend) -> str:
        if step.which >= len(self.tickets):
            return "unknown-ticket"
        ticket = self.tickets[step.which]
        cents = -step.cents if step.kind == "refund" else step.cents
        if ticket.status not in {"paid", "lost"} or ticket.amount is None:
            return "ticket-not-paid"
        if step.cents == 0 or (step.kind == "refund" and step.cents < 0) or ticket.amount + cents < 0:
            return "not-an-amount"
        ticket.amount += cents
        self.money.append((self.now, cents))
        return "ok"

    def book(self, step: Book) -> str:
        starts, ends = self.now + step.starts, self.now + step.starts + step.minutes
        if any(spot == step.spot and s < ends and starts < e for spot, s, e in self.bookings if e > self.now):
            return "spot-taken"
        if self.full(starts, ends):
            return "garage-full"
        self.bookings.append((step.spot, starts, ends))
        return "ok"

    def figures(self) -> tuple[object, ...]:
        """As parking.garage_stats() has them."""
        today = (self.now - MIDNIGHT) // 1440
        left = [t for t in self.tickets if t.left is not None and t.status != "void"]
        stays = [(t.left or 0) - t.entered for t in left if ((t.left or 0) - MIDNIGHT) // 1440 == today]
        revenue = sum(cents for at, cents in self.money if (at - MIDNIGHT) // 1440 == today)
        inside = [t for t in self.tickets if t.status == "open"]
        overstaying = sum(t.entered + ASSUMED < self.now for t in inside)
        seconds = round(sum(stays) * 60 / len(stays)) if stays else None
        return self.inside(self.now), len(inside), overstaying, revenue, len(stays), seconds


LOSE = """
    select parking.lose_ticket($1, f.ticket_number, 'Card', 'Lost') from parking.look_up_ticket($1, $2, $3) f"""


def number(which: int) -> str:
    return f"PS-{which + 1:04}"


async def attempt(service: asyncpg.Connection, step: Step, now: int) -> str:
    """`ok`, or the problem."""
    statement: tuple[object, ...]
    match step:
        case Enter(plate):
            statement = ("select parking.enter_garage($1, $2, $3)", ATTENDANT, LOT, plate)
        case Leave(which):
            statement = ("select parking.leave_garage($1, $2, 'Cash')", ATTENDANT, number(which))
        case Lose(plate):
            statement = (LOSE, ATTENDANT, LOT, plate)
        case Void(which):
            statement = ("select parking.void_ticket($1, $2, 'Error')", ATTENDANT, number(which))
        case Amend(which, kind, cents):
            statement = (f"select parking.{kind}_ticket($1, $2, $3, 'Because')", OPERATOR, number(which), cents)
        case Book(spot, starts, minutes):
            begins = NOON + timedelta(minutes=now + starts)
            statement = (BOOK, DRIVER_1, spot, begins, begins + timedelta(minutes=minutes))
        case Wait(minutes):
            statement = (
                "update parking_private.clock_shift set shift = shift + make_interval(mins => $1)",
                minutes,
            )
    try:
        async with service.transaction():
            await service.fetch(*statement)
    except asyncpg.PostgresError as refusal:
        assert (refusal.sqlstate or "").startswith("PK"), refusal  # noqa: PT017 (what is refused is what is compared)
        return str(refusal.constraint_name)
    return "ok"


FIGURES = """
    select s.occupied_spaces, s.inside, s.overstaying, s.todays_revenue_cents, s.vehicles_processed_today,
           s.average_stay_seconds
    from parking.garage_stats($1, $2) s"""
TICKETS = """
    select t.plate, t.status, t.amount_cents, t.minutes from parking.list_activities($1, $2) t order by t.id"""


async def run_day(superuser: asyncpg.Connection, day: list[Step], seen: Counter[str]) -> None:
    """All steps in a transaction that leaves nothing behind."""
    model = Model()
    transaction = superuser.transaction()
    await transaction.start()
    try:
        for aimless in day:
            step = model.aim(aimless)
            before = model.now
            expected = model.apply(step)
            assert (step, await attempt(superuser, step, before)) == (step, expected)
            seen[f"{type(step).__name__} {expected}"] += 1
            assert tuple(await one_row(superuser, FIGURES, ATTENDANT, LOT)) == model.figures(), step
            found = [tuple(row) for row in await superuser.fetch(TICKETS, ATTENDANT, LOT)]
            assert found == [
                (t.plate, t.status, t.amount, None if t.left is None else t.left - t.entered) for t in model.tickets
            ]
            assert await unbalanced(superuser) == []
    finally:
        await transaction.rollback()


async def freeze(superuser: asyncpg.Connection) -> None:
    """Two spaces, and a clock that stands still between the steps."""
    await edit_function(superuser, "parking.clock()", "clock_timestamp()", f"timestamptz '{NOON.isoformat()}'")
    await superuser.execute("select parking.set_garage($1, $2, $3)", OPERATOR, LOT, SPACES)


def compare(database: Database, examples: int, seen: Counter[str], phases: tuple[Phase, ...] = tuple(Phase)) -> None:
    with asyncio.Runner() as runner:
        superuser = runner.run(database.connect("postgres"))

        @settings(max_examples=examples, phases=phases, report_multiple_bugs=False)
        @given(day=days)
        def every_day(day: list[Step]) -> None:
            runner.run(run_day(superuser, day, seen))

        try:
            every_day()
        finally:
            superuser.terminate()


async def test_any_day_at_the_desk(connect: Connect, database: Database) -> None:
    await freeze(await connect("postgres"))
    seen: Counter[str] = Counter()
    await asyncio.to_thread(compare, database, 60, seen)
    hoped_for = {
        *("Enter ok", "Enter garage-full", "Enter vehicle-inside", "Leave ok", "Leave ticket-closed"),
        *("Lose ok", "Void ok", "Amend ok", "Amend not-an-amount", "Book ok", "Book garage-full", "Book spot-taken"),
    }
    assert hoped_for <= seen.keys(), f"never tried: {hoped_for - seen.keys()}"


@pytest.mark.parametrize(
    ("function", "old", "new"),
    [
        (
            "parking_private.most_inside(parking.garages,timestamptz,timestamptz,timestamptz,bigint)",
            "greatest(t.entered_at + make_interval(secs => garage.assumed_stay_seconds),",
            "greatest(t.entered_at,",
        ),
        (
            "parking_private.most_inside(parking.garages,timestamptz,timestamptz,timestamptz,bigint)",
            "order by s.at, s.step",
            "order by s.at, s.step desc",
        ),
        (
            "parking_private.amend_ticket(bigint,text,text,bigint,text)",
            "or cents < -v_ticket.amount_cents",
            "",
        ),
        ("parking.garage_stats(bigint,bigint)", "p.at >= v_today and", ""),
    ],
    ids=["nobody is assumed to stay", "who leaves makes no room", "more is given back", "yesterday's money"],
)
async def test_a_garage_that_is_wrong_is_found(
    connect: Connect, database: Database, function: str, old: str, new: str
) -> None:
    """The negative control of the test above."""
    superuser = await connect("postgres")
    await freeze(superuser)
    await edit_function(superuser, function, old, new)
    with pytest.raises(AssertionError):
        await asyncio.to_thread(compare, database, 200, Counter[str](), (Phase.generate,))
