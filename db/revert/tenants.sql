-- Revert parking:tenants from pg

begin;

drop table parking.tenants;

commit;
