"""What somebody who runs a lot sees of it: the answer of one statement, and the parts of the page that follow it.

The page draws these parts and the socket sends them again when they have changed, by the same macros. Charts are plain
SVG in shares of their width and height, so that they need neither a script nor a style of their own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import msgspec
from asyncpg import Record
from babel.dates import format_skeleton, format_time
from babel.numbers import format_percent
from msgspec import Struct

from service.columns import many
from service.pages.cells import Lot
from service.pages.language import _, babel_locale
from service.pages.rendering import environment
from service.zones import zone_of

# A page and a socket's frame show no more spots than this; a larger lot is shown row by row.
MOST_SPOTS: Final = 200
LATEST_EVENTS: Final = 30

# The permission is asked for by each of the functions; the first that is called refuses.
SIGHT = f"""
    select l.id, l.tenant_slug, l.name, l.address, l.time_zone, l.today, s.actor,
           parking.clock() as now, d.day, r.row_id, r.rows, f.figures, c.course, p.peaks, i.spots,
           e.events, o.lots, n.chosen
    from parking.session($1, $2) s
    cross join lateral parking.find_lot($3, $4, s.actor) l
    cross join lateral (select coalesce($5::date, l.today) as day) d
    cross join lateral (
        select json_agg(c order by c.ordinality) as rows,
               coalesce($6::bigint, case when sum(c.spots) > {MOST_SPOTS}
                   then (array_agg(c.row_id order by c.ordinality))[1] end) as row_id
        from parking.count_states(l.id, s.actor) with ordinality c
    ) r
    cross join lateral (select json_agg(f) as figures from parking.day_figures(l.id, d.day, s.actor) f) f
    cross join lateral (select json_agg(c) as course from parking.day_course(l.id, d.day, s.actor) c) c
    cross join lateral (select json_agg(p) as peaks from parking.day_peaks(l.id, d.day, s.actor) p) p
    cross join lateral (
        select json_agg(i) as spots
        from parking.inspect_spots(l.id, r.row_id, s.actor, ($7::integer - 1) * {MOST_SPOTS}, {MOST_SPOTS}) i
    ) i
    cross join lateral (
        select json_agg(e) as events from parking.list_events(l.id, s.actor, at_most => {LATEST_EVENTS}) e
    ) e
    cross join lateral (
        select json_agg(json_build_object('id', o.id, 'name', o.name) order by lower(o.name)) as lots
        from parking.list_lots(actor => s.actor) o
    ) o
    left join lateral (
        select to_json(n) as chosen
        from parking.find_spot_state($8::bigint, s.actor) n
        where $8::bigint is not null and n.lot_id = l.id
    ) n on true
