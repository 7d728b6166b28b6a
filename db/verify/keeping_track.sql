-- Verify parking:keeping_track on pg

begin;

do $$
declare
    v_now constant timestamptz := parking.clock();
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value
    values (-1, -1, 'a@verify.example', 'A'), (-1, -2, 'b@verify.example', 'B');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'driver'), (-1, -2, 'driver');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -1, '1', 1);
    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -1, -1, -1, v_now + interval '1 hour', v_now + interval '2 hours', v_now),
           (-1, -1, -1, -2, -2, v_now - interval '1 hour', v_now + interval '30 minutes', v_now);

    assert (select s.period = 'coming' and s.revision = 0 and s.floor = 'Ground' and s."row" = 'A' and s.lot = 'One'
            from parking.show_reservation(-1, -1) s);
    assert (select s.period = 'current' from parking.show_reservation(-2, -2) s);
    perform parking.reschedule(-1, -1, ends => v_now + interval '3 hours');
    assert (select s.revision = 1 from parking.show_reservation(-1, -1) s);
    perform parking.cancel(-1, -1);
    assert (select s.period = 'past' and s.revision = 2 from parking.show_reservation(-1, -1) s);
    begin
        perform parking.show_reservation(-2, -1);
        assert false, 'another driver''s reservation must be refused';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    assert (select array_agg(h) = '{-1}' from parking.holders('{-1}', '{-1}', array[v_now + interval '1 hour']) h),
        'cancelled, it is still theirs';
    assert not exists (select from parking.holders('{-1}', '{-1}', array[v_now]));
    assert has_function_privilege('parking_service', 'parking.show_reservation(bigint, bigint)', 'execute');
    assert has_function_privilege('parking_service', 'parking.holders(bigint[], bigint[], timestamptz[])', 'execute');
end
$$;

rollback;
