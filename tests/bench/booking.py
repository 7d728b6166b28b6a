"""What announcing costs a booking: the same function with only the announcing replaced, taking turns.

Beside it the bare insert that no booking can beat, and what a NOTIFY in every commit would cost.
"""

from __future__ import annotations

import re
from statistics import median

from tests.bench.load import BARE, CLIENTS, SECONDS, full_load
from tests.bench.report import Report, progress
from tests.support import Database

ROUNDS = 5
LEAST_SHARE = 0.9
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


async def measure(database: Database, book: str, report: Report) -> None:
    """Print the table. Every other round goes backwards, so that a drift of the machine cancels out."""
    variants = announcing(database.psql(ANNOUNCE))
    rates: dict[str, list[float]] = {name: [] for name in (INSERT, *variants)}
    # As in life somebody listens; whoever rings pays for waking them.
    listener = await database.connect()
    await listener.add_listener("parking", lambda *_: None)
    try:
        for number in range(ROUNDS):
            for name in list(rates)[:: 1 if number % 2 == 0 else -1]:
                if name in variants:
                    database.psql(variants[name])
                database.psql("checkpoint")
                rates[name].append((await full_load(database, BARE if name == INSERT else book)).rate)
            last = {name: values[-1] for name, values in rates.items()}
            progress(
                f"round {number + 1} of {ROUNDS}: {last[FULL] / last[SILENT]:.2f} of the rate without the ring,"
                f" {last[FULL] / last[NOTHING]:.2f} without the event"
            )
    finally:
        await listener.close()
        database.psql(variants[FULL])

    def share(one: str, other: str) -> float:
        return median(a / b for a, b in zip(rates[one], rates[other], strict=True))

    def ratio(one: str, other: str) -> tuple[str, ...]:
        shares = sorted(a / b for a, b in zip(rates[one], rates[other], strict=True))
        return f"{median(shares):.2f}", f"{shares[0]:.2f}–{shares[-1]:.2f}"

    ringing, whole = share(FULL, SILENT), share(FULL, NOTHING)
    report.table(
        f"Booking: {CLIENTS} connections, fsync and synchronous_commit on; medians of {ROUNDS} rounds of {SECONDS} s",
        ("ratio", "median", "range", "bar"),
        [
            ("with / without the ring", *ratio(FULL, SILENT), report.judge("the ring", ringing, at_least=LEAST_SHARE)),
            (
                "with / without ring and event",
                *ratio(FULL, NOTHING),
                report.judge("ring and event", whole, at_least=LEAST_SHARE),
            ),
            ("NOTIFY in every commit / without the ring", *ratio(NAIVE, SILENT), ""),
            ("parking.book / bare insert", *ratio(FULL, INSERT), ""),
        ],
    )
    report.table(
        "The same in bookings a second",
        ("statement", "median", "range"),
        [(name, f"{median(values):.0f}", f"{min(values):.0f}–{max(values):.0f}") for name, values in rates.items()],
    )
