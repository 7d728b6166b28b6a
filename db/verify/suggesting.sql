-- Verify parking:suggesting on pg

begin;

do $$
declare
    v_now constant timestamptz := parking.clock();
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.lots (tenant_id, id, name, time_zone, public) overriding system value
    values (-1, -1, 'One', 'UTC', true), (-1, -2, 'Two', 'UTC', false);
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value
    values (-1, -1, -1, 'Ground', 1), (-1, -2, -2, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value
    values (-1, -1, -1, -1, 'A', 1), (-1, -2, -2, -2, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value
    values (-1, -1, -1, -1, '1', 1), (-1, -1, -1, -2, '2', 2), (-1, -1, -1, -3, '3', 3), (-1, -2, -2, -4, '4', 1);
    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -1, -1, -1, v_now + interval '1 hour', v_now + interval '2 hours', v_now),
           (-1, -1, -2, -2, -1, v_now + interval '1 hour', v_now + interval '2 hours', v_now);

    assert parking.check_spot(-1, v_now + interval '1 hour', v_now + interval '2 hours') = 'booked';
    assert parking.check_spot(-1, v_now + interval '2 hours', v_now + interval '3 hours') = 'available';
    assert (select array_agg(format('%s %s', a.kind, a.spot)) = '{other-spot 3,later-period 1}'
            from parking.alternatives(-1, v_now + interval '1 hour', v_now + interval '2 hours') a), 'what is free and near';
    assert (select min(a.starts) = v_now + interval '2 hours'
            from parking.alternatives(-1, v_now + interval '1 hour', v_now + interval '2 hours') a where a.kind = 'later-period');
    begin
        perform parking.alternatives(-4, v_now + interval '1 hour', v_now + interval '2 hours');
        assert false, 'a lot that is not public must be unknown to a stranger';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    assert has_function_privilege('parking_service', 'parking.alternatives(bigint, timestamptz, timestamptz, bigint, integer)', 'execute');
    assert has_function_privilege('parking_service', 'parking.check_spot(bigint, timestamptz, timestamptz, bigint)', 'execute');
end
$$;

rollback;
