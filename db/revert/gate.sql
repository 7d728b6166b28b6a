-- Revert parking:gate from pg

begin;

drop function parking.find_open_ticket(bigint, bigint, text);
drop function parking.find_ticket(bigint, text);
drop function parking_private.require_open_ticket(parking.lots, text);
drop function parking_private.require_ticket(bigint, text);
drop function parking.enter_garage(bigint, bigint, text, text);
drop function parking_private.next_ticket(bigint);
drop function parking.find_garage(bigint, bigint);
drop function parking.set_garage(bigint, bigint, integer, numeric);
drop function parking_private.garage_details(parking.lots);
drop function parking_private.ticket_details(parking.tickets);
drop function parking_private.desk(bigint, bigint, text);
drop function parking_private.require_reason(text);
drop function parking_private.normal_plate(text);

commit;
