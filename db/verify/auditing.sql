-- Verify parking:auditing on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    perform parking_private.enter_tenant(-1);
    perform set_config('parking.address', '192.0.2.1', true);
    perform parking_private.audit(null, 'tenant.verified', 'tenant', -1, '{"by": "verify"}');
    assert (select address is null and database_role = session_user and details ->> 'by' = 'verify'
            from parking.audit where tenant_id = -1);
    assert not has_function_privilege('parking_dba', 'parking_private.audit(bigint, text, text, bigint, jsonb)', 'execute'),
        'nobody writes into the audit by hand';
end
$$;

rollback;
