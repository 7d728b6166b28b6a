-- Verify parking:checking_passes on pg

begin;

do $$
declare
    v_now constant timestamptz := parking.clock();
    v_code text;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value
    values (-1, -1, 'a@verify.example', 'A'), (-1, -2, 'b@verify.example', 'B'), (-1, -3, 'c@verify.example', 'C');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'driver'), (-1, -2, 'driver'), (-1, -3, 'operator');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -1, '1', 1);
    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -1, -1, -1, v_now - interval '1 hour', v_now + interval '1 hour', v_now);

    v_code := parking.issue_pass(-1, -1);
    assert parking.issue_pass(-1, -1) = v_code, 'the same one each time';
    assert (select c.state = 'valid' and c.spot = '1' and c.driver is null from parking.check_pass(v_code, -2) c);
    assert (parking.check_pass(v_code, -3)).driver = 'A', 'an operator learns whose it is';
    begin
        perform parking.issue_pass(-2, -1);
        assert false, 'a pass for another driver''s reservation must be refused';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    begin
        perform parking.check_pass('AAAAAAAAAAAAAAAAAAAAAA', -3);
        assert false, 'an unknown pass must be refused';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    assert has_function_privilege('parking_service', 'parking.issue_pass(bigint, bigint)', 'execute');
    assert has_function_privilege('parking_service', 'parking.check_pass(text, bigint)', 'execute');
    assert not has_function_privilege('parking_service', 'parking_private.find_tenant_of_pass(text)', 'execute');
end
$$;

rollback;
