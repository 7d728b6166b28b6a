-- Verify parking:operating on pg

begin;

do $$
declare
    v_now  timestamptz := parking.clock();
    v_open numeric := (select f.value from parking.figures() f where f.figure = 'active_sessions');
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -1, '1', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -2, '2', 2);
    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -1, -1, -1, v_now - interval '2 hours', v_now + interval '1 hour', v_now - interval '2 hours');
    insert into parking.sessions (tenant_id, person_id, opened_at, renewed_at, expires_at) values (-1, -1, v_now, v_now, v_now + interval '1 hour');

    assert (select value = 2 from parking_private.measure_use() where figure = 'spots' and label = 'verify') is not false
       and (select value = 0.5 from parking_private.measure_use() where figure = 'occupancy_rate' and label = 'verify') is not false,
        'one of two spots is taken, unless there are a hundred larger tenants';
    assert (select value = v_open + 1 from parking_private.measure_use() where figure = 'active_sessions');
    assert (select not has_change and deployed is not null from parking.readiness('no such change'));
    assert (select has_change from parking.readiness('reservations'));
    assert (select not has_change from parking.readiness('reservations', '2000-01-01')), 'a change of that name, but planned then';
    assert (select has_change is null from parking.readiness());

    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -2, -2, -1, '2000-01-01', '2000-01-02', v_now);
    assert (select sweep in ('late', 'gone') and overdue_since = '2000-01-02' from parking.readiness());

    assert has_function_privilege('parking_service', 'parking.figures()', 'execute');
    assert has_function_privilege('parking_service', 'parking.readiness(text, timestamptz)', 'execute');
    assert not has_function_privilege('parking_dba', 'parking_private.tally()', 'execute');
    assert not has_function_privilege('public', 'parking_private.count_events(integer, pg_snapshot)', 'execute');
    assert not has_table_privilege('parking_platform', 'parking.reservations', 'update'), 'it only reads';
end
$$;

rollback;
