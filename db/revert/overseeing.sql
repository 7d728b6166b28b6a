-- Revert parking:overseeing from pg

begin;

drop function parking.list_events(bigint, bigint, bigint, integer);
drop function parking.inspect_spots(bigint, bigint, bigint, integer, integer);
drop function parking.count_states(bigint, bigint);
drop function parking_private.oversee_lot(bigint, bigint);

commit;
