-- Revert parking:passes from pg

begin;

drop type parking.pass_check;
drop table parking.passes;

commit;
