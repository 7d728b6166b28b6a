-- Revert parking:paying from pg

begin;

drop function parking.ledger_balance(bigint, bigint);
drop function parking.correct_ticket(bigint, text, bigint, text);
drop function parking.refund_ticket(bigint, text, bigint, text);
drop function parking_private.amend_ticket(bigint, text, text, bigint, text);
drop function parking.void_ticket(bigint, text, text);
drop function parking.lose_ticket(bigint, text, text, text);
drop function parking.leave_garage(bigint, text, text, bigint);
drop function parking.has_price(bigint, text);
drop function parking.amount_due(bigint, text);
drop function parking.list_payment_methods(bigint);
drop function parking_private.close_ticket(parking.people, parking.lots, parking.tickets, text, text, text);
drop function parking_private.price_lines(parking.lots, parking.tickets, timestamptz);
drop function parking_private.require_still_open(parking.tickets, parking.lots);
drop function parking_private.hold_ticket(bigint, text, bigint);
drop function parking_private.collect(parking_private.payment_methods, parking.tickets, text, bigint, bigint, text, timestamptz);
drop function parking_private.require_method(text);

commit;
