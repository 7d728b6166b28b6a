"""Time zones by their IANA names."""

from __future__ import annotations

import datetime as dt
import logging
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

log = logging.getLogger(__name__)


@cache
def zone_of(name: str) -> dt.tzinfo:
    """The zone, or UTC where this machine does not know it: the moments stay right, and only look foreign."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        log.warning("This machine does not know the time zone %s: its times are told in UTC", name)
        return dt.UTC


def turns_of(local: dt.datetime | None, zone: dt.tzinfo) -> tuple[str, str] | None:
    """What the time is called at the first and the second turn of a wall clock's time that the zone shows twice."""
    if local is None:
        return None
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.astimezone(dt.UTC) >= second.astimezone(dt.UTC):
        # It comes once, or never.
        return None
    return str(first.tzname()), str(second.tzname())
