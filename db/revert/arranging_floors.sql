-- Revert parking:arranging_floors from pg

begin;

drop function parking.retire_floor(bigint, bigint);
drop function parking.change_floor(bigint, bigint, text, integer);
drop function parking.find_floor(bigint, bigint);
drop function parking.add_floor(bigint, bigint, text, integer, integer, text, integer);

commit;
