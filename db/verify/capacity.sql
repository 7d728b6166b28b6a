-- Verify parking:capacity on pg

begin;

do $$
declare
    v_eight  constant timestamptz := '2030-01-01 08:00+00';
    v_noon   constant timestamptz := '2030-01-01 12:00+00';
    v_garage parking.garages;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value
    values (-1, -1, -1, -1, '1', 1), (-1, -1, -1, -2, '2', 2);
    insert into parking.garages (tenant_id, lot_id, spaces, assumed_stay_seconds) values (-1, -1, 3, 14400);
    insert into parking.tickets (tenant_id, lot_id, id, plate, vehicle, entered_at, entered_by)
    values (-1, -1, -1, 'A1', 'Car', v_eight - interval '1 hour', -1), (-1, -1, -2, 'A2', 'Car', v_eight - interval '5 hours', -1);
    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -1, -1, -1, v_eight + interval '1 hour', v_noon, v_eight), (-1, -1, -2, -2, -1, v_noon, v_noon + interval '1 hour', v_eight);

    v_garage := parking_private.hold_garage(-1, -1);
    assert v_garage.spaces = 3;
    assert parking_private.most_inside(v_garage, v_eight, v_eight + interval '1 hour', v_eight) = 2, 'one in time and one overstayer';
    assert parking_private.most_inside(v_garage, v_eight + interval '1 hour', v_noon, v_eight) = 2, 'one in time and one booking';
    assert parking_private.most_inside(v_garage, v_noon, v_noon + interval '1 hour', v_eight) = 1, 'one booking after another';
    assert parking_private.most_inside(v_garage, v_noon, v_noon + interval '1 hour', v_eight, -2) = 0, 'but for the one that moves';
    perform parking_private.require_capacity(-1, -1, v_eight, v_noon, v_eight);
    update parking.lots set walk_ins = true where id = -1;
    assert (select not parking_private.is_full(l, v_eight, v_noon, v_eight) from parking.lots l where l.id = -1);
    update parking.garages set spaces = 2 where tenant_id = -1;
    assert (select parking_private.is_full(l, v_eight, v_noon, v_eight) from parking.lots l where l.id = -1);
    begin
        perform parking_private.require_capacity(-1, -1, v_eight, v_noon, v_eight);
        assert false, 'a full garage must be refused';
    exception when sqlstate 'PK409' then
        null;  -- as it should be
    end;
    begin
        perform parking_private.require_nobody_inside(l) from parking.lots l where l.id = -1;
        assert false, 'a garage with vehicles inside is not empty';
    exception when sqlstate 'PK409' then
        null;  -- as it should be
    end;
    update parking.tickets set status = 'void', left_at = v_noon, left_by = -1, amount_cents = 0, reason = 'Verified' where tenant_id = -1;
    perform parking_private.require_nobody_inside(l) from parking.lots l where l.id = -1;
end
$$;

rollback;
