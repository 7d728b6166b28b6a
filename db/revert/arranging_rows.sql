-- Revert parking:arranging_rows from pg

begin;

drop function parking.retire_row(bigint, bigint);
drop function parking.change_row(bigint, bigint, text, integer);
drop function parking.find_row(bigint, bigint);
drop function parking.add_row(bigint, bigint, text, integer, text, text, integer);

commit;
