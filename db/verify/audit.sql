-- Verify parking:audit on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    begin
        insert into parking.audit (tenant_id, id, at, database_role, action, object_type) overriding system value
        values (-1, -1, '2030-01-01 08:00+00', session_user, 'Verified', 'tenant');
        assert false, 'an action without its object must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    assert not has_table_privilege('parking_owner', 'parking.audit', 'update')
        and not has_table_privilege('parking_owner', 'parking.audit', 'delete')
        and not has_table_privilege('parking_owner', 'parking.audit', 'truncate'), 'nobody rewrites the audit';
    assert has_table_privilege('parking_owner', 'parking.audit', 'insert');
    assert not has_table_privilege('parking_dba', 'parking.audit', 'select'), 'a DBA reads no table';
end
$$;

rollback;
