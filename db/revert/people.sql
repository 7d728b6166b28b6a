-- Revert parking:people from pg

begin;

drop table parking.people;

commit;
