-- Verify parking:granting on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value
    values (-1, -1, 'a@verify.example', 'A'), (-1, -2, 'b@verify.example', 'B');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'admin');

    assert (parking.assign_role(-2, 'operator', -1)).roles = '{operator}';
    assert (parking.revoke_role(-2, 'operator', -1)).roles = '{}';
    begin
        perform parking.revoke_role(-1, 'admin', -1);
        assert false, 'a tenant must keep an administrator';
    exception when sqlstate 'PK409' then
        null;  -- as it should be
    end;
    begin
        perform parking.assign_role(-2, 'platform', -1);
        assert false, 'the administrator of a tenant must not rise above it';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    assert (parking.assign_role(-2, 'platform')).roles = '{platform}', 'a DBA may';
    assert (select array_agg(action order by id) = '{role.assigned,role.revoked,role.assigned}' from parking.audit where tenant_id = -1);
    assert (select count(*) = 6 from parking.list_roles());
    assert has_function_privilege('parking_service', 'parking.assign_role(bigint, text, bigint)', 'execute');
end
$$;

rollback;
