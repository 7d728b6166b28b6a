"""What a driver's list is made of: the same template draws it on the page and over the socket."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from asyncpg import Record
from msgspec import Struct

from service.pages import language
from service.pages.language import _
from service.pages.rendering import environment
from service.zones import zone_of

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Of each part of the list; further ones are on pages of their own.
AT_ONCE: Final = 20

COLUMNS: Final = """
    d.id, d.period, d.status, d.starts, d.ends, d.spot_id, d.spot, d.type, d."row", d.floor, d.lot_id, d.lot, d.address,
    d.time_zone, d.ended_at, d.quoted_cents, d.currency
"""

LIST: Final = f"""
    select {COLUMNS}, parking.clock() as now
    from (
        select 1 as part, l.*
        from parking.list_reservations($1, period => 'current', sort => 'earliest', at_most => {AT_ONCE + 1})
            with ordinality l
        union all
        select 2, l.*
        from parking.list_reservations($1, period => 'coming', sort => 'earliest', at_most => {AT_ONCE + 1})
            with ordinality l
        union all
        select 3, l.*
        from parking.list_reservations($1, period => 'past', at_most => {AT_ONCE + 1}) with ordinality l
    ) d
    order by d.part, d.ordinality
"""  # noqa: S608 (of constants)


class Stay(Struct, frozen=True):
    """A row of parking.reservation_details: where, and from when until when by the lot's own clock."""

    id: int
    period: str
    status: str
    starts: datetime
    ends: datetime
    spot_id: int
    spot: str
    type: str
    row: str
    floor: str
    lot_id: int
    lot: str
    address: str
    time_zone: str
    ended_at: datetime | None
    quoted_cents: int | None
    currency: str | None

    @classmethod
    def of(cls, record: Record) -> Stay:
        zone = zone_of(record["time_zone"])
        given = {name: record[name] for name in cls.__struct_fields__}
        return cls(**{**given, "starts": given["starts"].astimezone(zone), "ends": given["ends"].astimezone(zone)})

    @property
    def when(self) -> str:
        """The period, as it is written where the reader's language is spoken."""
        return language.period(self.starts, self.ends)

    @property
    def price(self) -> str:
        """What it costs, as it was quoted; nothing, where no tariff knew a price."""
        if self.quoted_cents is None or self.currency is None:
            return ""
        return language.money(self.quoted_cents, self.currency)

    @property
    def state(self) -> str:
        """current, coming, or what became of it: over, completed or cancelled."""
        return self.period if self.period != "past" else "over" if self.status == "active" else self.status

    @property
    def word(self) -> str:
        """What its sign says."""
        return {
            "current": _("Running"),
            "coming": _("Coming"),
            "over": _("Over"),
            "completed": _("Ended"),
            "cancelled": _("Cancelled"),
        }[self.state]

    @property
    def cursor(self) -> str:
        """Behind which the next page begins: the start in microseconds since 1970, and the number."""
        return f"{microseconds(self.starts)}-{self.id}"


class Stays(Struct, frozen=True):
    """A driver's list: what runs, what comes, what was; and whether there is more of a part than is shown."""

    current: list[Stay]
    coming: list[Stay]
    past: list[Stay]
    more: frozenset[str]

    @classmethod
    def of(cls, records: Iterable[Record]) -> Stays:
        parts: dict[str, list[Stay]] = {"current": [], "coming": [], "past": []}
        for record in records:
            parts[record["period"]].append(Stay.of(record))
        more = frozenset(name for name, stays in parts.items() if len(stays) > AT_ONCE)
        shown = {name: stays[:AT_ONCE] for name, stays in parts.items()}
        return cls(**shown, more=more)


def microseconds(moment: datetime) -> int:
    """Since 1970, exactly."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(microseconds_since_1970: int) -> datetime:
    """The other way round."""
    return EPOCH + timedelta(microseconds=microseconds_since_1970)


def next_change(records: Iterable[Record]) -> float | None:
    """In how many seconds time alone moves a booking from one part of the list to another."""
    moments = [
        (record["starts"] if record["period"] == "coming" else record["ends"]) - record["now"]
        for record in records
        if record["period"] != "past"
    ]
    return max(min(moments).total_seconds(), 0.0) if moments else None


_macros: Any = environment.get_template("stays.html").module


def render_stays(stays: Stays) -> str:
    """The whole list, to be swapped in where it is open; focus stays where it is."""
    return str(_macros.stays(stays, oob=True))
