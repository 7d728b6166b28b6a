-- Verify parking:expecting on pg

begin;

do $$
declare
    v_table text;
    v_floor bigint;
    v_seen  text;
    v_spot  bigint;
    v_tag   text;
begin
    -- A restarted sequence goes back to where it was with the transaction, so that nothing here uses up a number.
    for v_table in select unnest(array['lots', 'floors', 'rows', 'spots']) loop
        execute format('alter sequence %s restart with 9000000000000000', pg_get_serial_sequence('parking.' || v_table, 'id'));
    end loop;
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value
    values (-1, -1, 'operator@verify.example', 'O'), (-1, -2, 'driver@verify.example', 'D');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'operator'), (-1, -2, 'driver');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');

    v_floor := (parking.add_floor(-1, -1, 'Ground')).id;
    v_seen := parking.version(to_jsonb(parking.find_floor(v_floor, -1)));
    assert parking.expect(-1, 'floor', v_floor, array['other', v_seen]) = -1;
    assert parking.expect(-1, 'floor', v_floor, '{*}') = -1;
    assert parking.expect(-1, 'lot', -1, array[parking.version(parking.describe_lot(-1, -1))]) = -1;
    perform parking.change_floor(-1, v_floor, 'Roof');
    begin
        perform parking.expect(-1, 'floor', v_floor, array[v_seen]);
        assert false, 'what has changed must not pass for what was seen';
    exception when sqlstate 'PK412' then
        null;  -- as it should be
    end;
    begin
        perform parking.expect(-2, 'floor', v_floor, '{*}');
        assert false, 'a driver must not hold a lot';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;

    v_spot := (parking.add_spot(-1, (parking.add_row(-1, v_floor, 'A')).id, '1')).id;
    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, v_spot, -1, -2, parking.clock() + interval '1 hour', parking.clock() + interval '2 hours', parking.clock());
    v_tag := parking.version(to_jsonb(parking.find_reservation(-2, -1)));
    assert parking.expect(-2, 'reservation', -1, array[v_tag]) = -2;
    assert parking.expect(-1, 'reservation', -1, array[v_tag]) = -1, 'an operator may cancel it';
    update parking.reservations r set ends = r.ends + interval '1 minute' where r.tenant_id = -1;
    begin
        perform parking.expect(-2, 'reservation', -1, array[v_tag]);
        assert false, 'a reservation that was moved must not pass for what was seen';
    exception when sqlstate 'PK412' then
        null;  -- as it should be
    end;
    assert has_function_privilege('parking_service', 'parking.expect(bigint, text, bigint, text[])', 'execute');
end
$$;

rollback;
