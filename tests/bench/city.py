"""A city with a history, for `make bench-growth`: 1,000 lots of 1,000 spots, 100,000 drivers, and their bookings.

A database is filled up to a number of reservations, and can be filled up further; whoever is interrupted goes on with
the day at which it was. city.sql says what is made up and how.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from tests.support import Database, deploy
from tests.support.cluster import PSQL, run

CITY = Path(__file__).with_name("city.sql")
PATIENCE = 4 * 3600.0
LOTS_AT_ONCE = 20
DRIVERS_AT_ONCE = 20_000
# What of a day's reservations is made for the days to come; people book for tomorrow rather than for next week.
AHEAD = {7: 0.02, 6: 0.03, 5: 0.04, 4: 0.06, 3: 0.08, 2: 0.12, 1: 0.25, 0: 0.4}
MOST_IDLE_DAYS = 30  # of a very small city
WEEKENDS = {5: 0.9, 6: 0.6}


@dataclass(frozen=True)
class Size:
    """Of a city; what is measured at a tenth of it is a village."""

    lots: int = 1000
    spots: int = 1000
    drivers: int = 100_000
    per_day: int = 25_000
    """Reservations on an ordinary day, once the city has filled up what lies ahead."""
    first: int = 10_000
    """How many reservations there are for today and the days ahead."""


def patiently(database: Database, sql: str) -> str:
    """psql for what may take longer than any test would wait."""
    words = (PSQL, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database.name)
    return run(*words, environ=database.cluster.environ, stdin=sql, seconds=PATIENCE).strip()


class Bar:
    """Progress on stderr: one line that is written over, or now and then a line of its own where nobody looks on."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.began, self.told = what, total, time.monotonic(), 0.0
        self.started_at: int | None = None

    def show(self, done: int) -> None:
        """So many of the total are there."""
        now = time.monotonic()
        if self.started_at is None:
            self.started_at = done
        attended = sys.stderr.isatty()
        if done < self.total and now - self.told < (0.2 if attended else 20):
            return
        self.told = now
        share = min(1.0, done / self.total) if self.total else 1.0
        rate = (done - self.started_at) / max(1e-9, now - self.began)
        left = f"{(self.total - done) / rate / 60:.0f} min left" if rate > 0 and done < self.total else ""
        cells = int(share * 30)
        bar = f"[{'#' * cells}{'.' * (30 - cells)}]"
        line = f"{self.what} {bar} {done:,} of {self.total:,} ({share:.0%}), {rate:,.0f}/s {left}"
        end = "\n" if not attended or done >= self.total else ""
        print(f"\r{line:<100}" if attended else line, end=end, file=sys.stderr, flush=True)  # noqa: T201


def found(database: Database, size: Size) -> None:
    """Deploy, and build the city; what of it is there already stays."""
    if database.psql("select to_regnamespace('bench') is null") == "t":
        deploy(database)
        script = CITY.read_text(encoding="utf-8")
        database.psql(f"begin; {script} commit;")
    database.psql(f"""
        select bench.found_city((date_trunc('week', current_timestamp at time zone 'Europe/Berlin')
            + interval '1 day 10 hours') at time zone 'Europe/Berlin', {size.per_day})
        where not exists (select from bench.city)""")
    set_clock(database)

    lots = Bar("lots", size.lots)
    while (there := int(database.psql("select count(*) from bench.lots"))) < size.lots:
        lots.show(there)
        last = min(size.lots, there + LOTS_AT_ONCE)
        patiently(database, f"select bench.build_lots({there + 1}, {last}, {size.spots})")
    lots.show(there)
    drivers = Bar("drivers", size.drivers)
    while (there := int(database.psql("select count(*) from bench.drivers"))) < size.drivers:
        drivers.show(there)
        last = min(size.drivers, there + DRIVERS_AT_ONCE)
        patiently(database, f"select bench.settle_drivers({there + 1}, {last})")
    drivers.show(there)
    database.psql("analyze bench.lots; analyze bench.drivers")


def set_clock(database: Database) -> None:
    """Make it the Tuesday at ten for which the city was made."""
    database.psql("update parking_private.clock_shift set shift = (select c.now - clock_timestamp() from bench.city c)")


def filled(database: Database) -> int:
    """How many reservations there are."""
    return int(database.psql("select coalesce(sum(reservations), 0) from bench.days"))


def fill(database: Database, size: Size, total: int) -> None:
    """Add day after day until there are so many reservations, and leave tables as they are a while after that."""
    today = date.fromisoformat(database.psql("select (now at time zone 'Europe/Berlin')::date from bench.city"))
    bar = Bar("reservations", total)
    done = filled(database)
    there = {date.fromisoformat(day) for day in database.psql("select day from bench.days").split()}
    number, idle = max(AHEAD), 0
    while done < total:
        bar.show(done)
        day = today + timedelta(days=number)
        number -= 1
        if day in there:
            continue
        if (today - day).days >= 0:
            month = day.replace(day=1)
            for due in (month, (month - timedelta(days=1)).replace(day=1)):
                database.psql(f"set role parking_owner; select parking_private.make_event_partition('{due}')")
        if day > today:
            wanted = round(size.first * AHEAD[(day - today).days])
        elif day == today:
            # Whatever chance has left out so far, and a little more: what is too much is not made.
            wanted = max(1, round((size.first - done) * 1.05))
        else:
            wanted = round(size.per_day * WEEKENDS.get(day.weekday(), 1.1))
        made = int(patiently(database, f"select bench.fill_day('{day}', {wanted}, {total - done})"))
        idle = 0 if made else idle + 1
        if idle > MOST_IDLE_DAYS:
            raise RuntimeError(f"nobody has booked anything for {MOST_IDLE_DAYS} days from {day} on")
        done += made
    bar.show(done)
    patiently(database, "vacuum analyze")
