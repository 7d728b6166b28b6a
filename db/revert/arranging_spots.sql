-- Revert parking:arranging_spots from pg

begin;

drop function parking.retire_spot(bigint, bigint);
drop function parking.change_spot(bigint, bigint, text, text, integer, integer, integer);
drop function parking.find_spot(bigint, bigint);
drop function parking.add_spot(bigint, bigint, text, text, integer, integer, integer);

commit;
