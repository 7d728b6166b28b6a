"""What a stay costs, from the words of its tariffs: an oracle that walks through the stay minute by minute.

It shares nothing with the database: no code, no table, no query. It is slow and has no cleverness, so that whoever has
read the rules (they stand at the head of db/deploy/tariffs.sql) can see that it follows them.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)
DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")


@dataclass(frozen=True)
class Times:
    """Hours of one weekday, in minutes after its midnight; 1440 as their end is the next midnight."""

    weekday: int
    opens: int
    closes: int

    def __str__(self) -> str:
        return f"{DAYS[self.weekday]} {clock(self.opens)}-{clock(self.closes)}"


@dataclass(frozen=True)
class Tier:
    """`increment` is in minutes; None: a flat price."""

    start: int
    increment: int | None
    cents: int


@dataclass(frozen=True)
class Tariff:
    """What an operator says about a price."""

    name: str
    tiers: tuple[Tier, ...]
    valid_from: dt.datetime
    valid_until: dt.datetime | None = None
    times: tuple[Times, ...] = ()
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    vehicle: str | None = None
    spot_type: str | None = None
    priority: int = 0
    free_minutes: int = 0
    cap_stay: int | None = None
    cap_day: int | None = None

    @property
    def rank(self) -> tuple[int, int]:
        """The higher one goes before the other."""
        says = (self.vehicle, self.spot_type, self.first_day or self.last_day, self.times or None)
        return self.priority, sum(word is not None for word in says)

    def suits(self, stay: "Stay") -> bool:
        """It is for such a vehicle and such a spot."""
        return self.vehicle in (None, stay.vehicle) and self.spot_type in (None, stay.spot_type)

    def valid(self, moment: dt.datetime) -> bool:
        """Between its first and its last moment."""
        return self.valid_from <= moment and (self.valid_until is None or moment < self.valid_until)

    def closes(self, wall: dt.datetime) -> dt.datetime | None:
        """Until when by the wall clock the times last in which it shows this; None: it lies in none."""
        ends = []
        for back in (0, 1):
            day = wall.date() - back * DAY
            if (self.first_day and day < self.first_day) or (self.last_day and day > self.last_day):
                continue
            midnight = dt.datetime.combine(day, dt.time())
            for times in self.times or [Times(day.weekday(), 0, 1440)]:
                if times.weekday == day.weekday():
                    end = times.closes if times.closes > times.opens else times.closes + 1440
                    if midnight + times.opens * MINUTE <= wall < midnight + end * MINUTE:
                        ends.append(midnight + end * MINUTE)
        return max(ends, default=None)


@dataclass(frozen=True)
class Less:
    """A season pass or a discount: so many percent less between two moments."""

    percent: int
    valid_from: dt.datetime
    valid_until: dt.datetime | None = None

    def valid(self, moment: dt.datetime) -> bool:
        """Between its first and its last moment."""
        return self.valid_from <= moment and (self.valid_until is None or moment < self.valid_until)


@dataclass(frozen=True)
class Stay:
    """A stay whose start is a full minute."""

    zone: str
    starts: dt.datetime
    ends: dt.datetime
    vehicle: str | None = None
    spot_type: str | None = None


def clock(minutes: int) -> str:
    """Minutes after midnight as people write them."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def half_up(amount: Decimal) -> int:
    """To the cent."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def wall_clock(moment: dt.datetime, zone: str) -> dt.datetime:
    """What the clock on the wall shows."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


@lru_cache(maxsize=1000)
def passed(wall: dt.datetime, zone: str) -> dt.datetime:
    """The first full minute from which on the clock on the wall shows nothing before this any more."""
    about = wall.replace(tzinfo=dt.UTC)
    minutes = [about + n * MINUTE for n in range(-15 * 60, 15 * 60)]
    return max(minute for minute in minutes if wall_clock(minute, zone) < wall) + MINUTE


class TwoTariffs(Exception):
    """Two tariffs apply at this moment, and neither goes before the other."""


def applying(tariffs: Sequence[Tariff], stay: Stay, moment: dt.datetime) -> tuple[Tariff, dt.datetime] | None:
    """The tariff that applies at a moment, and until when by the wall clock its times last."""
    wall = wall_clock(moment, stay.zone)
    found = [
        (tariff, closes)
        for tariff in tariffs
        if tariff.suits(stay) and tariff.valid(moment) and (closes := tariff.closes(wall))
    ]
    if not found:
        return None
    highest = max(tariff.rank for tariff, _ in found)
    best = [(tariff, closes) for tariff, closes in found if tariff.rank == highest]
    if len(best) > 1:
        raise TwoTariffs(moment, [tariff.name for tariff, _ in best])
    return best[0]


def price(
    tariffs: Sequence[Tariff], stay: Stay, passes: Sequence[Less] = (), discounts: Sequence[Less] = ()
) -> int | None:
    """Cents; None: no tariff is valid at any moment of the stay."""
    if not any(tariff.suits(stay) and any(tariff.valid(moment) for moment in minutes_of(stay)) for tariff in tariffs):
        return None
    total = 0
    days: dict[dt.date, int] = defaultdict(int)
    paid_until = stay.starts
    for lasted, moment in enumerate(minutes_of(stay)):
        if moment < paid_until or (applies := applying(tariffs, stay, moment)) is None:
            continue
        tariff, closes = applies
        if lasted < tariff.free_minutes:
            paid_until = stay.starts + tariff.free_minutes * MINUTE
            continue
        tier = max((tier for tier in tariff.tiers if tier.start <= lasted), key=lambda tier: tier.start)
        paid_until = passed(closes, stay.zone) if tier.increment is None else moment + tier.increment * MINUTE
        less = max((season.percent for season in passes if season.valid(moment)), default=0)
        cents = half_up(Decimal(tier.cents) * (100 - less) / 100)
        day = wall_clock(moment, stay.zone).date()
        if tariff.cap_day is not None:
            cents = min(cents, max(tariff.cap_day - days[day], 0))
        if tariff.cap_stay is not None:
            cents = min(cents, max(tariff.cap_stay - total, 0))
        days[day] += cents
        total += cents
    less = max((discount.percent for discount in discounts if discount.valid(stay.starts)), default=0)
    return total - half_up(Decimal(total) * less / 100)


def minutes_of(stay: Stay) -> list[dt.datetime]:
    """The moments at which its minutes begin."""
    return [stay.starts + n * MINUTE for n in range(-((stay.starts - stay.ends) // MINUTE))]
