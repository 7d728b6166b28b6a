-- Verify parking:changing on pg

begin;

do $$
declare
    v_now constant timestamptz := parking.clock();
    v_one parking.bookings;
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
           (-1, -1, -1, -2, -2, v_now + interval '3 hours', v_now + interval '4 hours', v_now),
           (-1, -1, -1, -3, -2, v_now - interval '1 hour', v_now + interval '30 minutes', v_now);

    v_one := parking.reschedule(-1, -1, ends => v_now + interval '3 hours');
    assert v_one.status = 'active' and v_one.starts = v_now + interval '1 hour' and v_one.ends = v_now + interval '3 hours';
    assert (select former_ends = v_now + interval '2 hours' and ends = v_one.ends from parking.events
        where tenant_id = -1 and type = 'rescheduled'), 'the event knows both periods';
    begin
        perform parking.reschedule(-1, -1, ends => v_now + interval '200 minutes');
        assert false, 'an overlap must be refused';
    exception when sqlstate 'PK409' then
        null;  -- as it should be
    end;
    begin
        perform parking.cancel(-2, -3);
        assert false, 'what has begun must not be cancelled';
    exception when sqlstate 'PK409' then
        null;  -- as it should be
    end;
    begin
        perform parking.cancel(-2, -1);
        assert false, 'another driver''s reservation must be refused';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    assert (parking.cancel(-3, -1)).status = 'cancelled', 'an operator may';
    assert (parking.reschedule(-2, -2, v_now + interval '1 hour')).ends = v_now + interval '4 hours',
        'a cancelled reservation holds nothing';
    assert (select array_agg(type order by id) = '{rescheduled,cancelled,rescheduled}' from parking.events where tenant_id = -1);
    assert has_function_privilege('parking_service', 'parking.cancel(bigint, bigint)', 'execute');
    assert has_function_privilege('parking_service', 'parking.reschedule(bigint, bigint, timestamptz, timestamptz)', 'execute');
end
$$;

rollback;
