-- Revert parking:tallying from pg

begin;

drop function parking_private.count_reservations(bigint, bigint);
drop function parking.tally_reservations();
drop function parking_private.count_lots(bigint, bigint);
drop function parking_private.last_reservation();

commit;
