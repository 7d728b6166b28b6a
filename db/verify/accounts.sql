-- Verify parking:accounts on pg

begin;

do $$
declare
    v_now timestamptz := parking.clock();
    v_jo  constant bigint := -1;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -1, '1', 1);

    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, v_jo, 'jo@verify.example', 'Jo');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, v_jo, 'driver');
    assert (select count(*) = 1 from parking.list_people(null, tenant => 'verify'));
    -- Only as far as it takes no number of a person.
    begin
        perform parking.add_person('nobody', 'Nobody', 'verify');
        assert false, 'an account needs an e-mail';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;
    assert (parking.change_person(v_jo, display_name => 'Joe')).display_name = 'Joe';
    assert (parking.set_password(v_jo, '87654321')).id = v_jo;
    assert not (parking.deactivate(v_jo)).active;
    assert (parking.reactivate(v_jo)).active;
    assert (parking.show_person(v_jo)).email = 'jo@verify.example';
    perform parking.book(v_jo, -1, v_now + interval '1 hour', v_now + interval '2 hours');

    assert parking.erase_person(v_jo, v_jo) >= v_now;
    assert (select p.email like 'erased-%@erased.invalid' and p.password_hash is null and not p.active
            from parking.people p where p.tenant_id = -1 and p.id = v_jo);
    assert (select r.status = 'cancelled' from parking.reservations r where r.tenant_id = -1), 'the spot of an erased person is free';
    begin
        perform parking.reactivate(v_jo);
        assert false, 'who was erased must not come back';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    assert (select array_agg(action order by id)
                = '{person.changed,password.changed,person.deactivated,person.reactivated,person.erased}'
            from parking.audit where tenant_id = -1);
    assert has_function_privilege('parking_service', 'parking.erase_person(bigint, bigint)', 'execute');
end
$$;

rollback;
