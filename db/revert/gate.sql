-- Revert parking:gate from pg

begin;

drop function parking.look_up_ticket(bigint, bigint, text);
drop function parking.find_ticket(bigint, text, bigint);
drop function parking_private.show_ticket(bigint, text, bigint);
drop function parking_private.require_ticket(bigint, text, bigint);
drop function parking.enter_garage(bigint, bigint, text, text);
drop function parking_private.next_ticket(bigint);
drop function parking.find_garage(bigint, bigint);
drop function parking.set_garage(bigint, bigint, integer, numeric);
drop function parking_private.garage_details(parking.lots);
drop function parking_private.ticket_details(parking.tickets, text);
drop function parking_private.lot_of_ticket(parking.tickets);
drop function parking_private.desk(bigint, bigint, text);
drop function parking_private.require_reason(text);
drop function parking_private.normal_plate(text);

commit;
