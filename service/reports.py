"""What a garage has done in a period of days: one statement for the page, the API and the PDF, and CSV by COPY.

A cell of text in a CSV that begins like a formula gets an apostrophe in front, which spreadsheets take for the mark of
a text: nobody else's words are to be calculated with.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import IO, Final, Literal

from asyncpg import Record
from litestar.response import Stream
from msgspec import Struct

from service.columns import many
from service.database import Database

Kind = Literal["days", "tickets"]

CSV: Final = "text/csv; header=present"
CHUNK: Final = 64 * 1024

# The figures before the lot, so that who may not see them is told so, whatever lot it is.
REPORT: Final = """
    select l.id as lot_id, l.name, l.time_zone, l.today, d.days, k.lengths, t.tariffs
    from parking.session($1, $2) s
    cross join lateral (
        select json_agg(to_jsonb(d) || jsonb_build_object('left', d.left_count)) as days
        from parking.garage_report(s.actor, $3, $4, $5) d
    ) d
    cross join lateral parking.find_lot(case when d.days is not null then $3::bigint end, null, s.actor) l
    cross join lateral (select json_agg(k) as lengths from parking.stays_by_length(s.actor, l.id, $4, $5) k) k
    cross join lateral (select json_agg(t) as tariffs from parking.revenue_by_tariff(s.actor, l.id, $4, $5) t) t
"""


def _text(cell: str) -> str:
    """SQL for a text that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return rf"regexp_replace({cell}, '^[-=+@\t\r\n＝＋－＠]', '''\&')"


def _units(cents: str) -> str:
    """SQL for an amount in units of the currency."""
    return f"({cents} / 100.0)::numeric(20, 2)"


def _local(moment: str) -> str:
    """SQL for what the garage's clock said then."""
    return f"to_char({moment} at time zone t.time_zone, 'YYYY-MM-DD HH24:MI:SS')"


def _utc(moment: str) -> str:
    """SQL for the same in UTC, which no change of clocks makes ambiguous."""
    return f"""to_char({moment} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""


FILES: Final[dict[Kind, str]] = {
    "days": f"""
        select d.day, d.entered, d.left_count as "left", d.lost, d.void, {_units("d.revenue_cents")} as revenue,
               {_units("d.refunded_cents")} as refunded, d.currency, d.average_stay_seconds, d.most_inside, d.spaces,
               d.occupied_percent
        from parking.session($1, $2) s, parking.garage_report(s.actor, $3, $4, $5) d
        order by d.day
    """,  # noqa: S608 (of constants)
    "tickets": f"""
        select t.ticket_number, {_text("t.plate")} as plate, {_text("t.vehicle")} as vehicle, t.status,
               {_local("t.entered_at")} as entered_local, {_local("t.left_at")} as left_local,
               {_utc("t.entered_at")} as entered_at, {_utc("t.left_at")} as left_at, t.minutes,
               {_units("t.amount_cents")} as amount, t.currency, {_text("t.method")} as method
        from parking.session($1, $2) s
        cross join lateral parking.list_tickets(s.actor, $3, $4, $5) with ordinality t
        order by t.ordinality
    """,  # noqa: S608 (of constants)
}


class Day(Struct, frozen=True):
    """A row of parking.garage_report: what happened on a day of the garage's clock; money counts when it moved.

    `revenue_cents` is what came in less what went out. `occupied_percent` is the share of the spaces that vehicles with
    a ticket took on an average of the day; null: of a day to come.
    """

    day: dt.date
    entered: int
    left: int
    lost: int
    void: int
    revenue_cents: int
    refunded_cents: int
    currency: str | None
    average_stay_seconds: int | None
    average_stay_hours: float | None
    most_inside: int
    spaces: int
    occupied_percent: int | None


class Length(Struct, frozen=True):
    """A row of parking.stays_by_length: of those who left, how many stayed so long, and what they paid.

    `until_minutes` is not included; null: however long.
    """

    from_minutes: int
    until_minutes: int | None
    stays: int
    amount_cents: int


class TariffRevenue(Struct, frozen=True):
    """A row of parking.revenue_by_tariff; no name: caps, discounts, refunds and corrections."""

    tariff: str | None
    stays: int
    amount_cents: int


class Report(Struct, frozen=True):
    """A period of days, the last one included."""

    lot_id: int
    lot: str
    time_zone: str
    from_day: dt.date
    until_day: dt.date
    currency: str | None
    revenue_cents: int
    entered: int
    left: int
    days: list[Day]
    lengths: list[Length]
    tariffs: list[TariffRevenue]

    @classmethod
    def of(cls, row: Record) -> Report:
        """From the row of REPORT."""

        days = many(row, "days", Day)
        return cls(
            lot_id=row["lot_id"],
            lot=row["name"],
            time_zone=row["time_zone"],
            from_day=days[0].day,
            until_day=days[-1].day,
            currency=next((day.currency for day in days if day.currency), None),
            revenue_cents=sum(day.revenue_cents for day in days),
            entered=sum(day.entered for day in days),
            left=sum(day.left for day in days),
            days=days,
            lengths=many(row, "lengths", Length),
            tariffs=many(row, "tariffs", TariffRevenue),
        )


async def csv_file(database: Database, *args: object, kind: Kind) -> Stream:
    """The answer with a CSV; `args`: the session, the address, the lot, its first and its last day.

    It is written before it is sent, so that what is refused is refused by its status, and a slow reader holds no
    connection.
    """
    file = await database.copy(FILES[kind], *args, pool="public")
    name = "-".join(["garage", *(str(part) for part in args[2:]), kind])
    return Stream(_chunks(file), media_type=CSV, headers={"Content-Disposition": f'attachment; filename="{name}.csv"'})


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk
