-- Verify parking:listing on pg

begin;

do $$
declare
    v_now constant timestamptz := parking.clock();
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
    values (-1, -1, -1, -1, -1, v_now + interval '1 hour', v_now + interval '2 hours', v_now),
           (-1, -1, -1, -2, -2, v_now - interval '1 hour', v_now + interval '1 hour', v_now),
           (-1, -1, -1, -3, -1, v_now + interval '2 hours', v_now + interval '3 hours', v_now);

    assert (select array_agg(l.id) = '{-3,-1}' from parking.list_reservations(-1) l), 'one''s own, the latest first';
    assert (select array_agg(l.id) = '{-3}' from parking.list_reservations(-1, after_starts => v_now + interval '1 hour', after_id => -1,
        sort => 'earliest') l), 'the next page';
    assert (select array_agg(l.id) = '{-2,-1,-3}' from parking.list_reservations(-3, 'all', sort => 'earliest') l), 'an operator sees all';
    assert (select l.period = 'current' and l.driver = 'b@verify.example' and l."row" = 'A' and l.floor = 'Ground' and l.lot = 'One'
        from parking.list_reservations(-3, 'all', period => 'current') l);
    assert (select array_agg(l.id) = '{-2,-1,-3}' from parking.list_reservations(-3, 'all', spot => -1, sort => 'earliest') l), 'of a spot';
    begin
        perform parking.list_reservations(-1, 'all');
        assert false, 'a driver must not see what others book';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    assert has_function_privilege('parking_service', 'parking.list_reservations('
        'bigint, text, bigint, bigint, text, text, timestamptz, timestamptz, timestamptz, bigint, text, integer)', 'execute');
end
$$;

rollback;
