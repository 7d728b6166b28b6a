"""A booking as a file for calendars (iCalendar, RFC 5545)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from icalendar import Calendar, Event

from service.pages.language import _
from service.pages.stays import Stay

PRODUCT: Final = "-//Smart Parking//Bookings//EN"


def calendar(stay: Stay, revision: int, tenant: str, site: str, now: datetime) -> bytes:
    """One event. Its UID is the same for ever, its SEQUENCE grows with `revision`, and what is cancelled says so.

    Times are in UTC, which every calendar shows by its reader's clock, and needs no table of time zones. `tenant` and
    `site`, a host's name, make the UID one that no other installation gives.
    """
    event = Event()
    event.add("uid", f"reservation-{stay.id}-{tenant}@{site}")
    event.add("dtstamp", now.astimezone(UTC))
    event.add("sequence", revision)
    event.add("dtstart", stay.starts.astimezone(UTC))
    event.add("dtend", _end(stay).astimezone(UTC))
    event.add("summary", _("Parking: %(spot)s, %(lot)s") % {"spot": stay.spot, "lot": stay.lot})
    event.add("location", ", ".join(part for part in (stay.lot, stay.address) if part))
    event.add("description", f"{stay.floor}, {stay.row}, {stay.spot}")
    event.add("status", "CANCELLED" if stay.status == "cancelled" else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    file = Calendar()
    file.add("prodid", PRODUCT)
    file.add("version", "2.0")
    file.add("method", "PUBLISH")
    file.add_component(event)
    written: bytes = file.to_ical()
    return written


def _end(stay: Stay) -> datetime:
    """When it really ended, for what was ended before its time; nothing ends before it begins."""
    if stay.status == "completed" and stay.ended_at is not None and stay.starts < stay.ended_at < stay.ends:
        return stay.ended_at
    return stay.ends
