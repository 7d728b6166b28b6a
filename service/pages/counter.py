"""What the attendant of a garage sees: the answer of one statement, and the parts of the page that follow it.

The page draws these parts and the socket sends them again when they have changed, by the same macros.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import msgspec
from asyncpg import Record
from babel.dates import format_skeleton, format_time
from babel.numbers import format_decimal, format_percent
from msgspec import Struct

from service.columns import many
from service.pages.language import _, babel_locale, money, ngettext
from service.pages.rendering import environment
from service.zones import zone_of

# As long as the column; no number comes near.
LONGEST_TICKET: Final = 40
LATEST: Final = 15
MINUTES_OF_AN_HOUR: Final = 60
# Who stays for longer than was assumed is listed from the longest stay on; what is beyond these is only counted.
MOST_OVERSTAYS: Final = 50

# The permission is asked for by the first of the garage's functions, and the garage is chosen by it.
COUNTER: Final = f"""
    select s.actor, parking.clock() as now, g.stats, m.methods, a.activities, o.overstays, o.overstaying, t.ticket,
           t.has_price, q.lines
    from parking.session($1, $2) s
    cross join lateral (
        select g.lot_id, to_json(g) as stats from parking.garage_stats(s.actor, $3) g
    ) g
    cross join lateral (
        select json_agg(m.method order by m.ordinality) as methods
        from parking.list_payment_methods(s.actor) with ordinality m
    ) m
    cross join lateral (
        select json_agg(a) as activities from parking.list_activities(s.actor, g.lot_id, {LATEST}) a
    ) a
    cross join lateral (
        select count(*) as overstaying,
               json_agg(o order by o.ordinality) filter (where o.ordinality <= {MOST_OVERSTAYS}) as overstays
        from parking.overstays(s.actor, g.lot_id) with ordinality o
    ) o
    left join lateral (
        select f.ticket_number as number, to_json(f) as ticket, parking.has_price(s.actor, f.ticket_number) as has_price
        from parking.find_ticket(s.actor, $4, g.lot_id) f
        where $4 is not null
    ) t on true
    left join lateral (
        select json_agg(q order by q.position) as lines
        from parking.amount_due(s.actor, t.number) q
        where t.has_price
    ) q on true
"""  # noqa: S608 (two numbers of ours)


class Desk(Struct, frozen=True):
    """What the window shows: which lot's garage, and which ticket, if one is looked at."""

    lot: int | None = None
    ticket: str | None = None

    statement: ClassVar[str] = COUNTER

    def arguments(self, lot: int | None = None) -> tuple[object, ...]:
        """For COUNTER, behind the session and the address; a lot for where none is given."""
        return self.lot or lot, self.ticket

    def query(self, **changes: object) -> str:
        """The query of its address, or of one that differs in something."""
        given = {"lot": self.lot, "ticket": self.ticket} | changes
        return urlencode({name: value for name, value in given.items() if value is not None})

    def url(self, **changes: object) -> str:
        """Its address, or that of one that differs in something."""
        query = self.query(**changes)
        return f"/garage?{query}" if query else "/garage"

    def draw(self, record: Record) -> dict[str, str]:
        """Every part that follows, to be swapped in where it is open."""
        counter = Counter.of(record, self)
        return {name: str(getattr(_macros, name)(counter, oob=True)) for name in PARTS}


class Stats(Struct, frozen=True):
    """A row of parking.garage_stats."""

    lot_id: int
    name: str
    time_zone: str
    today: dt.date
    total_spaces: int
    occupied_spaces: int
    available_spaces: int
    occupied_percent: int
    hourly_rate_cents: int | None
    todays_revenue_cents: int
    currency: str | None
    vehicles_processed_today: int
    average_stay_hours: Decimal | None


class Ticket(Struct, frozen=True):
    """A parking.ticket."""

    ticket_number: str
    plate: str
    vehicle: str
    entered_at: dt.datetime
    left_at: dt.datetime | None
    status: str
    minutes: int | None
    amount_cents: int | None
    currency: str | None
    method: str | None

    @property
    def is_open(self) -> bool:
        return self.left_at is None


class Line(Struct, frozen=True):
    """A row of parking.amount_due."""

    line: str
    quantity: Decimal
    unit_cents: int
    amount_cents: int
    currency: str
    kind: str
    tariff: str | None
    day: dt.date | None
    minutes: int | None
    percent: int | None
    reason: str | None


