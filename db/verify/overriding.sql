-- Verify parking:overriding on pg

begin;

do $$
declare
    v_now timestamptz := parking.clock();
    v_got parking.spot_condition;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value
    values (-1, -1, 'a@verify.example', 'A'), (-1, -2, 'b@verify.example', 'B');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'driver'), (-1, -2, 'operator');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -1, '1', 1);

    assert (parking.find_spot_state(-1)).state = 'free';
    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -1, -1, -1, v_now - interval '1 hour', v_now + interval '2 hours', v_now);
    assert (parking.find_spot_state(-1)).state = 'reserved';
    v_got := parking.set_spot_state(-2, -1, 'maintenance', 'Paint', v_now + interval '1 hour');
    assert v_got.state = 'maintenance' and v_got.hits -> 0 ->> 'id' = '-1' and jsonb_array_length(v_got.hits) = 1;
    assert (select state = 'maintenance' and reason = 'Paint' from parking.list_spot_states(-1));
    begin
        perform parking.set_spot_state(-2, -1, 'occupied', 'Seen');
        assert false, 'maintenance must be ended first';
    exception when sqlstate 'PK409' then
        null;  -- as it should be
    end;
    begin
        perform parking.set_spot_state(-1, -1, 'free', 'Because');
        assert false, 'a driver must not set states';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    assert (parking.set_spot_state(-2, -1, 'free', 'Done')).state = 'reserved';
    assert (select array_agg(action order by id) = '{override.set,override.ended}' from parking.audit where tenant_id = -1);
    assert (select array_agg(type order by id) = '{overridden,overridden}' from parking.events where tenant_id = -1);
    assert has_function_privilege('parking_service', 'parking.set_spot_state(bigint, bigint, text, text, timestamptz)', 'execute');
end
$$;

rollback;
