"""What a board is made of: the same macros draw it on the page, in a swap and over the socket."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

from asyncpg import Record
from msgspec import Struct

from service.pages.language import _, long_day
from service.pages.rendering import environment


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
    """A row of parking.board on a lot's local `day`: one spot in one time slot.

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
    def of(cls, record: Record, day: date, reservation_id: int | None = None) -> Cell:
        """A row of parking.board or parking.watch as seen by the driver whose reservation it is, or by anybody."""
        names = ("spot_id", "spot", "type", "slot", "starts", "ends", "status")
        return cls(**{name: record[name] for name in names}, day=day, reservation_id=reservation_id)

    @property
    def id(self) -> str:
        """What the cell is called on the page and in a message after booking it; it never changes."""
        return f"cell-{self.spot_id}-{int(self.starts.timestamp())}"

    @property
    def value(self) -> str:
        """What its button sends: the spot and the period, in seconds since 1970."""
        return f"{self.spot_id}-{int(self.starts.timestamp())}-{int(self.ends.timestamp())}"

    @property
    def state(self) -> str:
        """As this driver sees it: available, booked, yours, maintenance or past."""
        return "yours" if self.status == "booked" and self.reservation_id is not None else self.status

    @property
    def word(self) -> str:
        """The word on it, which is short enough for three cells beside one another on a phone."""
        return _("closed") if self.state == "maintenance" else _(self.state)


_macros: Any = environment.get_template("board.html").module


def render_cell(cell: Cell, lot: Lot) -> str:
    """One cell to be swapped in wherever this lot's board is open; focus stays where it is."""
    return str(_macros.cell(cell, oob=True))


def render_board(cells: Sequence[Cell], lot: Lot, day: date) -> str:
    """The whole board of a lot and a local day, to be swapped in where it is open."""
    return str(_macros.board(**shape(cells, lot, day), oob=True))


def shape(cells: Sequence[Cell], lot: Lot, day: date) -> dict[str, Any]:
    rows = [list(spot) for _, spot in groupby(cells, key=lambda cell: cell.spot_id)]
    return {
        "rows": rows,
        "slots": [cell.slot for cell in rows[0]] if rows else [],
        "caption": _("Spots of %(lot)s on %(day)s") % {"lot": lot.name, "day": long_day(day, year=True)},
    }
