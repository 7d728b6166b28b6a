"""What a board is made of: the same macros draw it on the page, in a swap and over the socket."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any, Literal

from asyncpg import Record
from msgspec import Struct

from service.pages.language import _, long_day
from service.pages.places import Place, View
from service.pages.rendering import environment

Shows = Literal["spots", "rows"]

# Of a summary whose rows are more than this, only the floors are shown at first.
MOST_COUNTS = 200
# A fifth: from here on one had better not come without a booking.
FEW = 5


class Lot(Struct, frozen=True):
    """A row of parking.find_lot: a place, its IANA time zone, and the day that it is there now."""

    id: int
    tenant_slug: str
    name: str
    address: str
    time_zone: str
    today: date

    @classmethod
    def of(cls, record: Record) -> Lot:
        return cls(*(record[name] for name in cls.__struct_fields__))


class Cell(Struct, frozen=True):
    """A row of parking.board_section on a lot's local `day`: one spot in one time slot.

    `reservation_id` is set in the version for the driver whose reservation it is, and in nobody else's.
    """

    spot_id: int
    spot: str
    type: str
    slot: str
    starts: datetime
    ends: datetime
    status: str
    day: date
    reservation_id: int | None = None

    @classmethod
    def of(cls, record: Record, day: date) -> Cell:
        """A row of parking.watch_section, as anybody sees it."""
        names = ("spot_id", "spot", "type", "slot", "starts", "ends", "status")
        return cls(**{name: record[name] for name in names}, day=day)

    @property
    def id(self) -> str:
        """What the cell is called on the page and in a message after booking it; it never changes."""
        return f"cell-{self.spot_id}-{int(self.starts.timestamp())}"

    @property
    def value(self) -> str:
        """What its button sends: the spot and the period, in seconds since 1970."""
        return cell_value(self.spot_id, self.starts, self.ends)

    @property
    def state(self) -> str:
        """As this driver sees it: available, booked, yours, maintenance or past."""
        return "yours" if self.status == "booked" and self.reservation_id is not None else self.status

    @property
    def word(self) -> str:
        """The word on it, which is short enough for three cells beside one another on a phone."""
        return _("closed") if self.state == "maintenance" else _(self.state)

    @property
    def name(self) -> str:
        """What it is called for whoever does not see where it stands. It says what stands on it, word by word, so that
        it may be asked for by that; and in one piece, so that another language may put it in another order."""
        told = {
            "spot": self.spot if self.type == "regular" else f"{self.spot}, {_(self.type)}",
            "slot": self.slot,
            "word": self.word,
            "day": long_day(self.day),
        }
        if self.state == "available":
            return _("Book %(spot)s, %(slot)s %(word)s, on %(day)s") % told
        if self.state == "yours":
            return _("End your booking of %(spot)s, %(slot)s %(word)s, on %(day)s") % told
        return _("%(spot)s, %(slot)s %(word)s, on %(day)s") % told


def cell_value(spot: int, starts: datetime, ends: datetime) -> str:
    """A spot and a period as a form says them."""
    return f"{spot}-{int(starts.timestamp())}-{int(ends.timestamp())}"


class Count(Struct, frozen=True):
    """How many spots of a row, of a part of one, or of a whole floor are free in a time slot; None: it is past."""

    floor_id: int
    floor_name: str
    row_id: int | None
    row_name: str
    part: int
    first_spot: str
    last_spot: str
    slot: str
    starts: datetime
    free: int | None
    total: int

    @classmethod
    def of(cls, record: Record) -> Count:
        """A row of parking.watch_rows."""
        return cls(*(record[name] for name in cls.__struct_fields__))

    @property
    def id(self) -> str:
        """What it is called on the page; it never changes."""
        kind, number = ("row", f"{self.row_id}-{self.part}") if self.row_id else ("floor", str(self.floor_id))
        return f"{kind}-{number}-{int(self.starts.timestamp())}"

    @property
    def level(self) -> str:
        """past, none, few or many."""
        if self.free is None:
            return "past"
        return "none" if not self.free else "few" if self.free * FEW <= self.total else "many"

    @property
    def word(self) -> str:
        """What it says."""
        if self.free is None:
            return _("Past")
        return _("%(free)s of %(total)s") % {"free": self.free, "total": self.total} if self.free else _("Full")


def count_floors(rows: Iterable[Count], view: View) -> list[Count]:
    """Each floor's sums, and behind them its rows; of a very large lot the floors alone, until one is chosen."""
    counts: list[Count] = []
    floors: list[Count] = []
    for _floor, group in groupby(rows, key=lambda count: count.floor_id):
        below = list(group)
        slots: dict[datetime, list[Count]] = {}
        for count in below:
            slots.setdefault(count.starts, []).append(count)
        sums = [
            Count(
                below[0].floor_id,
                below[0].floor_name,
                None,
                "",
                0,
                below[0].first_spot,
                below[-1].last_spot,
                of_slot[0].slot,
                starts,
                None if of_slot[0].free is None else sum(count.free or 0 for count in of_slot),
                sum(count.total for count in of_slot),
            )
            for starts, of_slot in slots.items()
        ]
        floors += sums
        counts += [*sums, *below]
    too_many = len(counts) > MOST_COUNTS and view.floor is None and floors[0].floor_id != floors[-1].floor_id
    return floors if too_many else counts


_macros: Any = environment.get_template("board.html").module


def render_one(one: Cell | Count) -> str:
    """One cell or count to be swapped in wherever this board is open; focus stays where it is."""
    return str(_macros.cell(one, oob=True) if isinstance(one, Cell) else _macros.count(one, oob=True))


def render_board(all_of_it: Sequence[Cell | Count], lot: Lot, place: Place, shows: Shows) -> str:
    """The whole board, or summary, of a place to be swapped in where it is open."""
    return str(_macros.whole(**shape(all_of_it, lot, place, shows), oob=True))


def shape(all_of_it: Sequence[Cell | Count], lot: Lot, place: Place, shows: Shows) -> dict[str, Any]:
    """What the macro `whole` takes. The place says its lot, so that it leads there from wherever it is swapped in."""
    cells = [one for one in all_of_it if isinstance(one, Cell)]
    counts = [one for one in all_of_it if isinstance(one, Count)]
    lines: list[list[Any]]
    if shows == "rows":
        lines = [list(line) for _key, line in groupby(counts, key=lambda one: (one.floor_id, one.row_id, one.part))]
        floors = [list(floor) for _key, floor in groupby(lines, key=lambda line: line[0].floor_id)]
        caption = _("What is free in %(lot)s on %(day)s")
    else:
        lines = [list(line) for _key, line in groupby(cells, key=lambda cell: cell.spot_id)]
        floors = []
        caption = _("Spots of %(lot)s on %(day)s")
    return {
        "shows": shows,
        "rows": lines,
        "floors": floors,
        "slots": [one.slot for one in lines[0]] if lines else [],
        "caption": caption % {"lot": lot.name, "day": long_day(place.day or lot.today, year=True)},
        "place": place,
    }
