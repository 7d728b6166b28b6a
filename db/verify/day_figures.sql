-- Verify parking:day_figures on pg

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
    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -1, -1, -2, '2026-10-25 01:00+00', '2026-10-25 02:00+00', v_now);
    insert into parking.overrides (tenant_id, lot_id, spot_id, id, state, source, reason, set_by, starts) overriding system value
    values (-1, -1, -2, -1, 'maintenance', 'operator', 'Oil', -1, v_now);
    perform parking_private.enter_tenant(-1);
    insert into parking.events (tenant_id, id, epoch, type, lot_id, spot_id, reservation_id, actor_id, starts, ends, at) overriding system value
    values (-1, -1, 1, 'booked', -1, -1, -1, -2, '2026-10-25 01:00+00', '2026-10-25 02:00+00', v_now);

    assert (select count(*) = 50 and sum(held) = 2 and count(*) filter (where peak) = 2 and min(spots) = 2
            from parking.day_course(-1, '2026-10-25', -1)), 'the day on which the clocks go back has fifty half hours';
    assert (select count(*) = 46 and not bool_or(peak) from parking.day_course(-1, '2026-03-29', -1));
    assert (select starts = '2026-10-25 01:00+00' and ends = '2026-10-25 02:00+00' and held = 1 from parking.day_peaks(-1, '2026-10-25', -1));
    assert (select array_agg(type order by type) = '{all,ev,regular}' and sum(booked) = 2 and sum(closed_now) = 2
            from parking.day_figures(-1, actor => -1));
    begin
        perform from parking.day_figures(-1, actor => -2);
        assert false, 'a driver does not see how a lot is used';
    exception when sqlstate 'PK403' then null;
    end;

    foreach v_function in array array['day_course', 'day_figures', 'day_peaks'] loop
        v_function := format('parking.%s(bigint, date, bigint)', v_function);
        assert has_function_privilege('parking_service', v_function, 'execute'), v_function;
        assert not has_function_privilege('public', v_function, 'execute'), v_function;
    end loop;
end
$$;

rollback;
