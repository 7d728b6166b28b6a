"""The day on which a test runs, which is the same one from its beginning to its end.

Most tests book "tomorrow at eight" by the demo lot's clock, and what that means changes at midnight. So it is asked for
while a test runs, never when its file is read, which may be an hour and a midnight earlier; and no test begins when a
midnight is so near that it might come in between.
"""

import datetime as dt
import os
import time
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
"""The demo lots' time zone."""

MIDNIGHTS = (BERLIN, dt.UTC)
"""Where the days begin that tests reckon with: at the lots, and in the database's sessions."""

LONGEST_SECONDS = 120
"""What a test that reckons with days takes at most."""


def today() -> dt.date:
    """The day at the demo lots."""
    if "PYTEST_CURRENT_TEST" not in os.environ:
        raise RuntimeError("which day it is, is asked while a test runs: it may run on another day than it is read")
    return dt.datetime.now(BERLIN).date()


def seconds_to_wait(now: dt.datetime) -> float:
    """How long until a test may begin that is to see one day only: into the next day, if that is near; else 0."""
    left = (
        min(
            dt.datetime.combine(now.astimezone(zone).date() + dt.timedelta(1), dt.time(), zone).timestamp()
            for zone in MIDNIGHTS
        )
        - now.timestamp()
    )
    # A little more: the database and this process read the clock one after the other.
    return left + 0.1 if left <= LONGEST_SECONDS else 0


def wait_for_a_whole_day() -> None:
    """Sleep over a midnight that is near."""
    while seconds := seconds_to_wait(dt.datetime.now(dt.UTC)):
        time.sleep(min(seconds, 10))
