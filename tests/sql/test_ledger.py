"""The ledger: what happens to money after a ticket is closed, that nobody rewrites it, and that the proof proves."""

import asyncpg
import pytest

from tests.conftest import Connect
from tests.sql.garage import ATTENDANT, LOT, OPERATOR, enter, leave, unbalanced
from tests.support.sql import edit_function, one_row, refused

REFUND = "select * from parking.refund_ticket($1, $2, $3, $4)"
CORRECT = "select * from parking.correct_ticket($1, $2, $3, $4)"
DUE = "select line, amount_cents from parking.amount_due($1, $2)"


async def test_refunds_and_corrections_are_entries_of_their_own(connect: Connect) -> None:
    service, superuser = await connect(), await connect("postgres")
    ticket = await enter(service, "A 1")
    await leave(service, ticket, "debit card")
    refund = await one_row(service, REFUND, OPERATOR, ticket, 400, " The lift was out of order ")
    assert tuple(refund)[:5] == (ticket, "refund", "Debit Card", -400, "EUR")
    assert refund["reason"] == "The lift was out of order"
    await one_row(service, CORRECT, OPERATOR, ticket, 250, "Took two spaces")
    await one_row(service, CORRECT, OPERATOR, ticket, -50, "It was one and a bit")
    found = await one_row(service, "select * from parking.find_ticket($1, $2)", ATTENDANT, ticket)
    assert found["amount_cents"] == 800
    assert [tuple(row) for row in await service.fetch(DUE, ATTENDANT, ticket)] == [
        ("Standard: 1 started hour at 10.00", 1000),
        ("Refund: The lift was out of order", -400),
        ("Correction: Took two spaces", 250),
        ("Correction: It was one and a bit", -50),
    ]
    stats = await one_row(service, "select * from parking.garage_stats($1, $2)", ATTENDANT, LOT)
    assert stats["todays_revenue_cents"] == 800
    # All of it can be given back, and not a cent more.
    await one_row(service, REFUND, OPERATOR, ticket, 800, "Never again")
    with refused("not-an-amount", 422):
        await service.fetch(REFUND, OPERATOR, ticket, 1, "Once more")
    actions = await superuser.fetch("select action from parking.audit where object_type = 'ticket' order by id")
    assert [row["action"] for row in actions] == [
        "ticket.refunded", "ticket.corrected", "ticket.corrected", "ticket.refunded",
    ]  # fmt: skip
    assert await unbalanced(superuser) == []


@pytest.mark.parametrize("cents", [0, -1, 1001, None, 2**63 - 1, -(2**63)])
async def test_what_cannot_be_given_back(connect: Connect, cents: int | None) -> None:
    service = await connect()
    ticket = await enter(service, "A 1")
    await leave(service, ticket)
    with refused("not-an-amount", 422):
        await service.fetch(REFUND, OPERATOR, ticket, cents, "Because")


@pytest.mark.parametrize("cents", [0, -1001, None, 2**63 - 1, -(2**63)])
async def test_what_cannot_be_corrected(connect: Connect, cents: int | None) -> None:
    service = await connect()
    ticket = await enter(service, "A 1")
    await leave(service, ticket)
    with refused("not-an-amount", 422):
        await service.fetch(CORRECT, OPERATOR, ticket, cents, "Because")


@pytest.mark.parametrize("reason", [None, "", "  ", "x" * 501, "a\nb"])
async def test_why_is_always_said(connect: Connect, reason: str | None) -> None:
    service = await connect()
    ticket, other = await enter(service, "A 1"), await enter(service, "A 2")
    await leave(service, ticket)
    for statement in (REFUND, CORRECT):
        with refused("not-a-reason", 422):
            await service.fetch(statement, OPERATOR, ticket, 1, reason)
    with refused("not-a-reason", 422):
        await service.fetch("select parking.void_ticket($1, $2, $3)", ATTENDANT, other, reason)
    with refused("not-a-reason", 422):
        await service.fetch("select parking.lose_ticket($1, $2, 'Cash', $3)", ATTENDANT, other, reason)