"""  # noqa: S608 (two numbers of ours)


class Where(Struct, frozen=True):
    """What the window shows: which lot and day, which row and which part of its spots, and which spot is chosen."""

    lot: int | None = None
    day: dt.date | None = None
    row: int | None = None
    part: int = 1
    spot: int | None = None

    statement: ClassVar[str] = SIGHT

    def arguments(self, lot: int | None = None, tenant: str | None = None) -> tuple[object, ...]:
        """For SIGHT, behind the session and the address; a lot and a tenant for where none is given."""
        return self.lot or lot, tenant, self.day, self.row, self.part, self.spot

    def query(self, **changes: object) -> str:
        """The query of its address, or of one that differs in something."""
        given = {"lot": self.lot, "date": self.day, "row": self.row, "part": self.part, "spot": self.spot} | changes
        if given["part"] == 1:
            given["part"] = None
        return urlencode({name: value for name, value in given.items() if value is not None})

    def url(self, **changes: object) -> str:
        """Its address, or that of one that differs in something."""
        query = self.query(**changes)
        return f"/operate?{query}" if query else "/operate"

    def draw(self, record: Record) -> dict[str, str]:
        """Every part that follows, to be swapped in where it is open."""
        sight = Sight.of(record, self)
        return {name: str(getattr(_macros, name)(sight, oob=True)) for name in PARTS}


class Figures(Struct, frozen=True):
    """A row of parking.day_figures."""

    type: str
    spots: int = 0
    free_now: int = 0
    held_now: int = 0
    closed_now: int = 0
    unknown_now: int = 0
    booked: int = 0
    rescheduled: int = 0
    cancelled: int = 0
    completed: int = 0
    released: int = 0


class Step(Struct, frozen=True):
    """A row of parking.day_course: half an hour."""

    starts: dt.datetime
    ends: dt.datetime
    spots: int
    held: int
    peak: bool
    booked: int
    rescheduled: int
    cancelled: int
    completed: int
    released: int


class Hour(Struct, frozen=True):
    """What happened in an hour."""

    starts: dt.datetime
    ends: dt.datetime
    booked: int
    rescheduled: int
    cancelled: int
    completed: int
    released: int

    @property
    def ended(self) -> int:
        return self.completed + self.released + self.cancelled


class Peak(Struct, frozen=True):
    """A row of parking.day_peaks."""

    starts: dt.datetime
    ends: dt.datetime
    spots: int
    held: int


class RowCount(Struct, frozen=True):
    """A row of parking.count_states."""

    floor_id: int
    floor: str
    row_id: int
    row: str
    spots: int
    free: int
    reserved: int
    occupied: int
    maintenance: int
    unknown: int


class Spot(Struct, frozen=True):
    """A row of parking.inspect_spots."""

    spot_id: int
    spot: str
    type: str
    floor_id: int
    floor: str
    row_id: int
    row: str
    state: str
    source: str
    reason: str | None
    who: str | None
    since: dt.datetime | None
    until: dt.datetime | None


class Chosen(Struct, frozen=True):
    """A parking.spot_condition: of the spot that something is to be said about."""

    spot_id: int
    spot: str
    state: str
    source: str
    reason: str | None
    until: dt.datetime | None


class Entry(Struct, frozen=True):
    """A row of parking.list_events."""

    id: int
    at: dt.datetime
    type: str
    spot_id: int | None
    spot: str | None
    starts: dt.datetime
    ends: dt.datetime | None
    former_starts: dt.datetime | None
    former_ends: dt.datetime | None
    who: str | None


class LotName(Struct, frozen=True):
    """A lot that one may choose."""

    id: int
    name: str


class Bar(Struct, frozen=True):
    """A rectangle of a chart in per cent of its width and height, what it stands for, and what it says to a pointer."""

    kind: str
    x: str
    y: str
    width: str
    height: str
    title: str


@lru_cache(maxsize=4096)
def _clock(moment: dt.datetime, zone: dt.tzinfo, locale: str) -> str:
    # A day's half hours are written again each time that something happens in it.
    return format_time(moment, "short", tzinfo=zone, locale=locale)


def _percent(share: float) -> str:
    return f"{share * 100:.2f}%"


class Sight(Struct, frozen=True):
    """All of it, at one moment."""

    where: Where
    lot: Lot
    day: dt.date
    now: dt.datetime
    row_id: int | None
    rows: list[RowCount]
    figures: list[Figures]
    course: list[Step]
    peaks: list[Peak]
    spots: list[Spot]
    events: list[Entry]
    lots: list[LotName]
    chosen: Chosen | None

    @classmethod
    def of(cls, record: Record, where: Where) -> Sight:
        """From the row of SIGHT."""

        return cls(
            where=msgspec.structs.replace(where, lot=record["id"], day=record["day"]),
            lot=Lot.of(record),
            day=record["day"],
            now=record["now"],
            row_id=record["row_id"],
            rows=many(record, "rows", RowCount),
            figures=many(record, "figures", Figures),
            course=many(record, "course", Step),
            peaks=many(record, "peaks", Peak),
            spots=many(record, "spots", Spot),
            events=many(record, "events", Entry),
            lots=many(record, "lots", LotName),
            chosen=None if record["chosen"] is None else msgspec.json.decode(record["chosen"], type=Chosen),
        )

    @property
    def zone(self) -> dt.tzinfo:
        return zone_of(self.lot.time_zone)

    @property
    def total(self) -> Figures:
        """All types of spots together."""
        return next((each for each in self.figures if each.type == "all"), Figures("all"))

    @property
    def by_type(self) -> list[Figures]:
        return [each for each in self.figures if each.type != "all"]

    @property
    def most(self) -> int:
        """The most spots that are held at once on this day."""
        return self.peaks[0].held if self.peaks else 0

    @property
    def is_large(self) -> bool:
        """Whether the lot is shown row by row."""
        return sum(row.spots for row in self.rows) > MOST_SPOTS

    @property
    def groups(self) -> list[tuple[Spot, list[Spot]]]:
        """The spots that are shown, row by row; the first of each names its row."""
        rows = [list(spots) for _, spots in groupby(self.spots, key=lambda spot: spot.row_id)]
        return [(row[0], row) for row in rows]

    @property
    def parts(self) -> list[int]:
        """The parts in which the spots of the chosen row, or of the lot, are shown; none where one is enough."""
        spots = sum(row.spots for row in self.rows if self.row_id in {None, row.row_id})
        return list(range(1, -(-spots // MOST_SPOTS) + 1)) if spots > MOST_SPOTS else []

    @property
    def hours(self) -> list[Hour]:
        """What happened in each hour of the day, of which there are 23 or 25 when the clocks change."""
        pairs = [self.course[first : first + 2] for first in range(0, len(self.course), 2)]
        names = ("booked", "rescheduled", "cancelled", "completed", "released")
        return [
            Hour(pair[0].starts, pair[-1].ends, **{name: sum(getattr(step, name) for step in pair) for name in names})
            for pair in pairs
        ]

    @property
    def axis(self) -> list[str]:
        """The hours under the charts, by the lot's clock."""
        return [f"{hour.starts.astimezone(self.zone).hour:02}" for hour in self.hours]

    def clock(self, moment: dt.datetime) -> str:
        """The time of day in the lot, in the reader's format."""
        return _clock(moment, self.zone, babel_locale())

    def times(self, starts: dt.datetime, ends: dt.datetime) -> str:
        """From when until when, on one day."""
        return f"{self.clock(starts)}–{self.clock(ends)}"

    def moment(self, moment: dt.datetime, told: dt.datetime | None = None) -> str:
        """The day, unless it is the one on which it is told, or that is there now, and the time of day."""
        if self._day(moment) == (self.lot.today if told is None else self._day(told)):
            return self.clock(moment)
        return f"{format_skeleton('MMMEd', moment, self.zone, locale=babel_locale())}, {self.clock(moment)}"

    def period(self, starts: dt.datetime, ends: dt.datetime | None, told: dt.datetime) -> str:
        """A period of which the ends may lie on different days, or which has no end; days other than the one on which
        it is told are named."""
        if ends is None:
            return _("from %(moment)s until further notice") % {"moment": self.moment(starts, told)}
        if self._day(starts) == self._day(ends):
            return f"{self.moment(starts, told)}–{self.clock(ends)}"
        return f"{self.moment(starts, told)} – {self.moment(ends, told)}"

    def _day(self, moment: dt.datetime) -> dt.date:
        return moment.astimezone(self.zone).date()

    def share(self, part: int, whole: int) -> str:
        """A percentage as the reader writes it."""
        return format_percent(part / whole if whole else 0, locale=babel_locale())

    @property
    def occupancy(self) -> list[Bar]:
        """Spots held, half hour by half hour: past, running or ahead, and whether it is the most of the day."""
        width = 1 / (len(self.course) or 1)
        bars = []
        for number, step in enumerate(self.course):
            height = min(step.held / (step.spots or 1), 1)
            when = "past" if step.ends <= self.now else "ahead" if step.starts > self.now else "running"
            bars.append(
                Bar(
                    f"{when} peak" if step.peak else when,
                    _percent((number + 0.08) * width),
                    _percent(1 - height),
                    _percent(width * 0.84),
                    _percent(height),
                    f"{self.times(step.starts, step.ends)}: {step.held}/{step.spots}",
                )
            )
        return bars

    @property
    def most_an_hour(self) -> int:
        """To what the chart of what happened reaches, up and down."""
        return max([1, *(max(hour.booked, hour.ended) for hour in self.hours)])

    @property
    def activity(self) -> list[Bar]:
        """Bookings above the middle; below it what ended, one kind under the other."""
        hours = self.hours
        width, unit = 1 / (len(hours) or 1), 0.5 / self.most_an_hour
        bars = []
        for number, hour in enumerate(hours):
            x, wide, when = (
                _percent((number + 0.12) * width),
                _percent(width * 0.76),
                self.times(hour.starts, hour.ends),
            )
            kinds = [("booked", hour.booked, 0.5 - hour.booked * unit)]
            below = 0.5
            for kind in ("completed", "released", "cancelled"):
                count = getattr(hour, kind)
                kinds.append((kind, count, below))
                below += count * unit
            bars += [
                Bar(kind, x, _percent(y), wide, _percent(count * unit), f"{when}, {event_word(kind)}: {count}")
                for kind, count, y in kinds
                if count
            ]
        return bars

    @property
    def running(self) -> str | None:
        """Where the present moment's half hour lies in a chart; None: on another day."""
        for number, step in enumerate(self.course):
            if step.starts <= self.now < step.ends:
                return _percent((number + 0.5) / len(self.course))
        return None


def event_word(kind: str) -> str:
    """What happened, in a word."""
    return {
        "booked": _("Booked"),
        "rescheduled": _("Moved"),
        "cancelled": _("Cancelled"),
        "completed": _("Completed"),
        "released": _("Released"),
        "overridden": _("State set"),
        "entered": _("Vehicle in"),
        "left": _("Vehicle out"),
        "voided": _("Ticket void"),
    }.get(kind, kind)


def state_word(state: str) -> str:
    """The state of a spot, in a word."""
    return {
        "free": _("Free"),
        "reserved": _("Reserved"),
        "occupied": _("Occupied"),
        "maintenance": _("Maintenance"),
        "unknown": _("Unknown"),
    }.get(state, state)


environment.filters["event_word"] = event_word
environment.filters["state_word"] = state_word

_macros: Any = environment.get_template("operate_parts.html").module

PARTS: Final[Sequence[str]] = (
    "tiles",
    "occupancy_chart",
    "occupancy_table",
    "activity_chart",
    "activity_table",
    "types",
    "rows",
    "spots",
    "condition",
    "log",
)
