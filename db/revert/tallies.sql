-- Revert parking:tallies from pg

begin;

drop table parking_private.tally_mark;
drop table parking_private.tallies;

commit;
