"""What the two permission matrices share: who calls, what a call is about, and what is expected of whom.

A cell of a matrix is one call by one caller about one world. A world is somebody's things in the tenant `default`:
those of a public lot, those of a lot that is not public, or none at all. What is refused must look as it does for
nothing at all, but for the number; what is allowed must not tell what does not concern the caller.
"""

import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Self

import asyncpg

from tests.support.sql import edit_function

OK = "ok"

CALLERS = ("anonymous", "guest", "driver_a", "driver_b", "operator", "admin", "platform", "other_admin")
"""`driver_a` is the one whose things a world is made of, `other_admin` runs another tenant. A guest may only look, and
a platform administrator may do what nobody else may: without these two, some permissions were lacked or had by nobody
here."""

DBA = "dba"
"""A DBA in psql who leaves out the actor."""

SUCCESSES = frozenset({OK, "registered", "signed-in", "refreshed", "changed"})
"""What is allowed, where a function returns an outcome."""

TOLD = frozenset({"not-your-reservation"})
"""Refusals that do tell that there is such a thing, to people of the same tenant."""

Row = dict[str, str]
"""A row of the matrix: what each caller gets, `ok` or a problem."""


def row(otherwise: str, **exceptions: str) -> Row:
    """The same for everybody but those who are named."""
    assert exceptions.keys() <= {*CALLERS, DBA}
    return dict.fromkeys((*CALLERS, DBA), otherwise) | exceptions


@dataclass(frozen=True)
class Rule:
    """Who may do something with the things of a public lot and of a `hidden` one; `unknown` is what they get who may,
    when there is no such thing, but for the callers in `missing`."""

    public: Row
    hidden: Row
    unknown: str = OK
    missing: Row | None = None

    def expected(self, world: "World", caller: str) -> str:
        """What this caller gets in this world."""
        here = (self.hidden if world.hidden else self.public)[caller]
        if not world.missing:
            return here
        exceptions = self.missing or {}
        return exceptions.get(caller, self.unknown if here in SUCCESSES | TOLD else here)


def anybody(outcome: str = OK, *, unknown: str = OK) -> Rule:
    """There is nothing to protect, or what protects it is a secret that the caller gives."""
    return Rule(row(outcome), row(outcome), unknown)


def reading(unknown: str) -> Rule:
    """Whoever likes may look at what is public, and at the rest whoever belongs to the tenant."""
    return Rule(row(OK), row(OK, anonymous=unknown, other_admin=unknown, dba=unknown), unknown)


def building(unknown: str) -> Rule:
    """For those who run lots, in their own tenant."""
    who = row(
        OK,
        anonymous="unknown-actor",
        dba="unknown-actor",
        guest="not-permitted",
        driver_a="not-permitted",
        driver_b="not-permitted",
        other_admin=unknown,
    )
    return Rule(who, who, unknown)


def analysing(unknown: str) -> Rule:
    """For those who may see how lots are used, in their own tenant, and for DBAs."""
    who = row("not-permitted", operator=OK, admin=OK, platform=OK, dba=OK, other_admin=unknown)
    return Rule(who, who, unknown)


def booking(unknown: str) -> Rule:
    """For everybody of the tenant but guests."""
    who = row(OK, anonymous="unknown-actor", dba="unknown-actor", guest="not-permitted", other_admin=unknown)
    return Rule(who, who, unknown)


def own_reservation(**exceptions: str) -> Rule:
    """For the driver who booked, and for nobody else, whatever their role; but for the callers who are named."""
    who = row(
        "not-your-reservation",
        driver_a=OK,
        anonymous="unknown-actor",
        dba="unknown-actor",
        guest="not-permitted",
        other_admin="unknown-reservation",
    )
    return Rule(who | exceptions, who | exceptions, "unknown-reservation")


def running() -> Rule:
    """For those who run lots, about everything in their own tenant."""
    who = row(
        "not-permitted",
        anonymous="unknown-actor",
        dba="unknown-actor",
        operator=OK,
        admin=OK,
        platform=OK,
        other_admin=OK,
    )
    return Rule(who, who)


def own_account(outcome: str = OK, anonymous: str = "unknown-actor") -> Rule:
    """For everybody who is signed in."""
    who = row(outcome, anonymous=anonymous, dba="unknown-actor")
    return Rule(who, who)


def administering(unknown: str, **exceptions: str) -> Rule:
    """For those who run the tenant, and for DBAs."""
    who = row("not-permitted", admin=OK, platform=OK, dba=OK, other_admin=unknown) | exceptions
    # An exception is about oneself, so there is none where there is nobody.
    return Rule(who, who, unknown, dict.fromkeys(exceptions, "not-permitted"))


def platform() -> Rule:
    """For those who run the installation, and for DBAs."""
    who = row("not-permitted", platform=OK, dba=OK)
    return Rule(who, who)


