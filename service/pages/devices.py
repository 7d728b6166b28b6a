"""Where somebody is signed in, in words that tell one device from another."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from asyncpg import Record
from msgspec import Struct

from service.pages.language import _

# The first that is in a User-Agent decides: each calls itself by the names of those that came before it.
BROWSERS: Final = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS": "Firefox",
    "Chrome/": "Chrome",
    "CriOS": "Chrome",
    "Safari/": "Safari",
}
SYSTEMS: Final = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}
LONGEST_NAME: Final = 60


class Device(Struct, frozen=True):
    """A row of parking.my_sessions; `here` is true of the session that asks."""

    session: UUID
    name: str
    address: str
    opened_at: datetime
    used_at: datetime
    here: bool

    @classmethod
    def of(cls, row: Record, here: UUID) -> Device:
        return cls(
            session=row["id"],
            name=name_of(row["user_agent"] or ""),
            address=str(row["address"]) if row["address"] is not None else "",
            opened_at=row["opened_at"].astimezone(UTC),
            used_at=row["renewed_at"].astimezone(UTC),
            here=row["id"] == here,
        )


def name_of(user_agent: str) -> str:
    """Chrome on Windows; what is no browser says its own name (RFC 9110, 10.1.5), and may say anything."""
    browser = next((name for mark, name in BROWSERS.items() if mark in user_agent), None)
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), None)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    said = re.match(r"[^\s()]+", user_agent)
    return browser or (said[0][:LONGEST_NAME] if said else _("Unknown program"))
