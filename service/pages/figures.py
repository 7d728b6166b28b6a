"""A garage's report in the reader's words and formats, for the page and for paper."""

from __future__ import annotations

import datetime as dt

from babel.dates import format_skeleton
from babel.numbers import format_decimal, format_percent
from msgspec import Struct

from service.pages.language import _, babel_locale, money, short_day, spoken
from service.reports import Length, Report


class Told(Struct, frozen=True):
    """A report in the reader's words and formats."""

    report: Report

    @property
    def period(self) -> str:
        first, last = self.report.from_day, self.report.until_day
        return short_day(first) if first == last else f"{short_day(first)} – {short_day(last)}"

    def day(self, day: dt.date) -> str:
        return format_skeleton("yMMMEd", day, locale=babel_locale())

    def money(self, cents: int) -> str:
        return money(cents, self.report.currency)

    def share(self, percent: int | None) -> str:
        return "–" if percent is None else format_percent(percent / 100, locale=babel_locale())

    def stay(self, hours: float | None) -> str:
        """Hours with one decimal, which is how they come."""
        if hours is None:
            return "–"
        return _("%(hours)s h") % {"hours": format_decimal(hours, format="0.0", locale=babel_locale())}

    def length(self, length: Length) -> str:
        """From how long to how long, in hours where these are whole."""

        def span(minutes: int) -> str:
            return (
                _("%(minutes)s min") % {"minutes": minutes}
                if minutes % 60
                else _("%(hours)s h") % {"hours": minutes // 60}
            )

        if length.until_minutes is None:
            return _("%(least)s and longer") % {"least": span(length.from_minutes)}
        if not length.from_minutes:
            return _("less than %(most)s") % {"most": span(length.until_minutes)}
        return f"{span(length.from_minutes)} – {span(length.until_minutes)}"

    @property
    def most_stays(self) -> int:
        return max([1, *(length.stays for length in self.report.lengths)])

    @property
    def language(self) -> str:
        """In which it is told."""
        return spoken()