@dataclass(frozen=True)
class World:
    """The numbers of what a call may be about. The lot that is booked is another one, so that each can be retired."""

    number: str
    hidden: bool
    missing: bool
    tenant: str
    lot: int
    floor: int
    row: int
    spot: int
    reservation: int
    tariff: int
    concession: int
    garage: int
    ticket: str
    paid: str
    plate: str
    person: int
    email: str
    session: str
    refresh_token: str
    code: str

    def without_things(self) -> Self:
        """The same caller's world, but there is nothing of what is named in it."""
        nothing = 4_000_000_000
        return replace(
            self,
            missing=True,
            tenant="nowhere",
            session="00000000-0000-0000-0000-000000000000",
            code="A" * 22,
            lot=nothing,
            floor=nothing + 1,
            row=nothing + 2,
            spot=nothing + 3,
            reservation=nothing + 4,
            tariff=nothing + 6,
            concession=nothing + 7,
            garage=nothing + 8,
            ticket=f"PS-{nothing + 9}",
            paid=f"PS-{nothing + 10}",
            plate="NOBODY",
            person=nothing + 5,
        )

    def blur(self, text: str) -> str:
        """A refusal's text without the names of what it is about."""
        numbers = (self.reservation, self.tariff, self.concession, self.person)
        things = (self.lot, self.garage, self.floor, self.row, self.spot, *numbers)
        # A status is none of them, nor is the number in somebody's e-mail, whatever number a thing has got.
        text = re.sub(rf"(?<!^\[)(?<!'status', )\b(?:{'|'.join(map(str, things))})\b(?!@)", "#", text)
        names = (f"'{self.tenant}'", self.session, self.ticket, self.paid, self.plate)
        for name in names:
            text = text.replace(name, "#")
        return text


PERSON_OF_A = "secret-driver-"
HIDDEN_LOT = "Secret lot "


def tells(caller: str, text: str) -> str | None:
    """What an answer tells this caller that does not concern them, if anything."""
    strangers = {"anonymous", "other_admin"}
    if caller in strangers | {"guest", "driver_b"} and PERSON_OF_A in text:
        return "whose things these are"
    return "that there is a lot which is not public" if caller in strangers and HIDDEN_LOT in text else None


# Not by build_lot(), whose look at the list of time zones takes most of its time.
NEW_LOT = """
    with lot as (
        insert into parking.lots (tenant_id, name, time_zone, public) values (1, $1, 'UTC', $2) returning id
    ), slot as (
        insert into parking.time_slots (tenant_id, lot_id, starts, ends) select 1, l.id, '00:00', '12:00' from lot l
    ), floor as (
        insert into parking.floors (tenant_id, lot_id, name, position)
        select 1, l.id, 'Floor', 1 from lot l
        returning id, lot_id
    ), spot_row as (
        insert into parking.rows (tenant_id, lot_id, floor_id, name, position)
        select 1, f.lot_id, f.id, 'Row', 1 from floor f
        returning id, lot_id, floor_id
    )
    insert into parking.spots (tenant_id, lot_id, row_id, name, position)
    select 1, r.lot_id, r.id, 'Spot', 1 from spot_row r
    returning lot_id, (select f.id from floor f), row_id, id"""

NEW_TARIFF = """
    with tariff as (
        insert into parking.tariffs (tenant_id, lot_id, name, currency, valid_from)
        select 1, $1, 'Standard', 'EUR', parking.clock() - interval '1 hour'
        returning tenant_id, id
    )
    insert into parking.tariff_tiers (tenant_id, tariff_id, from_minutes, increment_minutes, price_cents)
    select t.tenant_id, t.id, 0, 60, 1000 from tariff t
    returning tariff_id"""

NEW_TICKET = """
    with walk_ins as (
        update parking.lots set walk_ins = true where id = $1
    ), garage as (
        insert into parking.garages (tenant_id, lot_id, spaces, assumed_stay_seconds) values (1, $1, 140, 14400)
        returning tenant_id, lot_id
    )
    insert into parking.tickets (tenant_id, lot_id, id, plate, vehicle, entered_at, entered_by)
    select g.tenant_id, g.lot_id, parking_private.next_ticket(1), $2, 'Car', parking.clock(), $3 from garage g
    returning ticket_number"""


