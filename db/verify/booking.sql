-- Verify parking:booking on pg

begin;

do $$
declare
    v_now   timestamptz := parking.clock();
    v_eight constant timestamptz := '2030-01-01 08:00+00';
    v_noon  constant timestamptz := '2030-01-01 12:00+00';
    v_one   parking.booking_result;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value
    values (-1, -1, 'a@verify.example', 'A'), (-1, -2, 'b@verify.example', 'B');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'driver'), (-1, -2, 'driver');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -1, '1', 1);

    v_one := parking.book(-1, -1, v_now + interval '1 hour', v_now + interval '2 hours');
    assert v_one.status = 'active' and v_one.driver = 'a@verify.example';
    begin
        perform parking.book(-2, -1, v_now + interval '90 minutes', v_now + interval '3 hours');
        assert false, 'an overlap must be refused';
    exception when sqlstate 'PK409' then
        null;  -- as it should be
    end;
    begin
        perform parking.complete(-2, v_one.id);
        assert false, 'another driver''s reservation must be refused';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    assert (parking.complete(-1, v_one.id)).status = 'completed';
    assert (parking.find_reservation(-1, v_one.id)).ended_at is not null;
    assert (parking.book(-2, -1, v_now + interval '90 minutes', v_now + interval '3 hours')).status = 'active',
        'a completed reservation holds nothing';

    v_one := parking.book(-1, -1, v_now + interval '4 hours', v_now + interval '5 hours', 'once');
    assert not v_one.replayed;
    assert (select b.replayed and b.id = v_one.id
        from parking.book(-1, -1, v_now + interval '4 hours', v_now + interval '5 hours', 'once') b), 'the same request books once';
    begin
        perform parking.book(-1, -1, v_now + interval '6 hours', v_now + interval '7 hours', 'once');
        assert false, 'another request of the same name must be refused';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;

    assert (select array_agg(type order by id) = '{booked,completed,booked,booked}' from parking.events where tenant_id = -1),
        'every change has its event';

    assert (select not s.hours and not s.crowded and not s.overdue
        from parking_private.survey(-1, -1, -1, v_now + interval '6 hours', v_now + interval '7 hours', v_now) s), 'there is nothing to judge';
    assert (select s.crowded and not s.overdue
        from parking_private.survey(-1, -1, -1, v_now + interval '4 hours', v_now + interval '7 hours', v_now) s), 'somebody has booked';
    assert (select not s.crowded and s.overdue
        from parking_private.survey(-1, -1, -1, v_now + interval '6 hours', v_now + interval '7 hours', v_now + interval '5 hours') s),
        'what ends now is overdue, and in nobody''s way';

    insert into parking.overrides (tenant_id, lot_id, spot_id, id, state, source, reason, set_by, starts, ends) overriding system value
    values (-1, -1, -1, -1, 'maintenance', 'operator', 'Paint', -1, v_eight, v_noon);
    assert (select s.crowded
        from parking_private.survey(-1, -1, -1, v_now + interval '6 hours', v_now + interval '7 hours', v_now) s), 'somebody says something';
    insert into parking.opening_hours (tenant_id, lot_id, weekday, opens, closes) values (-1, -1, 1, '08:00', '20:00');
    assert (select s.hours from parking_private.survey(-1, -1, -1, v_eight, v_noon, v_now) s), 'the lot has hours';
    assert parking_private.blocked(-1, -1, -1, v_eight, v_noon, v_eight);
    assert parking_private.blocked(-1, -1, -1, v_eight - interval '1 hour', v_eight + interval '1 microsecond', v_eight);
    assert not parking_private.blocked(-1, -1, -1, v_noon, v_noon + interval '1 hour', v_eight), 'it ends at its end';
    assert not parking_private.blocked(-1, -1, -1, v_eight, v_noon + interval '1 hour', v_noon), 'what is over blocks nothing';

    assert has_function_privilege('parking_service', 'parking.book(bigint, bigint, timestamptz, timestamptz, text)', 'execute');
    assert has_function_privilege('parking_service', 'parking.complete(bigint, bigint)', 'execute');
end
$$;

rollback;
