-- Verify parking:overseeing on pg

begin;

do $$
declare
    v_now      timestamptz := parking.clock();
    v_function text;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'Europe/Berlin');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A'),
        (-1, -2, 'b@verify.example', 'B');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'operator'), (-1, -2, 'driver');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, type, position) overriding system value
    values (-1, -1, -1, -1, '1', 'regular', 1), (-1, -1, -1, -2, '2', 'ev', 2);
    insert into parking.overrides (tenant_id, lot_id, spot_id, id, state, source, reason, set_by, starts) overriding system value
    values (-1, -1, -2, -1, 'maintenance', 'operator', 'Oil', -1, v_now);
    perform parking_private.enter_tenant(-1);
    insert into parking.events (tenant_id, id, epoch, type, lot_id, spot_id, reservation_id, actor_id, starts, ends, at) overriding system value
    values (-1, -1, 1, 'booked', -1, -1, -1, -2, '2026-10-25 01:00+00', '2026-10-25 02:00+00', v_now);

    assert (select spots = 2 and maintenance = 1 and "row" = 'A' from parking.count_states(-1, -1));
    assert (select string_agg(who, ',') = 'A' from parking.inspect_spots(-1, -1, -1));
    assert (select who = 'B' and type = 'booked' and spot = '1' from parking.list_events(-1, -1));

    begin
        perform from parking.list_events(-1, -2);
        assert false, 'a driver does not see who did what';
    exception when sqlstate 'PK403' then null;
    end;
    begin
        perform from parking.count_states(-2, -1);
        assert false, 'there is no such lot';
    exception when sqlstate 'PK404' then null;
    end;

    foreach v_function in array array['count_states(bigint, bigint)', 'inspect_spots(bigint, bigint, bigint, integer, integer)', 'list_events(bigint, bigint, bigint, integer)']
    loop
        assert has_function_privilege('parking_service', 'parking.' || v_function, 'execute'), v_function;
        assert not has_function_privilege('public', 'parking.' || v_function, 'execute'), v_function;
    end loop;
end
$$;

rollback;
