"""What announcing costs a booking: the same function with only the announcing replaced, taking turns.

The turns are short and many, since a ratio is worth as much as its two halves have in common: each is taken of two
neighbours, which are the same sessions', and the median of all. How much that median is worth stands beside it: the
interval that holds the true one with 95 %, by the ranks of the sorted ratios, whatever their distribution. Beside them,
now and then, the bare insert that no booking can beat, and what a NOTIFY in every commit would cost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import comb
from statistics import median, quantiles

from tests.bench.load import BARE, CLIENTS, SECONDS, sessions
from tests.bench.report import Report, progress
from tests.support import Database

ROUNDS = 15
TURN_SECONDS = max(2, SECONDS // 3)
# Every so many rounds what has no bar is measured as well.
SELDOM = 3
LEAST_SHARE = 0.9
LEAST_SHARE_OF_AN_INSERT = 0.28
ANNOUNCE = "select pg_get_functiondef('parking_private.announce'::regproc)"
NOTIFY = "perform pg_notify('parking', '');"

FULL = "parking.book"
SILENT = "… an event, but no ring"
NOTHING = "… no event either"
NAIVE = "… an event and a NOTIFY in every commit"
INSERT = "insert of two columns with an exclusion constraint"


def announcing(deployed: str) -> dict[str, str]:
    """The deployed announce() and its three replacements, each as the statement that puts it in place."""
    insert = re.search(r"insert into parking\.events.*?;", deployed, re.DOTALL)
    assert insert, deployed
    assert NOTIFY in deployed, deployed
    assert deployed.count(";") > 1, deployed

    def instead(*body: str) -> str:
        head, body_and_tail = deployed.split("AS $function$", 1)
        assert body_and_tail.rstrip().endswith("$function$")
        return "\n".join([head + "AS $function$", "begin", *body, "end", "$function$"])

    return {
        FULL: deployed,
        SILENT: instead(insert[0]),
        NOTHING: instead(),
        NAIVE: instead(insert[0], NOTIFY),
    }


def interval_of_median(values: Sequence[float]) -> tuple[float, float]:
    """Between which of the values the median of what they are drawn from lies with 95 %; all, of fewer than six.

    So many of n values lie below the median as heads come up when n coins are tossed.
    """
    ordered, tosses = sorted(values), 2 ** len(values)
    rank, heads = 0, 1
    # While the true median lies outside of the next narrower interval in at most one of twenty cases.
    while 2 * (heads + comb(len(values), rank + 1)) <= tosses / 20:
        rank += 1
        heads += comb(len(values), rank)
    return ordered[rank], ordered[-1 - rank]


async def measure(database: Database, book: str, report: Report) -> None:
    """Print the table. Every other round goes backwards, so that a drift of the machine cancels out."""
    variants = announcing(database.psql(ANNOUNCE))
    names = (INSERT, NAIVE, SILENT, FULL, NOTHING)
    booked: list[tuple[str, int]] = []
    inserted: list[tuple[str, int]] = []
    # As in life somebody listens; whoever rings pays for waking them.
    listener = await database.connect()
    await listener.add_listener("parking", lambda *_: None)
    try:
        async with sessions(database, book) as bookings, sessions(database, BARE) as inserts:
            for number in range(ROUNDS):
                turns = [name for name in names if number % SELDOM == 0 or name not in (INSERT, NAIVE)]
                for name in turns[:: 1 if number % 2 == 0 else -1]:
                    if name in variants:
                        database.psql(variants[name])
                    database.psql("checkpoint")
                    await (inserts if name == INSERT else bookings).turn(TURN_SECONDS)
                    (inserted if name == INSERT else booked).append((name, number))
                progress(f"round {number + 1} of {ROUNDS}")
    finally:
        await listener.close()
        database.psql(variants[FULL])

    rates: dict[str, dict[int, float]] = {name: {} for name in names}
    for order, load in ((booked, bookings), (inserted, inserts)):
        for (name, number), turn in zip(order, load.turns, strict=True):
            rates[name][number] = turn.rate

    def shares(one: str, other: str) -> list[float]:
        return sorted(rates[one][number] / rates[other][number] for number in rates[one].keys() & rates[other].keys())

    def ratio(one: str, other: str) -> tuple[str, ...]:
        low, middle, high = quantiles(shares(one, other), n=4)
        surely = interval_of_median(shares(one, other))
        return f"{middle:.2f}", f"{low:.2f}–{high:.2f}", f"{surely[0]:.2f}–{surely[1]:.2f}"

    ringing, whole, bare = (median(shares(FULL, other)) for other in (SILENT, NOTHING, INSERT))
    report.table(
        f"Booking: {CLIENTS} connections, fsync and synchronous_commit on; {ROUNDS} rounds of {TURN_SECONDS} s",
        ("ratio", "median", "middle half", "median, with 95 %", "bar"),
        [
            ("with / without the ring", *ratio(FULL, SILENT), report.judge("the ring", ringing, at_least=LEAST_SHARE)),
            (
                "with / without ring and event",
                *ratio(FULL, NOTHING),
                report.judge("ring and event", whole, at_least=LEAST_SHARE),
            ),
            ("NOTIFY in every commit / without the ring", *ratio(NAIVE, SILENT), ""),
            (
                "parking.book / bare insert",
                *ratio(FULL, INSERT),
                report.judge("parking.book of a bare insert", bare, at_least=LEAST_SHARE_OF_AN_INSERT),
            ),
        ],
    )
    report.table(
        "The same in bookings a second",
        ("statement", "median", "range"),
        [
            (name, f"{median(values.values()):.0f}", f"{min(values.values()):.0f}–{max(values.values()):.0f}")
            for name, values in rates.items()
        ],
    )
