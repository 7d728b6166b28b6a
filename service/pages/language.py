"""In which language and format somebody reads: the browser's choice among those that there are.

`spoken()` is the language of whatever is being rendered now; a request sets it for itself, and a board that is rendered
for its viewers does with `speaking()`. Messages are in English in the templates, and in `service/locale` in the others.
"""

from __future__ import annotations

import gettext as catalogues
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel.core import negotiate_locale
from babel.dates import format_date, format_skeleton

# British English is what is spoken to those who ask for neither; America has the month first, and twelve hours.
LANGUAGES: Final = ("en-GB", "en-US", "de")
FALLBACK: Final = "en-GB"
LOCALE_FOLDER: Final = Path(__file__).parent.parent / "locale"

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


@cache
def _catalogue(language: str) -> catalogues.NullTranslations:
    return catalogues.translation("page", LOCALE_FOLDER, [language.replace("-", "_")], fallback=True)


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
