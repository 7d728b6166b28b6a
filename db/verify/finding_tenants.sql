-- Verify parking:finding_tenants on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify'), (-2, 'other', 'Other');
    assert parking_private.tenant_of('verify') = -1;
    assert parking_private.tenant_of('nowhere') is null;
    assert (select array_agg(t.id) = '{-2,-1}' from parking_private.all_tenants() t(id) where t.id < 0);
    -- Only as far as it takes no number of a tenant: the sequence would keep it.
    assert has_function_privilege('parking_owner', 'parking_private.found_tenant(text, text)', 'execute');
    assert not has_function_privilege('parking_dba', 'parking_private.found_tenant(text, text)', 'execute');
    assert not has_function_privilege('parking_service', 'parking_private.all_tenants()', 'execute'), 'helpers are nobody''s';
end
$$;

rollback;