async def test_only_what_was_paid_can_be_given_back(connect: Connect) -> None:
    service = await connect()
    ticket, other = await enter(service, "A 1"), await enter(service, "A 2")
    await service.fetch("select parking.void_ticket($1, $2, 'Error')", ATTENDANT, other)
    for number in (ticket, other):
        with refused("ticket-not-paid", 409):
            await service.fetch(CORRECT, OPERATOR, number, 100, "Because")


@pytest.mark.parametrize(
    ("told", "method"),
    [
        ("cash", "Cash"),
        ("CASH", "Cash"),
        ("Credit Card", "Credit Card"),
        ("credit_card", "Credit Card"),
        (" debit card ", "Debit Card"),
        ("card", "Card"),
        ("Mobile", "Mobile Payment"),
    ],
)
async def test_methods_have_names_and_aliases(connect: Connect, told: str, method: str) -> None:
    service, superuser = await connect(), await connect("postgres")
    ticket = await enter(service, "A 1")
    assert (await leave(service, ticket, told))["method"] == method
    assert await superuser.fetchval("select method from parking.payments") == method


@pytest.mark.parametrize("told", ["", "shells", "Cash; Card", None, "x" * 10000])
async def test_nobody_pays_by_another_method(connect: Connect, told: str | None) -> None:
    service, superuser = await connect(), await connect("postgres")
    ticket = await enter(service, "A 1")
    with refused("unknown-method", 422):
        await service.fetch("select parking.leave_garage($1, $2, $3)", ATTENDANT, ticket, told)
    assert await superuser.fetchval("select status from parking.tickets") == "open"
    assert await superuser.fetchval("select count(*) from parking.payments") == 0


@pytest.mark.parametrize("table", ["payments", "ticket_lines"])
@pytest.mark.parametrize(
    "rewrite", ["update {} set amount_cents = 0", "delete from {}", "truncate {}", "update {} set kind = kind"]
)
async def test_nobody_rewrites_it(connect: Connect, table: str, rewrite: str) -> None:
    """Not even the owner of the table, whose functions write it."""
    service, superuser = await connect(), await connect("postgres")
    await leave(service, await enter(service, "A 1"))
    await superuser.execute("set role parking_owner; select set_config('parking.tenant', '1', false)")
    assert await superuser.fetchval(f"select count(*) from parking.{table}") == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await superuser.execute(rewrite.format(f"parking.{table}"))


COLLECT = "parking_private.collect(parking_private.payment_methods,parking.tickets,text,bigint,bigint,text,timestamptz)"
CLOSE = "parking_private.close_ticket(parking.people,parking.lots,parking.tickets,text,text,text)"
AMEND = "parking_private.amend_ticket(bigint,text,text,bigint,text)"


@pytest.mark.parametrize(
    ("function", "old", "new"),
    [
        (COLLECT, "collect.method.method, cents,", "collect.method.method, cents + 1,"),
        (CLOSE, "select coalesce(sum(i.amount_cents), 0)", "select coalesce(sum(i.amount_cents), 0) + 1"),
        (
            CLOSE,
            "v_ticket, 'payment', v_ticket.amount_cents,",
            "v_ticket, 'payment', 0,",
        ),
        (AMEND, "set amount_cents = t.amount_cents + amend_ticket.cents", "set amount_cents = t.amount_cents"),
    ],
    ids=["a cent too many", "an amount that no line explains", "nothing is taken", "the amount stays"],
)
async def test_a_cent_that_is_lost_is_found(connect: Connect, function: str, old: str, new: str) -> None:
    """The negative control of every test that asks whether the ledger balances."""
    service, superuser = await connect(), await connect("postgres")
    first, second = await enter(service, "A 1"), await enter(service, "A 2")
    await leave(service, first)
    await edit_function(superuser, function, old, new)
    if function == AMEND:
        await service.fetch(REFUND, OPERATOR, first, 100, "Because")
    else:
        await leave(service, second)
    assert await unbalanced(superuser) == [first if function == AMEND else second, "sums"]
