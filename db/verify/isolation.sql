-- Verify parking:isolation on pg

begin;

do $$
begin
    create table parking_private.verify_isolation (tenant_id bigint);
    alter table parking_private.verify_isolation owner to parking_owner;
    perform parking_private.isolate('parking_private.verify_isolation');
    assert (select c.relrowsecurity and c.relforcerowsecurity from pg_class c
            where c.oid = 'parking_private.verify_isolation'::regclass), 'enabled, and forced';
    assert (select array_agg(p.policyname || ' ' || p.cmd order by p.policyname)
                = '{entered_tenant ALL,every_tenant SELECT,readable_tenants SELECT}'
            from pg_policies p where p.tablename = 'verify_isolation');
    insert into parking_private.verify_isolation (tenant_id) values (-1), (-2);
    perform parking_private.enter_tenant(-1);
    set local role parking_owner;
    assert (select array_agg(v.tenant_id) = '{-1}' from parking_private.verify_isolation v), 'its owner sees the tenant that was entered';
    reset role;
    -- What it returns is asserted where its tables are: see tenants.
    assert (select p.prosecdef and p.proowner = 'parking_platform'::regrole from pg_proc p
            where p.oid = 'parking_private.readable_tenants(name)'::regprocedure), 'it looks across tenants';
    assert has_function_privilege('parking_dba', 'parking_private.readable_tenants(name)', 'execute');
    assert not has_function_privilege('parking_service', 'parking_private.readable_tenants(name)', 'execute');
    assert not has_function_privilege('parking_dba', 'parking_private.isolate(regclass, name)', 'execute');
end
$$;

rollback;