@dataclass
class Stage:
    """A database with everybody who calls; makes worlds."""

    superuser: asyncpg.Connection
    people: dict[str, int]

    @classmethod
    async def set(cls, superuser: asyncpg.Connection) -> Self:
        """With the demo's people, and a guest, who is new where the stage was not set before."""
        await superuser.execute("""
            insert into parking.people (tenant_id, email, display_name, password_hash)
            select p.tenant_id, 'guest@parking.com', 'Gus Guest', p.password_hash
            from parking.people p where p.email = 'driver1@parking.com'
            on conflict do nothing;
            insert into parking.memberships (tenant_id, person_id, role)
            select p.tenant_id, p.id, 'guest' from parking.people p where p.email = 'guest@parking.com'
            on conflict do nothing""")
        numbers = {p["email"]: p["id"] for p in await superuser.fetch("select p.email, p.id from parking.people p")}
        return cls(
            superuser,
            {
                "guest": numbers["guest@parking.com"],
                "driver_b": numbers["driver2@parking.com"],
                "operator": numbers["operator@parking.com"],
                "admin": numbers["admin@parking.com"],
                "platform": numbers["platform@parking.com"],
                "other_admin": numbers["admin@riverside.com"],
            },
        )

    def actor(self, caller: str, world: World) -> int | None:
        """The caller's number; nobody's for who is not signed in."""
        return world.person if caller == "driver_a" else self.people.get(caller)

    async def session(self, person: int) -> str:
        """A new session, of a person who need not give the password for it."""
        session = await self.superuser.fetchval(
            """
            insert into parking.sessions (tenant_id, person_id, opened_at, renewed_at, expires_at)
            select p.tenant_id, p.id, c.now, c.now, c.now + interval '1 hour'
            from parking.people p, parking.clock() c(now)
            where p.id = $1
            returning id""",
            person,
        )
        return str(session)

    async def lot(self, name: str, *, hidden: bool) -> tuple[int, int, int, int]:
        """A new lot with its floor, row and spot."""
        (place,) = await self.superuser.fetch(NEW_LOT, name, not hidden)
        lot, floor, spot_row, spot = place
        return lot, floor, spot_row, spot

    async def world(self, *, hidden: bool) -> World:
        """New things of a new driver."""
        number = secrets.token_hex(6)
        name = f"{HIDDEN_LOT}{number}" if hidden else f"Lot {number}"
        email = f"{PERSON_OF_A}{number}@parking.com"
        token = secrets.token_urlsafe(32)
        async with self.superuser.transaction():
            person = await self.superuser.fetchval(
                """
                insert into parking.people (tenant_id, email, display_name, password_hash)
                select p.tenant_id, $1, 'Driver A', p.password_hash
                from parking.people p where p.email = 'driver1@parking.com'
                returning id""",
                email,
            )
            await self.superuser.execute(
                "insert into parking.memberships (tenant_id, person_id, role) values (1, $1, 'driver')", person
            )
            lot, floor, spot_row, spot = await self.lot(name, hidden=hidden)
            *_, booked = await self.lot(f"{name} booked", hidden=hidden)
            reservation = await self.superuser.fetchval(
                """
                select b.id from parking.clock() c(now),
                    parking.book($1, $2, c.now + interval '1 hour', c.now + interval '2 hours') b""",
                person,
                booked,
            )
            code = await self.superuser.fetchval("select parking.issue_pass($1, $2)", person, reservation)
            tariff = await self.superuser.fetchval(NEW_TARIFF, lot)
            concession = await self.superuser.fetchval(
                """
                insert into parking.concessions (tenant_id, kind, lot_id, plate, percent, valid_from)
                values (1, 'season-pass', $1, 'BAB123', 50, parking.clock())
                returning id""",
                lot,
            )
            garage, *_ = await self.lot(f"{name} garage", hidden=hidden)
            await self.superuser.execute(NEW_TARIFF, garage)
            plate = number.upper()
            ticket = await self.superuser.fetchval(NEW_TICKET, garage, plate, self.people["operator"])
            paid = await self.superuser.fetchval(
                """
                select t.ticket_number from parking.enter_garage($1, $2, $3) e,
                    parking.leave_garage($1, e.ticket_number, 'Cash') t""",
                self.people["operator"],
                garage,
                f"P{plate}",
            )
            session = await self.session(person)
            await self.superuser.execute(
                """
                insert into parking.refresh_tokens (tenant_id, hash, session_id, issued_at)
                values (1, sha256(convert_to($1::text, 'UTF8')), $2::uuid, parking.clock())""",
                token,
                session,
            )
        return World(
            number,
            hidden,
            missing=False,
            tenant="default",
            lot=lot,
            floor=floor,
            row=spot_row,
            spot=spot,
            reservation=reservation,
            tariff=tariff,
            concession=concession,
            garage=garage,
            ticket=ticket,
            paid=paid,
            plate=plate,
            person=person,
            email=email,
            session=session,
            refresh_token=token,
            code=code,
        )


@asynccontextmanager
async def edited(superuser: asyncpg.Connection, signature: str, old: str, new: str) -> AsyncIterator[None]:
    """As edit_function(), and afterwards the function is as it was."""
    text = await superuser.fetchval("select pg_get_functiondef($1::text::regprocedure)", signature)
    await edit_function(superuser, signature, old, new)
    try:
        yield
    finally:
        await superuser.execute(text)


def require_entries(found: Sequence[str], entries: Mapping[str, object]) -> None:
    """There is exactly one of each name, and the matrix has an entry for it and for nothing else."""
    assert len(found) == len(set(found)), "two of one name: the entries cannot tell them apart"
    without, beyond = sorted(set(found) - entries.keys()), sorted(entries.keys() - set(found))
    assert not without, f"say in the matrix who may do this: {without}"
    assert not beyond, f"the matrix speaks of what there is not: {beyond}"
