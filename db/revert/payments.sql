-- Revert parking:payments from pg

begin;

drop type parking.ticket_line;
drop type parking.ledger_entry;
drop view parking.ledger;
drop table parking.payments;
drop table parking.ticket_lines;
drop table parking_private.payment_methods;

commit;
