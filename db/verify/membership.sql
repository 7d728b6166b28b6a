-- Verify parking:membership on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name, active) overriding system value
    values (-1, -1, 'a@verify.example', 'A', true), (-1, -2, 'b@verify.example', 'B', true), (-1, -3, 'c@verify.example', 'C', false),
        (-1, -4, 'd@verify.example', 'D', true);
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'driver'), (-1, -2, 'admin'), (-1, -3, 'driver');

    assert parking.find_person('A@verify.example', 'verify') = -1, 'an e-mail is found whatever its case';
    begin
        perform parking.find_person('a@verify.example', 'elsewhere');
        assert false, 'another tenant''s person must not be found';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    assert (parking_private.require_actor(-1, 'write:reservation')).email = 'a@verify.example';
    assert parking_private.current_tenant() = -1, 'whoever acts brings their tenant along';
    assert (parking_private.require_actor(-2, 'write:parking')).id = -2, '* is everything';
    begin
        perform parking_private.require_actor(-1, 'write:parking');
        assert false, 'a driver must not change a lot';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    begin
        perform parking_private.require_actor(-2, 'write:tenants');
        assert false, 'the admin of one tenant must not found another';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    begin
        perform parking_private.require_actor(-3, 'read:parking');
        assert false, 'an account that was closed must not act';
    exception when sqlstate 'PK401' then
        null;  -- as it should be
    end;
    assert (parking_private.find_actor(-2, 'write:parking')).email = 'b@verify.example' and parking_private.has_permission(
        (parking_private.find_actor(-2, 'write:parking')), 'write:parking');
    assert (parking_private.find_actor(-1, 'write:parking')).id is null and (parking_private.find_actor(-3, 'read:parking')).id is null,
        'who may not, or was closed, is not found';
    assert (select array_agg(m.person_id order by m.person_id) = '{-2,-1}' from parking_private.permitted('write:reservation') m
        where m.tenant_id = -1 and m.person_id <> -3);
    assert (parking_private.require_actor_or_dba(null, '*', -1)).id is null, 'a DBA needs nobody to act for';
    assert parking_private.current_tenant() = -1;
    assert (parking_private.require_actor_or_dba(-2, '*', -9)).id = -2;
    assert parking_private.current_tenant() = -1, 'the admin of one tenant does not get into another';

    assert parking_private.hash_password('12345678') like '$2a$10$%';
    begin
        perform parking_private.hash_password('1234567');
        assert false, 'a short password must be refused';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;
    begin
        perform parking_private.hash_password(repeat('é', 37));
        assert false, 'more than bcrypt reads must be refused';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;

    assert not has_function_privilege('parking_service', 'parking.find_person(text, text)', 'execute'),
        'the service must not become whom it likes';
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -4, 'attendant');
    assert parking.staff_desk(null, 'D@verify.example', 'verify') = -4, 'an attendant stands in for nobody';
    assert parking.staff_desk(-2, 'd@verify.example', 'verify') = -2, 'and for nobody else';
    begin
        perform parking.staff_desk(null, 'b@verify.example', 'verify');
        assert false, 'an administrator does not';
    exception when sqlstate 'PK401' then
        null;  -- as it should be
    end;
    begin
        perform parking.staff_desk(null, 'd@verify.example', 'elsewhere');
        assert false, 'nor does another tenant''s attendant';
    exception when sqlstate 'PK401' then
        null;  -- as it should be
    end;
    assert not has_function_privilege('parking_dba', 'parking_private.require_actor(bigint, text)', 'execute');
end
$$;

rollback;
