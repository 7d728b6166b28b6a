-- Verify parking:tenancy on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify-tenancy', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'admin');
    -- Only as far as it takes no number of a tenant.
    begin
        perform parking.found_tenant('verify-tenancy', 'Verify', 'b@verify.example');
        assert false, 'a second tenant of the same name must be refused';
    exception when sqlstate 'PK409' then
        null;  -- as it should be
    end;
    begin
        perform parking.list_tenants(-1);
        assert false, 'the administrator of one tenant must not see the others';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    assert (select count(*) = 1 from parking.list_tenants() where slug = 'verify-tenancy');
    assert (select registration = 'closed' from parking.tenants where id = -1), 'a new tenant is closed';
    assert parking.set_registration('verify-tenancy', 'open', -1) = 'open';
    assert (select registration = 'open' from parking.tenants where id = -1);
    begin
        perform parking.add_reporter('parking_service', 'verify-tenancy');
        assert false, 'the service is no reporter';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;
    assert has_function_privilege('parking_service', 'parking.set_registration(text, text, bigint)', 'execute');
    assert not has_function_privilege('parking_service', 'parking.add_reporter(text, text)', 'execute'),
        'only DBAs say who reads the views';
end
$$;

rollback;
