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
