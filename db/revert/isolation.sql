-- Revert parking:isolation from pg

begin;

drop function parking_private.isolate(regclass, name);
drop function parking_private.readable_tenants(name);

commit;
