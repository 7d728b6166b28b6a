-- Revert parking:tenancy from pg

begin;

drop function parking.remove_reporter(text);
drop function parking.add_reporter(text, text);
drop function parking.set_registration(text, text, bigint);
drop function parking.found_tenant(text, text, text, text, text, bigint);
drop function parking.list_tenants(bigint);

commit;
