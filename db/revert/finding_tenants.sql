-- Revert parking:finding_tenants from pg

begin;

drop function parking_private.all_tenants();
drop function parking_private.tenant_of(text);
drop function parking_private.found_tenant(text, text);

commit;
