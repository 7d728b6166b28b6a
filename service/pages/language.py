"""In which language and format somebody reads: their own choice, or the browser's, among those that there are.

`spoken()` is the language of whatever is being rendered now; a request sets it for itself, and a board that is rendered
for its viewers does with `speaking()`. Messages are in English in the templates, and in `service/locale` in the others:
catalogues are read as translators write them, so that there is nothing to compile and nothing that can be out of date.
"""

from __future__ import annotations

import gettext as catalogues
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.core import negotiate_locale
from babel.dates import format_date, format_skeleton, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency
from litestar.connection import ASGIConnection

# British English is what is spoken to those who ask for neither; America has the month first, and twelve hours.
LANGUAGES: Final = ("en-GB", "en-US", "de")
FALLBACK: Final = "en-GB"
LOCALE_FOLDER: Final = Path(__file__).parent.parent / "locale"
LANGUAGE_COOKIE: Final = "language"
# What the page's switch offers, in the words of who looks for it.
OFFERED: Final = {"en": "English", "de": "Deutsch"}

_spoken: ContextVar[str] = ContextVar("spoken", default=FALLBACK)


def spoken() -> str:
    """The language that is spoken now, one of LANGUAGES (BCP 47)."""
    return _spoken.get()


def speak(language: str) -> None:
    """Speak this language for the rest of this request."""
    _spoken.set(language)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak this language in a block."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def choose(accept_language: str) -> str:
    """The first of the languages that a browser names (RFC 9110, 12.5.4) which is spoken here."""
    weighted = []
    for part in accept_language.split(",")[:32]:
        tag, _, parameters = part.strip().partition(";")
        name, _, value = parameters.strip().partition("=")
        try:
            quality = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        if tag and quality > 0:
            weighted.append((-quality, tag.strip()))
    preferred = [tag for _, tag in sorted(weighted, key=lambda pair: pair[0])]
    return negotiate_locale(preferred, LANGUAGES, sep="-", aliases={"en": "en-GB"}) or FALLBACK


def language_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The language for whoever sends this request or opens this socket: by the switch's cookie, or else the browser's.

    Somebody who has chosen English on the page gets the English of their browser, if it names one.
    """
    wanted = connection.headers.get("accept-language", "")
    chosen = connection.cookies.get(LANGUAGE_COOKIE, "")
    if chosen not in OFFERED:
        return choose(wanted)
    named = choose(",".join(part for part in wanted.split(",")[:32] if part.strip().lower().startswith(chosen)))
    return named if named.startswith(chosen) else choose(chosen)


@cache
def _catalogue(language: str) -> catalogues.NullTranslations:
    """The messages of a language; those of English are the messages themselves."""
    source = LOCALE_FOLDER / language.replace("-", "_") / "LC_MESSAGES" / "page.po"
    if not source.is_file():
        return catalogues.NullTranslations()
    with source.open("rb") as file:
        catalogue = read_po(file, locale=language.replace("-", "_"), abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return catalogues.GNUTranslations(compiled)


def gettext(message: str) -> str:
    """The message in the language that is spoken."""
    return _catalogue(spoken()).gettext(message)


def ngettext(one: str, many: str, number: int) -> str:
    """The form of a message that goes with a number."""
    return _catalogue(spoken()).ngettext(one, many, number)


_ = gettext


def babel_locale() -> str:
    """The name by which babel knows the language that is spoken."""
    return spoken().replace("-", "_")


def long_day(day: date, *, year: bool = False) -> str:
    """Friday 20 November, or with its year, as it is written where the language is spoken."""
    return _long_day(day, babel_locale(), year=year)


# Every cell of a board says its day.
@lru_cache(maxsize=1000)
def _long_day(day: date, locale: str, *, year: bool) -> str:
    return format_date(day, "full", locale=locale) if year else format_skeleton("MMMMEEEEd", day, locale=locale)


def price(cents: int, currency: str) -> str:
    """An amount in hundredths of a currency (ISO 4217), as it is written where the language is spoken."""
    return format_currency(Decimal(cents) / 100, currency, locale=babel_locale())


def local_period(starts: datetime, ends: datetime, time_zone: str) -> dict[str, str]:
    """A period by the wall clock of an IANA time zone, for a message: its `day`, `short_day` and `slot` (08–12)."""
    zone = ZoneInfo(time_zone)
    first, last = starts.astimezone(zone), ends.astimezone(zone)
    slot = "–".join(f"{moment:%H:%M}" if moment.minute else f"{moment:%H}" for moment in (first, last))
    return {
        "day": long_day(first.date()),
        "short_day": format_skeleton("MMMEd", first.date(), locale=babel_locale()),
        "slot": slot,
    }


def short_day(day: date) -> str:
    """Fri, 20 Nov 2026, as it is written where the language is spoken."""
    return format_skeleton("yMMMEd", day, locale=babel_locale())


def clock_time(moment: datetime) -> str:
    """14:30, or 2:30 pm, of a moment in the zone in which it is meant."""
    return format_time(moment, "short", tzinfo=moment.tzinfo, locale=babel_locale())


def day_and_time(moment: datetime) -> str:
    """Fri, 20 Nov 2026, 14:30, of a moment in the zone in which it is meant."""
    return f"{short_day(moment)}, {clock_time(moment)}"


def period(starts: datetime, ends: datetime) -> str:
    """From when until when, with the days where they differ; both in the zone in which they are meant."""
    if starts.date() == ends.date():
        # A line may end after the dash, where no space is left over, and not before it.
        return f"{short_day(starts)}, {clock_time(starts)}\u00a0– {clock_time(ends)}"
    return f"{day_and_time(starts)} – {day_and_time(ends)}"
