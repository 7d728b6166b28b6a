-- Revert parking:audit from pg

begin;

drop table parking.audit;

commit;
