-- Revert parking:tenants from pg

begin;

drop table parking_private.reporters;
drop table parking.tenants;

commit;