class Counter(Struct, frozen=True):
    """All of it, at one moment."""

    desk: Desk
    now: dt.datetime
    stats: Stats
    methods: list[str]
    activities: list[Ticket]
    overstays: list[Ticket]
    overstaying: int
    ticket: Ticket | None
    has_price: bool
    lines: list[Line]

    @classmethod
    def of(cls, record: Record, desk: Desk) -> Counter:
        """From the row of COUNTER."""

        stats = msgspec.json.decode(record["stats"], type=Stats)
        return cls(
            desk=msgspec.structs.replace(desk, lot=stats.lot_id),
            now=record["now"],
            stats=stats,
            methods=many(record, "methods", str),
            activities=many(record, "activities", Ticket),
            overstays=many(record, "overstays", Ticket),
            overstaying=record["overstaying"],
            ticket=None if record["ticket"] is None else msgspec.json.decode(record["ticket"], type=Ticket),
            has_price=record["has_price"] is not False,
            lines=many(record, "lines", Line),
        )

    @property
    def due(self) -> int:
        """What is to be paid for the ticket that is looked at, if it is closed at this moment; or was; in cents."""
        return sum(line.amount_cents for line in self.lines)

    @property
    def currency(self) -> str | None:
        return self.lines[0].currency if self.lines else self.stats.currency

    @property
    def share(self) -> str:
        """How full it is, as the reader writes percentages; never full before it is."""
        return format_percent(self.stats.occupied_percent / 100, locale=babel_locale())

    @property
    def average_stay(self) -> str:
        """Of those that have left today."""
        if self.stats.average_stay_hours is None:
            return "–"
        hours = format_decimal(self.stats.average_stay_hours, format="0.0", locale=babel_locale())
        return _("%(hours)s h") % {"hours": hours}

    def money(self, cents: int | None, currency: str | None = None) -> str:
        """An amount as the reader writes it."""
        return "–" if cents is None else money(cents, currency or self.stats.currency)

    def stay(self, ticket: Ticket) -> str:
        """How long, up to now where the vehicle is still inside; started minutes count."""
        minutes = ticket.minutes
        if minutes is None:
            minutes = max(0, -int((ticket.entered_at - self.now) // dt.timedelta(minutes=1)))
        if minutes < MINUTES_OF_AN_HOUR:
            return _("%(minutes)s min") % {"minutes": minutes}
        return _("%(hours)s h %(minutes)s min") % {"hours": minutes // 60, "minutes": f"{minutes % 60:02}"}

    def moment(self, moment: dt.datetime) -> str:
        """The day, unless it is today in the garage, and the time of day by its clock."""
        local = moment.astimezone(zone_of(self.stats.time_zone))
        clock = format_time(local, "short", tzinfo=local.tzinfo, locale=babel_locale())
        if local.date() == self.stats.today:
            return clock
        return f"{format_skeleton('MMMEd', local, local.tzinfo, locale=babel_locale())}, {clock}"

    def words(self, line: Line) -> str:
        """What a line is for, as the reader says it; one of a kind that is not known here as the database says it."""
        number = int(line.quantity)
        hours = ngettext("%(number)s started hour at %(price)s", "%(number)s started hours at %(price)s", number)
        told = {
            "number": number,
            "price": self.money(line.unit_cents, line.currency),
            "length": length_word(line.minutes or 0),
            "percent": format_percent((line.percent or 0) / 100, locale=babel_locale()),
            "day": line.day and format_skeleton("MMMMd", line.day, locale=babel_locale()),
            "reason": line.reason,
        }
        whats = {
            "none": _("Free of charge"),
            "free": _("first %(length)s free"),
            "flat": _("flat price %(price)s"),
            "started": hours
            if line.minutes == MINUTES_OF_AN_HOUR
            else _("%(number)s × started %(length)s at %(price)s"),
            "day-cap": _("Cap of the day, %(day)s"),
            "stay-cap": _("Cap of the stay"),
            "discount": _("Discount of %(percent)s"),
            "refund": _("Refund: %(reason)s"),
            "correction": _("Correction: %(reason)s"),
        }
        if line.kind not in whats:
            return line.line
        what = whats[line.kind] % told
        if line.tariff is None:
            return what
        if line.percent is not None:
            what = _("%(what)s, season pass %(percent)s less") % {**told, "what": what}
        named = _("%(tariff)s, %(day)s") % {**told, "tariff": line.tariff} if line.day else line.tariff
        return _("%(tariff)s: %(what)s") % {"tariff": named, "what": what}

    def state(self, ticket: Ticket) -> str:
        """How it stands with a ticket, in a word."""
        return {
            "open": _("Inside"),
            "paid": _("Paid"),
            "lost": _("Ticket lost, paid"),
            "void": _("Void"),
        }.get(ticket.status, ticket.status)


def length_word(minutes: int) -> str:
    """How long, in the unit that fits."""
    if minutes % MINUTES_OF_AN_HOUR:
        return ngettext("%(number)s minute", "%(number)s minutes", minutes) % {"number": minutes}
    hours = minutes // MINUTES_OF_AN_HOUR
    return ngettext("%(number)s hour", "%(number)s hours", hours) % {"number": hours}


VEHICLES: Final = ("Car", "Motorcycle", "Van", "Truck", "Bus")
"""What the entry form offers; others come from clients."""


def vehicle_word(vehicle: str) -> str:
    """A kind of vehicle in the reader's words; one that we do not offer, as it was written."""
    return {
        "Car": _("Car"),
        "Motorcycle": _("Motorcycle"),
        "Van": _("Van"),
        "Truck": _("Truck"),
        "Bus": _("Bus"),
    }.get(vehicle, vehicle)


def method_word(method: str) -> str:
    """A method of payment in the reader's words."""
    return {
        "Cash": _("Cash"),
        "Card": _("Card"),
        "Credit Card": _("Credit card"),
        "Debit Card": _("Debit card"),
        "Mobile Payment": _("Phone"),
    }.get(method, method)


environment.filters["vehicle_word"] = vehicle_word
environment.filters["method_word"] = method_word

_macros: Any = environment.get_template("garage_parts.html").module

PARTS: Final[Sequence[str]] = ("tiles", "due", "activities", "overstays")
