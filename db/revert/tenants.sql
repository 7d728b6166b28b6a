-- Revert parking:tenants from pg

begin;

drop function parking_private.all_tenants();
drop function parking_private.tenant_of(text);
drop function parking_private.found_tenant(text, text);
drop policy readable_tenants on parking.tenants;
drop function parking_private.readable_tenants(name);
drop function parking_private.isolate(regclass, name);
drop table parking_private.reporters;
drop table parking.tenants;

commit;
