-- Revert parking:arranging from pg

begin;

drop function parking.retire_spot(bigint, bigint);
drop function parking.change_spot(bigint, bigint, text, text, integer, integer, integer);
drop function parking.find_spot(bigint, bigint);
drop function parking.add_spot(bigint, bigint, text, text, integer, integer, integer);
drop function parking.retire_row(bigint, bigint);
drop function parking.change_row(bigint, bigint, text, integer);
drop function parking.find_row(bigint, bigint);
drop function parking.add_row(bigint, bigint, text, integer, text, text, integer);
drop function parking.retire_floor(bigint, bigint);
drop function parking.change_floor(bigint, bigint, text, integer);
drop function parking.find_floor(bigint, bigint);
drop function parking.add_floor(bigint, bigint, text, integer, integer, text, integer);

commit;
