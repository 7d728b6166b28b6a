"""Races step by step, in every order there is, as PostgreSQL's isolationtester plays them.

What a spec prints is in expected/ and is read before it is committed; `python -m tests.races` writes it anew. Each spec
has a negative control: without the lock or the check that it is about, the same steps in the same orders end otherwise.
"""

import asyncio
import re
from itertools import chain, permutations

import pytest

from tests.support import Database
from tests.support.isolation import expected, play, script, set_stage, specs
from tests.support.sql import edit_function

BOOK = "parking.book(bigint,bigint,timestamptz,timestamptz,text)"
RESCHEDULE = "parking.reschedule(bigint,bigint,timestamptz,timestamptz)"
SPOT, ROW = "for update of s", "for update;"

CONTROLS = {
    "book-book": (BOOK, SPOT, "", 'violates exclusion constraint "spot_taken"'),
    "book-complete": (
        "parking_private.require_room(bigint,bigint,bigint,text,timestamptz,timestamptz,timestamptz,text,bigint)",
        "v_next < require_room.ends",
        "false",
        "<waiting ...>",
    ),
    "book-complete-overdue": (
        "parking_private.release_overdue(bigint,bigint,timestamptz)",
        "v_first <= release_overdue.now",
        "false",
        'violates exclusion constraint "spot_taken"',
    ),
    "cancel-lapse": ("parking.cancel(bigint,bigint)", ROW, ";", "query returned no rows"),
    "complete-lapse": ("parking.complete(bigint,bigint)", ROW, ";", "query returned no rows"),
    "extend-book": (RESCHEDULE, SPOT, "", "deadlock detected"),
    "override-book": (BOOK, SPOT, "", "|active|booked"),
    "refresh-refresh": (
        "parking.refresh(text,inet)",
        "v_given_up < v_now - v_rules.grace",
        "v_given_up < v_now",
        "session-over",
    ),
}
"""What to take from which function, and what isolationtester then prints more often."""


@pytest.fixture
def stage(database: Database) -> Database:
    """A database in which the specs can be played."""
    set_stage(database)
    return database


@pytest.mark.parametrize("spec", specs())
def test_every_order_ends_as_it_should(stage: Database, spec: str) -> None:
    assert play(stage, spec) == expected(spec).read_text()


def orders(spec: str) -> set[tuple[str, ...]]:
    """Every order of what two sessions do, and commit."""
    steps = re.findall(r"^step (\w+) +\{ .+\n(?:step .+\n)*?step (commit\d) ", script(spec), re.MULTILINE)
    return {
        order for order in permutations(chain(*steps)) if all(order.index(act) < order.index(end) for act, end in steps)
    }


@pytest.mark.parametrize("spec", specs())
def test_no_order_is_left_out(spec: str) -> None:
    """Who waits can do nothing: such an order goes on with the end of what it waits for, and there is no other."""
    printed = expected(spec).read_text()
    assert len(orders(spec)) == 6
    for order in orders(spec):
        if f"permutation: {' '.join(order)} look\n" not in printed:
            begun = printed.partition(f"permutation: {order[0]} {order[1]} ")[2].partition("permutation: ")[0]
            assert re.search(f"^step {order[1]}: .*<waiting ...>$", begun, re.MULTILINE), order


@pytest.mark.parametrize("spec", specs())
async def test_without_its_guard_it_does_not(stage: Database, spec: str) -> None:
    """The negative control of the test above."""
    signature, guard, instead, sign = CONTROLS[spec]
    superuser = await stage.connect("postgres")
    await edit_function(superuser, signature, guard, instead)
    await superuser.close()
    printed = await asyncio.to_thread(play, stage, spec, seconds=5)
    assert printed.count(sign) > expected(spec).read_text().count(sign)
