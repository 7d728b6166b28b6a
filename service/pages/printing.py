"""A garage's report as PDF, in the reader's language.

Its fonts are in fonts/ and embedded, so that a name looks the same everywhere: Latin, Greek, Cyrillic, Hebrew, Arabic
and more; what they lack, Chinese above all, is a box.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace
from litestar import Response

from service.database import Database
from service.pages.figures import Told
from service.pages.language import _
from service.reports import REPORT, Report

PDF: Final = "application/pdf"
FONTS: Final = Path(__file__).parent.parent / "fonts"
FONT: Final = "DejaVu"
LINE: Final = 5


class _Paper(FPDF):
    """A4 with the number of the page at its foot."""

    def footer(self) -> None:
        """What fpdf2 calls at the end of each page."""
        self.set_y(-15)
        self.set_font(FONT, size=8)
        self.cell(text=f"{self.page_no()} / {{nb}}", align="C", w=0)


async def pdf_file(database: Database, *args: object) -> Response[bytes]:
    """The answer with the file; `args`: the session, the address, the lot, its first and its last day."""
    report = Report.of(await database.row(REPORT, *args, pool="public"))
    name = "-".join(["garage", *(str(part) for part in args[2:])])
    return Response(
        # The thread speaks the language of the request.
        await asyncio.to_thread(print_report, Told(report)),
        media_type=PDF,
        headers={"Content-Disposition": f'attachment; filename="{name}.pdf"'},
    )


def print_report(told: Told) -> bytes:
    """The file. It takes some hundred milliseconds of a core."""
    report = told.report
    paper = _Paper(format="A4")
    paper.add_font(FONT, fname=FONTS / "DejaVuSans.ttf")
    paper.add_font(FONT, style="B", fname=FONTS / "DejaVuSans-Bold.ttf")
    paper.set_title(f"{_('Report')}: {report.lot}, {told.period}")
    paper.set_creator("Smart Parking")
    paper.set_lang(told.language)
    paper.add_page()
    paper.set_font(FONT, style="B", size=18)
    paper.multi_cell(0, text=report.lot, new_x="LMARGIN", new_y="NEXT")
    paper.set_font(FONT, size=10)
    zone = _("times in %(zone)s") % {"zone": report.time_zone}
    paper.multi_cell(0, text=f"{_('Report')} · {told.period} · {zone}", new_x="LMARGIN", new_y="NEXT")
    totals = [
        (_("Revenue"), told.money(report.revenue_cents)),
        (_("Vehicles in"), str(report.entered)),
        (_("Vehicles out"), str(report.left)),
    ]
    paper.ln(3)
    paper.set_font(FONT, style="B", size=12)
    paper.multi_cell(0, text="   ".join(f"{name}: {value}" for name, value in totals), new_x="LMARGIN", new_y="NEXT")
    _table(
        paper,
        _("By length of the stay"),
        (_("Stay"), _("Vehicles"), _("Paid")),
        [(told.length(each), str(each.stays), told.money(each.amount_cents)) for each in report.lengths],
    )
    _table(
        paper,
        _("By tariff"),
        (_("Tariff"), _("Vehicles"), _("Paid")),
        [
            (
                _("Caps, discounts, refunds and corrections") if each.tariff is None else each.tariff,
                str(each.stays),
                told.money(each.amount_cents),
            )
            for each in report.tariffs
        ],
    )
    _lines(
        paper,
        _("Day by day"),
        (
            _("Day"),
            _("In"),
            _("Out"),
            _("Revenue"),
            _("Given back"),
            _("Average stay"),
            _("Most at once"),
            _("Occupied"),
        ),
        [
            (
                told.day(day.day),
                str(day.entered),
                str(day.left),
                told.money(day.revenue_cents),
                told.money(day.refunded_cents),
                told.stay(day.average_stay_hours),
                str(day.most_inside),
                told.share(day.occupied_percent),
            )
            for day in report.days
        ],
    )
    return bytes(paper.output())


def _table(paper: FPDF, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    paper.ln(6)
    paper.set_font(FONT, style="B", size=12)
    paper.multi_cell(0, text=title, new_x="LMARGIN", new_y="NEXT")
    paper.set_font(FONT, size=8)
    with paper.table(
        text_align=["LEFT", *["RIGHT"] * (len(heads) - 1)],
        col_widths=[2.2, *[1.0] * (len(heads) - 1)],
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis="BOLD"),
        line_height=LINE,
    ) as table:
        for cells in (heads, *rows):
            row = table.row()
            for cell in cells:
                row.cell(cell)


def _lines(paper: FPDF, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table of which each cell is short and there are many rows: what breaks lines takes ten times as long."""
    paper.ln(6)
    paper.set_font(FONT, style="B", size=12)
    paper.multi_cell(0, text=title, new_x="LMARGIN", new_y="NEXT")
    widths = [0.2 * paper.epw, *[0.8 * paper.epw / (len(heads) - 1)] * (len(heads) - 1)]

    def line(cells: Sequence[str], style: str) -> None:
        # Heads are words, and some languages have long ones.
        paper.set_font(FONT, style=style, size=6 if style else 8)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            paper.cell(width, LINE, text=cell, align="R" if number else "L", border="B")
        paper.ln(LINE)

    line(heads, "B")
    for row in rows:
        if paper.will_page_break(LINE):
            paper.add_page()
            line(heads, "B")
        line(row, "")
